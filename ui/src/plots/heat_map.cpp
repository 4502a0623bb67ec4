// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/heat_map.h"

#include <QKeyEvent>
#include <algorithm>

#include "plots/number_text.h"
#include "plots/plot_parts.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr double kNumberHeight = 14;  // px; lower cells show no number

// A round number at or above the largest magnitude, so that ticks of the scale are readable.
double roundUp(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double step : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0}) {
    if (value <= step * power * (1 + 1e-12)) {
      return step * power;
    }
  }
  return 10 * power;
}

}  // namespace

HeatMap::HeatMap(QWidget* parent) : PlotView(parent) {
  m_cells = new PaintLayer(
      plot()->xAxis, plot()->yAxis, [this](QCPPainter* painter) { draw(painter); }, true);
  m_scale = new QCPColorScale(plot());
  plot()->plotLayout()->addElement(0, 1, m_scale);
  plot()->plotLayout()->setColumnSpacing(2);
  m_scale->setType(QCPAxis::atRight);
  m_scale->setBarWidth(10);
  m_scale->setMargins(QMargins(6, 0, 4, 0));
  auto* group = new QCPMarginGroup(plot());
  plot()->axisRect()->setMarginGroup(QCP::msBottom | QCP::msTop, group);
  m_scale->setMarginGroup(QCP::msBottom | QCP::msTop, group);
  plot()->axisRect()->setMinimumMargins(QMargins(10, 8, 4, 6));
  plot()->yAxis->setRangeReversed(true);
}

bool HeatMap::hasData() const { return !m_data.rows.isEmpty() && !m_data.columns.isEmpty(); }

void HeatMap::setData(const HeatData& data) {
  m_data = data;
  double largest = 0;
  for (const HeatCell& c : m_data.cells) {
    const bool shown = c.state == CellState::kValue || c.state == CellState::kRunning;
    if (shown && std::isfinite(c.value)) {
      largest = std::max(largest, std::abs(c.value));
    }
  }
  m_limit = largest > 0 ? roundUp(largest) : 1;
  m_decimals = std::clamp(1 - int(std::floor(std::log10(m_limit))), 0, 6);
  if (m_decimals < 2 && m_limit < 10) {
    m_decimals = 2;
  }
  plot()->xAxis->setRange(-0.5, double(m_data.columns.size()) - 0.5);
  plot()->yAxis->setRange(-0.5, double(m_data.rows.size()) - 0.5);
  m_scale->setDataRange(QCPRange(-m_limit, m_limit));
  m_cursorRow = std::min(m_cursorRow, int(m_data.rows.size()) - 1);
  m_cursorColumn = std::min(m_cursorColumn, int(m_data.columns.size()) - 1);
  finishData();
}

const HeatCell* HeatMap::cell(int row, int column) const {
  const qsizetype index = qsizetype(row) * m_data.columns.size() + column;
  if (row < 0 || column < 0 || column >= m_data.columns.size() || index >= m_data.cells.size()) {
    return nullptr;
  }
  return &m_data.cells[index];
}

QRectF HeatMap::cellRect(int row, int column) const {
  const auto edge = [](QCPAxis* axis, double coord) {
    return std::round(axis->coordToPixel(coord));
  };
  return QRectF(QPointF(edge(plot()->xAxis, column - 0.5), edge(plot()->yAxis, row - 0.5)),
                QPointF(edge(plot()->xAxis, column + 0.5), edge(plot()->yAxis, row + 0.5)));
}

bool HeatMap::showsNumbers() const {
  if (!hasData()) {
    return false;
  }
  const QRectF rect = cellRect(0, 0);
  const QFontMetricsF metrics(Theme::instance().smallFont());
  return rect.height() >= std::max(kNumberHeight, metrics.ascent() + metrics.descent() - 3) &&
         rect.width() >= metrics.horizontalAdvance(fixedText(-m_limit, m_decimals)) + 2;
}

QString HeatMap::cellText(int row, int column) const {
  const HeatCell* c = cell(row, column);
  if (c == nullptr || c->state == CellState::kNotRun || !std::isfinite(c->value)) {
    return c != nullptr && c->state == CellState::kFailed ? QString() : u"·"_s;
  }
  // Nothing measured at this precision is a plain 0.
  const QString text = fixedText(c->value, m_decimals);
  return text == fixedText(0, m_decimals) ? u"0"_s : text;
}

void HeatMap::draw(QPainter* base) const {
  auto* painter = static_cast<QCPPainter*>(base);
  const Tokens& t = tokens();
  painter->setAntialiasing(false);
  painter->setFont(Theme::instance().smallFont());
  const bool numbers = showsNumbers();
  const bool anySelected = !selection().isEmpty();
  for (int row = 0; row < m_data.rows.size(); ++row) {
    for (int column = 0; column < m_data.columns.size(); ++column) {
      const HeatCell* c = cell(row, column);
      if (c == nullptr) {
        continue;
      }
      const QRectF rect = cellRect(row, column);
      const bool value = std::isfinite(c->value) && c->state != CellState::kNotRun &&
                         c->state != CellState::kFailed;
      const QColor ground = value ? t.divergingColour(c->value / m_limit) : t.notRun;
      painter->setPen(Qt::NoPen);
      painter->fillRect(rect, ground);
      if (c->state == CellState::kFailed) {
        drawHatch(painter, rect, t.worse);
      }
      if (numbers || !value) {
        painter->setPen(value ? t.textOn(ground) : t.dim);
        painter->drawText(rect, Qt::AlignCenter, numbers ? cellText(row, column) : u"·"_s);
      }
    }
  }
  painter->setBrush(Qt::NoBrush);
  for (int row = 0; row < m_data.rows.size() && anySelected; ++row) {
    for (int column = 0; column < m_data.columns.size(); ++column) {
      const HeatCell* c = cell(row, column);
      if (c != nullptr && !c->key.isEmpty() && selection().contains(c->key)) {
        const QRectF rect = cellRect(row, column);
        painter->setPen(QPen(t.card, 4));
        painter->drawRect(rect.adjusted(2, 2, -2, -2));
        painter->setPen(QPen(t.text, 2));
        painter->drawRect(rect.adjusted(1, 1, -1, -1));
      }
    }
  }
  if (m_cursorRow >= 0 && m_cursorColumn >= 0 && plot()->hasFocus()) {
    painter->setPen(QPen(t.accent, 2, Qt::DashLine));
    painter->drawRect(cellRect(m_cursorRow, m_cursorColumn).adjusted(1, 1, -1, -1));
  }
}

void HeatMap::adapt(const QSize& size) {
  const QFontMetricsF metrics(Theme::instance().axisFont());
  QSharedPointer<QCPAxisTickerText> rows(new QCPAxisTickerText);
  const double rowHeight = (size.height() - 50.0) / std::max<double>(1, m_data.rows.size());
  const int everyRow = std::max(1, int(std::ceil(metrics.height() / std::max(1.0, rowHeight))));
  for (int row = 0; row < m_data.rows.size(); row += everyRow) {
    rows->addTick(row, metrics.elidedText(m_data.rows[row], Qt::ElideMiddle, size.width() * 0.35));
  }
  plot()->yAxis->setTicker(rows);
  QSharedPointer<QCPAxisTickerText> columns(new QCPAxisTickerText);
  const double slot = (size.width() - 130.0) / std::max<double>(1, m_data.columns.size());
  double widest = 0;
  for (const QString& name : m_data.columns) {
    widest = std::max(widest, metrics.horizontalAdvance(name));
  }
  const bool rotate = widest > slot - 6;
  const int every =
      std::max(1, int(std::ceil(metrics.height() * 1.05 / std::max(1.0, rotate ? slot : 1e3))));
  for (int column = 0; column < m_data.columns.size(); column += every) {
    columns->addTick(column, m_data.columns[column]);
  }
  plot()->xAxis->setTicker(columns);
  plot()->xAxis->setTickLabelRotation(rotate ? -25 : 0);
}

void HeatMap::applyColours() {
  const Tokens& t = tokens();
  const Theme& theme = Theme::instance();
  styleAxes(plot(), t);
  for (QCPAxis* axis : {plot()->xAxis, plot()->yAxis}) {
    axis->setTickLength(0, 0);
    axis->setBasePen(Qt::NoPen);
    axis->grid()->setVisible(false);
  }
  plot()->yAxis->setLabel(m_data.rowTitle);
  QCPColorGradient gradient;
  gradient.setColorInterpolation(QCPColorGradient::ciRGB);
  gradient.setLevelCount(256);
  QMap<double, QColor> stops;
  for (int i = 0; i <= 16; ++i) {
    stops.insert(i / 16.0, t.divergingColour(i / 8.0 - 1.0));
  }
  gradient.setColorStops(stops);
  m_scale->setGradient(gradient);
  QCPAxis* axis = m_scale->axis();
  axis->setBasePen(QPen(t.axis, 1));
  axis->setTickPen(QPen(t.axis, 1));
  axis->setSubTicks(false);
  axis->setTickLength(0, 3);
  axis->setTickLabelColor(t.dim);
  axis->setTickLabelFont(theme.axisFont());
  axis->setLabelColor(t.dim);
  axis->setLabelFont(theme.axisFont());
  axis->setLabel(m_data.scaleLabel);
  QSharedPointer<NumberTicker> ticker(new NumberTicker(true));
  ticker->setTickCount(5);
  axis->setTicker(ticker);
  for (QCPAxis* other : m_scale->findChildren<QCPAxis*>()) {
    if (other != axis) {
      other->setBasePen(QPen(t.axis, 1));
      other->setTickPen(Qt::NoPen);
      other->setSubTickPen(Qt::NoPen);
    }
  }
}

QPair<int, int> HeatMap::cellAt(const QPointF& point) const {
  if (!plot()->axisRect()->rect().contains(point.toPoint())) {
    return {-1, -1};
  }
  return {int(std::lround(plot()->yAxis->pixelToCoord(point.y()))),
          int(std::lround(plot()->xAxis->pixelToCoord(point.x())))};
}

QString HeatMap::keyAt(const QPointF& point) const {
  const auto [row, column] = cellAt(point);
  const HeatCell* c = cell(row, column);
  return c != nullptr ? c->key : QString();
}

QString HeatMap::tooltipAt(const QPointF& point) const {
  const auto [row, column] = cellAt(point);
  const HeatCell* c = cell(row, column);
  if (c == nullptr) {
    return {};
  }
  QString text = QString(m_data.rows[row] + u" · "_s + m_data.columns[column] + u'\n');
  switch (c->state) {
    case CellState::kNotRun:
      text += tr("not run");
      break;
    case CellState::kFailed:
      text += tr("failed");
      break;
    case CellState::kRunning:
    case CellState::kValue:
      text += m_data.scaleLabel + u": "_s +
              (std::isfinite(c->low) && std::isfinite(c->high)
                   ? intervalText(c->value, (c->high - c->low) / 2)
                   : shortText(c->value, 4, true, 6));
      if (c->state == CellState::kRunning) {
        text += tr(" (running)");
      }
      break;
  }
  if (!c->tooltip.isEmpty()) {
    text += u'\n' + c->tooltip;
  }
  return text;
}

bool HeatMap::keyPressed(QKeyEvent* event) {
  int row = 0;
  int column = 0;
  switch (event->key()) {
    case Qt::Key_Up:
      row = -1;
      break;
    case Qt::Key_Down:
      row = 1;
      break;
    case Qt::Key_Left:
      column = -1;
      break;
    case Qt::Key_Right:
      column = 1;
      break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (const HeatCell* c = cell(m_cursorRow, m_cursorColumn);
          c != nullptr && !c->key.isEmpty()) {
        Q_EMIT activated(c->key);
      }
      return true;
    default:
      return PlotView::keyPressed(event);
  }
  if (!hasData() || event->modifiers() != Qt::NoModifier) {
    return false;
  }
  m_cursorRow = std::clamp(m_cursorRow + row, 0, int(m_data.rows.size()) - 1);
  m_cursorColumn = std::clamp(m_cursorColumn + column, 0, int(m_data.columns.size()) - 1);
  if (const HeatCell* c = cell(m_cursorRow, m_cursorColumn); c != nullptr && !c->key.isEmpty()) {
    Q_EMIT picked(c->key, false);
  }
  replotSoon();
  return true;
}

PlotTable HeatMap::table() const {
  PlotTable table;
  table.headers << tr("Place") << tr("Format") << m_data.scaleLabel << tr("95 % low")
                << tr("95 % high");
  const auto number = [](double v) { return std::isfinite(v) ? QVariant(v) : QVariant(); };
  for (int row = 0; row < m_data.rows.size(); ++row) {
    for (int column = 0; column < m_data.columns.size(); ++column) {
      const HeatCell* c = cell(row, column);
      if (c == nullptr) {
        continue;
      }
      const QVariant value = c->state == CellState::kNotRun   ? QVariant(tr("not run"))
                             : c->state == CellState::kFailed ? QVariant(tr("failed"))
                                                              : number(c->value);
      table.rows << QVariantList{m_data.rows[row], m_data.columns[column], value, number(c->low),
                                 number(c->high)};
    }
  }
  return table;
}

QString HeatMap::mainFact() const {
  const HeatCell* worst = nullptr;
  qsizetype at = 0;
  for (qsizetype i = 0; i < m_data.cells.size(); ++i) {
    const HeatCell& c = m_data.cells[i];
    if (std::isfinite(c.value) && (worst == nullptr || c.value > worst->value)) {
      worst = &c;
      at = i;
    }
  }
  if (worst == nullptr || m_data.columns.isEmpty()) {
    return tr("No values yet");
  }
  return tr("Most sensitive: %1 in %2, %3 (%4)")
      .arg(m_data.rows[at / m_data.columns.size()], m_data.columns[at % m_data.columns.size()],
           shortText(worst->value, 3, true), m_data.scaleLabel);
}

std::unique_ptr<PlotView> HeatMap::copy() const {
  auto other = std::make_unique<HeatMap>();
  other->setData(m_data);
  copyBaseTo(other.get());
  return other;
}

}  // namespace mxscope::ui
