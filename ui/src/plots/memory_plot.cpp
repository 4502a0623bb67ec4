// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/memory_plot.h"

#include <algorithm>

#include "plots/number_text.h"
#include "plots/plot_parts.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {
constexpr double kHistorySeconds = 120;
}

MemoryPlot::MemoryPlot(QWidget* parent) : PlotView(parent) {
  m_others = plot()->addGraph();
  m_job = plot()->addGraph();
  m_load = plot()->addGraph(plot()->xAxis, plot()->yAxis2);
  for (QCPGraph* graph : {m_others, m_job, m_load}) {
    graph->setSelectable(QCP::stNone);
  }
  m_job->setChannelFillGraph(m_others);
  m_limits = new PaintLayer(
      plot()->xAxis, plot()->yAxis, [this](QCPPainter* painter) { drawLimits(painter); }, true);
  plot()->xAxis->setRange(-kHistorySeconds, 0);
  plot()->yAxis2->setRange(0, 105);
  plot()->axisRect()->setMinimumMargins(QMargins(8, 6, 20, 4));
  plot()->setMinimumSize(120, 70);
}

bool MemoryPlot::hasData() const { return !m_data.time.isEmpty(); }

bool MemoryPlot::hasUtilisation() const {
  return std::any_of(m_data.utilisation.begin(), m_data.utilisation.end(),
                     [](double v) { return std::isfinite(v); });
}

void MemoryPlot::setShown(bool memory, bool utilisation) {
  m_memory = memory;
  m_utilisation = utilisation;
  finishData();
}

void MemoryPlot::setData(const MemoryHistory& history) {
  m_data = history;
  QVector<QCPGraphData> others;
  QVector<QCPGraphData> job;
  QVector<QCPGraphData> load;
  double highest = 0;
  for (qsizetype i = 0; i < history.time.size(); ++i) {
    others.append({history.time[i], history.others[i]});
    job.append({history.time[i], history.others[i] + history.job[i]});
    highest = std::max(highest, history.others[i] + history.job[i]);
    if (i < history.utilisation.size() && std::isfinite(history.utilisation[i])) {
      load.append({history.time[i], history.utilisation[i]});
    }
  }
  m_others->data()->set(others, true);
  m_job->data()->set(job, true);
  m_load->data()->set(load, true);
  highest = std::fmax(highest, history.total);
  plot()->yAxis->setRange(0, highest > 0 ? highest * 1.06 : 1);
  finishData();
}

void MemoryPlot::drawLimits(QPainter* base) const {
  auto* painter = static_cast<QCPPainter*>(base);
  const Tokens& t = tokens();
  const QRectF inner(plot()->axisRect()->rect());
  painter->setAntialiasing(false);
  const auto line = [&](double value, const QColor& colour, Qt::PenStyle style) {
    if (m_memory && std::isfinite(value)) {
      const double y = std::round(plot()->yAxis->coordToPixel(value));
      painter->setPen(QPen(colour, 1.5, style));
      painter->drawLine(QLineF(inner.left(), y, inner.right(), y));
    }
  };
  line(m_data.total, t.worse, Qt::DashLine);
  line(m_data.limit, t.warning, Qt::DotLine);
  if (m_memory && std::isfinite(m_data.peak) && m_data.peak > 0) {
    // The peak of this job as a small pointer on the right edge.
    const double others = m_data.others.isEmpty() ? 0 : m_data.others.last();
    const double y = plot()->yAxis->coordToPixel(others + m_data.peak);
    painter->setAntialiasing(true);
    painter->setPen(Qt::NoPen);
    painter->setBrush(t.text);
    painter->drawPolygon(QPolygonF({QPointF(inner.right(), y - 4), QPointF(inner.right(), y + 4),
                                    QPointF(inner.right() - 7, y)}));
  }
}

void MemoryPlot::applyColours() {
  const Tokens& t = tokens();
  styleAxes(plot(), t);
  const QColor jobColour = t.series[3];
  m_others->setVisible(m_memory);
  m_job->setVisible(m_memory);
  m_load->setVisible(m_utilisation);
  m_others->setPen(QPen(t.neutral, 1));
  m_others->setBrush(withAlpha(t.neutral, t.dark ? 0.35 : 0.28));
  m_job->setPen(QPen(jobColour, 1.6));
  m_job->setBrush(withAlpha(jobColour, t.dark ? 0.28 : 0.20));
  m_load->setPen(QPen(t.series[1], 1.4, Qt::DashLine));
  plot()->yAxis->setLabel(u"GiB"_s);
  const bool right = m_utilisation && hasUtilisation();
  plot()->yAxis2->setVisible(right);
  plot()->yAxis2->setTickLabels(right);
  plot()->yAxis2->setLabel(right ? u"%"_s : QString());
  plot()->yAxis2->grid()->setVisible(false);
  plot()->xAxis->setLabel(plot()->height() > 130 || !isVisible() ? tr("seconds ago") : QString());
}

void MemoryPlot::adapt(const QSize& size) {
  QSharedPointer<NumberTicker> y(new NumberTicker);
  y->setTickCount(std::clamp(size.height() / 34, 2, 6));
  plot()->yAxis->setTicker(y);
  QSharedPointer<QCPAxisTickerText> x(new QCPAxisTickerText);
  for (const int seconds : {120, 90, 60, 30, 0}) {
    x->addTick(-seconds, seconds == 0 ? tr("now") : QString::number(seconds));
  }
  plot()->xAxis->setTicker(x);
  QSharedPointer<QCPAxisTickerFixed> load(new QCPAxisTickerFixed);
  load->setTickStep(50);
  plot()->yAxis2->setTicker(load);
}

QString MemoryPlot::tooltipAt(const QPointF& position) const {
  if (m_data.time.isEmpty() || !plot()->axisRect()->rect().contains(position.toPoint())) {
    return {};
  }
  const double at = plot()->xAxis->pixelToCoord(position.x());
  qsizetype nearest = 0;
  for (qsizetype i = 0; i < m_data.time.size(); ++i) {
    if (std::abs(m_data.time[i] - at) < std::abs(m_data.time[nearest] - at)) {
      nearest = i;
    }
  }
  QString text = tr("%1 s ago\nthis job %2 GiB\nother processes %3 GiB")
                     .arg(fixedText(-m_data.time[nearest], 0), fixedText(m_data.job[nearest], 2),
                          fixedText(m_data.others[nearest], 2));
  if (nearest < m_data.utilisation.size() && std::isfinite(m_data.utilisation[nearest])) {
    text += tr("\nutilisation %1 %").arg(fixedText(m_data.utilisation[nearest], 0));
  }
  return text;
}

PlotTable MemoryPlot::table() const {
  PlotTable table;
  table.headers << tr("Seconds") << tr("This job (GiB)") << tr("Other processes (GiB)")
                << tr("Total (GiB)") << tr("Utilisation (%)");
  for (qsizetype i = 0; i < m_data.time.size(); ++i) {
    const double load = i < m_data.utilisation.size() ? m_data.utilisation[i] : kNoNumber;
    table.rows << QVariantList{m_data.time[i], m_data.job[i], m_data.others[i],
                               std::isfinite(m_data.total) ? QVariant(m_data.total) : QVariant(),
                               std::isfinite(load) ? QVariant(load) : QVariant()};
  }
  return table;
}

QString MemoryPlot::mainFact() const {
  if (m_data.time.isEmpty()) {
    return tr("No values yet");
  }
  return tr("In use %1 of %2 GiB, %3 of it by this job")
      .arg(fixedText(m_data.job.last() + m_data.others.last(), 1), fixedText(m_data.total, 1),
           fixedText(m_data.job.last(), 1));
}

std::unique_ptr<PlotView> MemoryPlot::copy() const {
  auto other = std::make_unique<MemoryPlot>();
  other->m_memory = m_memory;
  other->m_utilisation = m_utilisation;
  other->setData(m_data);
  copyBaseTo(other.get());
  return other;
}

}  // namespace mxscope::ui
