// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/bar_plot.h"

#include <QKeyEvent>
#include <algorithm>

#include "plots/number_text.h"
#include "plots/plot_parts.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr double kGroupGap = 0.9;  // between groups, in bar widths
constexpr double kFill = 0.78;     // of a slot that the bar takes
constexpr double kWidestBar = 72;  // px, so that two bars do not fill a whole screen

const QString& tickText(const BarItem& item) {
  return item.tick.isEmpty() ? item.label : item.tick;
}

// In the middle: names of variants differ at both ends.
QString elided(const QFontMetricsF& metrics, const QString& text, double width) {
  return metrics.elidedText(text, Qt::ElideMiddle, width);
}

}  // namespace

BarPlot::BarPlot(QWidget* parent) : PlotView(parent) {
  m_legend = new LegendRow(plot());
  plot()->plotLayout()->insertRow(0);
  plot()->plotLayout()->addElement(0, 0, m_legend);
  plot()->plotLayout()->setRowStretchFactor(0, 0.001);
  plot()->plotLayout()->setRowSpacing(4);
  m_bars = new PaintLayer(
      plot()->xAxis, plot()->yAxis, [this](QCPPainter* painter) { draw(painter); }, true);
  plot()->xAxis->setTickLength(0, 0);
  plot()->xAxis->setTickPen(Qt::NoPen);
  plot()->axisRect()->setMinimumMargins(QMargins(10, 6, 12, 6));
}

bool BarPlot::hasData() const {
  return std::any_of(m_data.items.begin(), m_data.items.end(), [](const BarItem& item) {
    return std::isfinite(item.value) || !item.note.isEmpty();
  });
}

void BarPlot::setData(const BarData& data) {
  m_data = data;
  layoutBars();
  finishData();
}

void BarPlot::setLogarithmic(bool on) {
  if (m_logarithmic != on) {
    m_logarithmic = on;
    layoutBars();
    finishData();
  }
}

double BarPlot::position(double value) const {
  return m_logarithmic ? SymmetricLog(m_logUnit)(value) : value;
}

void BarPlot::layoutBars() {
  m_places.clear();
  m_groups.clear();
  double x = 0;
  QString group;
  for (qsizetype i = 0; i < m_data.items.size(); ++i) {
    const BarItem& item = m_data.items[i];
    if (i == 0 || item.group != group) {
      if (i > 0) {
        x += kGroupGap;
      }
      group = item.group;
      m_groups.append({group, {x, x}});
    }
    m_places.append({x + 0.5, kFill});
    x += 1;
    m_groups.last().second.second = x;
  }
  const double side = m_groups.size() > 1 ? kGroupGap / 2 : 0.25;
  plot()->xAxis->setRange(-side, std::max(x, 1.0) + side);

  QList<double> ends{0};
  for (const BarItem& item : m_data.items) {
    ends << item.value << item.low << item.high;
  }
  for (const auto& [name, value] : m_data.baselines) {
    ends << value;
  }
  if (m_logarithmic) {
    QList<double> values;
    for (const BarItem& item : m_data.items) {
      values << item.value;
    }
    const SymmetricLog scale = SymmetricLog::forValues(values);
    m_logUnit = scale.inverse(std::log10(2.0));
  }
  double low = 0;
  double high = 0;
  for (const double end : ends) {
    if (std::isfinite(end)) {
      low = std::min(low, position(end));
      high = std::max(high, position(end));
    }
  }
  if (low == 0 && high == 0) {
    high = 1;
  }
  // Head room for the labels beyond the ends: their height, as a share of what is left of the plot.
  const double label = QFontMetricsF(Theme::instance().smallFont()).height() + 8;
  const double share = std::clamp(
      label / std::max(50.0, m_height - (m_groups.size() > 1 ? 125.0 : 80.0)), 0.08, 0.5);
  const double span = high - low;
  plot()->yAxis->setRange(low < 0 ? low - share * span : 0, high > 0 ? high + share * span : 0);
  if (low == 0) {
    plot()->yAxis->setRangeLower(-0.001 * span);  // the zero line itself stays visible
  }
}

void BarPlot::adapt(const QSize& size) {
  if (m_height != size.height()) {
    m_height = size.height();
    layoutBars();
  }
  auto* axis = plot()->xAxis;
  QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
  const double inner = std::max(80.0, size.width() - 80.0);
  const double slot = inner / std::max(1.0, axis->range().size());
  const QFontMetricsF metrics(Theme::instance().axisFont());
  const bool grouped = m_groups.size() > 1;
  double widest = 0;
  double room = slot - 8;
  if (grouped) {
    double narrowest = 1e9;
    for (const auto& [name, edges] : m_groups) {
      widest = std::max(widest, metrics.horizontalAdvance(name));
      narrowest = std::min(narrowest, edges.second - edges.first);
    }
    room = (narrowest + kGroupGap) * slot - 8;
  } else {
    for (const BarItem& item : m_data.items) {
      widest = std::max(widest, metrics.horizontalAdvance(tickText(item)));
    }
  }
  const bool rotate = widest > room;
  const double longest = rotate ? std::max(92.0, size.height() * 0.36) : room;
  // When even slanted labels would touch, only every n-th is written.
  const int every = std::max(1, int(std::ceil(metrics.height() * 1.05 / std::max(1.0, slot))));
  if (grouped) {
    for (const auto& [name, edges] : m_groups) {
      ticker->addTick((edges.first + edges.second) / 2, elided(metrics, name, longest));
    }
  } else {
    for (qsizetype i = 0; i < m_data.items.size(); i += every) {
      ticker->addTick(m_places[i].centre, elided(metrics, tickText(m_data.items[i]), longest));
    }
  }
  axis->setTicker(ticker);
  axis->setTickLabelRotation(rotate ? -25 : 0);
  if (m_logarithmic) {
    const QCPRange range = plot()->yAxis->range();
    plot()->yAxis->setTicker(
        SymmetricLog(m_logUnit).ticker(range.lower, range.upper, m_data.signedValues));
  } else {
    QSharedPointer<NumberTicker> numbers(new NumberTicker(m_data.signedValues));
    numbers->setTickCount(size.height() < 220 ? 3 : 5);
    plot()->yAxis->setTicker(numbers);
  }
}

void BarPlot::applyColours() {
  const Tokens& t = tokens();
  styleAxes(plot(), t);
  plot()->xAxis->setTickLength(0, 0);
  plot()->xAxis->setTickPen(Qt::NoPen);
  plot()->xAxis->setBasePen(Qt::NoPen);
  plot()->yAxis->grid()->setZeroLinePen(QPen(t.dim, 1));
  plot()->yAxis->setLabel(m_logarithmic ? QString(m_data.axisLabel + u", log scale"_s)
                                        : m_data.axisLabel);
  QList<LegendRow::Entry> entries;
  if (m_groups.size() > 1) {
    QStringList seen;
    for (const BarItem& item : m_data.items) {
      if (!item.legend.isEmpty() && !seen.contains(item.legend)) {
        seen << item.legend;
        entries.append({item.key, item.legend, t.seriesColour(item.colour)});
      }
    }
  }
  if (m_groups.size() > 1 && !m_data.baselines.isEmpty() && m_data.baselines.first().second != 0) {
    entries.append({{}, m_data.baselineLabel, t.text, true, Qt::DashLine});
  }
  m_legend->setEntries(entries, Theme::instance().axisFont(), t.text);
}

QRectF BarPlot::rectOf(qsizetype index) const {
  const BarItem& item = m_data.items[index];
  const double value = std::isfinite(item.value) ? item.value : 0;
  const double zero = plot()->yAxis->coordToPixel(0);
  const double end = plot()->yAxis->coordToPixel(position(value));
  const Place& place = m_places[index];
  double left = plot()->xAxis->coordToPixel(place.centre - place.width / 2);
  double right = plot()->xAxis->coordToPixel(place.centre + place.width / 2);
  if (right - left > kWidestBar) {
    const double middle = (left + right) / 2;
    left = middle - kWidestBar / 2;
    right = middle + kWidestBar / 2;
  }
  return QRectF(QPointF(std::round(left), std::min(zero, end)),
                QPointF(std::round(right), std::max(zero, end)));
}

QRectF BarPlot::barRect(const QString& key) const {
  for (qsizetype i = 0; i < m_data.items.size(); ++i) {
    if (m_data.items[i].key == key) {
      return rectOf(i);
    }
  }
  return {};
}

QPair<double, double> BarPlot::valueRange() const {
  const QCPRange range = plot()->yAxis->range();
  if (!m_logarithmic) {
    return {range.lower, range.upper};
  }
  const SymmetricLog scale(m_logUnit);
  return {scale.inverse(range.lower), scale.inverse(range.upper)};
}

QString BarPlot::valueText(const BarItem& item) const {
  if (!std::isfinite(item.value)) {
    return item.note.isEmpty() ? missingText() : item.note;
  }
  return shortText(item.value, m_data.signedValues ? 2 : 4, m_data.signedValues,
                   m_data.signedValues ? 3 : 4);
}

void BarPlot::drawBaselines(QPainter* painter) const {
  const Tokens& t = tokens();
  painter->setPen(QPen(t.text, 1.4, Qt::CustomDashLine));
  QPen pen = painter->pen();
  pen.setDashPattern({5, 3});
  painter->setPen(pen);
  for (const auto& [name, value] : m_data.baselines) {
    for (const auto& [groupName, edges] : m_groups) {
      if (groupName != name) {
        continue;
      }
      const bool only = m_groups.size() == 1;
      const double y = std::round(plot()->yAxis->coordToPixel(position(value)));
      const double left =
          only ? plot()->axisRect()->left() : plot()->xAxis->coordToPixel(edges.first);
      const double right =
          only ? plot()->axisRect()->right() : plot()->xAxis->coordToPixel(edges.second);
      painter->setPen(pen);
      painter->drawLine(QLineF(left, y, right, y));
    }
  }
}

void BarPlot::draw(QPainter* base) const {
  auto* painter = static_cast<QCPPainter*>(base);
  const Tokens& t = tokens();
  const QFont font = Theme::instance().smallFont();
  const QFontMetricsF metrics(font);
  painter->setFont(font);
  for (qsizetype i = 0; i < m_data.items.size(); ++i) {
    const BarItem& item = m_data.items[i];
    const QRectF rect = rectOf(i);
    const bool chosen = selection().contains(item.key);
    painter->setOpacity(emphasis(item.key));
    painter->setAntialiasing(false);
    if (std::isfinite(item.value)) {
      const QColor colour = t.seriesColour(item.colour);
      painter->setPen(Qt::NoPen);
      painter->setBrush(colour);
      // A value near 0 keeps a sliver of one pixel, so that its colour is seen.
      QRectF shown = rect;
      if (shown.height() < 1) {
        shown.setHeight(1);
      }
      painter->drawRect(shown);
      if (item.unfinished) {
        painter->setAntialiasing(true);
        drawHatch(painter, shown, withAlpha(t.card, 0.6));
        painter->setAntialiasing(false);
      }
      if (chosen) {
        painter->setBrush(Qt::NoBrush);
        painter->setPen(QPen(t.text, 2));
        painter->drawRect(shown.adjusted(-2, -2, 2, 2));
      }
    }
  }
  painter->setOpacity(1);
  painter->setAntialiasing(true);
  drawBaselines(painter);

  double lastRight = -1e9;
  for (qsizetype i = 0; i < m_data.items.size(); ++i) {
    const BarItem& item = m_data.items[i];
    const QRectF rect = rectOf(i);
    painter->setOpacity(emphasis(item.key));
    double top = rect.top();
    double bottom = rect.bottom();
    if (std::isfinite(item.low) && std::isfinite(item.high)) {
      // The painter shifts by half a pixel while it smooths: whole numbers are crisp.
      const double x = std::round(rect.center().x());
      const double yLow = std::round(plot()->yAxis->coordToPixel(position(item.low)));
      const double yHigh = std::round(plot()->yAxis->coordToPixel(position(item.high)));
      const double cap = std::clamp(rect.width() * 0.16, 2.0, 6.0);
      // A rim in the ground's colour keeps the whisker readable on its own bar.
      for (const auto& [colour, width] :
           {std::pair(withAlpha(t.card, 0.8), 3.2), std::pair(t.text, 1.3)}) {
        painter->setPen(QPen(colour, width, Qt::SolidLine, Qt::FlatCap));
        painter->drawLine(QLineF(x, yLow, x, yHigh));
        painter->drawLine(QLineF(x - cap, yLow, x + cap, yLow));
        painter->drawLine(QLineF(x - cap, yHigh, x + cap, yHigh));
      }
      top = std::min(top, std::min(yLow, yHigh));
      bottom = std::max(bottom, std::max(yLow, yHigh));
    }
    const QString text = valueText(item);
    const double wide = metrics.horizontalAdvance(text);
    const double left = rect.center().x() - wide / 2;
    const double slot = plot()->xAxis->coordToPixel(1) - plot()->xAxis->coordToPixel(0);
    if (wide <= slot * 1.35 && left > lastRight + 2) {
      lastRight = left + wide;
      const bool below = std::isfinite(item.value) && item.value < 0;
      const double y = below ? bottom + 2 : top - metrics.height() - 2;
      drawHaloText(painter, QRectF(left - 2, y, wide + 4, metrics.height()), Qt::AlignCenter, text,
                   std::isfinite(item.value) ? t.text : t.dim, t.card);
    }
  }
  painter->setOpacity(1);
  // With several groups the legend names the dashed lines; at 0 the axis does.
  if (m_groups.size() == 1 && !m_data.baselines.isEmpty() && m_data.baselines.first().second != 0) {
    const double y = plot()->yAxis->coordToPixel(position(m_data.baselines.first().second));
    const double wide = metrics.horizontalAdvance(m_data.baselineLabel) + 4;
    drawHaloText(painter,
                 QRectF(plot()->axisRect()->right() - wide - 2, y - metrics.height() - 1, wide,
                        metrics.height()),
                 Qt::AlignCenter, m_data.baselineLabel, t.text, t.card);
  }
}

int BarPlot::indexAt(const QPointF& point) const {
  if (!plot()->axisRect()->rect().contains(point.toPoint())) {
    return -1;
  }
  for (qsizetype i = 0; i < m_places.size(); ++i) {
    // The whole column answers, since a small bar is hard to hit.
    const QRectF rect = rectOf(i);
    if (point.x() >= rect.left() - 2 && point.x() <= rect.right() + 2) {
      return int(i);
    }
  }
  return -1;
}

QString BarPlot::keyAt(const QPointF& point) const {
  const int index = indexAt(point);
  return index >= 0 ? m_data.items[index].key : m_legend->keyAt(point);
}

QString BarPlot::tooltipAt(const QPointF& point) const {
  const int index = indexAt(point);
  if (index < 0) {
    return {};
  }
  const BarItem& item = m_data.items[index];
  if (!item.tooltip.isEmpty()) {
    return item.tooltip;
  }
  QString text = m_groups.size() > 1 ? QString(item.group + u" · "_s + item.label) : item.label;
  text += u'\n';
  text += valueText(item);
  text += m_data.unit;
  if (std::isfinite(item.low) && std::isfinite(item.high)) {
    text += tr("\n95 % interval %1 to %2")
                .arg(shortText(item.low, 4, m_data.signedValues),
                     shortText(item.high, 4, m_data.signedValues));
  }
  return text;
}

bool BarPlot::keyPressed(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
  if (step == 0 || m_data.items.isEmpty() || event->modifiers() != Qt::NoModifier) {
    return PlotView::keyPressed(event);
  }
  qsizetype index = -1;
  for (qsizetype i = 0; i < m_data.items.size(); ++i) {
    if (selection().contains(m_data.items[i].key)) {
      index = i;
    }
  }
  index =
      std::clamp<qsizetype>(index < 0 && step < 0 ? 0 : index + step, 0, m_data.items.size() - 1);
  Q_EMIT picked(m_data.items[index].key, false);
  return true;
}

PlotTable BarPlot::table() const {
  PlotTable table;
  const bool intervals = std::any_of(m_data.items.begin(), m_data.items.end(),
                                     [](const BarItem& i) { return std::isfinite(i.low); });
  table.headers << tr("Model") << tr("Variant") << m_data.axisLabel;
  if (intervals) {
    table.headers << tr("95 % low") << tr("95 % high");
  }
  for (const BarItem& item : m_data.items) {
    QVariantList row{item.group, item.label};
    row << (std::isfinite(item.value) ? QVariant(item.value) : QVariant(item.note));
    if (intervals) {
      row << (std::isfinite(item.low) ? QVariant(item.low) : QVariant())
          << (std::isfinite(item.high) ? QVariant(item.high) : QVariant());
    }
    table.rows << row;
  }
  return table;
}

QString BarPlot::mainFact() const {
  const BarItem* largest = nullptr;
  for (const BarItem& item : m_data.items) {
    if (std::isfinite(item.value) &&
        (largest == nullptr || std::abs(item.value) > std::abs(largest->value))) {
      largest = &item;
    }
  }
  if (largest == nullptr) {
    return tr("No values yet");
  }
  const QString name =
      m_groups.size() > 1 ? QString(largest->group + u", "_s + largest->label) : largest->label;
  return tr("Largest: %1, %2%3 (%4)")
      .arg(name, shortText(largest->value, 3, m_data.signedValues), m_data.unit, m_data.axisLabel);
}

std::unique_ptr<PlotView> BarPlot::copy() const {
  auto other = std::make_unique<BarPlot>();
  other->m_logarithmic = m_logarithmic;
  other->setData(m_data);
  copyBaseTo(other.get());
  return other;
}

}  // namespace mxscope::ui
