// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/live_plot.h"

#include <QKeyEvent>
#include <algorithm>

#include "plots/min_max_pyramid.h"
#include "plots/number_text.h"
#include "plots/plot_parts.h"
#include "plots/plot_zoom.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr qsizetype kMostBands = 4;  // bands of more curves hide each other
// Of more curves than these nobody tells dashes and widths apart, and wide or dashed strokes cost
// tens of times what hairlines do.
constexpr qsizetype kMostStroked = 24;

constexpr int kBandBuckets = 500;       // a fill below more points costs a hundred times more
constexpr double kRawTokens = 5000;     // visible tokens below which single values are shown
constexpr double kSettledShare = 0.04;  // the first values of a running mean jump: no range of them
constexpr double kSettledBands = 0.12;

bool samePoints(const QList<double>& a, const QList<double>& b, qsizetype count) {
  if (count == 0) {
    return true;
  }
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  return same(a[0], b[0]) && same(a[count / 2], b[count / 2]) && same(a[count - 1], b[count - 1]);
}

}  // namespace

struct LivePlot::Line {
  QCPGraph* mean = nullptr;
  QCPGraph* low = nullptr;
  QCPGraph* high = nullptr;
  QCPGraph* rawLow = nullptr;
  QCPGraph* rawHigh = nullptr;
  MinMaxPyramid means, lows, highs, raws;
};

LivePlot::LivePlot(QWidget* parent) : PlotView(parent) {
  m_legend = new LegendRow(plot());
  m_legend->setShortened(true);
  plot()->plotLayout()->insertRow(0);
  plot()->plotLayout()->addElement(0, 0, m_legend);
  plot()->plotLayout()->setRowStretchFactor(0, 0.001);
  plot()->plotLayout()->setRowSpacing(4);
  plot()->axisRect()->setMinimumMargins(QMargins(10, 6, 16, 6));
  useZoom();
  m_hoverLayer = new PaintLayer(
      plot()->xAxis, plot()->yAxis, [this](QCPPainter* painter) { drawHover(painter); }, false);
  m_hoverLayer->setLayer(u"overlay"_s);
  connect(zoom(), &PlotZoom::changedByUser, this, [this] {
    setFollowing(false);
    fillGraphs();
    replotSoon();
  });
}

LivePlot::~LivePlot() = default;

bool LivePlot::hasData() const {
  return std::any_of(m_data.series.begin(), m_data.series.end(),
                     [](const LiveSeries& s) { return !s.x.isEmpty(); });
}

void LivePlot::setData(const LiveData& data) {
  const LiveData before = std::exchange(m_data, data);
  m_filled.columns = -1;
  while (m_lines.size() > size_t(m_data.series.size())) {
    for (QCPGraph* graph : {m_lines.back()->rawHigh, m_lines.back()->rawLow, m_lines.back()->mean,
                            m_lines.back()->high, m_lines.back()->low}) {
      plot()->removeGraph(graph);
    }
    m_lines.pop_back();
  }
  while (m_lines.size() < size_t(m_data.series.size())) {
    auto line = std::make_unique<Line>();
    for (QCPGraph** graph : {&line->low, &line->high, &line->rawLow, &line->rawHigh, &line->mean}) {
      *graph = plot()->addGraph();
      (*graph)->setSelectable(QCP::stNone);
      (*graph)->setPen(Qt::NoPen);
      (*graph)->setAntialiasedFill(false);
    }
    line->high->setChannelFillGraph(line->low);
    line->rawHigh->setChannelFillGraph(line->rawLow);
    m_lines.push_back(std::move(line));
  }
  for (size_t i = 0; i < m_lines.size(); ++i) {
    const LiveSeries& series = m_data.series[qsizetype(i)];
    Line& line = *m_lines[i];
    const auto take = [&](MinMaxPyramid& pyramid, const QList<double>& values,
                          const QList<double> LiveSeries::*field) {
      // A series that only grew keeps its pyramid.
      qsizetype kept = 0;
      if (qsizetype(i) < before.series.size()) {
        const LiveSeries& old = before.series[qsizetype(i)];
        const qsizetype count = (old.*field).size();
        if (old.key == series.key && count <= values.size() && pyramid.size() == count &&
            samePoints(old.*field, values, count)) {
          kept = count;
        }
      }
      if (kept == 0) {
        pyramid = MinMaxPyramid();
      }
      pyramid.append(values, kept);
    };
    take(line.means, series.mean, &LiveSeries::mean);
    take(line.lows, series.low, &LiveSeries::low);
    take(line.highs, series.high, &LiveSeries::high);
    take(line.raws, series.raw, &LiveSeries::raw);
  }
  if (m_following) {
    fit();
  }
  finishData();
  if (!std::isnan(m_hoverX)) {
    plot()->layer(u"overlay"_s)->replot();
  }
}

// Of many curves only those that are selected show their band.
bool LivePlot::hasBand(const LiveSeries& series) const {
  return m_data.series.size() <= kMostBands || selection().contains(series.key);
}

// Of very many curves only those that are selected, and the baseline, are more than hairlines.
bool LivePlot::isStroked(const LiveSeries& series) const {
  return m_data.series.size() <= kMostStroked || series.baseline ||
         (selection().contains(series.key) && selection().size() <= kMostStroked);
}

void LivePlot::fit() {
  double xEnd = std::isfinite(m_data.xEnd) ? m_data.xEnd : 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (size_t i = 0; i < m_lines.size(); ++i) {
    const LiveSeries& series = m_data.series[qsizetype(i)];
    const qsizetype n = series.x.size();
    if (n == 0) {
      continue;
    }
    xEnd = std::max(xEnd, series.x.last());
    const auto widen = [&](MinMaxPyramid::Extent extent) {
      low = std::fmin(low, extent.low);
      high = std::fmax(high, extent.high);
    };
    widen(m_lines[i]->means.extent(qsizetype(double(n) * kSettledShare), n));
    if (hasBand(series)) {
      widen(m_lines[i]->lows.extent(qsizetype(double(n) * kSettledBands), n));
      widen(m_lines[i]->highs.extent(qsizetype(double(n) * kSettledBands), n));
    }
  }
  if (m_data.zeroLine) {
    low = std::fmin(low, 0);
    high = std::fmax(high, 0);
  }
  if (!std::isfinite(low) || !std::isfinite(high)) {
    low = 0;
    high = 1;
  }
  const double span = high - low;
  const double pad = span > 0 ? span * 0.07 : std::max(std::abs(low) * 0.05, 1e-6);
  plot()->xAxis->setRange(0, xEnd > 0 ? xEnd : 1);
  plot()->yAxis->setRange(low - pad, high + pad);
}

void LivePlot::fillGraphs() {
  const QCPRange range = plot()->xAxis->range();
  const int columns = std::max(
      100, int(plot()->axisRect()->width() > 1 ? plot()->axisRect()->width() : plot()->width()));
  const bool rawWanted = range.size() <= kRawTokens;
  // Asked for whenever colours or sizes change; only what is shown of the values counts here.
  if (m_filled.lower == range.lower && m_filled.upper == range.upper &&
      m_filled.columns == columns && m_filled.chosen == selection()) {
    return;
  }
  m_filled = {range.lower, range.upper, columns, selection()};
  for (size_t i = 0; i < m_lines.size(); ++i) {
    const LiveSeries& s = m_data.series[qsizetype(i)];
    Line& line = *m_lines[i];
    // One value beyond each edge, so that the line goes on to the border.
    const auto visible = [&range](const QList<double>& x) {
      const auto begin = std::lower_bound(x.begin(), x.end(), range.lower);
      const auto end = std::upper_bound(begin, x.end(), range.upper);
      return std::pair(std::max<qsizetype>(0, begin - x.begin() - 1),
                       std::min<qsizetype>(x.size(), end - x.begin() + 1));
    };
    const auto [first, last] = visible(s.x);
    const qsizetype count = last - first;
    QVector<QCPGraphData> mean;
    if (count <= 2 * columns) {
      mean.reserve(count);
      for (qsizetype k = first; k < last; ++k) {
        mean.append({s.x[k], s.mean[k]});
      }
    } else {
      // Two values per pixel column, its smallest and largest, in an order that joins up.
      mean.reserve(2 * columns + 2);
      const double step = double(count) / columns;
      bool up = true;
      for (int c = 0; c < columns; ++c) {
        const auto a = first + qsizetype(c * step);
        const auto b = std::max(a + 1, first + qsizetype((c + 1) * step));
        const auto extent = line.means.extent(a, b);
        mean.append({s.x[a], up ? extent.low : extent.high});
        mean.append({s.x[b - 1], up ? extent.high : extent.low});
        up = !up;
      }
      mean.append({s.x[last - 1], s.mean[last - 1]});
    }
    // A curve that fills its columns looks the same unsmoothed and costs a third.
    line.mean->setAntialiased(count <= 2 * columns && isStroked(s));
    line.mean->data()->set(mean, true);

    const auto band = [](const QList<double>& x, const MinMaxPyramid& lows,
                         const MinMaxPyramid& highs, qsizetype begin, qsizetype end, QCPGraph* low,
                         QCPGraph* high) {
      QVector<QCPGraphData> lowData;
      QVector<QCPGraphData> highData;
      const qsizetype n = std::max<qsizetype>(0, end - begin);
      const qsizetype buckets = std::min<qsizetype>(n, kBandBuckets);
      for (qsizetype c = 0; c < buckets; ++c) {
        const qsizetype a = begin + c * n / buckets;
        const qsizetype b = std::max(a + 1, begin + (c + 1) * n / buckets);
        const double down = lows.extent(a, b).low;
        const double up = highs.extent(a, b).high;
        if (std::isfinite(down) && std::isfinite(up)) {
          const double at = c == 0 ? x[a] : c + 1 == buckets ? x[b - 1] : (x[a] + x[b - 1]) / 2;
          lowData.append({at, down});
          highData.append({at, up});
        }
      }
      low->data()->set(lowData, true);
      high->data()->set(highData, true);
    };
    if (hasBand(s) && line.lows.size() == s.x.size() && line.highs.size() == s.x.size()) {
      band(s.x, line.lows, line.highs, first, last, line.low, line.high);
    } else {
      line.low->data()->clear();
      line.high->data()->clear();
    }
    if (rawWanted && isStroked(s) && !s.rawX.isEmpty() && line.raws.size() == s.rawX.size()) {
      const auto [rawFirst, rawLast] = visible(s.rawX);
      band(s.rawX, line.raws, line.raws, rawFirst, rawLast, line.rawLow, line.rawHigh);
    } else {
      line.rawLow->data()->clear();
      line.rawHigh->data()->clear();
    }
  }
}

void LivePlot::applyColours() {
  const Tokens& t = tokens();
  styleAxes(plot(), t);
  plot()->xAxis->setLabel(m_data.xLabel);
  plot()->yAxis->setLabel(m_data.yLabel);
  plot()->yAxis->grid()->setZeroLinePen(QPen(m_data.zeroLine ? t.dim : t.grid, 1));
  QList<LegendRow::Entry> entries;
  const auto& all = m_data.series;
  const bool someDone =
      std::any_of(all.begin(), all.end(), [](const LiveSeries& s) { return !s.running; });
  for (size_t i = 0; i < m_lines.size(); ++i) {
    const LiveSeries& s = m_data.series[qsizetype(i)];
    Line& line = *m_lines[i];
    const QColor colour = t.seriesColour(s.colour);
    const double strength = emphasis(s.key);
    const bool chosen = selection().contains(s.key);
    const bool stroked = isStroked(s);
    const Qt::PenStyle style = s.baseline ? Qt::DashLine
                               : stroked  ? dashStyle(s.dash)
                                          : Qt::SolidLine;
    const QColor strokeColour = s.baseline ? t.text : colour;
    const double width = !stroked ? 1 : chosen ? 2.4 : 1.6;
    QPen pen(withAlpha(strokeColour, strength), width, style, Qt::FlatCap, Qt::RoundJoin);
    if (s.baseline) {
      pen.setDashPattern({4, 3});
    }
    line.mean->setPen(pen);
    line.mean->setAdaptiveSampling(true);
    const QColor fill = withAlpha(colour, (t.dark ? 0.20 : 0.14) * strength);
    const bool banded = hasBand(s);
    line.low->setVisible(banded);
    line.high->setVisible(banded);
    line.high->setBrush(fill);
    line.rawHigh->setBrush(withAlpha(colour, 0.12 * strength));
    entries.append({s.key, s.running && someDone ? QString(s.label + tr(" — running")) : s.label,
                    strokeColour, true, style, std::max(strength, 0.5)});
  }
  // The baseline and what is selected lie on top of the others.
  for (const int pass : {0, 1, 2}) {
    for (size_t i = 0; i < m_lines.size(); ++i) {
      const LiveSeries& s = m_data.series[qsizetype(i)];
      const int rank = s.baseline ? 2 : selection().contains(s.key) ? 1 : 0;
      if (rank == pass) {
        m_lines[i]->mean->setLayer(m_lines[i]->mean->layer());
      }
    }
  }
  // The baseline and what is selected stand first in a legend that has no room for all.
  QList<LegendRow::Entry> ordered;
  for (const bool first : {true, false}) {
    for (qsizetype i = 0; i < entries.size(); ++i) {
      if ((m_data.series[i].baseline || selection().contains(m_data.series[i].key)) == first) {
        ordered.append(entries[i]);
      }
    }
  }
  entries = ordered;
  m_legend->setEntries(entries, Theme::instance().axisFont(), t.text);
  fillGraphs();
}

void LivePlot::adapt(const QSize& size) {
  QSharedPointer<NumberTicker> x(new NumberTicker);
  x->setTickCount(std::clamp(size.width() / 130, 2, 10));
  x->setIntegers(true);
  plot()->xAxis->setTicker(x);
  QSharedPointer<NumberTicker> y(new NumberTicker(m_data.signedValues));
  y->setTickCount(std::clamp(size.height() / 55, 2, 8));
  plot()->yAxis->setTicker(y);
  fillGraphs();
}

void LivePlot::setFollowing(bool on) {
  if (m_following == on) {
    return;
  }
  m_following = on;
  if (on) {
    fit();
    fillGraphs();
    replotSoon();
  }
  Q_EMIT followingChanged(on);
}

void LivePlot::resetZoom() {
  zoom()->clearHistory();
  m_following = false;  // so that setFollowing tells of the change
  setFollowing(true);
}

QString LivePlot::valueText(const LiveSeries& s, qsizetype index) const {
  std::optional<double> half;
  if (index < s.low.size() && index < s.high.size() && std::isfinite(s.low[index]) &&
      std::isfinite(s.high[index])) {
    half = (s.high[index] - s.low[index]) / 2;
  }
  if (m_data.signedValues || !half) {
    return intervalText(s.mean[index], half, m_data.signedValues);
  }
  // Curves of one job differ by less than their own intervals: two digits more than those need.
  const int decimals = decimalsFor(*half) + 2;
  return QString(fixedText(s.mean[index], decimals) + u" ± "_s +
                 fixedText(*half, decimalsFor(*half)));
}

QList<QPair<qsizetype, QString>> LivePlot::hoverLines(double x, double* shown) const {
  QList<QPair<qsizetype, QString>> lines;
  *shown = kNoNumber;
  for (qsizetype i = 0; i < m_data.series.size(); ++i) {
    const LiveSeries& s = m_data.series[i];
    if (s.x.isEmpty() || x > s.x.last()) {
      continue;
    }
    // The value that was reached at x: the last point not beyond it.
    const auto it = std::upper_bound(s.x.begin(), s.x.end(), x);
    const qsizetype index = std::max<qsizetype>(0, it - s.x.begin() - 1);
    if (std::isnan(*shown)) {
      *shown = s.x[index];
    }
    lines.append({i, QString(s.label + u"   "_s + valueText(s, index))});
  }
  return lines;
}

QString LivePlot::hoverText(double x) const {
  double shown = kNoNumber;
  const auto lines = hoverLines(x, &shown);
  if (lines.isEmpty()) {
    return {};
  }
  QStringList text{tr("%1 tokens").arg(fixedText(shown, 0))};
  for (const auto& [series, line] : lines) {
    text << line;
  }
  return text.join(u'\n');
}

void LivePlot::setHover(double x) {
  if (x == m_hoverX || (std::isnan(x) && std::isnan(m_hoverX))) {
    return;
  }
  m_hoverX = x;
  plot()->layer(u"overlay"_s)->replot();
}

void LivePlot::hovered(const QPointF& position) {
  const bool inside = plot()->axisRect()->rect().contains(position.toPoint());
  setHover(inside && hasData() ? plot()->xAxis->pixelToCoord(position.x()) : kNoNumber);
}

void LivePlot::left() { setHover(kNoNumber); }

void LivePlot::drawHover(QPainter* base) const {
  if (std::isnan(m_hoverX) || !plot()->xAxis->range().contains(m_hoverX)) {
    return;
  }
  double shown = kNoNumber;
  const auto lines = hoverLines(m_hoverX, &shown);
  if (lines.isEmpty()) {
    return;
  }
  auto* painter = static_cast<QCPPainter*>(base);
  const Tokens& t = tokens();
  const QRectF inner(plot()->axisRect()->rect());
  const double x = std::round(plot()->xAxis->coordToPixel(m_hoverX));
  painter->setAntialiasing(false);
  painter->setPen(QPen(t.dim, 1, Qt::DotLine));
  painter->drawLine(QLineF(x, inner.top(), x, inner.bottom()));
  painter->setFont(Theme::instance().axisFont());
  const QFontMetricsF metrics(painter->font());
  const double line = std::ceil(metrics.height());
  const QString first = tr("%1 tokens").arg(fixedText(shown, 0));
  double wide = metrics.horizontalAdvance(first) - 18;
  for (const auto& [series, text] : lines) {
    wide = std::max(wide, metrics.horizontalAdvance(text));
  }
  QRectF box(0, 0, wide + 36, line * double(lines.size() + 1) + 12);
  box.moveTo(x + 10, inner.top() + 6);
  if (box.right() > inner.right()) {
    box.moveRight(x - 10);
  }
  box.moveLeft(std::max(box.left(), 2.0));
  painter->setAntialiasing(true);
  painter->setPen(QPen(t.border, 1));
  painter->setBrush(t.tooltip);
  painter->drawRoundedRect(box, 4, 4);
  double y = box.top() + 6;
  const int flags = Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip;
  painter->setPen(t.dim);
  painter->drawText(QRectF(box.left() + 8, y, box.width(), line), flags, first);
  for (const auto& [index, text] : lines) {
    y += line;
    const LiveSeries& s = m_data.series[index];
    painter->setPen(QPen(s.baseline ? t.text : t.seriesColour(s.colour), 2,
                         s.baseline ? Qt::DashLine : dashStyle(s.dash), Qt::FlatCap));
    const double middle = std::round(y + line / 2);
    painter->drawLine(QLineF(box.left() + 8, middle, box.left() + 20, middle));
    painter->setPen(t.tooltipText);
    painter->drawText(QRectF(box.left() + 26, y, box.width(), line), flags, text);
  }
}

bool LivePlot::keyPressed(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
  if (event->key() == Qt::Key_F && event->modifiers() == Qt::NoModifier) {
    setFollowing(!m_following);
    return true;
  }
  if (event->key() == Qt::Key_Escape && !std::isnan(m_hoverX)) {
    setHover(kNoNumber);
    return true;
  }
  if (step == 0 || event->modifiers() != Qt::NoModifier || !hasData()) {
    return PlotView::keyPressed(event);
  }
  const LiveSeries* longest = &m_data.series.first();
  for (const LiveSeries& s : m_data.series) {
    longest = s.x.size() > longest->x.size() ? &s : longest;
  }
  const QList<double>& x = longest->x;
  qsizetype index = std::isnan(m_hoverX)
                        ? x.size() / 2
                        : std::upper_bound(x.begin(), x.end(), m_hoverX) - x.begin() - 1 + step;
  // On long curves a key press moves by about a pixel.
  const qsizetype stride = std::max<qsizetype>(1, x.size() / 500);
  index += step * (stride - 1);
  setHover(x[std::clamp<qsizetype>(index, 0, x.size() - 1)]);
  return true;
}

QString LivePlot::keyAt(const QPointF& position) const {
  if (const QString key = m_legend->keyAt(position); !key.isEmpty()) {
    return key;
  }
  QString nearest;
  double best = 12;  // px
  for (size_t i = 0; i < m_lines.size(); ++i) {
    const double distance = m_lines[i]->mean->selectTest(position, false);
    // Lines cannot be selected by the library, so the distance is taken here.
    double own = distance;
    if (own < 0) {
      const auto it =
          m_lines[i]->mean->data()->findBegin(plot()->xAxis->pixelToCoord(position.x()));
      if (it != m_lines[i]->mean->data()->constEnd()) {
        own = std::abs(plot()->yAxis->coordToPixel(it->value) - position.y());
      }
    }
    if (own >= 0 && own < best) {
      best = own;
      nearest = m_data.series[qsizetype(i)].key;
    }
  }
  return nearest;
}

PlotTable LivePlot::table() const {
  PlotTable table;
  table.headers << tr("Run") << m_data.xLabel << m_data.yLabel << tr("95 % low") << tr("95 % high");
  const auto number = [](const QList<double>& list, qsizetype i) {
    return i < list.size() && std::isfinite(list[i]) ? QVariant(list[i]) : QVariant();
  };
  for (const LiveSeries& s : m_data.series) {
    for (qsizetype i = 0; i < s.x.size(); ++i) {
      table.rows << QVariantList{s.label, s.x[i], number(s.mean, i), number(s.low, i),
                                 number(s.high, i)};
    }
  }
  return table;
}

QString LivePlot::mainFact() const {
  QStringList parts;
  for (const LiveSeries& s : m_data.series) {
    if (!s.x.isEmpty() && parts.size() < 4) {
      parts << QString(s.label + u' ' + valueText(s, s.x.size() - 1));
    }
  }
  return parts.isEmpty() ? tr("No values yet")
                         : QString(m_data.yLabel + u": "_s + parts.join(u", "_s));
}

std::unique_ptr<PlotView> LivePlot::copy() const {
  auto other = std::make_unique<LivePlot>();
  other->m_following = m_following;
  other->setData(m_data);
  other->zoom()->setRanges(zoom()->ranges());
  copyBaseTo(other.get());
  return other;
}

}  // namespace mxscope::ui
