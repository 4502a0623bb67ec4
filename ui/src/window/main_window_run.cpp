// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QComboBox>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCall>
#include <QDir>
#include <QFileInfo>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTabWidget>
#include <QTableView>
#include <cmath>

#include "bridge/process_engine_client.h"
#include "bridge/session_store.h"
#include "models/queue_model.h"
#include "models/settings.h"
#include "panels/experiment_panel.h"
#include "panels/queue_panel.h"
#include "panels/results_table.h"
#include "panels/welcome_page.h"
#include "plots/number_text.h"
#include "window/card_area.h"
#include "window/main_window_impl.h"

namespace mxscope::ui {

namespace {

constexpr int kMessageMilliseconds = 4000;

}  // namespace

void MainWindow::Impl::showMessage(const QString& text) {
  m_window->statusBar()->showMessage(text, kMessageMilliseconds);
}

void MainWindow::Impl::addToQueue() {
  const QString reason = m_experiment->whyNotAddable();
  if (!reason.isEmpty()) {
    showMessage(reason);
    m_experiment->focusFirstProblem();
    return;
  }
  QSet<QString> known = m_queue.doneKeys();
  known.unite(m_queue.queuedKeys());
  const RunPlan plan = m_document.plan(known);
  if (plan.jobs.empty()) {
    showMessage(tr("All of these runs are done or queued already."));
    return;
  }
  m_queue.add(plan.jobs, m_document.title());
  m_tabs->setCurrentWidget(m_queuePanel);
  m_experiment->refreshPlan();
  refreshState();
}

void MainWindow::Impl::runDemo() {
  const QString resources = Settings::resourceFolder();
  const QString file = resources + QLatin1String("/demo/demo.mxscope");
  if (resources.isEmpty() || !QFileInfo::exists(file)) {
    refuse(tr("The demo is not installed."),
           tr("demo/demo.mxscope was not found beside the program. Help › Check setup says more."));
    return;
  }
  if (!openExperiment(file)) {
    return;
  }
  m_document.setReadOnly(true);
  m_queue.add(m_document.plan({}, true).jobs, m_document.title());
  m_queue.start();
  if (m_results) {
    m_tabs->setCurrentWidget(m_results);
  }
}

bool MainWindow::Impl::isIdle() const {
  const Job* current = m_workspace.job(m_queue.currentJob());
  const bool held =
      !current || current->state == JobState::kPaused || current->state == JobState::kInterrupted;
  return held && !(m_queue.isStarted() && !m_queue.waiting().isEmpty()) && !m_inspector.isBusy() &&
         !m_engine->hasPending() && m_opening == 0 && !m_queue.isReading() &&
         !m_session->isRestoring();
}

void MainWindow::Impl::refreshState() {
  const Job* current = m_workspace.job(m_queue.currentJob());
  const bool running = current && isActive(current->state);
  const bool paused =
      current && (current->state == JobState::kPaused || current->state == JobState::kInterrupted);
  const bool waiting = !m_queue.waiting().isEmpty();
  QAction* start = command(QStringLiteral("queueStart"));
  const bool resuming = paused || (!m_queue.isStarted() && waiting && running);
  start->setText(resuming ? tr("Resume queue") : tr("Start queue"));
  start->setEnabled(paused || (waiting && !m_queue.isStarted()));
  start->setWhatsThis(m_queue.isStarted() ? tr("the queue runs") : tr("nothing is waiting"));
  QAction* after = command(QStringLiteral("queuePauseAfter"));
  after->setEnabled(running);
  after->setChecked(m_queue.pausesAfterThis());
  after->setWhatsThis(tr("no job is running"));
  command(QStringLiteral("queuePauseNow"))
      ->setEnabled(current &&
                   (current->state == JobState::kRunning || current->state == JobState::kLoading));
  command(QStringLiteral("queueCancelCurrent"))
      ->setEnabled((running && current->state != JobState::kCancelling) || paused);
  command(QStringLiteral("queueCancelCurrent"))->setWhatsThis(tr("no job is running"));
  const QString reason = m_experiment->whyNotAddable();
  command(QStringLiteral("experimentAdd"))->setEnabled(reason.isEmpty());
  command(QStringLiteral("experimentAdd"))->setWhatsThis(reason);
  command(QStringLiteral("fileSave"))
      ->setEnabled(m_document.isModified() || m_document.filePath().isEmpty());

  QString title = m_document.title();
  if (m_document.isModified()) {
    title += QLatin1Char('*');
  }
  if (m_document.isReadOnly()) {
    title += tr(" [read-only]");
  }
  m_title = title + QStringLiteral(" – MXScope");
  if (running && !m_progressTimer.isActive()) {
    m_progressTimer.start();
  } else if (!running) {
    m_progressTimer.stop();
  }
  refreshProgress();

  qsizetype listed = 0;
  for (const QString& id : m_workspace.jobIds()) {
    const Job* job = m_workspace.job(id);
    listed +=
        job->listed && (job->state == JobState::kWaiting || isActive(job->state) ||
                        job->state == JobState::kPaused || job->state == JobState::kInterrupted);
  }
  const auto label = [this](QWidget* tab, const QString& name, qsizetype count) {
    if (tab && m_tabs->indexOf(tab) >= 0) {
      m_tabs->setTabText(m_tabs->indexOf(tab),
                         count > 0 ? name + QStringLiteral("  %1").arg(count) : name);
    }
  };
  label(m_results, tr("Results"), m_workspace.runIds().size());
  label(m_queuePanel, tr("Queue"), listed);
  m_queueChip->setText(listed > 0 ? tr("queue: %n job(s)", nullptr, static_cast<int>(listed))
                                  : tr("queue empty"));
  if (const std::optional<double> left = m_queue.secondsLeft(); left && listed > 0) {
    m_queueChip->setText(tr("queue: %n job(s), about %1", nullptr, static_cast<int>(listed))
                             .arg(timeLeftText(*left)));
  }
  refreshCentre();
  const bool idle = isIdle();
  if (idle && !m_wasIdle) {
    Q_EMIT m_window->becameIdle();
  }
  m_wasIdle = idle;
}

void MainWindow::Impl::refreshProgress() {
  const Job* current = m_workspace.job(m_queue.currentJob());
  const bool shown = current && (isActive(current->state) || current->state == JobState::kPaused ||
                                 current->state == JobState::kInterrupted);
  m_progress->setVisible(shown);
  m_progressText->setVisible(shown);
  QString title = m_title;
  if (shown) {
    const bool loading = current->state == JobState::kLoading && current->loadTotalBytes > 0;
    const double fraction =
        loading ? current->loadedBytes / current->loadTotalBytes : current->fraction();
    m_progress->setValue(static_cast<int>(std::lround(fraction * 1000)));
    m_statusText->setText(tr("%1: %2").arg(displayName(current->state), current->model));
    m_progressText->setText(QueueModel::progressText(*current));
    m_progressText->setToolTip(QueueModel::detailText(*current));
    if (!loading) {
      title = tr("%1 % – %2").arg(static_cast<int>(fraction * 100)).arg(title);
    }
  } else {
    switch (m_engine->state()) {
      case EngineClient::State::kStopped:
        m_statusText->setText(tr("Engine not running; it starts with the next job"));
        break;
      case EngineClient::State::kStarting:
        m_statusText->setText(tr("Starting the engine…"));
        break;
      case EngineClient::State::kReady:
        m_statusText->setText(tr("Ready"));
        break;
    }
  }
  if (m_window->windowTitle() != title) {
    m_window->setWindowTitle(title);
  }
}

void MainWindow::Impl::refreshMemory() {
  QStringList parts, tips;
  for (const DeviceHistory& device : m_workspace.devices()) {
    if (device.samples.empty()) {
      continue;
    }
    const MemorySample& now = device.samples.back();
    const double used = now.usedByJob + now.usedByOthers;
    const bool cpu = device.device == QLatin1String("cpu");
    tips << QStringLiteral("%1 %2: %3 / %4")
                .arg(device.device, device.name, bytesText(used), bytesText(now.total));
    if (!cpu || m_workspace.devices().size() == 1) {
      parts << QStringLiteral("%1 %2 / %3")
                   .arg(cpu ? tr("Memory")
                            : QString(device.device)
                                  .replace(QLatin1String("cuda:"), QLatin1String("GPU ")),
                        bytesText(used), bytesText(now.total));
    }
  }
  m_memory->setText(parts.join(QStringLiteral("   ")));
  m_memory->setToolTip(tips.join(QLatin1Char('\n')));
  m_memory->setVisible(!parts.isEmpty());
}

void MainWindow::Impl::refreshCentre() {
  const bool empty = m_workspace.runIds().isEmpty() && m_queue.currentJob().isEmpty();
  QWidget* shown = empty ? static_cast<QWidget*>(m_welcome) : m_cards;
  if (m_centre->currentWidget() != shown) {
    if (empty) {
      m_welcome->refresh();
    }
    const bool focused = m_welcome->isAncestorOf(m_window->focusWidget());
    m_centre->setCurrentWidget(shown);
    // The focus would fall to the next widget, a button of the first card.
    if (!empty &&
        (focused || !m_window->focusWidget() || m_cards->isAncestorOf(m_window->focusWidget()))) {
      m_results->view()->setFocus(Qt::OtherFocusReason);
    }
  }
}

void MainWindow::Impl::refreshBaselines() {
  const QSignalBlocker blocker(m_baseline);
  m_baseline->clear();
  m_baseline->addItem(tr("★ Unquantised"), QString());
  m_baseline->setItemData(0, tr("The unquantised run of the same model"), Qt::ToolTipRole);
  for (const QString& id : m_workspace.runIds()) {
    const Run* run = m_workspace.run(id);
    if (m_workspace.isPinned(id) || m_workspace.isChosenBaseline(id)) {
      m_baseline->addItem(QStringLiteral("%1  %2 · %3")
                              .arg(run->number, 3, 10, QLatin1Char('0'))
                              .arg(run->model, run->variant),
                          id);
    }
    if (m_workspace.isChosenBaseline(id)) {
      m_baseline->setCurrentIndex(m_baseline->count() - 1);
    }
  }
}

void MainWindow::Impl::notify(const QString& title, const QString& text) {
  showMessage(title + QStringLiteral(": ") + text);
  if (m_window->isActiveWindow() || QGuiApplication::platformName() == QLatin1String("offscreen")) {
    return;
  }
  // Sent without waiting for an answer: without a notification service nothing happens.
  QDBusMessage call = QDBusMessage::createMethodCall(
      QStringLiteral("org.freedesktop.Notifications"),
      QStringLiteral("/org/freedesktop/Notifications"),
      QStringLiteral("org.freedesktop.Notifications"), QStringLiteral("Notify"));
  call.setArguments(
      {QStringLiteral("MXScope"), 0U, QString(), title, text, QStringList(), QVariantMap(), -1});
  QDBusConnection::sessionBus().asyncCall(call);
}

void MainWindow::Impl::engineSettingsChanged() {
  if (auto* process = qobject_cast<ProcessEngineClient*>(m_engine.get())) {
    const QString command = Settings::engineCommand();
    process->setCommand(command);
    m_queue.setOutputFolder(command.isEmpty() ? Settings::dataFolder() + QLatin1String("/jobs")
                                              : QString());
    if (m_queue.currentJob().isEmpty()) {
      process->restart();
    } else {
      showMessage(tr("The new engine command is used from its next start on."));
    }
  }
}

}  // namespace mxscope::ui
