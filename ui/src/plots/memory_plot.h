// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/plot_view.h"

class QCPGraph;
class QCPItemStraightLine;

namespace mxscope::ui {

class PaintLayer;

// Two minutes of one device: memory of other processes below, this job's on top of it, the limit
// dashed, the job's peak marked, utilisation as a dashed line on its own axis.
class MemoryPlot : public PlotView {
  Q_OBJECT

 public:
  explicit MemoryPlot(QWidget* parent = nullptr);
  void setData(const MemoryHistory& history);
  void setShown(bool memory, bool utilisation);

  bool hasData() const override;
  PlotTable table() const override;
  QString mainFact() const override;
  std::unique_ptr<PlotView> copy() const override;

 protected:
  void applyColours() override;
  void adapt(const QSize& size) override;
  QString keyAt(const QPointF&) const override { return {}; }
  QString tooltipAt(const QPointF& position) const override;

 private:
  void drawLimits(class QPainter* painter) const;
  bool hasUtilisation() const;
  MemoryHistory m_data;
  bool m_memory = true, m_utilisation = true;
  QCPGraph *m_others, *m_job, *m_load;
  PaintLayer* m_limits;
};

}  // namespace mxscope::ui
