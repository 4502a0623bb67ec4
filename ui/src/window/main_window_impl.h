// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAction>
#include <QHash>
#include <QJsonObject>
#include <QTimer>
#include <QUndoStack>
#include <memory>

#include "bridge/engine_client.h"
#include "bridge/model_inspector.h"
#include "bridge/queue_controller.h"
#include "models/experiment_document.h"
#include "models/workspace.h"
#include "mxscope/ui/main_window.h"

class QComboBox;
class QDockWidget;
class QLabel;
class QLineEdit;
class QMenu;
class QProgressBar;
class QPushButton;
class QScrollArea;
class QStackedWidget;
class QTabWidget;
class QToolBar;

namespace mxscope::ui {

class CardArea;
class ComparePanel;
class ResultsTable;
class ExperimentPanel;
class LogPanel;
class ProblemBar;
class QueuePanel;
class SessionStore;
class WelcomePage;

// The parts of the main window, and what its menus do. Split over main_window*.cpp.
class MainWindow::Impl : public QObject {
  Q_OBJECT

 public:
  Impl(MainWindow* window, std::unique_ptr<EngineClient> client);
  ~Impl() override;

  // --- main_window.cpp: parts and layout -----------------------------------------------------
  void build();
  void buildDocks();
  void buildCards();
  void buildToolBar();
  void buildStatusBar();
  void resetLayout();
  void adaptToWidth();
  void focusAtStart();
  void focusPanel(int step);
  bool eventFilter(QObject* watched, QEvent* event) override;

  // --- main_window_actions.cpp ---------------------------------------------------------------
  void buildActions();
  QAction* action(const QString& name, const QString& text, const QString& iconName,
                  const QList<QKeySequence>& shortcuts, const std::function<void()>& run,
                  const QString& tip = {});
  [[nodiscard]] QAction* command(const QString& name) const { return m_commands.value(name); }
  // --- main_window_results.cpp: what the results menu does ------------------------------------
  void buildResultActions(QMenu* menu);
  void focusResultsFilter();
  void focusFilter();
  void openPalette();
  void showShortcuts();
  void showAbout();
  void checkSetup();
  void openSettings();
  void showJobDetails(const QString& jobId);
  void showProblem(const Problem& problem);
  void showProblemDetails(const Problem& problem);

  // --- main_window_files.cpp -----------------------------------------------------------------
  bool openPath(const QString& path);
  bool openExperiment(const QString& path);
  bool openFolder(const QString& path);
  void newExperiment();
  void openSample();
  void askOpen();
  bool save();
  bool saveAs();
  void duplicate();
  // The experiment with relative paths that exist made absolute, to be used without its file.
  [[nodiscard]] mxscope::Experiment anchored() const;
  bool mayDiscard();  // asks when there are changes
  void autosave();
  void offerRecovery();
  void clearAutosave();
  void rebuildRecent();
  void copyAsCommand();
  void openConfiguration(const QString& runId);  // fills the builder from a result
  void keepPlaces(const QStringList& places);    // a rule that leaves them as they are
  void refuse(const QString& title, const QString& text);
  [[nodiscard]] QString dropAction(const QStringList& paths) const;

  // --- main_window_session.cpp ---------------------------------------------------------------
  void buildSession();
  void saveViews() const;
  void restoreViews();
  void restoreSession();
  void offerInterrupted(const QString& jobId);
  bool openResults(const QString& path);  // false: refused at once; reads on another thread

  // --- main_window_run.cpp -------------------------------------------------------------------
  void addToQueue();
  void runDemo();
  void refreshState();  // enabled actions, status bar, title
  void refreshProgress();
  void refreshMemory();
  void refreshCentre();
  void refreshBaselines();
  void showMessage(const QString& text);  // in the status bar, for a moment
  void engineSettingsChanged();
  void notify(const QString& title, const QString& text);
  [[nodiscard]] bool isIdle() const;
  bool mayQuit();  // asks once while a job runs

  MainWindow* m_window;
  std::unique_ptr<EngineClient> m_engine;
  QUndoStack m_undo;
  Workspace m_workspace;
  ExperimentDocument m_document;
  QueueController m_queue;
  ModelInspector m_inspector;
  std::unique_ptr<SessionStore> m_session;
  int m_opening = 0;  // results files being read

  QHash<QString, QAction*> m_commands;
  QMenu* m_recentMenu = nullptr;
  QMenu* m_panelMenu = nullptr;

  QDockWidget* m_experimentDock = nullptr;
  QDockWidget* m_bottomDock = nullptr;
  QDockWidget* m_detailsDock = nullptr;
  ExperimentPanel* m_experiment = nullptr;
  QTabWidget* m_tabs = nullptr;
  ResultsTable* m_results = nullptr;
  QWidget* m_details = nullptr;
  QScrollArea* m_detailsTab = nullptr;  // around it while the window is narrow
  QueuePanel* m_queuePanel = nullptr;
  LogPanel* m_log = nullptr;
  ProblemBar* m_problems = nullptr;
  QStackedWidget* m_centre = nullptr;
  WelcomePage* m_welcome = nullptr;
  CardArea* m_cards = nullptr;

  QToolBar* m_toolBar = nullptr;
  QComboBox* m_baseline = nullptr;
  QLineEdit* m_search = nullptr;
  QLabel* m_statusText = nullptr;
  QProgressBar* m_progress = nullptr;
  QLabel* m_progressText = nullptr;
  QPushButton* m_queueChip = nullptr;
  QLabel* m_memory = nullptr;

  QString m_title;
  QTimer m_autosaveTimer, m_autosaveSoon, m_progressTimer;
  bool m_wasIdle = true;
  bool m_detailsInTabs = false;
  QJsonObject m_defaultViews;  // card or "table" -> its state before anything was changed
};

}  // namespace mxscope::ui
