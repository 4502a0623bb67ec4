// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/plot_parts.h"

#include <QCoreApplication>
#include <algorithm>
#include <cmath>

#include "plots/number_text.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {

PaintLayer::PaintLayer(QCPAxis* keyAxis, QCPAxis* valueAxis, std::function<void(QCPPainter*)> paint,
                       bool clipped)
    : QCPAbstractPlottable(keyAxis, valueAxis), m_paint(std::move(paint)), m_clipped(clipped) {
  setSelectable(QCP::stNone);
}

QCPRange PaintLayer::getKeyRange(bool& found, QCP::SignDomain) const {
  found = false;
  return {};
}

QCPRange PaintLayer::getValueRange(bool& found, QCP::SignDomain, const QCPRange&) const {
  found = false;
  return {};
}

QRect PaintLayer::clipRect() const {
  return m_clipped ? QCPAbstractPlottable::clipRect() : parentPlot()->viewport();
}

void PaintLayer::draw(QCPPainter* painter) { m_paint(painter); }

LegendRow::LegendRow(QCustomPlot* plot) : QCPLayoutElement(plot) {
  setLayer(u"legend"_s);
  setMargins(QMargins(4, 0, 4, 0));
}

void LegendRow::setEntries(QList<Entry> entries, const QFont& font, const QColor& text) {
  m_entries = std::move(entries);
  m_font = font;
  m_text = text;
}

void LegendRow::place(double width, double height) {
  const QFontMetricsF metrics(m_font);
  const double line = std::ceil(metrics.height()) + 4;
  m_places.clear();
  m_more.clear();
  // A legend may take about a fifth of a plot, and no more than three rows.
  const double lastRow = m_shortened ? std::clamp(std::floor(height / 130), 1.0, 3.0) - 1 : 1e9;
  const auto more = [this](qsizetype left) {
    return QCoreApplication::translate("Legend", "and %n more", nullptr, int(left));
  };
  const double moreWidth = metrics.horizontalAdvance(more(m_entries.size())) + 8;
  double x = 0;
  double y = 0;
  for (qsizetype i = 0; i < m_entries.size(); ++i) {
    const Entry& entry = m_entries[i];
    const double wanted = (entry.line ? 22 : 12) + 6 + metrics.horizontalAdvance(entry.text) + 16;
    const bool last = y >= lastRow * line && i + 1 < m_entries.size();
    if (x > 0 && x + wanted + (last ? moreWidth : 0) > width) {
      if (y >= lastRow * line) {
        m_more = more(m_entries.size() - i);
        m_places.append(QRectF(x, y, moreWidth, line));
        break;
      }
      x = 0;
      y += line;
    }
    m_places.append(QRectF(x, y, wanted, line));
    x += wanted;
  }
  const int rows = m_entries.isEmpty() ? 0 : int(y + line);
  setMinimumSize(0, rows);
  setMaximumSize(QWIDGETSIZE_MAX, rows);
}

void LegendRow::update(UpdatePhase phase) {
  if (phase == upPreparation) {
    place(parentPlot()->viewport().width() - 24.0, parentPlot()->viewport().height());
  }
  QCPLayoutElement::update(phase);
}

QString LegendRow::keyAt(const QPointF& position) const {
  for (qsizetype i = 0; i < m_places.size(); ++i) {
    if (m_places[i].translated(mRect.topLeft()).contains(position)) {
      const bool more = !m_more.isEmpty() && i + 1 == m_places.size();
      return more ? QString() : m_entries[i].key;
    }
  }
  return {};
}

void LegendRow::draw(QCPPainter* painter) {
  painter->setFont(m_font);
  for (qsizetype i = 0; i < m_places.size(); ++i) {
    const Entry& entry = m_entries[i];
    const QRectF place = m_places[i].translated(mRect.topLeft());
    if (!m_more.isEmpty() && i + 1 == m_places.size()) {
      painter->setOpacity(1);
      painter->setPen(m_text);
      painter->drawText(place, Qt::AlignVCenter | Qt::AlignLeft | Qt::TextDontClip, m_more);
      break;
    }
    const double middle = std::round(place.center().y());
    painter->setOpacity(entry.opacity);
    double textAt = place.left();
    if (entry.line) {
      painter->setAntialiasing(true);
      painter->setPen(QPen(entry.colour, 2, entry.style, Qt::FlatCap));
      painter->drawLine(QLineF(place.left(), middle, place.left() + 22, middle));
      textAt += 28;
    } else {
      painter->setAntialiasing(false);
      painter->fillRect(QRectF(place.left(), middle - 5, 11, 11), entry.colour);
      textAt += 17;
    }
    painter->setPen(m_text);
    painter->drawText(QRectF(textAt, place.top(), place.right() - textAt, place.height()),
                      Qt::AlignVCenter | Qt::AlignLeft | Qt::TextDontClip, entry.text);
  }
  painter->setOpacity(1);
}

double NumberTicker::getTickStep(const QCPRange& range) {
  m_step = QCPAxisTicker::getTickStep(range);
  if (m_integers) {
    m_step = std::max(1.0, std::round(m_step));
  }
  return m_step;
}

QString NumberTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
  // A step of 0.25 needs two decimals, one of 0.2 only one.
  int decimals = 0;
  double scaled = m_step;
  while (decimals < 9 && std::abs(scaled - std::round(scaled)) > 1e-6 * scaled) {
    scaled *= 10;
    ++decimals;
  }
  return fixedText(tick, decimals, m_sign);
}

SymmetricLog SymmetricLog::forValues(const QList<double>& values) {
  double smallest = std::numeric_limits<double>::infinity();
  double largest = 0;
  for (const double v : values) {
    if (std::isfinite(v) && v != 0) {
      smallest = std::min(smallest, std::abs(v));
      largest = std::max(largest, std::abs(v));
    }
  }
  if (largest == 0) {
    return SymmetricLog(1);
  }
  const double unit = std::max(smallest, largest * 1e-4);
  return SymmetricLog(std::pow(10.0, std::floor(std::log10(unit))));
}

double SymmetricLog::operator()(double value) const {
  return std::copysign(std::log10(1.0 + std::abs(value) / m_unit), value);
}

double SymmetricLog::inverse(double position) const {
  return std::copysign((std::pow(10.0, std::abs(position)) - 1.0) * m_unit, position);
}

QSharedPointer<QCPAxisTickerText> SymmetricLog::ticker(double low, double high, bool sign) const {
  QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
  ticker->addTick(0, u"0"_s);
  const auto add = [&](double value) {
    const double position = (*this)(value);
    if (position >= low && position <= high) {
      ticker->addTick(position, shortText(value, 1, sign, 8));
    }
  };
  for (double power = m_unit; power < inverse(std::max(high, -low)) * 1.001; power *= 10) {
    add(power);
    add(-power);
  }
  return ticker;
}

void styleAxes(QCustomPlot* plot, const Tokens& t, bool verticalGrid) {
  const Theme& theme = Theme::instance();
  plot->setBackground(t.card);
  for (QCPAxis* axis : {plot->xAxis, plot->yAxis, plot->xAxis2, plot->yAxis2}) {
    axis->setBasePen(QPen(t.axis, 1));
    axis->setTickPen(QPen(t.axis, 1));
    axis->setSubTicks(false);
    axis->setTickLength(0, 3);
    axis->setTickLabelColor(t.dim);
    axis->setLabelColor(t.dim);
    axis->setTickLabelFont(theme.axisFont());
    axis->setLabelFont(theme.axisFont());
    axis->setTickLabelPadding(4);
    axis->setLabelPadding(5);
    axis->grid()->setSubGridVisible(false);
    axis->grid()->setPen(QPen(t.grid, 1));
    axis->grid()->setZeroLinePen(QPen(t.grid, 1));
  }
  plot->xAxis->grid()->setVisible(verticalGrid);
  plot->yAxis->grid()->setVisible(true);
}

Qt::PenStyle dashStyle(int dash) {
  static constexpr Qt::PenStyle kStyles[] = {Qt::SolidLine, Qt::DashLine, Qt::DotLine,
                                             Qt::DashDotLine, Qt::DashDotDotLine};
  return kStyles[size_t(std::abs(dash)) % std::size(kStyles)];
}

QColor withAlpha(QColor colour, double alpha) {
  colour.setAlphaF(float(colour.alphaF() * alpha));
  return colour;
}

void drawHatch(QCPPainter* painter, const QRectF& rect, const QColor& colour, double step) {
  painter->setPen(QPen(colour, 1));
  for (double offset = step; offset < rect.width() + rect.height(); offset += step) {
    // From the left or bottom edge up to the top or right edge.
    const double fromX = std::max(0.0, offset - rect.height());
    const double toX = std::min(rect.width(), offset);
    painter->drawLine(QLineF(rect.left() + fromX, rect.top() + (offset - fromX), rect.left() + toX,
                             rect.top() + (offset - toX)));
  }
}

void drawHaloText(QCPPainter* painter, const QRectF& rect, int flags, const QString& text,
                  const QColor& colour, const QColor& ground) {
  const QRectF behind =
      QFontMetricsF(painter->font()).boundingRect(rect, flags, text).adjusted(-1, 1, 1, -1);
  painter->fillRect(behind, withAlpha(ground, 0.8));
  painter->setPen(colour);
  painter->drawText(rect, flags, text);
}

}  // namespace mxscope::ui
