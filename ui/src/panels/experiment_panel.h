// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QPushButton;

namespace mxscope::ui {

class DataSection;
class EngineClient;
class ExperimentDocument;
class LayersSection;
class ModelInspector;
class ModelsSection;
class QueueController;
class RulesSection;
class VariantsSection;

// The experiment dock: the builder's sections, the estimate line and the button that queues.
class ExperimentPanel : public QWidget {
  Q_OBJECT

 public:
  ExperimentPanel(ExperimentDocument* document, QueueController* queue, ModelInspector* inspector,
                  EngineClient* engine, QWidget* parent = nullptr);

  void addModel(const QString& source);
  void addModelFolder();
  void addVariants();
  void addRule();
  void editSweep();
  void removeManual();
  void showLinear(const QString& name);
  void focusFirst();
  void focusFilter();
  void focusFirstProblem();
  // Empty: runs can be queued; else the reason, a sentence.
  [[nodiscard]] QString whyNotAddable() const;
  // Counts runs again: after a job has ended or was queued.
  void refreshPlan();

 Q_SIGNALS:
  void addRequested();

 private:
  ExperimentDocument* m_document;
  QueueController* m_queue;
  ModelInspector* m_inspector;
  ModelsSection* m_models;
  VariantsSection* m_variants;
  RulesSection* m_rules;
  LayersSection* m_layers;
  DataSection* m_data;
  QLabel *m_count, *m_estimate;
  QPushButton* m_add;
};

}  // namespace mxscope::ui
