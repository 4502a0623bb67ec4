// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/scatter_plot.h"

#include <algorithm>

#include "plots/number_text.h"
#include "plots/plot_parts.h"
#include "plots/plot_zoom.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr double kRadius = 5;

// A shape for every hue, so that colour is not the only sign.
void drawMarker(QCPPainter* painter, const QPointF& at, int hue, double r) {
  switch (hue) {
    case 1:
      painter->drawRect(QRectF(at.x() - r * 0.88, at.y() - r * 0.88, r * 1.76, r * 1.76));
      break;
    case 2:
      painter->drawPolygon(QPolygonF({at + QPointF(0, -r * 1.2), at + QPointF(r * 1.1, r * 0.8),
                                      at + QPointF(-r * 1.1, r * 0.8)}));
      break;
    case 3:
      painter->drawEllipse(at, r, r);
      break;
    case 4:
      painter->drawPolygon(QPolygonF({at + QPointF(0, -r * 1.3), at + QPointF(r * 1.3, 0),
                                      at + QPointF(0, r * 1.3), at + QPointF(-r * 1.3, 0)}));
      break;
    case 5:
      painter->drawPolygon(QPolygonF({at + QPointF(0, r * 1.2), at + QPointF(r * 1.1, -r * 0.8),
                                      at + QPointF(-r * 1.1, -r * 0.8)}));
      break;
    default:
      painter->drawEllipse(at, r, r);
      break;
  }
}

}  // namespace

ScatterPlot::ScatterPlot(QWidget* parent) : PlotView(parent) {
  useZoom();
  m_points = new PaintLayer(
      plot()->xAxis, plot()->yAxis, [this](QCPPainter* painter) { draw(painter); }, true);
  plot()->axisRect()->setMinimumMargins(QMargins(10, 8, 16, 6));
  connect(zoom(), &PlotZoom::changedByUser, this, [this] { m_userZoom = true; });
}

bool ScatterPlot::hasData() const {
  return std::any_of(m_data.points.begin(), m_data.points.end(), [](const ScatterPoint& p) {
    return std::isfinite(p.x) && std::isfinite(p.y);
  });
}

void ScatterPlot::setData(const ScatterData& data) {
  const bool otherAxes = data.yLabel != m_data.yLabel;
  m_data = data;
  if (!m_userZoom || otherAxes) {
    resetZoom();
  }
  finishData();
}

void ScatterPlot::resetZoom() {
  m_userZoom = false;
  zoom()->clearHistory();
  double xHigh = 0;
  double low = 0;
  double high = 0;
  for (const ScatterPoint& p : m_data.points) {
    if (std::isfinite(p.x) && std::isfinite(p.y)) {
      xHigh = std::max(xHigh, p.x);
      low = std::fmin(low, std::fmin(p.y, p.low));
      high = std::fmax(high, std::fmax(p.y, p.high));
    }
  }
  const double span = high > low ? high - low : 1;
  plot()->xAxis->setRange(0, xHigh > 0 ? xHigh * 1.14 : 1);
  plot()->yAxis->setRange(low - 0.07 * span, high + 0.10 * span);
  replotSoon();
}

QPointF ScatterPlot::pixelOf(const ScatterPoint& p) const {
  return {plot()->xAxis->coordToPixel(p.x), plot()->yAxis->coordToPixel(p.y)};
}

QList<qsizetype> ScatterPlot::frontIndices() const {
  QList<qsizetype> order;
  for (qsizetype i = 0; i < m_data.points.size(); ++i) {
    if (std::isfinite(m_data.points[i].x) && std::isfinite(m_data.points[i].y)) {
      order << i;
    }
  }
  std::sort(order.begin(), order.end(), [this](qsizetype a, qsizetype b) {
    const ScatterPoint& p = m_data.points[a];
    const ScatterPoint& q = m_data.points[b];
    return p.x != q.x ? p.x < q.x : p.y < q.y;
  });
  QList<qsizetype> front;
  double best = std::numeric_limits<double>::infinity();
  for (const qsizetype i : order) {
    if (m_data.points[i].y < best) {
      best = m_data.points[i].y;
      front << i;
    }
  }
  return front;
}

QStringList ScatterPlot::paretoFront() const {
  QStringList keys;
  for (const qsizetype i : frontIndices()) {
    keys << m_data.points[i].key;
  }
  return keys;
}

void ScatterPlot::draw(QPainter* base) const {
  auto* painter = static_cast<QCPPainter*>(base);
  const Tokens& t = tokens();
  const QRectF inner(plot()->axisRect()->rect());
  const QFont font = Theme::instance().axisFont();
  const QFontMetricsF metrics(font);
  painter->setAntialiasing(true);
  painter->setFont(font);

  QList<QRectF> taken;
  const QList<qsizetype> front = frontIndices();
  if (front.size() > 1) {
    QPolygonF line;
    for (const qsizetype i : front) {
      line << pixelOf(m_data.points[i]);
    }
    painter->setPen(QPen(t.dim, 1.3, Qt::DashLine));
    painter->drawPolyline(line);
  }
  for (const ScatterPoint& p : m_data.points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) {
      continue;
    }
    const QPointF at = pixelOf(p);
    const QColor colour = t.seriesColour(p.colour);
    const bool chosen = selection().contains(p.key);
    painter->setOpacity(emphasis(p.key));
    if (std::isfinite(p.low) && std::isfinite(p.high)) {
      painter->setPen(QPen(colour, 1.4));
      const double yLow = plot()->yAxis->coordToPixel(p.low);
      const double yHigh = plot()->yAxis->coordToPixel(p.high);
      painter->drawLine(QLineF(at.x(), yLow, at.x(), yHigh));
      painter->drawLine(QLineF(at.x() - 3, yLow, at.x() + 3, yLow));
      painter->drawLine(QLineF(at.x() - 3, yHigh, at.x() + 3, yHigh));
    }
    painter->setPen(QPen(t.card, 1.2));
    painter->setBrush(colour);
    drawMarker(painter, at, p.colour.hue, chosen ? kRadius + 1.5 : kRadius);
    if (chosen) {
      painter->setPen(QPen(t.text, 2));
      painter->setBrush(Qt::NoBrush);
      painter->drawEllipse(at, kRadius + 5, kRadius + 5);
    }
    taken << QRectF(at.x() - 7, at.y() - 7, 14, 14);
  }
  // Labels where there is room: selected ones and those of the front first.
  QList<qsizetype> order;
  for (const int pass : {0, 1, 2}) {
    for (qsizetype i = 0; i < m_data.points.size(); ++i) {
      const int rank = selection().contains(m_data.points[i].key) ? 0 : front.contains(i) ? 1 : 2;
      if (rank == pass) {
        order << i;
      }
    }
  }
  for (const qsizetype i : order) {
    const ScatterPoint& p = m_data.points[i];
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) {
      continue;
    }
    const QPointF at = pixelOf(p);
    if (!inner.contains(at)) {
      continue;
    }
    const QSizeF size(metrics.horizontalAdvance(p.label) + 2, metrics.height());
    const QPointF corners[] = {{at.x() + 10, at.y() - size.height() / 2},
                               {at.x() - size.width() / 2, at.y() - size.height() - 8},
                               {at.x() - 10 - size.width(), at.y() - size.height() / 2},
                               {at.x() - size.width() / 2, at.y() + 8},
                               {at.x() + 7, at.y() - size.height() - 4},
                               {at.x() + 7, at.y() + 4}};
    for (const QPointF& corner : corners) {
      const QRectF place(corner, size);
      const bool free = inner.contains(place) &&
                        std::none_of(taken.begin(), taken.end(),
                                     [&place](const QRectF& r) { return r.intersects(place); });
      if (free) {
        taken << place;
        painter->setOpacity(std::max(emphasis(p.key), 0.5));
        drawHaloText(painter, place, Qt::AlignCenter | Qt::TextDontClip, p.label, t.text, t.card);
        break;
      }
    }
  }
  painter->setOpacity(1);
  // In a low plot the words would lie on the points.
  if (front.size() > 1 && inner.height() > 150) {
    painter->setPen(t.dim);
    QString text = tr("– – Pareto front: no other run is both smaller and better");
    if (metrics.horizontalAdvance(text) > inner.width() * 0.8) {
      text = tr("– – Pareto front");
    }
    painter->drawText(inner.adjusted(0, 2, -4, 0), Qt::AlignTop | Qt::AlignRight, text);
  }
}

void ScatterPlot::applyColours() {
  const Tokens& t = tokens();
  styleAxes(plot(), t, true);
  plot()->xAxis->setLabel(m_data.xLabel);
  plot()->yAxis->setLabel(m_data.yLabel);
  plot()->yAxis->grid()->setZeroLinePen(QPen(t.dim, 1));
}

void ScatterPlot::adapt(const QSize& size) {
  QSharedPointer<NumberTicker> x(new NumberTicker);
  x->setTickCount(std::clamp(size.width() / 110, 2, 8));
  plot()->xAxis->setTicker(x);
  QSharedPointer<NumberTicker> y(new NumberTicker(true));
  y->setTickCount(std::clamp(size.height() / 55, 2, 8));
  plot()->yAxis->setTicker(y);
}

int ScatterPlot::indexAt(const QPointF& position) const {
  int nearest = -1;
  double best = 12;  // px
  for (qsizetype i = 0; i < m_data.points.size(); ++i) {
    const QPointF d = pixelOf(m_data.points[i]) - position;
    const double distance = std::hypot(d.x(), d.y());
    if (distance < best) {
      best = distance;
      nearest = int(i);
    }
  }
  return nearest;
}

QString ScatterPlot::keyAt(const QPointF& position) const {
  const int index = indexAt(position);
  return index >= 0 ? m_data.points[index].key : QString();
}

QString ScatterPlot::tooltipAt(const QPointF& position) const {
  const int index = indexAt(position);
  if (index < 0) {
    return {};
  }
  const ScatterPoint& p = m_data.points[index];
  if (!p.tooltip.isEmpty()) {
    return p.tooltip;
  }
  return QString(p.label + u"\n"_s + m_data.xLabel + u": "_s + shortText(p.x, 4) + u"\n"_s +
                 m_data.yLabel + u": "_s + shortText(p.y, 4, true));
}

PlotTable ScatterPlot::table() const {
  PlotTable table;
  table.headers << tr("Run") << m_data.xLabel << m_data.yLabel << tr("95 % low") << tr("95 % high")
                << tr("Pareto front");
  const QStringList front = paretoFront();
  const auto number = [](double v) { return std::isfinite(v) ? QVariant(v) : QVariant(); };
  for (const ScatterPoint& p : m_data.points) {
    table.rows << QVariantList{p.label,        number(p.x),
                               number(p.y),    number(p.low),
                               number(p.high), front.contains(p.key) ? tr("yes") : tr("no")};
  }
  return table;
}

QString ScatterPlot::mainFact() const {
  QStringList names;
  for (const qsizetype i : frontIndices()) {
    names << m_data.points[i].label;
  }
  return names.isEmpty() ? tr("No values yet") : tr("Pareto front: %1").arg(names.join(u", "_s));
}

std::unique_ptr<PlotView> ScatterPlot::copy() const {
  auto other = std::make_unique<ScatterPlot>();
  other->setData(m_data);
  other->m_userZoom = m_userZoom;
  other->zoom()->setRanges(zoom()->ranges());
  copyBaseTo(other.get());
  return other;
}

}  // namespace mxscope::ui
