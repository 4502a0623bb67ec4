// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <vector>

#include "mxscope/core/experiment/experiment.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QListWidget;
class QPushButton;

namespace mxscope::ui {

class ExperimentDocument;

// Several variants at once: which layers, every chosen weight format with every chosen block.
class VariantsDialog : public QDialog {
  Q_OBJECT

 public:
  explicit VariantsDialog(const ExperimentDocument* document, QWidget* parent = nullptr);
  [[nodiscard]] std::vector<mxscope::VariantEntry> variants() const;

 private:
  void refresh();

  const ExperimentDocument* m_document;
  QComboBox* m_layers;
  QLineEdit* m_pattern;
  QListWidget* m_formats;
  QListWidget* m_blocks;
  QComboBox* m_activation;
  QComboBox* m_scale;
  QComboBox* m_rounding;
  QLabel* m_count;
  QPushButton* m_ok;
};

}  // namespace mxscope::ui
