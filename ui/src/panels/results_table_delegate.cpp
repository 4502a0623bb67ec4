// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/results_table_delegate.h"

#include <QApplication>
#include <QLineEdit>
#include <QPainter>
#include <cmath>

#include "models/results_model.h"
#include "theme/theme.h"

namespace mxscope::ui {
namespace {

constexpr int kBarWidth = 64;  // px of the mini bar, left and right of its zero line together
constexpr int kNarrowestBar = 28;
constexpr int kSwatch = 10;

void drawBar(QPainter* painter, const QRect& area, const QVariantList& bar, double width,
             const Tokens& t, const QColor& ink) {
  const double value = bar[0].toDouble();
  const double low = bar[1].toDouble();
  const double high = bar[2].toDouble();
  const double scale = bar[3].toDouble();
  const bool known = std::isfinite(low) && std::isfinite(high);
  const bool unclear = known && low <= 0 && high >= 0;
  const QColor colour = unclear ? t.neutral : value > 0 ? t.worse : t.better;
  // Columns without negative values use the whole width for positive ones.
  const double left = bar[4].toBool() ? width / 2.0 : 4.0;
  const double right = width - left;
  const double middle = std::round(area.left() + left);
  const auto at = [&](double v) {
    const double share = std::clamp(v / scale, -1.0, 1.0);
    return middle + share * ((share < 0 ? left : right) - 3);
  };
  const double y = area.center().y() + 0.5;
  painter->setRenderHint(QPainter::Antialiasing, false);
  painter->fillRect(
      QRectF(std::min(middle, at(value)), y - 4, std::max(1.0, std::abs(at(value) - middle)), 8),
      colour);
  painter->setPen(QPen(ink, 1));
  painter->drawLine(QLineF(middle, area.top() + 4, middle, area.bottom() - 4));
  if (known) {
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(QPen(ink, 1.2, Qt::SolidLine, Qt::FlatCap));
    painter->drawLine(QLineF(at(low), y, at(high), y));
    painter->drawLine(QLineF(at(low), y - 3, at(low), y + 3));
    painter->drawLine(QLineF(at(high), y - 3, at(high), y + 3));
  }
  if (std::abs(value) > scale) {
    // Cut: an arrow head says that it goes on.
    const double tip = value > 0 ? middle + right : middle - left;
    const double back = value > 0 ? tip - 5 : tip + 5;
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    painter->setBrush(colour);
    painter->drawPolygon(QPolygonF({QPointF(tip, y), QPointF(back, y - 6), QPointF(back, y + 6)}));
  }
}

}  // namespace

void ResultsTableDelegate::paint(QPainter* painter, const QStyleOptionViewItem& given,
                                 const QModelIndex& index) const {
  QStyleOptionViewItem option = given;
  initStyleOption(&option, index);
  const Tokens& t = Theme::instance().tokens();
  const bool selected = option.state & QStyle::State_Selected;
  const QColor ink = selected ? t.selectionText : t.text;
  if (index.data(ResultsModel::kGroupRole).toBool()) {
    painter->fillRect(option.rect, t.header);
    painter->setPen(t.text);
    painter->setFont(option.font);
    // The name of a group runs on over the columns without a number.
    QRect area = option.rect.adjusted(6, 0, -6, 0);
    const bool name = index.column() == ResultsModel::kRun;
    if (name || !option.text.isEmpty()) {
      if (name) {
        area.setRight(area.left() + 600);
        painter->setClipping(false);
      }
      painter->drawText(area, int(option.displayAlignment), option.text);
    }
    return;
  }
  const QStyle* style = option.widget != nullptr ? option.widget->style() : QApplication::style();
  if (index.data(ResultsModel::kHiddenRole).toBool() && !selected) {
    option.palette.setColor(QPalette::Text, t.disabled);
  }
  const QVariant bar = index.data(ResultsModel::kBarRole);
  if (bar.isValid()) {
    const QString text = option.text;
    option.text.clear();
    style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);
    painter->save();
    painter->setClipRect(option.rect);
    // The number goes first: a narrow column shortens its bar, then leaves it out.
    const int room =
        option.rect.width() - QFontMetrics(option.font).horizontalAdvance(text) - 6 - 7 - 6;
    if (room >= kNarrowestBar) {
      drawBar(painter, option.rect.adjusted(6, 0, 0, 0), bar.toList(), std::min(room, kBarWidth), t,
              ink);
    }
    painter->setPen(index.data(ResultsModel::kHiddenRole).toBool() && !selected ? t.disabled : ink);
    painter->setFont(option.font);
    painter->drawText(option.rect.adjusted(4, 0, -7, 0), Qt::AlignRight | Qt::AlignVCenter, text);
    painter->restore();
    return;
  }
  const QVariant colour = index.data(ResultsModel::kColourRole);
  if (colour.isValid()) {
    const QPoint series = colour.toPoint();
    // Room for the swatch between the check box and the number.
    const QString text = option.text;
    option.text.clear();
    style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);
    const QRect check =
        style->subElementRect(QStyle::SE_ItemViewItemCheckIndicator, &option, option.widget);
    const QRect swatch(check.right() + 7, option.rect.center().y() - kSwatch / 2, kSwatch, kSwatch);
    painter->fillRect(swatch, t.seriesColour({series.x(), series.y()}));
    painter->setPen(index.data(ResultsModel::kHiddenRole).toBool() && !selected ? t.disabled : ink);
    painter->setFont(option.font);
    painter->drawText(
        QRect(QPoint(swatch.right() + 7, option.rect.top()), option.rect.bottomRight()),
        Qt::AlignLeft | Qt::AlignVCenter, text);
    return;
  }
  if (index.column() == ResultsModel::kState && !selected) {
    const QString state = option.text;
    if (state == ResultsModel::tr("Failed")) {
      option.palette.setColor(QPalette::Text, t.worse);
    }
  }
  style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);
}

QSize ResultsTableDelegate::sizeHint(const QStyleOptionViewItem& option,
                                     const QModelIndex& index) const {
  if (index.data(ResultsModel::kGroupRole).toBool()) {
    return {20, 25};
  }
  QSize size = QStyledItemDelegate::sizeHint(option, index);
  if (index.data(ResultsModel::kBarRole).isValid()) {
    size.rwidth() += kBarWidth + 14;
  }
  if (index.data(ResultsModel::kColourRole).isValid()) {
    size.rwidth() += kSwatch + 16;
  }
  return size + QSize(8, 0);
}

QWidget* ResultsTableDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem&,
                                            const QModelIndex& index) const {
  auto* editor = new QLineEdit(parent);
  editor->setAccessibleName(ResultsModel::title(index.column()));
  return editor;
}

void ResultsTableDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const {
  static_cast<QLineEdit*>(editor)->setText(index.data(Qt::DisplayRole).toString());
}

}  // namespace mxscope::ui
