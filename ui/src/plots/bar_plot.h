// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/plot_view.h"

namespace mxscope::ui {

class LegendRow;
class PaintLayer;

// Bars with interval whiskers. 0 is always in range and the range is fixed: a bar never lies about
// its length. One group: a label under each bar; several: bars grouped, coloured by series.
class BarPlot : public PlotView {
  Q_OBJECT

 public:
  explicit BarPlot(QWidget* parent = nullptr);
  void setData(const BarData& data);
  const BarData& data() const { return m_data; }
  void setLogarithmic(bool on);
  bool logarithmic() const { return m_logarithmic; }

  bool hasData() const override;
  PlotTable table() const override;
  QString mainFact() const override;
  std::unique_ptr<PlotView> copy() const override;

  // Where the bar of that key stands, in pixels of the plot; for tests and hit tests.
  QRectF barRect(const QString& key) const;
  // Value range of the axis after layout, in units of the data.
  QPair<double, double> valueRange() const;

 protected:
  void applyColours() override;
  void adapt(const QSize& size) override;
  QString keyAt(const QPointF& position) const override;
  QString tooltipAt(const QPointF& position) const override;
  bool keyPressed(QKeyEvent* event) override;

 private:
  struct Place {
    double centre = 0, width = 0;
  };
  double position(double value) const;
  void draw(class QPainter* painter) const;
  void drawBaselines(class QPainter* painter) const;
  QRectF rectOf(qsizetype index) const;
  int indexAt(const QPointF& point) const;
  QString valueText(const BarItem& item) const;
  void layoutBars();

  BarData m_data;
  bool m_logarithmic = false;
  double m_logUnit = 1;
  int m_height = 300;  // px, decides the head room of labels
  QList<Place> m_places;
  QList<QPair<QString, QPair<double, double>>> m_groups;  // name, left and right edge
  LegendRow* m_legend;
  PaintLayer* m_bars;
};

}  // namespace mxscope::ui
