// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/queue_controller.h"

#include <QUndoStack>
#include <QUuid>
#include <algorithm>

#include "bridge/run_decoder.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::ui {

namespace {

constexpr int kCancelMilliseconds = 5000;  // then the engine is killed, UX.md 2.5

class QueueCommand : public QUndoCommand {
 public:
  QueueCommand(const QString& text, std::function<void()> redo, std::function<void()> undo)
      : QUndoCommand(text), m_redo(std::move(redo)), m_undo(std::move(undo)) {}
  void redo() override { m_redo(); }
  void undo() override { m_undo(); }

 private:
  std::function<void()> m_redo, m_undo;
};

mxscope::Experiment parse(const QString& text) {
  mxscope::Issues issues;
  const std::string utf8 = text.toStdString();
  return mxscope::experiment_from_json(std::string_view(utf8), issues);
}

bool isWaiting(JobState state) { return state == JobState::kWaiting; }

}  // namespace

QueueController::QueueController(Workspace* workspace, EngineClient* engine, QUndoStack* undo,
                                 QObject* parent)
    : QObject(parent), m_workspace(workspace), m_engine(engine), m_undo(undo) {
  connect(engine, &EngineClient::events, this,
          qOverload<const std::vector<mxscope::Event>&>(&QueueController::handle));
  connect(engine, &EngineClient::died, this, &QueueController::engineDied);
  connect(engine, &EngineClient::logLine, this, &QueueController::logLine);
  m_clock.start();
  m_cancelTimer.setSingleShot(true);
  m_cancelTimer.setInterval(kCancelMilliseconds);
  connect(&m_cancelTimer, &QTimer::timeout, this, [this] { m_engine->kill(); });
}

QueueController::~QueueController() = default;

QString QueueController::outputFolder(const QString& jobId) const {
  const Job* job = m_workspace->job(jobId);
  return m_outputFolder.isEmpty() ? QString()
                                  : m_outputFolder + QLatin1Char('/') +
                                        (job && !job->folder.isEmpty() ? job->folder : jobId);
}

QStringList QueueController::add(const std::vector<PlannedJob>& jobs,
                                 const QString& experimentName) {
  QStringList added;
  for (const PlannedJob& planned : jobs) {
    const mxscope::Experiment& experiment = planned.experiment;
    Job job;
    job.id = QUuid::createUuid().toString(QUuid::WithoutBraces);
    job.name = experimentName;
    job.model = QString::fromStdString(mxscope::model_names(experiment).front());
    job.experiment = QString::fromStdString(mxscope::to_json_text(experiment));
    job.protocol = toQString(mxscope::to_string(experiment.protocol.name));
    job.context = static_cast<int>(experiment.protocol.context.value_or(0));
    job.stride = static_cast<int>(
        experiment.protocol.stride.value_or(experiment.protocol.context.value_or(0)));
    job.dataName = experiment.data.sources.empty()
                       ? QString()
                       : QString::fromStdString(experiment.data.sources.front());
    job.devices = experiment.devices.mode == mxscope::DeviceMode::kList
                      ? QStringList()
                      : QStringList{tr("automatic")};
    for (const std::string& device : experiment.devices.list) {
      job.devices << QString::fromStdString(device);
    }
    job.variants << QStringLiteral("baseline");
    try {
      mxscope::Experiment listed = experiment;
      const std::vector<mxscope::LinearInfo>* linears = nullptr;
      if (listed.sweep && m_modelInfo) {
        const ModelInfo& info = m_modelInfo(QString::fromStdString(listed.models.front().source));
        linears = info.linears.empty() ? nullptr : &info.linears;
      }
      for (const mxscope::ResolvedVariant& variant : mxscope::expand_variants(listed, linears)) {
        job.variants << QString::fromStdString(variant.name);
      }
    } catch (const mxscope::Error&) {
      // The engine says what is wrong when the job starts.
    }
    job.addedAt = QDateTime::currentDateTime();
    QHash<QString, QString>& keys = m_keys[job.id];
    for (qsizetype i = 0; i < std::min(planned.keys.size(), job.variants.size()); ++i) {
      keys.insert(job.variants[i], planned.keys[i]);
    }
    m_baseDirs.insert(job.id, planned.baseDir);
    added << m_workspace->addJob(std::move(job));
  }
  Q_EMIT changed();
  if (m_started && m_current.isEmpty()) {
    next();
  }
  return added;
}

QStringList QueueController::waiting() const {
  QStringList ids;
  for (const QString& id : m_workspace->jobIds()) {
    const Job* job = m_workspace->job(id);
    if (isWaiting(job->state) && job->listed) {
      ids << id;
    }
  }
  return ids;
}

std::optional<double> QueueController::secondsLeft() const {
  const Job* current = m_workspace->job(m_current);
  return current && current->secondsLeft ? m_secondsLeft : std::nullopt;
}

void QueueController::tellTimeLeft(std::optional<double> tokensPerSecond) {
  if (!m_timeLeft.tell(static_cast<double>(m_clock.elapsed()) / 1000)) {
    return;
  }
  m_workspace->changeJob(m_current, [&](Job& job) {
    job.tokensPerSecond = tokensPerSecond;
    job.secondsLeft = m_timeLeft.seconds();
  });
  const Job* current = m_workspace->job(m_current);
  double seconds = *current->secondsLeft;
  // Work of a waiting job is taken to be like the running one's, by its number of variants.
  const double elapsed =
      static_cast<double>(current->startedAt.msecsTo(QDateTime::currentDateTime())) / 1000;
  const double whole = elapsed + seconds;
  for (const QString& id : waiting()) {
    seconds += whole * static_cast<double>(m_workspace->job(id)->variants.size()) /
               static_cast<double>(std::max<qsizetype>(1, current->variants.size()));
  }
  m_secondsLeft = seconds;
}

QSet<QString> QueueController::queuedKeys() const {
  QSet<QString> keys;
  for (const QString& id : m_workspace->jobIds()) {
    const JobState state = m_workspace->job(id)->state;
    if ((isWaiting(state) && m_workspace->job(id)->listed) || isActive(state) ||
        state == JobState::kPaused || id == m_current) {
      const QHash<QString, QString> known = m_keys.value(id);
      for (auto it = known.cbegin(); it != known.cend(); ++it) {
        if (it.key() != QLatin1String("baseline")) {
          keys.insert(it.value());
        }
      }
    }
  }
  return keys;
}

QHash<QString, QString> QueueController::keysOf(const QString& jobId) const {
  return m_keys.value(jobId);
}

void QueueController::rememberDone(const QString& jobId,
                                   const QHash<QString, QString>& keyByVariant,
                                   const QString& baseDir) {
  m_keys.insert(jobId, keyByVariant);
  m_baseDirs.insert(jobId, baseDir);
  for (const QString& id : m_workspace->runsOfJob(jobId)) {
    const Run* run = m_workspace->run(id);
    if (run->state == RunState::kDone && keyByVariant.contains(run->variant)) {
      m_doneKeys.insert(keyByVariant.value(run->variant));
    }
  }
}

void QueueController::restoreJob(Job job, const QHash<QString, QString>& keyByVariant,
                                 const QString& baseDir) {
  const JobState state = job.state;
  const QString id = m_workspace->addJob(std::move(job));
  m_keys.insert(id, keyByVariant);
  m_baseDirs.insert(id, baseDir);
  if ((state == JobState::kPaused || state == JobState::kInterrupted) && m_current.isEmpty()) {
    m_current = id;
    m_pausedInPlace = false;
  }
  Q_EMIT changed();
}

bool QueueController::isHeld() const {
  const Job* current = m_workspace->job(m_current);
  return current &&
         (current->state == JobState::kPaused || current->state == JobState::kInterrupted);
}

void QueueController::start() {
  m_started = true;
  m_pauseAfter = false;
  if (isHeld()) {
    m_doneCount = 0;
    m_failedCount = 0;
    if (m_pausedInPlace && m_engine->state() != EngineClient::State::kStopped) {
      m_engine->request(mxscope::ResumeRequest{m_current.toStdString()});
      m_timeLeft.begin(static_cast<int>(m_workspace->job(m_current)->variants.size()));
      m_workspace->changeJob(m_current, [](Job& job) { job.state = JobState::kRunning; });
      finishRuns(RunState::kRunning, QString());
    } else {
      request(m_current, true);
    }
  } else if (m_current.isEmpty()) {
    m_doneCount = 0;
    m_failedCount = 0;
    m_equalFailures = 0;
    next();
  }
  m_workspace->flush();
  Q_EMIT changed();
}

void QueueController::pauseAfterThis() {
  m_pauseAfter = !m_pauseAfter;
  Q_EMIT changed();
}

void QueueController::pauseNow() {
  const Job* current = m_workspace->job(m_current);
  if (!current || !(current->state == JobState::kRunning || current->state == JobState::kLoading)) {
    m_started = false;
    Q_EMIT changed();
    return;
  }
  m_started = false;
  m_workspace->changeJob(m_current, [](Job& job) { job.state = JobState::kPausing; });
  m_workspace->flush();
  const QString id = m_current;
  m_engine->request(
      mxscope::PauseRequest{id.toStdString()}, [this, id](const mxscope::ReplyEvent& reply) {
        const Job* job = m_workspace->job(id);
        if (!job || id != m_current || job->state != JobState::kPausing) {
          return;
        }
        const bool refused = !reply.error_code.empty();
        m_pausedInPlace = !refused;
        m_started = refused;
        m_workspace->changeJob(id, [refused](Job& changing) {
          changing.state = refused ? JobState::kRunning : JobState::kPaused;
          changing.secondsLeft.reset();
        });
        if (!refused) {
          finishRuns(RunState::kPaused, QString());
        } else {
          Q_EMIT logLine(QStringLiteral("warning"), QString::fromStdString(reply.error_text));
        }
        m_workspace->flush();
        Q_EMIT changed();
      });
  Q_EMIT changed();
}

void QueueController::cancel(const QString& jobId) {
  const Job* job = m_workspace->job(jobId);
  if (!job) {
    return;
  }
  if (isWaiting(job->state)) {
    m_workspace->changeJob(jobId, [](Job& j) {
      j.state = JobState::kCancelled;
      j.finishedAt = QDateTime::currentDateTime();
    });
    m_workspace->flush();
    Q_EMIT changed();
    return;
  }
  if (jobId != m_current || job->state == JobState::kCancelling) {
    return;
  }
  const bool held = isHeld() && !m_pausedInPlace;
  m_workspace->changeJob(jobId, [](Job& j) { j.state = JobState::kCancelling; });
  m_workspace->flush();
  Q_EMIT changed();
  if (held || m_engine->state() == EngineClient::State::kStopped) {
    finish(QStringLiteral("cancelled"), 0);
    return;
  }
  m_cancelTimer.start();
  m_engine->request(mxscope::CancelRequest{jobId.toStdString()});
}

void QueueController::remove(const QStringList& jobIds) {
  QStringList ids;
  for (const QString& id : jobIds) {
    const Job* job = m_workspace->job(id);
    if (job && id == m_current && job->state == JobState::kInterrupted) {
      m_current.clear();
    }
    if (job && id != m_current) {
      ids << id;
    }
  }
  if (ids.isEmpty()) {
    return;
  }
  // Runs of a finished job stay in the results, so that only the row of the queue goes away.
  m_undo->push(new QueueCommand(
      tr("remove %n job(s) from the queue", nullptr, static_cast<int>(ids.size())),
      [this, ids] {
        for (const QString& id : ids) {
          m_workspace->changeJob(id, [](Job& job) { job.listed = false; });
        }
        m_workspace->flush();
        Q_EMIT changed();
      },
      [this, ids] {
        for (const QString& id : ids) {
          m_workspace->changeJob(id, [](Job& job) { job.listed = true; });
        }
        m_workspace->flush();
        Q_EMIT changed();
      }));
}

void QueueController::setOrder(const QString& text, const QStringList& order) {
  const QStringList before = m_workspace->jobIds();
  if (order == before) {
    return;
  }
  m_undo->push(new QueueCommand(
      text, [this, order] { m_workspace->setJobOrder(order); },
      [this, before] { m_workspace->setJobOrder(before); }));
}

void QueueController::move(const QStringList& jobIds, int offset) {
  QStringList order = m_workspace->jobIds();
  QList<qsizetype> rows;
  for (const QString& id : jobIds) {
    rows << order.indexOf(id);
  }
  std::sort(rows.begin(), rows.end());
  if (offset > 0) {
    std::reverse(rows.begin(), rows.end());
  }
  for (const qsizetype row : rows) {
    // Steps over rows that the queue does not show.
    qsizetype target = row + offset;
    while (target >= 0 && target < order.size() && !m_workspace->job(order[target])->listed) {
      target += offset;
    }
    if (row < 0 || target < 0 || target >= order.size() ||
        m_workspace->job(order[row])->state != JobState::kWaiting) {
      return;
    }
    order.move(row, target);
  }
  setOrder(offset < 0 ? tr("move up in the queue") : tr("move down in the queue"), order);
}

void QueueController::moveTo(const QStringList& jobIds, int row) {
  QStringList order = m_workspace->jobIds();
  const qsizetype at = std::clamp<qsizetype>(row, 0, order.size());
  const QString anchor = at < order.size() ? order[at] : QString();
  QStringList moved;
  for (const QString& id : std::as_const(order)) {
    if (jobIds.contains(id) && isWaiting(m_workspace->job(id)->state)) {
      moved << id;
    }
  }
  if (moved.contains(anchor)) {
    return;
  }
  for (const QString& id : std::as_const(moved)) {
    order.removeOne(id);
  }
  qsizetype target = anchor.isEmpty() ? order.size() : order.indexOf(anchor);
  for (const QString& id : std::as_const(moved)) {
    order.insert(target++, id);
  }
  setOrder(tr("move in the queue"), order);
}

void QueueController::retry(const QString& jobId, bool smallerBatch) {
  const Job* old = m_workspace->job(jobId);
  if (!old || isActive(old->state) || isWaiting(old->state) || old->state == JobState::kPaused) {
    return;
  }
  const bool interrupted = jobId == m_current;
  if (interrupted) {
    m_current.clear();  // begun anew instead of resumed
  }
  Job job;
  job.id = QUuid::createUuid().toString(QUuid::WithoutBraces);
  job.name = old->name;
  job.model = old->model;
  job.variants = old->variants;
  job.protocol = old->protocol;
  job.context = old->context;
  job.stride = old->stride;
  job.dataName = old->dataName;
  job.devices = old->devices;
  job.attempt = old->attempt + 1;
  if (!interrupted) {
    // Panels that the failed attempt finished need not be computed again.
    job.folder = old->folder.isEmpty() ? old->id : old->folder;
  }
  job.addedAt = QDateTime::currentDateTime();
  mxscope::Experiment experiment = parse(old->experiment);
  if (smallerBatch) {
    experiment.compute.batch = std::max<std::int64_t>(1, experiment.compute.batch.value_or(2) / 2);
  }
  job.experiment = QString::fromStdString(mxscope::to_json_text(experiment));
  m_keys.insert(job.id, m_keys.value(jobId));
  m_baseDirs.insert(job.id, m_baseDirs.value(jobId));
  const QString added = m_workspace->addJob(std::move(job));
  if (interrupted) {
    // It was first, and stays so.
    QStringList order = m_workspace->jobIds();
    order.move(order.indexOf(added), order.indexOf(jobId) + 1);
    m_workspace->setJobOrder(order);
  }
  Q_EMIT changed();
  if (m_started && m_current.isEmpty()) {
    next();
  }
}

void QueueController::retryAllFailed() {
  QStringList failed;
  QSet<QString> retried;
  for (const QString& id : m_workspace->jobIds()) {
    const Job* job = m_workspace->job(id);
    if (job->listed && job->state == JobState::kFailed) {
      failed << id;
    }
  }
  for (const QString& id : std::as_const(failed)) {
    const QString experiment = m_workspace->job(id)->experiment;
    if (!retried.contains(experiment)) {
      retried.insert(experiment);
      retry(id);
    }
  }
}

void QueueController::restartEngine() { m_engine->restart(); }

}  // namespace mxscope::ui
