// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/session_store.h"

#include <QDir>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QSaveFile>

#include "bridge/background.h"
#include "bridge/queue_controller.h"
#include "bridge/results_reader.h"
#include "models/workspace.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "panels/results_table_export.h"

namespace mxscope::ui {

namespace {

constexpr int kVersion = 1;
constexpr int kTogetherMilliseconds = 100;  // changes that come together are one write
constexpr qint64 kLargestSession = 256 << 20;

void write(const QString& path, const QByteArray& bytes) {
  QSaveFile file(path);
  if (file.open(QIODevice::WriteOnly)) {
    file.write(bytes);
    file.commit();
  }
}

bool hasEnded(JobState state) {
  return state == JobState::kDone || state == JobState::kCancelled || state == JobState::kFailed;
}

RunState runState(JobState state) {
  switch (state) {
    case JobState::kFailed:
      return RunState::kFailed;
    case JobState::kCancelled:
      return RunState::kCancelled;
    case JobState::kDone:
      return RunState::kDone;
    default:
      return RunState::kPaused;
  }
}

}  // namespace

SessionStore::SessionStore(Workspace* workspace, QueueController* queue, const QString& folder,
                           const QString& jobs, QObject* parent)
    : QObject(parent),
      m_workspace(workspace),
      m_queue(queue),
      m_file(folder + QLatin1String("/session.json")),
      m_jobs(jobs),
      m_lock(std::make_unique<QLockFile>(folder + QLatin1String("/session.lock"))) {
  m_lock->setStaleLockTime(0);  // only a process that is gone loses its lock
  m_writer.setMaxThreadCount(1);
  m_timer.setSingleShot(true);
  m_timer.setInterval(kTogetherMilliseconds);
  connect(&m_timer, &QTimer::timeout, this, &SessionStore::save);
  connect(workspace, &Workspace::jobsChanged, this, &SessionStore::touch);
  connect(workspace, &Workspace::runsAdded, this, &SessionStore::touchRuns);
  connect(workspace, &Workspace::runsChanged, this, &SessionStore::touchRuns);
  connect(workspace, &Workspace::runsRemoved, this, &SessionStore::touchAll);
  connect(workspace, &Workspace::visibilityChanged, this, &SessionStore::touchAll);
  connect(workspace, &Workspace::pinsChanged, this, &SessionStore::touchAll);
  connect(workspace, &Workspace::baselineChanged, this, &SessionStore::touchAll);
  connect(workspace, &Workspace::wasReset, this, &SessionStore::touchAll);
  connect(queue, &QueueController::jobEnded, this, &SessionStore::keepResults);
  connect(queue, &QueueController::recordTaken, this, &SessionStore::keepResults);
}

SessionStore::~SessionStore() { m_writer.waitForDone(); }

void SessionStore::touch(const QStringList& jobIds) {
  for (const QString& id : jobIds) {
    m_changed.insert(id);
  }
  if (m_active && !m_timer.isActive()) {
    m_timer.start();
  }
}

void SessionStore::touchRuns(const QStringList& runIds) {
  QStringList jobs;
  for (const QString& id : runIds) {
    if (const Run* run = m_workspace->run(id)) {
      jobs << run->jobId;
    }
  }
  touch(jobs);
}

void SessionStore::touchAll() { touch(m_workspace->jobIds()); }

StoredJob SessionStore::collect(const QString& jobId) const {
  StoredJob stored;
  stored.job = *m_workspace->job(jobId);
  stored.baseDir = m_queue->baseDirOf(jobId);
  stored.keys = m_queue->keysOf(jobId);
  for (const QString& id : m_workspace->runsOfJob(jobId)) {
    const Run* run = m_workspace->run(id);
    stored.runs.push_back({id, run->variant, run->notes, run->number, run->tags,
                           m_workspace->isHidden(id), m_workspace->isPinned(id), run->weightBytes});
  }
  const Run* base = m_workspace->baselineFor(jobId);
  if (base && m_workspace->isChosenBaseline(base->id)) {
    stored.baseline = base->id;
  }
  return stored;
}

QByteArray SessionStore::bytes(bool ended) {
  const QStringList ids = m_workspace->jobIds();
  for (const QString& id : std::exchange(m_changed, {})) {
    const Job* job = m_workspace->job(id);
    // A row that was removed and has no runs is forgotten.
    if (!job || (!job->listed && m_workspace->runsOfJob(id).isEmpty())) {
      m_parts.remove(id);
      continue;
    }
    StoredJob stored = collect(id);
    if (ended && isActive(stored.job.state)) {
      stored.job.state = JobState::kPaused;  // what it has finished is stored by the engine
    }
    m_parts.insert(id, QJsonDocument(toJson(stored)).toJson(QJsonDocument::Compact));
  }
  QByteArray text =
      "{\"format\": \"mxscope-session\", \"version\": " + QByteArray::number(kVersion);
  text += ended ? ", \"ended\": true" : ", \"ended\": false";
  text += ", \"jobs\": [";
  bool first = true;
  for (const QString& id : ids) {
    const auto part = m_parts.constFind(id);
    if (part != m_parts.constEnd()) {
      text += first ? "\n" : ",\n";
      text += *part;
      first = false;
    }
  }
  return text + "]}\n";
}

void SessionStore::save() {
  if (!m_active) {
    return;
  }
  QByteArray text = bytes(false);
  if (text != m_written) {
    m_written = text;
    m_writer.start([path = m_file, text] { write(path, text); });
  }
}

void SessionStore::saveNow(bool ended) {
  if (!m_active) {
    return;
  }
  m_timer.stop();
  touchAll();
  m_timer.stop();
  m_written = bytes(ended);
  m_writer.waitForDone();
  write(m_file, m_written);
  m_active = !ended;
  if (ended) {
    m_lock->unlock();  // for a window that is made after this one in the same program
  }
}

void SessionStore::keepResults(const QString& jobId) {
  const QString own = m_queue->outputFolder(jobId);
  const QString folder = own.isEmpty() ? m_jobs + QLatin1Char('/') + jobId : own;
  // An engine of this machine has written its own, which say more.
  const bool written = !own.isEmpty() && QFileInfo::exists(own + QLatin1String("/results.json"));
  if (!m_active || !m_workspace->job(jobId) || written) {
    return;
  }
  const ResultsExport collected = collectResults(*m_workspace, m_workspace->runsOfJob(jobId));
  if (collected.results.runs.empty()) {
    return;
  }
  m_writer.start([folder, results = collected.results] {
    QDir().mkpath(folder);
    write(folder + QLatin1String("/results.json"),
          QByteArray::fromStdString(mxscope::to_json_text(results)));
    write(folder + QLatin1String("/windows.csv"),
          QByteArray::fromStdString(mxscope::windows_csv(results.windows)));
  });
}

bool SessionStore::restore() {
  if (!m_lock->tryLock(0)) {
    Q_EMIT logLine(QStringLiteral("info"),
                   tr("Another window keeps the queue of this profile. This one starts with an "
                      "empty queue, which is not kept."));
    return false;
  }
  m_active = true;
  QFile file(m_file);
  if (!file.exists()) {
    return true;
  }
  QJsonParseError problem;
  QJsonDocument document;
  if (file.size() <= kLargestSession && file.open(QIODevice::ReadOnly)) {
    document = QJsonDocument::fromJson(file.readAll(), &problem);
  }
  const QJsonObject object = document.object();
  if (object.value(QStringLiteral("format")).toString() != QLatin1String("mxscope-session") ||
      object.value(QStringLiteral("version")).toInt() != kVersion) {
    const QString aside = m_file + QLatin1String(".unreadable");
    QFile::remove(aside);
    file.close();
    QFile::rename(m_file, aside);
    Q_EMIT logLine(QStringLiteral("warning"),
                   tr("The queue of the last session could not be read; it is kept as %1.")
                       .arg(QDir::toNativeSeparators(aside)));
    return true;
  }
  const bool ended = object.value(QStringLiteral("ended")).toBool();
  std::vector<StoredJob> jobs;
  for (const QJsonValue& value : object.value(QStringLiteral("jobs")).toArray()) {
    if (std::optional<StoredJob> stored = storedJobFrom(value.toObject())) {
      if (isActive(stored->job.state)) {
        stored->job.state = ended ? JobState::kPaused : JobState::kInterrupted;
      }
      // The interrupted job is shown first.
      const bool first = stored->job.state == JobState::kInterrupted && stored->job.listed;
      jobs.insert(first ? jobs.begin() : jobs.end(), std::move(*stored));
    }
  }
  QString interrupted;
  for (const StoredJob& stored : jobs) {
    if (stored.job.file.isEmpty()) {
      m_queue->restoreJob(stored.job, stored.keys, stored.baseDir);
    } else {
      m_workspace->addJob(stored.job);
      m_queue->rememberDone(stored.job.id, stored.keys, stored.baseDir);
    }
  }
  for (const StoredJob& stored : jobs) {
    if (stored.job.state == JobState::kInterrupted && stored.job.listed) {
      interrupted = stored.job.id;
    }
    restoreRuns(stored);
  }
  m_workspace->flush();
  if (!interrupted.isEmpty()) {
    Q_EMIT interruptedFound(interrupted);
  }
  if (m_reading == 0) {
    Q_EMIT restored();
  }
  save();
  return true;
}

void SessionStore::restoreRuns(const StoredJob& stored) {
  const Job& job = stored.job;
  // The record of a failed attempt belongs to the next one, which went on from it.
  bool superseded = false;
  for (const QString& id : m_workspace->jobIds()) {
    superseded =
        superseded || m_workspace->job(id)->folder == job.id ||
        (!job.folder.isEmpty() && id != job.id && m_workspace->job(id)->folder == job.folder);
  }
  if (job.state == JobState::kFailed && superseded) {
    addRuns(stored, {});
  } else if (hasEnded(job.state)) {
    readResultsOf(stored);
  } else if (job.state != JobState::kWaiting) {
    addRuns(stored, {});
    m_queue->readPartial(job.id);
  }
}

void SessionStore::readResultsOf(const StoredJob& stored) {
  QString path = stored.job.file;
  if (path.isEmpty()) {
    const QString own = m_queue->outputFolder(stored.job.id);
    path = (own.isEmpty() ? m_jobs + QLatin1Char('/') + stored.job.id : own) +
           QLatin1String("/results.json");
  }
  ++m_reading;
  inBackground(
      this, [path] { return readResultsFile(path); },
      [this, stored](ReadResults&& read) {
        --m_reading;
        addRuns(stored, std::move(read));
        if (m_reading == 0) {
          Q_EMIT restored();
        }
      });
}

void SessionStore::addRuns(const StoredJob& stored, ReadResults&& read) {
  const QString jobId = stored.job.id;
  if (!m_workspace->job(jobId)) {
    return;
  }
  if (!read.error.isEmpty() && stored.job.state == JobState::kDone && !stored.runs.empty()) {
    Q_EMIT logLine(
        QStringLiteral("warning"),
        tr("Results of %1 are not there any more. %2").arg(stored.job.model, read.error));
    return;
  }
  QStringList variants;
  QHash<QString, StoredRun> known;
  for (const StoredRun& run : stored.runs) {
    variants << run.variant;
    known.insert(run.variant, run);
  }
  m_queue->createRuns(jobId, variants, runState(stored.job.state), [&](Run& run) {
    const StoredRun& from = known[run.variant];
    run.id = from.id;
    run.number = from.number;
    run.notes = from.notes;
    run.tags = from.tags;
    run.weightBytes = from.weightBytes;
    if (run.state == RunState::kFailed) {
      run.error = stored.job.message;
    }
  });
  m_queue->takeResults(jobId, read.loaded);
  m_queue->weighLater(jobId);
  for (const StoredRun& run : stored.runs) {
    m_workspace->setHidden(run.id, run.hidden);
    m_workspace->setPinned(run.id, run.pinned);
  }
  if (!stored.baseline.isEmpty()) {
    m_workspace->restoreBaseline(jobId, stored.baseline);
  }
  m_workspace->flush();
}

}  // namespace mxscope::ui
