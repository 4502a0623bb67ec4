// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plots/plot_view.h"

class QCPGraph;

namespace mxscope::ui {

class LegendRow;
class PaintLayer;

// Curves against tokens that grow while a job runs, with confidence bands. While following, the
// ranges fit the data; a zoom of the user ends that and stays through every update. Only about one
// point per pixel is drawn, whatever the length; values under the cursor are those of the data.
class LivePlot : public PlotView {
  Q_OBJECT

 public:
  explicit LivePlot(QWidget* parent = nullptr);
  ~LivePlot() override;
  void setData(const LiveData& data);
  const LiveData& data() const { return m_data; }
  void setFollowing(bool on);
  bool following() const { return m_following; }

  // The values of all series at a place of x, as the hover box tells them; empty text: no data.
  QString hoverText(double x) const;
  // Shows or hides the hover line (NaN).
  void setHover(double x);
  double hover() const { return m_hoverX; }

  bool hasData() const override;
  PlotTable table() const override;
  QString mainFact() const override;
  std::unique_ptr<PlotView> copy() const override;
  void resetZoom() override;

 Q_SIGNALS:
  void followingChanged(bool on);

 protected:
  void applyColours() override;
  void adapt(const QSize& size) override;
  QString keyAt(const QPointF& position) const override;
  QString tooltipAt(const QPointF&) const override { return {}; }
  bool keyPressed(QKeyEvent* event) override;
  void hovered(const QPointF& position) override;
  void left() override;

 private:
  struct Line;
  void fit();
  bool hasBand(const LiveSeries& series) const;
  bool isStroked(const LiveSeries& series) const;
  void fillGraphs();
  void drawHover(class QPainter* painter) const;
  QString valueText(const LiveSeries& series, qsizetype index) const;
  // Series and text of each line of the hover box; `shown` takes the x of the first value.
  QList<QPair<qsizetype, QString>> hoverLines(double x, double* shown) const;

  LiveData m_data;
  bool m_following = true;
  struct Filled {  // what the graphs hold values for
    double lower = 0, upper = 0;
    int columns = -1;
    QSet<QString> chosen;
  };
  Filled m_filled;
  double m_hoverX = kNoNumber;
  std::vector<std::unique_ptr<Line>> m_lines;
  LegendRow* m_legend;
  PaintLayer* m_hoverLayer;
};

}  // namespace mxscope::ui
