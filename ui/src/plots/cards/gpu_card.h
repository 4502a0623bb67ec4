// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "models/workspace.h"
#include "plots/plot_card.h"

class QGridLayout;
class QLabel;

namespace mxscope::ui {

class MemoryPlot;

// Memory, utilisation, power and temperature of one device (chosen among several) with two minutes
// of history; without a GPU the memory of the machine and the sentence that says so.
class GpuCard : public PlotCard {
  Q_OBJECT

 public:
  explicit GpuCard(Workspace* workspace, QWidget* parent = nullptr);
  MemoryPlot* history() const { return m_history; }
  void updateNow();
  QSize minimumSizeHint() const override;  // its figures are always whole
  // The rows of text below the plot, "In use" -> "9.3 of 24.0 GiB"; for tests.
  QString figure(const QString& name) const;

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void addFigure(const QString& name, const QString& text);
  Workspace* const m_workspace;
  MemoryPlot* m_history;
  QWidget* m_box;  // legend, note and figures below the plot
  QComboBox* m_device;
  QLabel *m_note, *m_legend;
  QGridLayout* m_figures;
  QList<QPair<QLabel*, QLabel*>> m_rows;
  int m_used = 0;
};

}  // namespace mxscope::ui
