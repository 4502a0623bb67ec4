// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/plot_zoom.h"

#include <QDateTime>

#include "plots/qcp.h"

namespace mxscope::ui {
namespace {
constexpr size_t kHistoryLength = 50;
constexpr qint64 kWheelPauseMs = 400;  // turns closer together are one step of the history
}  // namespace

PlotZoom::PlotZoom(QCustomPlot* plot) : QObject(plot), m_plot(plot) {
  plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  plot->axisRect()->setRangeZoomFactor(0.85);
  connect(plot, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
    m_atPress = ranges();
    const bool rectangle =
        event->button() == Qt::LeftButton && (event->modifiers() & Qt::ShiftModifier) != 0;
    m_plot->setSelectionRectMode(rectangle ? QCP::srmZoom : QCP::srmNone);
  });
  connect(plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
    if ((event->buttons() & Qt::LeftButton) != 0 && ranges() != m_atPress) {
      Q_EMIT changedByUser();
    }
  });
  connect(plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent*) {
    // The rectangle is applied after this signal.
    const QRectF before = m_atPress;
    QMetaObject::invokeMethod(
        this,
        [this, before] {
          if (ranges() != before) {
            m_history.push_back(before);
            Q_EMIT changedByUser();
          }
        },
        Qt::QueuedConnection);
  });
  connect(plot, &QCustomPlot::mouseWheel, this, [this](QWheelEvent*) {
    const qint64 now = QDateTime::currentMSecsSinceEpoch();
    if (now - m_lastWheel > kWheelPauseMs) {
      remember();
    }
    m_lastWheel = now;
    QMetaObject::invokeMethod(this, &PlotZoom::changedByUser, Qt::QueuedConnection);
  });
  connect(plot, &QCustomPlot::mouseDoubleClick, this, [this] { Q_EMIT resetWanted(); });
}

QRectF PlotZoom::ranges() const {
  const QCPRange x = m_plot->xAxis->range();
  const QCPRange y = m_plot->yAxis->range();
  return {x.lower, y.lower, x.size(), y.size()};
}

void PlotZoom::setRanges(const QRectF& ranges) {
  m_plot->xAxis->setRange(ranges.left(), ranges.right());
  m_plot->yAxis->setRange(ranges.top(), ranges.bottom());
}

void PlotZoom::remember() {
  m_history.push_back(ranges());
  if (m_history.size() > kHistoryLength) {
    m_history.erase(m_history.begin());
  }
}

bool PlotZoom::back() {
  if (m_history.empty()) {
    return false;
  }
  setRanges(m_history.back());
  m_history.pop_back();
  Q_EMIT changedByUser();
  return true;
}

void PlotZoom::scale(double factor) {
  remember();
  m_plot->xAxis->scaleRange(factor);
  m_plot->yAxis->scaleRange(factor);
  Q_EMIT changedByUser();
}

}  // namespace mxscope::ui
