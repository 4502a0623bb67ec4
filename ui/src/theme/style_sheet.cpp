// SPDX-License-Identifier: GPL-3.0-or-later
#include "theme/style_sheet.h"

#include "theme/tokens.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

constexpr char kSheet[] = R"(
QMainWindow, QDialog, QWizard { background: @window; }
QToolTip { background: @tooltip; color: @tooltipText; border: 1px solid @frame; padding: 4px 6px; }
QMainWindow::separator { background: transparent; width: 6px; height: 6px; }
QMainWindow::separator:hover { background: @accent; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: @segment; }

QMenuBar { background: @window; color: @text; border-bottom: 1px solid @border; padding: 1px 4px; }
QMenuBar::item { padding: 4px 9px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: @hover; }
QMenu { background: @card; color: @text; border: 1px solid @border; padding: 4px; }
QMenu::item { padding: 5px 26px 5px 26px; border-radius: 4px; }
QMenu::item:selected { background: @selection; color: @selectionText; }
QMenu::item:disabled { color: @disabled; }
QMenu::separator { height: 1px; background: @border; margin: 4px 8px; }
QMenu::icon { left: 6px; }

QToolBar { background: @window; border: none; border-bottom: 1px solid @border; padding: 4px 6px; spacing: 4px; }
QToolBar::separator { background: @border; width: 1px; margin: 5px 6px; }
QStatusBar { background: @window; color: @text; border-top: 1px solid @border; }
QStatusBar::item { border: none; }

QDockWidget { color: @text; font-weight: bold; titlebar-close-icon: url(:/mxscope/themes/@arrow-dock-close.svg); titlebar-normal-icon: url(:/mxscope/themes/@arrow-dock-float.svg); }
QDockWidget::title { background: @window; padding: 7px 10px; text-align: left; }
QDockWidget::close-button, QDockWidget::float-button { subcontrol-origin: padding; subcontrol-position: right center; border: none; border-radius: 4px; padding: 0px; icon-size: 16px; }
QDockWidget::close-button { right: 8px; }
QDockWidget::float-button { right: 30px; }
QDockWidget::close-button:hover, QDockWidget::float-button:hover { background: @hover; }

QTabBar { background: transparent; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: @dim; padding: 6px 14px; border: none; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; font-weight: bold; }
QTabBar::tab:hover:!selected { color: @text; background: @hover; }
QTabBar::tab:focus { border: 2px solid @accent; }
QTabWidget::pane { border: none; border-top: 1px solid @border; }

QFrame[role="card"] { background: @card; border: 1px solid @border; border-radius: 6px; }
QFrame[role="banner-error"] { background: @errorBack; border: 1px solid @errorBorder; border-radius: 6px; }
QFrame[role="banner-warning"] { background: @warningBack; border: 1px solid @warning; border-radius: 6px; }
QFrame[role="chip"] { background: @hover; border: 1px solid @border; border-radius: 10px; }
QFrame[role="rule"] { background: @border; border: none; }

QLabel { background: transparent; }
QLabel[role="title"], QLabel[role="heading"] { font-weight: bold; color: @text; }
QLabel[role="headline"] { font-weight: bold; font-size: @size18pt; color: @text; }
QLabel[role="dim"] { color: @dim; }
QLabel[role="small"] { color: @dim; font-size: @size8.5pt; }
QLabel[role="better"] { color: @better; }
QLabel[role="worse"] { color: @worse; }
QLabel[role="warning"] { color: @warning; }

QPushButton, QToolButton { outline: none; }
QPushButton { background: @card; color: @text; border: 1px solid @frameSoft; border-radius: 5px; padding: 5px 12px; min-height: @line; }
QPushButton:hover { background: @hover; }
QPushButton:pressed { background: @segment; }
QPushButton:checked { background: @segment; color: @segmentText; }
QPushButton:focus { border: 2px solid @accent; padding: 4px 11px; }
QPushButton:disabled { color: @disabled; background: @window; border-color: @border; }
QPushButton[role="primary"] { background: @accent; color: @accentText; border: 1px solid @accent; font-weight: bold; }
QPushButton[role="primary"]:hover { background: @accentHover; }
QPushButton[role="primary"]:focus { border: 2px solid @text; padding: 4px 11px; }
QPushButton[role="primary"]:disabled { background: @hover; color: @disabled; border-color: @border; }
QPushButton[role="flat"] { background: transparent; border: 1px solid transparent; }
QPushButton[role="flat"]:hover { background: @hover; }
QPushButton[role="flat"]:focus { border: 2px solid @accent; padding: 4px 11px; }
QPushButton[role="link"] { background: transparent; border: 1px solid transparent; color: @link; text-decoration: underline; padding: 3px 6px; }
QPushButton[role="link"]:hover { background: @hover; }
QPushButton[role="link"]:focus { border: 2px solid @accent; padding: 2px 5px; }
QPushButton[role="link"]:disabled { color: @disabled; text-decoration: none; }

QToolButton { background: transparent; color: @text; border: 1px solid transparent; border-radius: 5px; padding: 4px 7px; min-height: @line; }
QToolButton:hover { background: @hover; }
QToolButton:pressed, QToolButton:open { background: @segment; color: @segmentText; }
QToolButton:checked { background: @segment; color: @segmentText; }
QToolButton:focus { border: 2px solid @accent; padding: 3px 6px; }
QToolButton:disabled { color: @disabled; }
QToolButton::menu-indicator { image: none; }
QToolButton[popupMode="1"] { padding-right: 18px; }
QToolButton::menu-button { border: none; width: 14px; }
QToolButton[role="primary"] { background: @accent; color: @accentText; font-weight: bold; border: 1px solid @accent; padding: 4px 14px; }
QToolButton[role="primary"]:hover { background: @accentHover; }
QToolButton[role="primary"]:focus { border: 2px solid @text; padding: 3px 13px; }
QToolButton[role="primary"]:disabled { background: @hover; color: @disabled; border-color: @border; }
QToolButton[segment] { border: 1px solid @border; border-radius: 0px; padding: 3px 9px; background: @card; }
QToolButton[segment="middle"], QToolButton[segment="last"] { border-left: none; }
QToolButton[segment="first"] { border-top-left-radius: 5px; border-bottom-left-radius: 5px; }
QToolButton[segment="last"] { border-top-right-radius: 5px; border-bottom-right-radius: 5px; }
QToolButton[segment="only"] { border-radius: 5px; }
QToolButton[segment]:hover { background: @hover; }
QToolButton[segment]:checked { background: @segment; color: @segmentText; font-weight: bold; }
QToolButton[segment]:focus { border: 2px solid @accent; padding: 2px 8px; }
QToolButton[segment]:disabled { color: @disabled; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox { background: @base; color: @text; border: 1px solid @border; border-radius: 5px; padding: 4px 7px; selection-background-color: @accent; selection-color: @accentText; }
QPlainTextEdit, QTextEdit { padding: 3px; }
QLineEdit, QSpinBox, QDoubleSpinBox { border-color: @frameSoft; min-height: @line; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus { border: 2px solid @accent; padding: 3px 6px; }
QPlainTextEdit:focus, QTextEdit:focus { padding: 2px; }
QLineEdit:disabled, QSpinBox:disabled, QComboBox:disabled { color: @disabled; background: @window; border-color: @border; }
QLineEdit[invalid="true"], QPlainTextEdit[invalid="true"], QSpinBox[invalid="true"], QComboBox[invalid="true"] { border: 2px solid @worse; padding: 3px 6px; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-origin: border; subcontrol-position: top right; width: 18px; border: none; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-origin: border; subcontrol-position: bottom right; width: 18px; border: none; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(:/mxscope/themes/@arrow-up.svg); width: 9px; height: 9px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(:/mxscope/themes/@arrow-down.svg); width: 9px; height: 9px; }

QComboBox { background: @card; color: @text; border: 1px solid @frameSoft; border-radius: 5px; padding: 4px 8px; min-height: @line; }
QComboBox:hover { background: @hover; }
QComboBox:focus { border: 2px solid @accent; padding: 3px 7px; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url(:/mxscope/themes/@arrow-down.svg); width: 10px; height: 10px; }
QComboBox QAbstractItemView { background: @card; color: @text; border: 1px solid @border; selection-background-color: @selection; selection-color: @selectionText; outline: none; }

QGroupBox { border: 1px solid @border; border-radius: 6px; margin-top: 10px; padding: 8px 8px 6px 8px; }
QGroupBox::title { subcontrol-origin: margin; left: 10px; padding: 0 4px; color: @text; }

QAbstractItemView { background: @base; alternate-background-color: @alternate; color: @text; selection-background-color: @selection; selection-color: @selectionText; }
QTableView, QTreeView, QListView { border: 1px solid @border; border-radius: 5px; gridline-color: transparent; outline: none; }
QListWidget::item { padding: 2px 4px; }
QTableView:focus, QTreeView:focus, QListView:focus { border: 1px solid @accent; }
QTreeView::branch { background: transparent; }
QTreeView::branch:has-children:closed { image: url(:/mxscope/themes/@arrow-branch-closed.svg); }
QTreeView::branch:has-children:open { image: url(:/mxscope/themes/@arrow-branch-open.svg); }
QHeaderView { background: @header; border: none; }
QHeaderView::section { background: @header; color: @dim; border: none; border-bottom: 1px solid @border; border-right: 1px solid @border; padding: 4px 7px; }
QTableView[dense="true"] QHeaderView::section { padding: 4px 4px; }
QHeaderView::section:hover { color: @text; background: @hover; }
QHeaderView::section:last { border-right: none; }
QTableCornerButton::section { background: @header; border: none; border-bottom: 1px solid @border; }

QScrollArea { border: none; background: transparent; }
QScrollArea > QWidget > QWidget { background: transparent; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: @scroll; border-radius: 4px; margin: 2px; }
QScrollBar::handle:hover { background: @frame; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QProgressBar { background: @track; border: none; border-radius: 4px; min-height: 8px; max-height: 8px; text-align: center; color: transparent; }
QProgressBar::chunk { background: @accent; border-radius: 4px; }
)";

}  // namespace

QString styleSheet(const Tokens& t, double fontScale, int lineHeight) {
  QString sheet = QString::fromLatin1(kSheet);
  const auto size = [fontScale](double points) -> QString {
    return QString::number(points * fontScale, 'f', 2) + "pt"_L1;
  };
  sheet.replace("@size18pt"_L1, size(18));
  sheet.replace("@line"_L1, QString::number(lineHeight) + "px"_L1);
  sheet.replace("@size8.5pt"_L1, size(8.5));
  sheet.replace("@arrow"_L1, t.dark ? "arrow-dark"_L1 : "arrow-light"_L1);
  // Longer names stand before their prefixes.
  const std::pair<const char*, QColor> colours[] = {
      {"@tooltipText", t.tooltipText},
      {"@tooltip", t.tooltip},
      {"@window", t.window},
      {"@card", t.card},
      {"@base", t.base},
      {"@alternate", t.alternate},
      {"@header", t.header},
      {"@text", t.text},
      {"@dim", t.dim},
      {"@disabled", t.disabled},
      {"@border", t.border},
      {"@frameSoft", mixColours(t.border, t.frame, 0.45)},
      {"@frame", t.frame},
      {"@accentHover", mixColours(t.accent, t.dark ? QColor(Qt::white) : QColor(Qt::black), 0.12)},
      {"@accentText", t.accentText},
      {"@accent", t.accent},
      {"@better", t.better},
      {"@worse", t.worse},
      {"@warningBack", t.warningBack},
      {"@warning", t.warning},
      {"@errorBack", t.errorBack},
      {"@errorBorder", t.errorBorder},
      {"@hover", t.hover},
      {"@segmentText", t.segmentText},
      {"@segment", t.segment},
      {"@selectionText", t.selectionText},
      {"@selection", t.selection},
      {"@link", t.link},
      {"@scroll", mixColours(t.border, t.frame, 0.35)},
      {"@track", mixColours(t.border, t.window, 0.3)}};
  for (const auto& [key, colour] : colours) {
    sheet.replace(QLatin1String(key), colour.name());
  }
  return sheet;
}

}  // namespace mxscope::ui
