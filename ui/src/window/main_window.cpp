// SPDX-License-Identifier: GPL-3.0-or-later
#include "mxscope/ui/main_window.h"

#include <QCloseEvent>
#include <QComboBox>
#include <QCoreApplication>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTabWidget>
#include <QTableView>
#include <QToolBar>
#include <QToolButton>
#include <QTranslator>
#include <QVBoxLayout>

#include "bridge/process_engine_client.h"
#include "bridge/session_store.h"
#include "models/settings.h"
#include "panels/experiment_panel.h"
#include "panels/log_panel.h"
#include "panels/problem_bar.h"
#include "panels/queue_panel.h"
#include "panels/results_table.h"
#include "panels/welcome_page.h"
#include "theme/icons.h"
#include "theme/theme.h"
#include "window/card_area.h"
#include "window/main_window_impl.h"

namespace mxscope::ui {

namespace {

constexpr int kNarrowWidth = 1400;  // below: one card at a time, details as a tab (UX.md 2.3)
constexpr int kAutosaveMilliseconds = 10000;
constexpr int kAutosaveSoonMilliseconds = 1000;  // after the last of several edits
constexpr int kProgressMilliseconds = 250;

// English plurals without a translation file: "%n run(s)" becomes "1 run" or "2 runs".
class EnglishPlurals : public QTranslator {
 public:
  using QTranslator::QTranslator;
  [[nodiscard]] bool isEmpty() const override { return false; }
  [[nodiscard]] QString translate(const char* context, const char* text, const char* disambiguation,
                                  int n) const override {
    Q_UNUSED(context)
    Q_UNUSED(disambiguation)
    const QString source = QString::fromUtf8(text);
    return n < 0 || !source.contains(QLatin1String("(s)"))
               ? QString()
               : QString(source).replace(QLatin1String("(s)"),
                                         n == 1 ? QLatin1String() : QLatin1String("s"));
  }
};

void installPlurals() {
  static bool installed = false;
  if (!installed) {
    installed = true;
    QCoreApplication::installTranslator(new EnglishPlurals(QCoreApplication::instance()));
  }
}

std::unique_ptr<EngineClient> orDefault(std::unique_ptr<EngineClient> client) {
  return client ? std::move(client)
                : std::make_unique<ProcessEngineClient>(Settings::engineCommand());
}

// Qt leaves the button that clears a text field without a name for screen readers.
void nameClearButtons(const QWidget& window) {
  for (const QLineEdit* field : window.findChildren<QLineEdit*>()) {
    for (QToolButton* button : field->findChildren<QToolButton*>()) {
      if (button->accessibleName().isEmpty()) {
        button->setAccessibleName(MainWindow::tr("Clear %1").arg(field->accessibleName()));
      }
    }
  }
}

}  // namespace

MainWindow::MainWindow(std::unique_ptr<EngineClient> client, QWidget* parent)
    : QMainWindow(parent), d(std::make_unique<Impl>(this, std::move(client))) {
  d->build();
}

MainWindow::~MainWindow() {
  hide();  // the models go before the widgets, which ask them for as long as they are shown
}

bool MainWindow::openPath(const QString& path) { return d->openPath(path); }

void MainWindow::runDemo() { d->runDemo(); }

Workspace* MainWindow::workspace() const { return &d->m_workspace; }

bool MainWindow::isIdle() const { return d->isIdle(); }

MainWindow::Impl::Impl(MainWindow* window, std::unique_ptr<EngineClient> client)
    : m_window(window),
      m_engine(orDefault(std::move(client))),
      m_document(&m_undo),
      m_queue(&m_workspace, m_engine.get(), &m_undo),
      m_inspector(&m_document, m_engine.get()) {
  installPlurals();
  m_workspace.setUndoStack(&m_undo);
  m_queue.setModelLookup(
      [this](const QString& source) -> const ModelInfo& { return m_document.modelInfo(source); });
  // An engine on another machine keeps its results there.
  if (Settings::engineCommand().isEmpty()) {
    m_queue.setOutputFolder(Settings::dataFolder() + QLatin1String("/jobs"));
  }
}

MainWindow::Impl::~Impl() {
  m_engine->disconnect();
  m_session.reset();  // writes to the end while workspace and queue are there
}

void MainWindow::Impl::build() {
  m_window->setObjectName(QStringLiteral("mainWindow"));
  m_window->setWindowIcon(applicationIcon());
  m_window->setAcceptDrops(true);
  m_window->setMinimumSize(1024, 700);
  m_window->setDockOptions(QMainWindow::AllowNestedDocks | QMainWindow::AllowTabbedDocks);
  m_window->setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  m_window->setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
  m_window->setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);

  auto* centre = new QWidget(m_window);
  auto* layout = new QVBoxLayout(centre);
  layout->setContentsMargins(2, 4, 2, 2);
  layout->setSpacing(6);
  m_problems = new ProblemBar(centre);
  layout->addWidget(m_problems);
  m_centre = new QStackedWidget(centre);
  layout->addWidget(m_centre, 1);
  m_window->setCentralWidget(centre);
  m_welcome = new WelcomePage(m_centre);
  m_centre->addWidget(m_welcome);
  buildCards();
  m_centre->addWidget(m_cards);
  buildDocks();
  buildActions();
  buildToolBar();
  buildStatusBar();
  buildSession();

  const auto state = [this] { refreshState(); };
  connect(&m_workspace, &Workspace::jobsChanged, this, state);
  connect(&m_workspace, &Workspace::runsAdded, this, state);
  connect(&m_workspace, &Workspace::runsRemoved, this, state);
  connect(&m_workspace, &Workspace::wasReset, this, state);
  connect(&m_workspace, &Workspace::memoryBatch, this, [this] { refreshMemory(); });
  connect(&m_workspace, &Workspace::runsAdded, this, [this] { refreshBaselines(); });
  connect(&m_workspace, &Workspace::runsRemoved, this, [this] { refreshBaselines(); });
  connect(&m_workspace, &Workspace::baselineChanged, this, [this] { refreshBaselines(); });
  connect(&m_workspace, &Workspace::pinsChanged, this, [this] { refreshBaselines(); });
  connect(&m_queue, &QueueController::changed, this, state);
  connect(&m_queue, &QueueController::problem, this,
          [this](const Problem& problem) { showProblem(problem); });
  connect(&m_queue, &QueueController::logLine, m_log, &LogPanel::append);
  connect(&m_queue, &QueueController::queueEnded, this, [this](int done, int failed) {
    notify(tr("Queue finished"), failed > 0 ? tr("%1 done, %2 failed").arg(done).arg(failed)
                                            : tr("%n job(s) done", nullptr, done));
  });
  connect(&m_queue, &QueueController::jobEnded, this, [this] { m_experiment->refreshPlan(); });
  connect(&m_document, &ExperimentDocument::changed, this, state);
  connect(&m_document, &ExperimentDocument::fileChanged, this, state);
  connect(&m_inspector, &ModelInspector::becameQuiet, this, state);
  connect(&m_inspector, &ModelInspector::estimateChanged, this, state);
  connect(m_engine.get(), &EngineClient::stateChanged, this, state);

  connect(&m_progressTimer, &QTimer::timeout, this, [this] { refreshProgress(); });
  m_progressTimer.setInterval(kProgressMilliseconds);
  connect(&m_autosaveTimer, &QTimer::timeout, this, [this] {
    autosave();
    saveViews();
  });
  m_autosaveTimer.start(kAutosaveMilliseconds);
  connect(&m_autosaveSoon, &QTimer::timeout, this, [this] { autosave(); });
  m_autosaveSoon.setSingleShot(true);
  m_autosaveSoon.setInterval(kAutosaveSoonMilliseconds);
  connect(&m_document, &ExperimentDocument::changed, &m_autosaveSoon, qOverload<>(&QTimer::start));
  connect(&m_queue, &QueueController::jobEnded, this, [this] { autosave(); });

  m_window->resize(1680, 1050);
  m_window->restoreGeometry(Settings::windowGeometry());
  resetLayout();
  const QByteArray saved = Settings::windowState();
  if (!saved.isEmpty()) {
    m_window->restoreState(saved);
  }
  restoreViews();
  nameClearButtons(*m_window);
  refreshState();
  refreshBaselines();
  refreshMemory();
  refreshCentre();
  focusAtStart();
  QTimer::singleShot(0, this, [this] {
    restoreSession();
    offerRecovery();
    m_engine->start();
  });
}

void MainWindow::Impl::buildDocks() {
  const auto dock = [this](const QString& name, const QString& title, QWidget* content) {
    auto* widget = new QDockWidget(title, m_window);
    widget->setObjectName(name);
    widget->setWidget(content);
    return widget;
  };
  m_experiment = new ExperimentPanel(&m_document, &m_queue, &m_inspector, m_engine.get(), m_window);
  m_experimentDock = dock(QStringLiteral("experimentDock"), tr("Experiment"), m_experiment);
  m_window->addDockWidget(Qt::LeftDockWidgetArea, m_experimentDock);
  connect(m_experiment, &ExperimentPanel::addRequested, this, [this] { addToQueue(); });

  m_tabs = new QTabWidget(m_window);
  m_tabs->setObjectName(QStringLiteral("bottomTabs"));
  m_tabs->setDocumentMode(true);
  m_queuePanel = new QueuePanel(&m_workspace, &m_queue, m_tabs);
  connect(m_queuePanel, &QueuePanel::detailsRequested, this,
          [this](const QString& id) { showJobDetails(id); });
  m_log = new LogPanel(m_tabs);
  if (m_results) {
    m_tabs->addTab(m_results, tr("Results"));
  }
  m_tabs->addTab(m_queuePanel, tr("Queue"));
  m_tabs->addTab(m_log, tr("Log"));
  m_bottomDock = dock(QStringLiteral("bottomDock"), tr("Results, queue and log"), m_tabs);
  m_bottomDock->setTitleBarWidget(new QWidget(m_bottomDock));
  m_window->addDockWidget(Qt::BottomDockWidgetArea, m_bottomDock);

  m_detailsDock = dock(QStringLiteral("detailsDock"), tr("Details"),
                       m_details ? m_details : new QWidget(m_window));
  m_window->addDockWidget(Qt::RightDockWidgetArea, m_detailsDock);
}

void MainWindow::Impl::resetLayout() {
  for (QDockWidget* dock : {m_experimentDock, m_bottomDock, m_detailsDock}) {
    dock->setFloating(false);
    dock->show();
  }
  m_window->addDockWidget(Qt::LeftDockWidgetArea, m_experimentDock);
  m_window->addDockWidget(Qt::BottomDockWidgetArea, m_bottomDock);
  m_window->addDockWidget(Qt::RightDockWidgetArea, m_detailsDock);
  adaptToWidth();
  const bool narrow = m_window->width() < kNarrowWidth;
  m_window->resizeDocks({m_experimentDock, m_detailsDock},
                        {narrow ? 340 : 360, 290 * Theme::instance().fontPercent() / 100},
                        Qt::Horizontal);
  m_window->resizeDocks({m_bottomDock}, {std::max(210, m_window->height() * 28 / 100)},
                        Qt::Vertical);
}

void MainWindow::Impl::adaptToWidth() {
  const bool narrow = m_window->width() < kNarrowWidth;
  m_cards->setNarrow(narrow);
  if (narrow == m_detailsInTabs || !m_details) {
    return;
  }
  m_detailsInTabs = narrow;
  if (narrow) {
    m_detailsDock->setWidget(nullptr);
    if (auto* splitter = qobject_cast<QSplitter*>(m_details)) {
      splitter->setOrientation(Qt::Horizontal);
    }
    // Scrolled: the tab is less high than the dock, and must not make the window higher.
    m_detailsTab = new QScrollArea(m_tabs);
    m_detailsTab->setObjectName(QStringLiteral("detailsTab"));
    m_detailsTab->setWidgetResizable(true);
    m_detailsTab->setFrameShape(QFrame::NoFrame);
    m_detailsTab->setFocusPolicy(Qt::NoFocus);
    m_detailsTab->setWidget(m_details);
    m_tabs->insertTab(m_tabs->indexOf(m_log), m_detailsTab, tr("Details"));
    m_detailsDock->hide();
  } else {
    m_tabs->removeTab(m_tabs->indexOf(m_detailsTab));
    m_detailsTab->takeWidget();
    delete std::exchange(m_detailsTab, nullptr);
    if (auto* splitter = qobject_cast<QSplitter*>(m_details)) {
      splitter->setOrientation(Qt::Vertical);
    }
    m_detailsDock->setWidget(m_details);
    m_details->show();
    m_detailsDock->show();
  }
}

void MainWindow::Impl::focusAtStart() {
  // Qt would take the first button that it finds, one of the first card's.
  QWidget* first = m_centre->currentWidget() == m_welcome
                       ? m_welcome->findChild<QPushButton*>(QStringLiteral("demoButton"))
                       : static_cast<QWidget*>(m_results->view());
  if (first) {
    first->setFocus(Qt::OtherFocusReason);
  }
}

void MainWindow::Impl::focusPanel(int step) {
  const QList<QWidget*> panels = {m_experiment, m_centre, m_tabs, m_details};
  QWidget* focus = m_window->focusWidget();
  int at = 0;
  for (int i = 0; i < panels.size(); ++i) {
    if (panels[i] && focus && (panels[i] == focus || panels[i]->isAncestorOf(focus))) {
      at = i;
    }
  }
  for (int tries = 0; tries < panels.size(); ++tries) {
    at = (at + step + static_cast<int>(panels.size())) % static_cast<int>(panels.size());
    if (panels[at] && panels[at]->isVisible()) {
      QWidget* first = panels[at]->nextInFocusChain();
      while (first && first != panels[at] &&
             !(panels[at]->isAncestorOf(first) && first->isVisible() && first->isEnabled() &&
               (first->focusPolicy() & Qt::TabFocus))) {
        first = first->nextInFocusChain();
      }
      if (first && first != panels[at]) {
        first->setFocus(Qt::TabFocusReason);
        return;
      }
    }
  }
}

void MainWindow::Impl::buildToolBar() {
  m_toolBar = m_window->addToolBar(tr("Queue and search"));
  m_toolBar->setObjectName(QStringLiteral("mainToolBar"));
  m_toolBar->setMovable(false);
  m_toolBar->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_toolBar->setIconSize(QSize(16, 16));
  for (const char* name : {"queueStart", "queuePauseAfter", "queueCancelCurrent"}) {
    m_toolBar->addAction(command(QLatin1String(name)));
  }
  auto* start =
      qobject_cast<QToolButton*>(m_toolBar->widgetForAction(command(QStringLiteral("queueStart"))));
  start->setProperty("role", QStringLiteral("primary"));
  command(QStringLiteral("queueStart"))->setIcon(iconOnAccent(QStringLiteral("play")));
  m_toolBar->addSeparator();
  auto* label = new QLabel(tr("&Baseline"), m_toolBar);
  label->setContentsMargins(4, 0, 4, 0);
  m_toolBar->addWidget(label);
  m_baseline = new QComboBox(m_toolBar);
  m_baseline->setObjectName(QStringLiteral("baselineChooser"));
  m_baseline->setAccessibleName(tr("Baseline of all differences"));
  m_baseline->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  m_baseline->setToolTip(tr("What all differences are taken against"));
  m_baseline->setMinimumContentsLength(12);  // "★ Unquantised", in any font
  m_baseline->setMaximumWidth(320);
  label->setBuddy(m_baseline);
  m_toolBar->addWidget(m_baseline);
  connect(m_baseline, &QComboBox::activated, this, [this](int index) {
    const QString id = m_baseline->itemData(index).toString();
    if (id.isEmpty()) {
      m_workspace.resetBaseline();
    } else {
      m_workspace.setBaseline(id);
    }
  });
  auto* space = new QWidget(m_toolBar);
  space->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  m_toolBar->addWidget(space);
  m_search = new QLineEdit(m_toolBar);
  m_search->setObjectName(QStringLiteral("searchField"));
  m_search->setAccessibleName(tr("Search commands, runs and layers"));
  m_search->setReadOnly(true);
  m_search->setMinimumWidth(180);
  m_search->setMaximumWidth(330);
  m_search->setFocusPolicy(Qt::TabFocus);
  m_search->installEventFilter(this);
  m_toolBar->addWidget(m_search);
}

void MainWindow::Impl::buildStatusBar() {
  QStatusBar* bar = m_window->statusBar();
  bar->setSizeGripEnabled(false);
  m_statusText = new QLabel(bar);
  m_statusText->setObjectName(QStringLiteral("statusText"));
  m_statusText->setContentsMargins(8, 0, 0, 0);
  bar->addWidget(m_statusText);
  m_progress = new QProgressBar(bar);
  m_progress->setObjectName(QStringLiteral("jobProgress"));
  m_progress->setAccessibleName(tr("Progress of the current job"));
  m_progress->setFixedWidth(170);
  m_progress->setRange(0, 1000);
  m_progress->setTextVisible(false);
  bar->addWidget(m_progress);
  m_progressText = new QLabel(bar);
  m_progressText->setObjectName(QStringLiteral("progressText"));
  bar->addWidget(m_progressText, 1);
  m_queueChip = new QPushButton(bar);
  m_queueChip->setObjectName(QStringLiteral("queueChip"));
  m_queueChip->setProperty("role", QStringLiteral("flat"));
  connect(m_queueChip, &QPushButton::clicked, this, [this] {
    m_bottomDock->show();
    m_tabs->setCurrentWidget(m_queuePanel);
    m_queuePanel->view()->setFocus();
  });
  bar->addPermanentWidget(m_queueChip);
  m_memory = new QLabel(bar);
  m_memory->setObjectName(QStringLiteral("memoryStatus"));
  m_memory->setContentsMargins(6, 0, 10, 0);
  bar->addPermanentWidget(m_memory);
}

bool MainWindow::Impl::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_search && event->type() == QEvent::Resize) {
    // The longest of these that fits; the shortcut is what matters most.
    for (const QString& text : {tr("Search commands, runs, layers   Ctrl+K"),
                                tr("Search everything   Ctrl+K"), tr("Search   Ctrl+K")}) {
      m_search->setPlaceholderText(text);
      if (m_search->fontMetrics().horizontalAdvance(text) + 24 <= m_search->width()) {
        break;
      }
    }
  }
  if (watched == m_search) {
    const bool key = event->type() == QEvent::KeyPress &&
                     !static_cast<QKeyEvent*>(event)->text().trimmed().isEmpty();
    if (event->type() == QEvent::MouseButtonPress || key) {
      openPalette();
      return true;
    }
  }
  return QObject::eventFilter(watched, event);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (!d->mayDiscard() || !d->mayQuit()) {
    event->ignore();
    return;
  }
  Settings::setWindow(saveState(), saveGeometry());
  d->saveViews();
  d->clearAutosave();
  d->m_session->saveNow(true);
  d->m_engine->stop();
  event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  QStringList paths;
  for (const QUrl& url : event->mimeData()->urls()) {
    paths << url.toLocalFile();
  }
  const QString action = d->dropAction(paths);
  if (!paths.isEmpty()) {
    statusBar()->showMessage(action.isEmpty() ? tr("This cannot be opened here.") : action);
    event->setAccepted(!action.isEmpty());
  }
}

void MainWindow::dragLeaveEvent(QDragLeaveEvent* event) {
  statusBar()->clearMessage();
  QMainWindow::dragLeaveEvent(event);
}

void MainWindow::dropEvent(QDropEvent* event) {
  statusBar()->clearMessage();
  for (const QUrl& url : event->mimeData()->urls()) {
    d->openPath(url.toLocalFile());
  }
  event->acceptProposedAction();
}

void MainWindow::resizeEvent(QResizeEvent* event) {
  QMainWindow::resizeEvent(event);
  if (d && d->m_cards && d->m_toolBar) {
    d->adaptToWidth();
  }
}

}  // namespace mxscope::ui
