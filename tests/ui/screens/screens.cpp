// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/screens/screens.h"

#include <QAction>
#include <QApplication>
#include <QDialog>
#include <QElapsedTimer>
#include <QPainter>
#include <QTabWidget>
#include <QTimer>

#include "models/workspace.h"
#include "mxscope/ui/main_window.h"
#include "panels/problem_bar.h"
#include "plots/plot_card.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui::screens {
namespace {

constexpr int kDialogMilliseconds = 20;
constexpr int kRedrawMilliseconds = 70;  // cards draw anew 50 ms after a change

int g_pace = 1;

// Runs `open`, which shows a dialog and returns when it is closed; visits it meanwhile.
void withDialog(const QString& name, const Visit& visit, const std::function<void()>& open) {
  bool seen = false;
  QTimer::singleShot(kDialogMilliseconds * g_pace, qApp, [&] {
    QWidget* dialog = QApplication::activeModalWidget();
    if (dialog == nullptr) {
      return;
    }
    seen = true;
    settle(30);
    visit(name, dialog);
    qobject_cast<QDialog*>(dialog)->reject();
  });
  open();
  if (!seen) {
    qWarning("screens: %s did not open", qPrintable(name));
  }
}

void trigger(MainWindow& window, const char* action) {
  window.findChild<QAction*>(QLatin1String(action))->trigger();
}

}  // namespace

void setPace(int pace) { g_pace = pace; }

void settle(int milliseconds) {
  QElapsedTimer timer;
  timer.start();
  while (timer.elapsed() < qint64(milliseconds) * g_pace) {
    QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
  }
}

void visitStart(MainWindow& window, const Visit& visit) {
  visit(u"start"_s, nullptr);
  auto* tabs = window.findChild<QTabWidget*>(u"bottomTabs"_s);
  for (int tab = 1; tab < tabs->count(); ++tab) {
    tabs->setCurrentIndex(tab);
    settle();
    visit(QString(u"start-"_s + tabs->tabText(tab).section(u' ', 0, 0).toLower()), nullptr);
  }
  tabs->setCurrentIndex(0);
  settle();
}

void visitDialogs(MainWindow& window, const Visit& visit) {
  const std::pair<const char*, const char*> dialogs[] = {{"variants", "experimentAddVariants"},
                                                         {"sweep", "experimentSweep"},
                                                         {"palette", "editPalette"},
                                                         {"settings", "editSettings"},
                                                         {"shortcuts", "helpShortcuts"},
                                                         {"setup", "helpSetup"},
                                                         {"about", "helpAbout"}};
  for (const auto& [name, action] : dialogs) {
    withDialog(QString(u"dialog-"_s + QLatin1String(name)), visit,
               [&, action = action] { trigger(window, action); });
  }
}

void visitCards(MainWindow& window, const Visit& visit) {
  auto* tabs = window.findChild<QTabWidget*>(u"cardTabs"_s);
  for (PlotCard* card : window.findChildren<PlotCard*>()) {
    if (card->id() == "gpu"_L1) {
      continue;
    }
    if (tabs != nullptr) {
      tabs->setCurrentWidget(card);
    } else {
      Q_EMIT card->maximiseRequested(true);
    }
    settle(kRedrawMilliseconds);
    visit(QString(u"card-"_s + card->id()), nullptr);
    if (tabs == nullptr) {
      Q_EMIT card->maximiseRequested(false);
      settle();
    }
  }
  if (tabs != nullptr) {
    tabs->setCurrentIndex(0);
    settle();
  }
}

void visitResults(MainWindow& window, const Visit& visit) {
  Workspace* workspace = window.workspace();
  visit(u"results"_s, nullptr);
  auto* tabs = window.findChild<QTabWidget*>(u"bottomTabs"_s);
  const auto details = [&] {
    // In a narrow window details are a tab.
    for (int tab = 0; tab < tabs->count(); ++tab) {
      if (tabs->widget(tab)->objectName() == "detailsTab"_L1) {
        tabs->setCurrentIndex(tab);
      }
    }
    settle(kRedrawMilliseconds);
  };
  const QStringList runs = workspace->runIds();
  if (runs.size() > 4) {
    workspace->setSelection({runs[4]});
    details();
    visit(u"selected"_s, nullptr);
    workspace->setSelection({runs[1], runs[2], runs[4]});
    details();
    visit(u"compare"_s, nullptr);
    workspace->setSelection({});
    tabs->setCurrentIndex(0);
    settle(kRedrawMilliseconds);
  }
  visitCards(window, visit);
  PlotCard* bars = window.findChild<PlotCard*>(u"card-bars"_s);
  bars->showTable(true);
  settle();
  visit(u"data-table"_s, nullptr);
  bars->showTable(false);
  settle();
  withDialog(u"dialog-export"_s, visit, [&] { bars->exportPicture(); });
  for (int tab = 1; tab < tabs->count(); ++tab) {
    tabs->setCurrentIndex(tab);
    settle();
    visit(QString(u"results-"_s + tabs->tabText(tab).section(u' ', 0, 0).toLower()), nullptr);
  }
  tabs->setCurrentIndex(0);
  settle();
  visitProblems(window, visit);
}

void visitProblems(MainWindow& window, const Visit& visit) {
  auto* bar = window.findChild<ProblemBar*>();
  Problem problem;
  problem.title = u"Llama-3.2-1B was interrupted."_s;
  problem.text =
      u"The program ended while it ran. What it had finished is kept, and the queue is paused."_s;
  problem.code = u"interrupted"_s;
  bar->show(problem, u"Resume"_s);
  settle(kRedrawMilliseconds);
  visit(u"problem-interrupted"_s, nullptr);
  problem.title = u"Llama-3.2-1B failed."_s;
  problem.text =
      u"cuda:0 is out of memory: 27.3 GiB are needed for one window of 8192 tokens with its copies "
      "of weights, 21.9 GiB are free. Other processes hold 1.6 GiB of it. The other jobs continue."_s;
  problem.code = u"out_of_memory"_s;
  bar->show(problem, u"Retry with smaller batch"_s);
  settle(kRedrawMilliseconds);
  visit(u"problems"_s, nullptr);
  bar->dismiss();
  bar->dismiss();
  settle();
}

QPixmap picture(QWidget& window, QWidget* dialog) {
  QPixmap shown = window.grab();
  if (dialog != nullptr) {
    const QPixmap over = dialog->grab();
    QPainter painter(&shown);
    const QSize size = dialog->size();
    const QPoint at((window.width() - size.width()) / 2,
                    std::max(24, (window.height() - size.height()) / 2));
    // The rim that a window manager would draw.
    painter.setPen(QPen(Theme::instance().tokens().frame, 1));
    painter.drawPixmap(at, over);
    painter.drawRect(QRect(at, size).adjusted(-1, -1, 0, 0));
  }
  return shown;
}

}  // namespace mxscope::ui::screens
