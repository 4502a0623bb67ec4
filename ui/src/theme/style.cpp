// SPDX-License-Identifier: GPL-3.0-or-later
#include "theme/style.h"

#include <QPainter>
#include <QPainterPath>
#include <QStyleFactory>
#include <QStyleOption>
#include <QTabBar>

#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

void drawCheckBox(const QStyleOption* option, QPainter* painter) {
  const Tokens& t = Theme::instance().tokens();
  const bool enabled = option->state & QStyle::State_Enabled;
  const bool on = option->state & QStyle::State_On;
  const bool partial = option->state & QStyle::State_NoChange;
  const bool hot = option->state & (QStyle::State_MouseOver | QStyle::State_HasFocus);
  const qreal side = std::min({option->rect.width(), option->rect.height(), 16}) - 2.0;
  QRectF box(0, 0, side, side);
  box.moveCenter(QRectF(option->rect).center());
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  QColor fill = t.base;
  QColor edge = hot ? t.accent : t.frame;
  if (on || partial) {
    fill = enabled ? t.accent : t.disabled;
    edge = fill;
  } else if (!enabled) {
    edge = t.disabled;
  }
  painter->setPen(QPen(edge, 1.2));
  painter->setBrush(fill);
  painter->drawRoundedRect(box, 3, 3);
  painter->setPen(QPen(t.accentText, 1.8, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
  painter->setBrush(Qt::NoBrush);
  const auto at = [&box](qreal x, qreal y) {
    return QPointF(box.x() + x * box.width(), box.y() + y * box.height());
  };
  if (partial) {
    painter->drawLine(at(0.25, 0.5), at(0.75, 0.5));
  } else if (on) {
    painter->drawPolyline(QPolygonF({at(0.22, 0.52), at(0.42, 0.72), at(0.78, 0.30)}));
  }
  painter->restore();
}

}  // namespace

Style::Style() : QProxyStyle(QStyleFactory::create(u"Fusion"_s)) {}

void Style::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                          const QWidget* widget) const {
  switch (element) {
    case PE_IndicatorCheckBox:
    case PE_IndicatorItemViewItemCheck:
      drawCheckBox(option, painter);
      return;
    case PE_FrameFocusRect: {
      if (qobject_cast<const QTabBar*>(widget) != nullptr) {
        return;  // the style sheet frames the whole tab; a ring within it would cross its text
      }
      painter->save();
      painter->setRenderHint(QPainter::Antialiasing);
      painter->setPen(QPen(Theme::instance().tokens().accent, 2));
      painter->setBrush(Qt::NoBrush);
      painter->drawRoundedRect(QRectF(option->rect).adjusted(1, 1, -1, -1), 3, 3);
      painter->restore();
      return;
    }
    default:
      QProxyStyle::drawPrimitive(element, option, painter, widget);
  }
}

int Style::pixelMetric(PixelMetric metric, const QStyleOption* option,
                       const QWidget* widget) const {
  switch (metric) {
    case PM_IndicatorWidth:
    case PM_IndicatorHeight:
      return 16;
    case PM_SmallIconSize:
    case PM_ButtonIconSize:
    case PM_TabBarIconSize:
      return 16;
    case PM_ToolBarIconSize:
      return 20;
    default:
      return QProxyStyle::pixelMetric(metric, option, widget);
  }
}

int Style::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget,
                     QStyleHintReturn* data) const {
  switch (hint) {
    case SH_Widget_Animation_Duration:
      return 0;
    case SH_ToolTip_WakeUpDelay:
      return 400;
    case SH_DialogButtonBox_ButtonsHaveIcons:  // the platform's icons fit neither theme
      return 0;
    case SH_UnderlineShortcut:
      return 1;
    default:
      return QProxyStyle::styleHint(hint, option, widget, data);
  }
}

}  // namespace mxscope::ui
