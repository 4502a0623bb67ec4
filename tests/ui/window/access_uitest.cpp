// SPDX-License-Identifier: GPL-3.0-or-later
// Keyboard, command palette and accessibility of the whole window. UX.md points 43, 44, 45.
#include <QAbstractScrollArea>
#include <QAccessible>
#include <QComboBox>
#include <QLineEdit>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QTabWidget>
#include <QTableView>
#include <QToolBar>
#include <QToolButton>

#include "panels/results_table.h"
#include "plots/plot_card.h"
#include "plots/plot_view.h"
#include "ui/window/window_fixture.h"
#include "window/command_palette.h"

using namespace mxscope::ui;
using namespace mxscope::ui::testing;

namespace {

QString plain(const QString& text) { return QString(text).remove(QLatin1Char('&')); }

// Every item that a screen reader meets below this one.
void walk(QAccessibleInterface* item, QSet<QObject*>* seen, QList<QAccessibleInterface*>* found) {
  if (!item || !item->isValid() || item->state().invisible) {
    return;
  }
  if (item->object()) {
    if (seen->contains(item->object())) {
      return;
    }
    seen->insert(item->object());
  }
  found->append(item);
  // Cells are told by their table, through its model.
  if (item->role() == QAccessible::Table || item->role() == QAccessible::Tree ||
      item->role() == QAccessible::List) {
    return;
  }
  for (int i = 0; i < item->childCount(); ++i) {
    walk(item->child(i), seen, found);
  }
}

bool needsName(QAccessible::Role role) {
  switch (role) {
    case QAccessible::PushButton:
    case QAccessible::ButtonMenu:
    case QAccessible::ButtonDropDown:
    case QAccessible::CheckBox:
    case QAccessible::RadioButton:
    case QAccessible::ComboBox:
    case QAccessible::EditableText:
    case QAccessible::SpinBox:
    case QAccessible::Slider:
    case QAccessible::Table:
    case QAccessible::Tree:
    case QAccessible::List:
    case QAccessible::ProgressBar:
    case QAccessible::PageTab:
    case QAccessible::MenuItem:
      return true;
    default:
      return false;
  }
}

// Counts what has a name below the widget, and lists what should have one and has none.
int namesBelow(QWidget* root, QStringList* nameless) {
  int named = 0;
  QSet<QObject*> seen;
  QList<QAccessibleInterface*> items;
  walk(QAccessible::queryAccessibleInterface(root), &seen, &items);
  for (QAccessibleInterface* item : items) {
    const auto* widget = qobject_cast<QWidget*>(item->object());
    const bool plot = qobject_cast<PlotView*>(item->object()) != nullptr;
    if (!plot && !needsName(item->role())) {
      continue;
    }
    // Qt's own: scroll bars' buttons, the corner of a table, an empty extension button.
    if (widget && (widget->objectName().startsWith(QLatin1String("qt_")) ||
                   !widget->isVisibleTo(root) || widget->width() == 0)) {
      continue;
    }
    if (item->text(QAccessible::Name).trimmed().isEmpty()) {
      *nameless << QStringLiteral("%1 '%2' in '%3' of '%4', role %5")
                       .arg(item->object()
                                ? QLatin1String(item->object()->metaObject()->className())
                                : QLatin1String("item"),
                            item->object() ? item->object()->objectName() : QString(),
                            item->object() && item->object()->parent()
                                ? item->object()->parent()->objectName()
                                : QString(),
                            root->windowTitle())
                       .arg(int(item->role()));
    } else {
      ++named;
    }
  }
  return named;
}

}  // namespace

class WindowAccessTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_profile, m_folder;
  std::unique_ptr<Shown> m_shown;

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().install(*qApp);
    m_shown = std::make_unique<Shown>(m_profile);
    m_shown->runOne(m_folder);
    m_shown->trigger("viewResults");
    QTest::qWait(100);
  }
  void cleanupTestCase() { m_shown.reset(); }

  // Point 43.
  void everyCommandIsInThePalette() {
    QStringList wanted;
    for (QMenu* menu :
         m_shown->window->menuBar()->findChildren<QMenu*>(Qt::FindDirectChildrenOnly)) {
      for (const QAction* action : leafActions(menu->actions())) {
        wanted << plain(action->text());
      }
    }
    QVERIFY(wanted.size() > 50);
    QStringList missing;
    bool opened = false;
    QTimer::singleShot(0, m_shown->window.get(), [&] {
      auto* palette = m_shown->window->findChild<QDialog*>(QStringLiteral("commandPalette"));
      opened = palette != nullptr;
      auto* field = palette->findChild<QLineEdit*>(QStringLiteral("paletteField"));
      const auto* list = palette->findChild<QListWidget*>(QStringLiteral("paletteList"));
      for (const QString& text : wanted) {
        field->setText(text);
        bool found = false;
        for (int row = 0; row < list->count() && !found; ++row) {
          // A disabled one is followed by its reason.
          found = list->item(row)->text() == text ||
                  list->item(row)->text().startsWith(text + QStringLiteral("  — "));
        }
        if (!found) {
          missing << text;
        }
      }
      palette->reject();
    });
    m_shown->trigger("editPalette");
    QVERIFY(opened);
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join(QStringLiteral(", "))));
  }

  void everyMenuItemIsReachedByKeys() {
    QMenuBar* bar = m_shown->window->menuBar();
    QSet<QAction*> reached;
    QSet<QChar> letters;
    const std::function<void(QMenu*)> visit = [&](QMenu* menu) {
      menu->popup(QPoint(0, 0));
      for (qsizetype step = 0; step < 2 * menu->actions().size(); ++step) {
        QTest::keyClick(menu, Qt::Key_Down);
        if (menu->activeAction()) {
          reached.insert(menu->activeAction());
        }
      }
      menu->hide();
      for (QAction* action : menu->actions()) {
        if (action->menu() && reached.contains(action)) {
          visit(action->menu());
        }
      }
    };
    for (const QAction* top : bar->actions()) {
      const qsizetype at = top->text().indexOf(QLatin1Char('&'));
      QVERIFY2(at >= 0, qPrintable(top->text()));
      const QChar letter = top->text()[at + 1].toLower();
      QVERIFY2(!letters.contains(letter), qPrintable(top->text()));
      letters.insert(letter);
      visit(top->menu());
    }
    QStringList missing;
    for (const QAction* action : leafActions(bar->actions())) {
      if (action->isEnabled() && !reached.contains(const_cast<QAction*>(action))) {
        missing << plain(action->text());
      }
    }
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join(QStringLiteral(", "))));
    QVERIFY(reached.size() > 40);
  }

  // Buttons that no key reaches must do what an action of a menu does.
  void everyButtonIsReachedByKeysOrHasACommand() {
    QSet<const QAction*> commands;
    for (const QAction* action : leafActions(m_shown->window->menuBar()->actions())) {
      commands.insert(action);
    }
    QStringList missing;
    for (const QAbstractButton* button : m_shown->window->findChildren<QAbstractButton*>()) {
      if (!button->isVisible() || (button->focusPolicy() & Qt::TabFocus) ||
          button->objectName().startsWith(QLatin1String("qt_")) ||
          QByteArray(button->metaObject()->className()).startsWith("QDockWidgetTitleButton") ||
          QByteArray(button->metaObject()->className()).startsWith("QTableCornerButton")) {
        continue;  // floating and closing of docks is in the View menu
      }
      const auto* tool = qobject_cast<const QToolButton*>(button);
      if (tool && tool->defaultAction() && commands.contains(tool->defaultAction())) {
        continue;
      }
      missing << QLatin1String(button->metaObject()->className()) + QLatin1Char(' ') +
                     button->objectName() + QLatin1Char(' ') + button->text() + QLatin1Char(' ') +
                     button->accessibleName() + QLatin1String(" in ") +
                     button->parentWidget()->objectName();
    }
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join(QLatin1Char('\n'))));
  }

  // Point 44.
  void noShortcutIsThereTwice() {
    QHash<QKeySequence, QStringList> window;
    QHash<QPair<QObject*, QString>, QStringList> local;
    for (const QAction* action : m_shown->window->findChildren<QAction*>()) {
      for (const QKeySequence& key : action->shortcuts()) {
        if (action->shortcutContext() == Qt::WindowShortcut ||
            action->shortcutContext() == Qt::ApplicationShortcut) {
          window[key] << action->objectName();
        } else {
          local[{action->parent(), key.toString()}] << action->objectName();
        }
      }
    }
    for (auto it = window.cbegin(); it != window.cend(); ++it) {
      QVERIFY2(it->size() == 1, qPrintable(it.key().toString() + it->join(QLatin1Char(' '))));
      // A letter alone would be taken from every text field.
      const QString text = it.key().toString();
      QVERIFY2(
          text.contains(QLatin1Char('+')) || text.startsWith(QLatin1Char('F')) || text.size() > 1,
          qPrintable(text));
    }
    for (auto it = local.cbegin(); it != local.cend(); ++it) {
      QVERIFY2(it->size() == 1, qPrintable(it.key().second + it->join(QLatin1Char(' '))));
      QVERIFY2(!window.contains(QKeySequence(it.key().second)), qPrintable(it.key().second));
    }
    QVERIFY(window.size() > 25);
  }

  void lettersGoIntoTextFields() {
    const QString typed = QStringLiteral("rbptf0 x");
    const Workspace& w = m_shown->workspace();
    const QString fp4 = w.runIds().last();
    int fields = 0;
    auto* tabs = m_shown->find<QTabWidget>("bottomTabs");
    for (int tab = 0; tab < tabs->count(); ++tab) {
      tabs->setCurrentIndex(tab);
      m_shown->workspace().setSelection({fp4});
      for (QWidget* widget : m_shown->window->findChildren<QWidget*>()) {
        auto* line = qobject_cast<QLineEdit*>(widget);
        auto* text = qobject_cast<QPlainTextEdit*>(widget);
        if (!widget->isVisible() || !widget->isEnabled() || (!line && !text) ||
            (line && (line->isReadOnly() || line->validator())) || (text && text->isReadOnly()) ||
            qobject_cast<QAbstractSpinBox*>(widget->parentWidget())) {
          continue;
        }
        ++fields;
        widget->setFocus();
        const QString before = line ? line->text() : text->toPlainText();
        if (line) {
          line->clear();
        } else {
          text->clear();
        }
        QTest::keyClicks(widget, typed);
        QCOMPARE(line ? line->text() : text->toPlainText(), typed);
        QVERIFY(!w.isPinned(fp4));
        QVERIFY(!w.isHidden(fp4));
        QVERIFY(!w.isChosenBaseline(fp4));
        QCOMPARE(w.jobIds().size(), 1);
        if (line) {
          line->setText(before);
        } else {
          text->setPlainText(before);
        }
      }
    }
    QVERIFY2(fields >= 4, qPrintable(QString::number(fields)));
    tabs->setCurrentIndex(0);
  }

  // Point 45.
  void everythingHasAName() {
    auto* tabs = m_shown->find<QTabWidget>("bottomTabs");
    QStringList nameless;
    int named = 0;
    for (int tab = 0; tab < tabs->count(); ++tab) {
      tabs->setCurrentIndex(tab);
      QTest::qWait(20);
      named += namesBelow(m_shown->window.get(), &nameless);
    }
    nameless.removeDuplicates();
    QVERIFY2(nameless.isEmpty(), qPrintable(nameless.join(QLatin1Char('\n'))));
    QVERIFY2(named > 80, qPrintable(QString::number(named)));
    const QList<PlotCard*> cards = m_shown->window->findChildren<PlotCard*>();
    QCOMPARE(cards.size(), 5);
    for (PlotCard* card : cards) {
      QVERIFY2(card->view()->accessibleName().contains(card->title()), qPrintable(card->id()));
      card->showTable(true);
      const bool hasTable = card->tableShown() || !card->view()->hasData();
      QVERIFY2(hasTable, qPrintable(card->id()));
      card->showTable(false);
    }
  }

  // Points 43, 44 and 45 for dialogs: names, Tab reaches all of it, letters stay in text fields.
  void dialogsHaveNamesAndKeys_data() {
    QTest::addColumn<QString>("action");
    for (const char* action :
         {"experimentAddVariants", "experimentSweep", "editPalette", "editSettings",
          "helpShortcuts", "helpSetup", "helpAbout", "resultsPlot"}) {
      QTest::newRow(action) << QString::fromLatin1(action);
    }
  }
  void dialogsHaveNamesAndKeys() {
    QFETCH(const QString, action);
    const Workspace& w = m_shown->workspace();
    m_shown->workspace().setSelection({w.runIds().last()});
    bool opened = false;
    QStringList nameless, unreached;
    int named = 0;
    QTimer::singleShot(50, m_shown->window.get(), [&] {
      auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
      opened = dialog != nullptr;
      if (!opened) {
        return;
      }
      named = namesBelow(dialog, &nameless);
      // Round by Tab, and by arrows within groups that Tab enters at one place.
      QSet<const QWidget*> reached;
      for (int step = 0; step < 200; ++step) {
        QWidget* focus = dialog->focusWidget();
        if (!focus || reached.contains(focus)) {
          break;
        }
        reached.insert(focus);
        if (focus->focusProxy()) {
          reached.insert(focus->focusProxy());
        }
        if (auto* line = qobject_cast<QLineEdit*>(focus);
            line && !line->isReadOnly() && !line->validator()) {
          line->clear();
          QTest::keyClicks(line, QStringLiteral("rbptf0 x"));
          if (line->text() != QStringLiteral("rbptf0 x")) {
            unreached << QStringLiteral("text field takes no letters: ") + line->objectName();
          }
        }
        QTest::keyClick(dialog->focusWidget(), Qt::Key_Tab);
      }
      for (const QWidget* widget : dialog->findChildren<QWidget*>()) {
        const auto* button = qobject_cast<const QAbstractButton*>(widget);
        const bool radio = button && button->autoExclusive();
        if (widget->isVisible() && widget->isEnabled() && !radio && !reached.contains(widget) &&
            !widget->objectName().startsWith(QLatin1String("qt_")) &&
            (button || (widget->focusPolicy() & Qt::TabFocus)) && !widget->focusProxy() &&
            !qobject_cast<const QAbstractScrollArea*>(widget->parentWidget()) &&
            !qobject_cast<const QLineEdit*>(widget->parentWidget()) &&
            !QByteArray(widget->metaObject()->className()).startsWith("QTableCornerButton")) {
          unreached << QLatin1String(widget->metaObject()->className()) + QLatin1Char(' ') +
                           widget->objectName() + QLatin1Char(' ') +
                           (button ? button->text() : QString());
        }
      }
      dialog->reject();
    });
    m_shown->trigger(action.toLatin1());
    QVERIFY(opened);
    QVERIFY2(nameless.isEmpty(), qPrintable(nameless.join(QLatin1Char('\n'))));
    QVERIFY2(unreached.isEmpty(), qPrintable(unreached.join(QLatin1Char('\n'))));
    QVERIFY(named >= 1);
    QVERIFY(!w.isPinned(w.runIds().last()));
    QVERIFY(!w.isChosenBaseline(w.runIds().last()));
  }
};

QTEST_MAIN(WindowAccessTest)
#include "access_uitest.moc"
