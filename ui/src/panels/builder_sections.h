// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "models/experiment_document.h"
#include "panels/section.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QMenu;
class QSpinBox;
class QTableView;
class QToolButton;
class QTreeView;

namespace mxscope::ui {

class EngineClient;
class LayerTreeModel;
class ModelInspector;
class ModelListModel;
class RuleTableModel;
class VariantTableModel;

// The sections of the experiment dock. Each shows a part of the document and edits it by undo
// steps.

class ModelsSection : public Section {
  Q_OBJECT

 public:
  ModelsSection(ExperimentDocument* document, ModelInspector* inspector, QWidget* parent);
  void addModel(const QString& source);
  void addFolder();
  void focusInput();

 private:
  void refresh();
  ExperimentDocument* m_document;
  ModelInspector* m_inspector;
  ModelListModel* m_model;
  QTableView* m_view;
  QLineEdit* m_source;
  QComboBox* m_dtype;
  QLabel* m_empty;
};

class VariantsSection : public Section {
  Q_OBJECT

 public:
  VariantsSection(ExperimentDocument* document, QWidget* parent);
  void addVariants();

 private:
  void refresh();
  void fitColumns();
  bool eventFilter(QObject* watched, QEvent* event) override;
  [[nodiscard]] std::vector<int> selectedRows() const;
  ExperimentDocument* m_document;
  VariantTableModel* m_model;
  QTableView* m_view;
  QLabel* m_empty;
};

class RulesSection : public Section {
  Q_OBJECT

 public:
  RulesSection(ExperimentDocument* document, QWidget* parent);
  void addRule();

 private:
  void refresh();
  ExperimentDocument* m_document;
  RuleTableModel* m_model;
  QTableView* m_view;
  QLabel* m_empty;
};

class LayersSection : public Section {
  Q_OBJECT

 public:
  LayersSection(ExperimentDocument* document, QWidget* parent);
  void focusFilter();
  void show(const QString& linear);
  void removeManual();

 private:
  void refresh();
  ExperimentDocument* m_document;
  LayerTreeModel* m_model;
  QLineEdit* m_filter;
  QTreeView* m_view;
  QLabel* m_empty;
  QToolButton* m_removeManual;
};

class DataSection : public Section {
  Q_OBJECT

 public:
  DataSection(ExperimentDocument* document, EngineClient* engine, QWidget* parent);
  void focusSource();

 private:
  void refresh();
  void rebuildDevices();
  ExperimentDocument* m_document;
  EngineClient* m_engine;
  QLineEdit* m_source;
  QComboBox *m_rows, *m_protocol;
  QSpinBox *m_context, *m_stride, *m_windows, *m_samples, *m_batch;
  QToolButton* m_devices;
  QMenu* m_deviceMenu;
  QLabel *m_sourceProblem, *m_contextProblem;
};

}  // namespace mxscope::ui
