// SPDX-License-Identifier: GPL-3.0-or-later
// What outlives the window: its queue and results, and the files that are read beside it.
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTabWidget>

#include "bridge/background.h"
#include "bridge/results_reader.h"
#include "bridge/session_store.h"
#include "models/settings.h"
#include "panels/experiment_panel.h"
#include "panels/log_panel.h"
#include "panels/problem_bar.h"
#include "panels/queue_panel.h"
#include "panels/results_table.h"
#include "panels/welcome_page.h"
#include "plots/plot_card.h"
#include "window/card_area.h"
#include "window/main_window_impl.h"

namespace mxscope::ui {

void MainWindow::Impl::buildSession() {
  m_session = std::make_unique<SessionStore>(&m_workspace, &m_queue, Settings::stateFolder(),
                                             Settings::dataFolder() + QLatin1String("/jobs"));
  connect(m_session.get(), &SessionStore::logLine, m_log, &LogPanel::append);
  connect(m_session.get(), &SessionStore::interruptedFound, this,
          [this](const QString& id) { offerInterrupted(id); });
  connect(m_session.get(), &SessionStore::restored, this, [this] {
    m_experiment->refreshPlan();
    refreshState();
  });
}

void MainWindow::Impl::restoreSession() {
  if (m_session->restore()) {
    m_experiment->refreshPlan();
    refreshState();
  }
}

void MainWindow::Impl::offerInterrupted(const QString& jobId) {
  const Job* job = m_workspace.job(jobId);
  if (!job) {
    return;
  }
  Problem problem;
  problem.title = tr("%1 was interrupted.").arg(job->model);
  problem.text =
      tr("The program ended while it ran. What it had finished is kept, and the queue "
         "is paused.");
  problem.jobId = jobId;
  problem.code = QStringLiteral("interrupted");
  m_problems->show(problem, tr("Resume"), [this] { m_queue.start(); });
  connect(&m_queue, &QueueController::changed, m_problems, [this, jobId] {
    const Job* now = m_workspace.job(jobId);
    if (!now || now->state != JobState::kInterrupted) {
      m_problems->forget(QStringLiteral("interrupted"), jobId);
    }
  });
  m_tabs->setCurrentWidget(m_queuePanel);
}

void MainWindow::Impl::saveViews() const {
  QJsonObject cards;
  for (const PlotCard* card : m_cards->cards()) {
    cards.insert(card->id(), card->saveState());
  }
  const QJsonObject views = {{QStringLiteral("table"), m_results->saveState()},
                             {QStringLiteral("cards"), cards},
                             {QStringLiteral("tab"), m_tabs->currentWidget()->objectName()}};
  Settings::setViews(QJsonDocument(views).toJson(QJsonDocument::Compact));
}

void MainWindow::Impl::restoreViews() {
  for (const PlotCard* card : m_cards->cards()) {
    m_defaultViews.insert(card->id(), card->saveState());
  }
  m_defaultViews.insert(QStringLiteral("table"), m_results->saveState());
  const QJsonObject views = QJsonDocument::fromJson(Settings::views()).object();
  m_results->restoreState(views.value(QStringLiteral("table")).toObject());
  const QJsonObject cards = views.value(QStringLiteral("cards")).toObject();
  for (PlotCard* card : m_cards->cards()) {
    const QJsonValue state = cards.value(card->id());
    if (state.isObject()) {
      card->restoreState(state.toObject());
    }
  }
  const QString tab = views.value(QStringLiteral("tab")).toString();
  for (int i = 0; i < m_tabs->count(); ++i) {
    if (!tab.isEmpty() && m_tabs->widget(i)->objectName() == tab) {
      m_tabs->setCurrentIndex(i);
    }
  }
}

bool MainWindow::Impl::openResults(const QString& path) {
  const QFileInfo info(path);
  if (!info.isReadable()) {
    refuse(tr("These results cannot be opened."), tr("%1 cannot be read.").arg(path));
    return false;
  }
  ++m_opening;
  showMessage(tr("Reading %1…").arg(info.fileName()));
  inBackground(
      this, [path] { return readResultsFile(path); },
      [this, path](ReadResults&& read) {
        --m_opening;
        if (read.error.isEmpty()) {
          const std::vector<Job> jobs = read.loaded.jobs;
          addResults(&m_workspace, &m_queue, std::move(read));
          for (const Job& job : jobs) {
            m_queue.weighLater(job.id);
          }
          m_experiment->refreshPlan();
          m_tabs->setCurrentWidget(m_results);
          Settings::addRecentFile(path);
          m_welcome->refresh();
        } else {
          refuse(tr("These results cannot be opened."), read.error);
        }
        refreshState();
      });
  return true;
}

}  // namespace mxscope::ui
