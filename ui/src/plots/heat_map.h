// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/plot_view.h"

class QCPColorScale;

namespace mxscope::ui {

class PaintLayer;

// Cells of places by formats on a scale symmetric about 0; blue is better, red worse. "Not run",
// "running" and "failed" look unlike any value. Drawn as rectangles, so that files stay sharp.
class HeatMap : public PlotView {
  Q_OBJECT

 public:
  explicit HeatMap(QWidget* parent = nullptr);
  void setData(const HeatData& data);
  const HeatData& data() const { return m_data; }

  bool hasData() const override;
  PlotTable table() const override;
  QString mainFact() const override;
  std::unique_ptr<PlotView> copy() const override;

  // End of the scale: values run from -limit to +limit.
  double limit() const { return m_limit; }
  QRectF cellRect(int row, int column) const;  // pixels of the plot
  // What stands in the cell, e.g. "0.02"; never "-0.00".
  QString cellText(int row, int column) const;
  bool showsNumbers() const;

 Q_SIGNALS:
  void rulesWanted(const QStringList& keys);

 protected:
  void applyColours() override;
  void adapt(const QSize& size) override;
  QString keyAt(const QPointF& position) const override;
  QString tooltipAt(const QPointF& position) const override;
  bool keyPressed(QKeyEvent* event) override;

 private:
  const HeatCell* cell(int row, int column) const;
  QPair<int, int> cellAt(const QPointF& point) const;  // row and column, or -1
  void draw(class QPainter* painter) const;

  HeatData m_data;
  double m_limit = 1;
  int m_decimals = 2;
  int m_cursorRow = -1, m_cursorColumn = -1;
  PaintLayer* m_cells;
  QCPColorScale* m_scale;
};

}  // namespace mxscope::ui
