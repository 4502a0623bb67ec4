// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QRectF>
#include <vector>

class QCustomPlot;

namespace mxscope::ui {

// Wheel zooms at the cursor, drag pans, Shift+drag zooms into a rectangle, double click or 0
// resets, + and - zoom about the middle, Alt+Left goes back. Only the user's acts enter the
// history.
class PlotZoom : public QObject {
  Q_OBJECT

 public:
  explicit PlotZoom(QCustomPlot* plot);
  // x, y of the axes as left, top (low y), width, height.
  QRectF ranges() const;
  void setRanges(const QRectF& ranges);
  bool back();                // false: no history
  void scale(double factor);  // < 1 zooms in, about the middle
  void clearHistory() { m_history.clear(); }

 Q_SIGNALS:
  void changedByUser();
  void resetWanted();

 private:
  void remember();
  QCustomPlot* m_plot;
  std::vector<QRectF> m_history;
  QRectF m_atPress;
  qint64 m_lastWheel = 0;
};

}  // namespace mxscope::ui
