// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <optional>

#include "mxscope/core/experiment/experiment.h"

class QCheckBox;
class QComboBox;
class QLineEdit;
class QListWidget;
class QPushButton;

namespace mxscope::ui {

// A sensitivity sweep: one variant per place and format, in which only that place is quantised.
class SweepDialog : public QDialog {
  Q_OBJECT

 public:
  explicit SweepDialog(const mxscope::Experiment& experiment, QWidget* parent = nullptr);
  [[nodiscard]] std::optional<mxscope::SweepEntry> sweep() const;

 private:
  void refresh();
  QCheckBox* m_on;
  QComboBox* m_over;
  QListWidget* m_formats;
  QComboBox* m_block;
  QLineEdit* m_match;
  QPushButton* m_ok;
};

}  // namespace mxscope::ui
