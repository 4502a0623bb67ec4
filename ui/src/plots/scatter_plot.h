// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/plot_view.h"

namespace mxscope::ui {

class PaintLayer;

// Size against quality, one marked point per run, with the Pareto front: no other run is both
// smaller and better.
class ScatterPlot : public PlotView {
  Q_OBJECT

 public:
  explicit ScatterPlot(QWidget* parent = nullptr);
  void setData(const ScatterData& data);
  const ScatterData& data() const { return m_data; }
  void resetZoom() override;

  bool hasData() const override;
  PlotTable table() const override;
  QString mainFact() const override;
  std::unique_ptr<PlotView> copy() const override;

  // Keys of the points that no other point beats in both, by ascending x.
  QStringList paretoFront() const;

 protected:
  void applyColours() override;
  void adapt(const QSize& size) override;
  QString keyAt(const QPointF& position) const override;
  QString tooltipAt(const QPointF& position) const override;

 private:
  QList<qsizetype> frontIndices() const;
  void draw(class QPainter* painter) const;
  QPointF pixelOf(const ScatterPoint& point) const;
  int indexAt(const QPointF& position) const;

  ScatterData m_data;
  bool m_userZoom = false;
  PaintLayer* m_points;
};

}  // namespace mxscope::ui
