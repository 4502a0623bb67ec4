// SPDX-License-Identifier: GPL-3.0-or-later
#include "theme/theme.h"

#include <QApplication>
#include <QFontDatabase>
#include <QFontMetrics>
#include <QPalette>
#include <algorithm>

#include "theme/colour_scheme_portal.h"
#include "theme/style.h"
#include "theme/style_sheet.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

QPalette paletteOf(const Tokens& t) {
  QPalette p;
  p.setColor(QPalette::Window, t.window);
  p.setColor(QPalette::WindowText, t.text);
  p.setColor(QPalette::Base, t.base);
  p.setColor(QPalette::AlternateBase, t.alternate);
  p.setColor(QPalette::ToolTipBase, t.tooltip);
  p.setColor(QPalette::ToolTipText, t.tooltipText);
  p.setColor(QPalette::PlaceholderText, t.dim);
  p.setColor(QPalette::Text, t.text);
  p.setColor(QPalette::Button, t.card);
  p.setColor(QPalette::ButtonText, t.text);
  p.setColor(QPalette::BrightText, t.worse);
  p.setColor(QPalette::Highlight, t.selection);
  p.setColor(QPalette::HighlightedText, t.selectionText);
  p.setColor(QPalette::Link, t.link);
  p.setColor(QPalette::LinkVisited, t.link);
  p.setColor(QPalette::Light, t.card);
  p.setColor(QPalette::Midlight, t.hover);
  p.setColor(QPalette::Mid, t.border);
  p.setColor(QPalette::Dark, t.frame);
  p.setColor(QPalette::Shadow, t.dark ? QColor(Qt::black) : t.frame);
  for (const QPalette::ColorRole role :
       {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText}) {
    p.setColor(QPalette::Disabled, role, t.disabled);
  }
  return p;
}

}  // namespace

Theme& Theme::instance() {
  static Theme* theme = new Theme;  // outlives every widget; destruction order is of no concern
  return *theme;
}

Theme::Theme() : m_tokens(loadTokens(u"light"_s)), m_family(u"Noto Sans"_s) {}

void Theme::install(QApplication& application) {
  m_application = &application;
  if (!QFontDatabase::families().contains(m_family)) {
    m_family = QFontDatabase::systemFont(QFontDatabase::GeneralFont).family();
  }
  application.setStyle(new Style);
  if (m_portal == nullptr) {
    m_portal = new ColourSchemePortal(this);
    connect(m_portal, &ColourSchemePortal::schemeChanged, this, [this] {
      if (m_mode == Mode::kSystem) {
        refresh();
      }
    });
  }
  refresh();
}

void Theme::setMode(Mode mode) {
  if (m_mode != mode) {
    m_mode = mode;
    refresh();
  }
}

void Theme::setHighContrast(bool on) {
  if (m_highContrast != on) {
    m_highContrast = on;
    refresh();
  }
}

void Theme::setFontPercent(int percent) {
  percent = std::clamp(percent, 80, 200);
  if (m_fontPercent != percent) {
    m_fontPercent = percent;
    refresh();
  }
}

void Theme::setFontFamily(const QString& family) {
  if (m_family != family) {
    m_family = family;
    refresh();
  }
}

void Theme::refresh() {
  const bool dark =
      m_mode == Mode::kDark || (m_mode == Mode::kSystem && m_portal != nullptr && m_portal->dark());
  QString name = dark ? u"dark"_s : u"light"_s;
  if (m_highContrast) {
    name += "-contrast"_L1;
  }
  m_tokens = loadTokens(name);
  if (m_application != nullptr) {
    QApplication::setPalette(paletteOf(m_tokens));
    QApplication::setFont(textFont());
    m_application->setStyleSheet(
        styleSheet(m_tokens, m_fontPercent / 100.0, QFontMetrics(textFont()).height()));
  }
  Q_EMIT changed();
}

QFont Theme::fontOf(double points, bool bold) const {
  QFont font(m_family);
  font.setPointSizeF(points * m_fontPercent / 100.0);
  font.setBold(bold);
  return font;
}

QFont Theme::textFont() const { return fontOf(9.5, false); }
QFont Theme::axisFont() const { return fontOf(8.5, false); }
QFont Theme::smallFont() const { return fontOf(8.0, false); }
QFont Theme::titleFont() const { return fontOf(9.5, true); }
QFont Theme::hugeFont() const { return fontOf(18.0, true); }

int Theme::rowHeight() const { return std::max(24, QFontMetrics(textFont()).height() + 8); }

}  // namespace mxscope::ui
