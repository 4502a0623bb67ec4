// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QDockWidget>
#include <QMenuBar>
#include <QTabWidget>
#include <QTableView>

#include "models/settings.h"
#include "panels/experiment_panel.h"
#include "panels/log_panel.h"
#include "panels/problem_bar.h"
#include "panels/queue_panel.h"
#include "panels/results_table.h"
#include "panels/welcome_page.h"
#include "plots/plot_card.h"
#include "theme/icons.h"
#include "theme/theme.h"
#include "window/card_area.h"
#include "window/command_palette.h"
#include "window/dialogs.h"
#include "window/main_window_impl.h"

namespace mxscope::ui {

QAction* MainWindow::Impl::action(const QString& name, const QString& text, const QString& iconName,
                                  const QList<QKeySequence>& shortcuts,
                                  const std::function<void()>& run, const QString& tip) {
  auto* made = new QAction(text, m_window);
  made->setObjectName(name);
  if (!iconName.isEmpty()) {
    made->setIcon(icon(iconName));
  }
  made->setShortcuts(shortcuts);
  made->setToolTip(tip.isEmpty() ? QString(text).remove(QLatin1Char('&')) : tip);
  connect(made, &QAction::triggered, this, run);
  m_window->addAction(made);
  m_commands.insert(name, made);
  return made;
}

void MainWindow::Impl::buildActions() {
  using Key = QKeySequence;
  const auto id = [](const char* name) { return QString::fromLatin1(name); };
  QMenuBar* bar = m_window->menuBar();

  QMenu* file = bar->addMenu(tr("&File"));
  file->addAction(action(id("fileNew"), tr("&New experiment"), id("new"),
                         {Key(Qt::CTRL | Qt::Key_N)}, [this] { newExperiment(); }));
  file->addAction(action(id("fileOpen"), tr("&Open…"), id("open"), {Key(Qt::CTRL | Qt::Key_O)},
                         [this] { askOpen(); }));
  m_recentMenu = file->addMenu(tr("Open &recent"));
  connect(m_recentMenu, &QMenu::aboutToShow, this, [this] { rebuildRecent(); });
  file->addAction(action(id("fileDuplicate"), tr("&Duplicate experiment"), {},
                         {Key(Qt::CTRL | Qt::Key_D)}, [this] { duplicate(); }));
  file->addSeparator();
  file->addAction(action(id("fileSave"), tr("&Save"), id("save"), {Key(Qt::CTRL | Qt::Key_S)},
                         [this] { save(); }));
  file->addAction(action(id("fileSaveAs"), tr("Save &as…"), {},
                         {Key(Qt::CTRL | Qt::SHIFT | Qt::Key_S)}, [this] { saveAs(); }));
  file->addSeparator();
  file->addAction(action(id("fileClose"), tr("&Close experiment"), id("close"),
                         {Key(Qt::CTRL | Qt::Key_W)}, [this] { newExperiment(); }));
  file->addAction(action(id("fileQuit"), tr("&Quit"), {}, {Key(Qt::CTRL | Qt::Key_Q)},
                         [this] { m_window->close(); }));

  QMenu* edit = bar->addMenu(tr("&Edit"));
  const auto stackAction = [&](QAction* made, const QString& name, const QString& iconName,
                               const QList<Key>& keys) {
    made->setObjectName(name);
    made->setIcon(icon(iconName));
    made->setShortcuts(keys);
    m_window->addAction(made);
    m_commands.insert(name, made);
    edit->addAction(made);
  };
  stackAction(m_undo.createUndoAction(m_window, tr("&Undo")), id("editUndo"), id("undo"),
              {Key(Qt::CTRL | Qt::Key_Z)});
  stackAction(m_undo.createRedoAction(m_window, tr("&Redo")), id("editRedo"), id("redo"),
              {Key(Qt::CTRL | Qt::SHIFT | Qt::Key_Z)});
  edit->addSeparator();
  edit->addAction(action(id("editCopyPlot"), tr("Copy &plot"), id("copy"),
                         {Key(Qt::CTRL | Qt::SHIFT | Qt::Key_C)}, [this] {
                           if (PlotCard* card = m_cards->activeCard()) {
                             card->copyPicture();
                           }
                         }));
  edit->addAction(action(id("editFind"), tr("&Find in panel"), id("search"),
                         {Key(Qt::CTRL | Qt::Key_F)}, [this] { focusFilter(); }));
  edit->addAction(action(id("editPalette"), tr("&Command palette…"), id("search"),
                         {Key(Qt::CTRL | Qt::Key_K), Key(Qt::CTRL | Qt::ALT | Qt::Key_I)},
                         [this] { openPalette(); }));
  edit->addSeparator();
  edit->addAction(action(id("editSettings"), tr("&Settings…"), id("settings"),
                         {Key(Qt::CTRL | Qt::Key_Comma)}, [this] { openSettings(); }));

  QMenu* experiment = bar->addMenu(tr("E&xperiment"));
  experiment->addAction(action(id("experimentAddModelFolder"), tr("Add a &model folder…"),
                               id("model"), {}, [this] { m_experiment->addModelFolder(); }));
  experiment->addAction(action(id("experimentAddVariants"), tr("Add &variants…"), id("add"), {},
                               [this] { m_experiment->addVariants(); }));
  experiment->addAction(action(id("experimentAddRule"), tr("Add a layer &rule"), id("rules"), {},
                               [this] { m_experiment->addRule(); }));
  experiment->addAction(action(id("experimentSweep"), tr("Layer &sweep…"), id("heatmap"), {},
                               [this] { m_experiment->editSweep(); }));
  experiment->addAction(action(id("experimentRemoveManual"), tr("Remove manual &overrides"), {}, {},
                               [this] { m_experiment->removeManual(); }));
  experiment->addSeparator();
  experiment->addAction(action(id("experimentAdd"), tr("&Add runs to the queue"), id("queue"),
                               {Key(Qt::CTRL | Qt::Key_Return), Key(Qt::CTRL | Qt::Key_Enter)},
                               [this] { addToQueue(); }));
  experiment->addAction(action(id("experimentCommand"), tr("Copy as &command"), id("terminal"), {},
                               [this] { copyAsCommand(); }));

  QMenu* queue = bar->addMenu(tr("&Queue"));
  queue->addAction(action(id("queueStart"), tr("Start queue"), id("play"), {Key(Qt::Key_F5)},
                          [this] { m_queue.start(); }));
  QAction* after = action(id("queuePauseAfter"), tr("Pause after this job"), id("pause"),
                          {Key(Qt::CTRL | Qt::Key_Period)}, [this] { m_queue.pauseAfterThis(); });
  after->setCheckable(true);
  queue->addAction(after);
  queue->addAction(action(id("queuePauseNow"), tr("Pause &now"), id("pause"), {},
                          [this] { m_queue.pauseNow(); }));
  queue->addAction(action(id("queueCancelCurrent"), tr("Cancel job"), id("stop"),
                          {Key(Qt::CTRL | Qt::SHIFT | Qt::Key_Period)},
                          [this] { m_queue.cancel(m_queue.currentJob()); }));
  queue->addSeparator();
  for (QAction* row : m_queuePanel->rowActions()) {
    queue->addAction(row);
    m_commands.insert(row->objectName(), row);
  }
  queue->addSeparator();
  queue->addAction(action(id("queueRestartEngine"), tr("Restart the &engine"), id("retry"), {},
                          [this] { m_queue.restartEngine(); }));

  QMenu* results = bar->addMenu(tr("&Results"));
  buildResultActions(results);

  QMenu* view = bar->addMenu(tr("&View"));
  const auto show = [this](QWidget* tab) {
    m_bottomDock->show();
    m_tabs->setCurrentWidget(tab);
    tab->setFocus(Qt::ShortcutFocusReason);
    m_tabs->currentWidget()->nextInFocusChain()->setFocus(Qt::ShortcutFocusReason);
  };
  view->addAction(action(id("viewExperiment"), tr("Go to &experiment"), {},
                         {Key(Qt::CTRL | Qt::Key_1)}, [this] {
                           m_experimentDock->show();
                           m_experiment->focusFirst();
                         }));
  view->addAction(
      action(id("viewPlots"), tr("Go to &plots"), {}, {Key(Qt::CTRL | Qt::Key_2)}, [this] {
        if (PlotCard* card = m_cards->activeCard()) {
          card->setFocus(Qt::ShortcutFocusReason);
        }
      }));
  if (m_results) {
    view->addAction(action(id("viewResults"), tr("Go to &results"), {}, {Key(Qt::CTRL | Qt::Key_3)},
                           [this, show] { show(m_results); }));
  }
  view->addAction(action(id("viewQueue"), tr("Go to &queue"), {}, {Key(Qt::CTRL | Qt::Key_4)},
                         [this, show] { show(m_queuePanel); }));
  view->addAction(action(id("viewLog"), tr("Go to &log"), {}, {}, [this, show] { show(m_log); }));
  view->addAction(action(id("viewNextPanel"), tr("&Next panel"), {}, {Key(Qt::Key_F6)},
                         [this] { focusPanel(1); }));
  view->addAction(action(id("viewPreviousPanel"), tr("Pre&vious panel"), {},
                         {Key(Qt::SHIFT | Qt::Key_F6)}, [this] { focusPanel(-1); }));
  view->addSeparator();
  view->addAction(action(id("viewMaximise"), tr("&Maximise card"), id("maximise"),
                         {Key(Qt::Key_F11)}, [this] { m_cards->toggleMaximised(); }));
  view->addSeparator();
  for (QDockWidget* dock : {m_experimentDock, m_bottomDock, m_detailsDock}) {
    QAction* toggle = dock->toggleViewAction();
    toggle->setObjectName(QLatin1String("viewDock_") + dock->objectName());
    m_commands.insert(toggle->objectName(), toggle);
    view->addAction(toggle);
  }
  view->addAction(action(id("viewReset"), tr("Reset &layout"), {}, {}, [this] {
    Settings::forgetWindow();
    resetLayout();
    for (PlotCard* card : m_cards->cards()) {
      card->restoreState(m_defaultViews.value(card->id()).toObject());
    }
    m_results->restoreState(m_defaultViews.value(QStringLiteral("table")).toObject());
  }));
  view->addSeparator();
  QMenu* theme = view->addMenu(tr("&Theme"));
  const auto setTheme = [this](Theme::Mode mode) {
    Theme::instance().setMode(mode);
    Settings::setThemeMode(static_cast<int>(mode));
  };
  theme->addAction(action(id("themeSystem"), tr("As the &system"), {}, {},
                          [setTheme] { setTheme(Theme::Mode::kSystem); }));
  theme->addAction(action(id("themeLight"), tr("&Light"), {}, {},
                          [setTheme] { setTheme(Theme::Mode::kLight); }));
  theme->addAction(
      action(id("themeDark"), tr("&Dark"), {}, {}, [setTheme] { setTheme(Theme::Mode::kDark); }));

  QMenu* help = bar->addMenu(tr("&Help"));
  help->addAction(
      action(id("helpDemo"), tr("Run the 1-minute &demo"), id("play"), {}, [this] { runDemo(); }));
  help->addAction(action(id("helpShortcuts"), tr("&Keyboard shortcuts"), id("help"),
                         {Key(Qt::Key_F1), Key(Qt::CTRL | Qt::Key_Question)},
                         [this] { showShortcuts(); }));
  help->addAction(
      action(id("helpSetup"), tr("Check &setup…"), id("info"), {}, [this] { checkSetup(); }));
  help->addSeparator();
  help->addAction(
      action(id("helpAbout"), tr("&About MXScope"), id("mxscope"), {}, [this] { showAbout(); }));

  connect(m_welcome, &WelcomePage::demoRequested, this, [this] { runDemo(); });
  connect(m_welcome, &WelcomePage::sampleRequested, this, [this] { openSample(); });
  connect(m_welcome, &WelcomePage::openRequested, this, [this] { askOpen(); });
  connect(m_welcome, &WelcomePage::fileRequested, this,
          [this](const QString& path) { openPath(path); });
  connect(m_problems, &ProblemBar::detailsRequested, this,
          [this](const Problem& problem) { showProblemDetails(problem); });
}

void MainWindow::Impl::focusFilter() {
  QWidget* focus = m_window->focusWidget();
  if (m_tabs->currentWidget() == m_log && m_log->isAncestorOf(focus)) {
    m_log->focusFilter();
  } else if (m_experiment->isAncestorOf(focus)) {
    m_experiment->focusFilter();
  } else {
    focusResultsFilter();
  }
}

void MainWindow::Impl::openPalette() {
  QList<CommandPalette::Entry> entries;
  for (QAction* command : std::as_const(m_commands)) {
    entries << CommandPalette::Entry::of(command);
  }
  for (const QString& id : m_workspace.runIds()) {
    const Run* run = m_workspace.run(id);
    entries << CommandPalette::Entry{tr("Run %1 — %2, %3")
                                         .arg(run->number, 3, 10, QLatin1Char('0'))
                                         .arg(run->model, run->variant),
                                     {},
                                     {},
                                     [this, id] { m_workspace.setSelection({id}); }};
  }
  for (const mxscope::LinearInfo& linear : m_document.currentModelInfo().linears) {
    const QString name = QString::fromStdString(linear.name);
    entries << CommandPalette::Entry{
        tr("Layer %1").arg(name), {}, {}, [this, name] { m_experiment->showLinear(name); }};
  }
  for (const QString& path : Settings::recentFiles()) {
    entries << CommandPalette::Entry{
        tr("Open %1").arg(path), {}, {}, [this, path] { openPath(path); }};
  }
  CommandPalette palette(entries, m_window);
  palette.exec();
}

void MainWindow::Impl::showShortcuts() {
  QList<QAction*> actions = m_commands.values();
  ShortcutsDialog(actions, m_window).exec();
}

void MainWindow::Impl::showAbout() { AboutDialog(m_window).exec(); }

void MainWindow::Impl::checkSetup() { SetupDialog(m_engine.get(), m_window).exec(); }

void MainWindow::Impl::openSettings() {
  SettingsDialog dialog(m_window);
  if (dialog.exec() == QDialog::Accepted && dialog.engineChanged()) {
    engineSettingsChanged();
  }
}

void MainWindow::Impl::showProblem(const Problem& problem) {
  m_log->append(QStringLiteral("error"), problem.title + QLatin1Char(' ') + problem.text);
  QString text;
  std::function<void()> run;
  const QString job = problem.jobId;
  if (problem.code == QLatin1String("engine_missing")) {
    text = tr("Settings…");
    run = [this] { openSettings(); };
  } else if (problem.code == QLatin1String("out_of_memory") && !job.isEmpty()) {
    text = tr("Retry with smaller batch");
    run = [this, job] {
      m_queue.retry(job, true);
      m_queue.start();
    };
  } else if (!job.isEmpty()) {
    text = tr("Retry");
    run = [this, job] {
      m_queue.retry(job);
      m_queue.start();
    };
  }
  m_problems->show(problem, text, run);
}

void MainWindow::Impl::showProblemDetails(const Problem& problem) {
  const Job* job = m_workspace.job(problem.jobId);
  DetailsDialog(problem.title, problem.text, problem.log, m_engine->description(),
                job ? job->experiment : QString(), m_window)
      .exec();
}

void MainWindow::Impl::showJobDetails(const QString& jobId) {
  const Job* job = m_workspace.job(jobId);
  if (job) {
    DetailsDialog(job->model + QStringLiteral(" — ") + displayName(job->state), job->message,
                  m_engine->logTail(), m_engine->description(), job->experiment, m_window)
        .exec();
  }
}

}  // namespace mxscope::ui
