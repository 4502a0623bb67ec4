// SPDX-License-Identifier: GPL-3.0-or-later
// The half of QueueController that starts jobs and listens to the engine.
#include "bridge/queue_controller.h"
#include "bridge/run_decoder.h"
#include "models/run_keys.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::ui {

namespace {

constexpr int kEqualFailures = 3;  // in a row pause the queue

mxscope::Experiment parse(const QString& text) {
  mxscope::Issues issues;
  const std::string utf8 = text.toStdString();
  return mxscope::experiment_from_json(std::string_view(utf8), issues);
}

}  // namespace

void QueueController::next() {
  m_current.clear();
  const QStringList ahead = waiting();
  if (!m_started || ahead.isEmpty()) {
    if (m_started && (m_doneCount > 0 || m_failedCount > 0)) {
      Q_EMIT queueEnded(m_doneCount, m_failedCount);
    }
    m_started = m_started && !ahead.isEmpty();
    Q_EMIT changed();
    return;
  }
  m_current = ahead.first();
  m_workspace->changeJob(m_current, [](Job& job) {
    job.startedAt = QDateTime::currentDateTime();
    job.message.clear();
  });
  createRuns(m_current, m_workspace->job(m_current)->variants, RunState::kWaiting);
  request(m_current, !m_workspace->job(m_current)->folder.isEmpty());
  Q_EMIT changed();
}

void QueueController::request(const QString& jobId, bool resume) {
  const Job* job = m_workspace->job(jobId);
  m_errorCode.clear();
  m_errorText.clear();
  mxscope::RunRequest run;
  run.job = jobId.toStdString();
  run.experiment = mxscope::to_json(parse(job->experiment));
  run.base_dir = m_baseDirs.value(jobId).toStdString();
  run.output = outputFolder(jobId).toStdString();
  run.resume = resume;
  m_workspace->changeJob(jobId, [](Job& j) { j.state = JobState::kLoading; });
  m_workspace->flush();
  m_engine->request(std::move(run), [this, jobId](const mxscope::ReplyEvent& reply) {
    if (jobId != m_current || reply.error_code.empty() || reply.error_code == "engine_died") {
      return;
    }
    QString text = QString::fromStdString(reply.error_text);
    if (!reply.issues.empty()) {
      text = QString::fromStdString(mxscope::format_issues(reply.issues)).trimmed();
    }
    m_errorCode = QString::fromStdString(reply.error_code);
    m_errorText = text;
    finish(QStringLiteral("failed"), 0);
  });
}

void QueueController::createRuns(const QString& jobId, const QStringList& variants, RunState state,
                                 const std::function<void(Run&)>& finishing) {
  const Job* job = m_workspace->job(jobId);
  std::vector<mxscope::ResolvedVariant> resolved;
  try {
    const mxscope::Experiment experiment = parse(job->experiment);
    const std::vector<mxscope::LinearInfo>* linears = nullptr;
    if (experiment.sweep && m_modelInfo) {
      const ModelInfo& info = m_modelInfo(QString::fromStdString(experiment.models.front().source));
      linears = info.linears.empty() ? nullptr : &info.linears;
    }
    resolved = mxscope::expand_variants(experiment, linears);
  } catch (const mxscope::Error&) {
    resolved.clear();
  }
  std::vector<Run> runs;
  for (const QString& variant : variants) {
    if (m_workspace->findRun(jobId, variant)) {
      continue;
    }
    Run run;
    run.jobId = jobId;
    run.model = job->model;
    run.variant = variant;
    run.baseline = variant == QLatin1String("baseline");
    run.state = state;
    run.weightFormat = run.activationFormat = QStringLiteral("none");
    for (const mxscope::ResolvedVariant& candidate : resolved) {
      if (QString::fromStdString(candidate.name) == variant) {
        describeVariant(&run, candidate);
      }
    }
    if (finishing) {
      finishing(run);
    }
    runs.push_back(std::move(run));
  }
  m_workspace->addRuns(std::move(runs));
}

void QueueController::handle(const std::vector<mxscope::Event>& batch) {
  for (const mxscope::Event& event : batch) {
    handle(event);
  }
}

void QueueController::handle(const mxscope::Event& event) {
  if (const auto* memory = std::get_if<mxscope::MemoryEvent>(&event.body)) {
    for (const mxscope::DeviceMemory& device : memory->devices) {
      QString name;
      if (m_engine->hello()) {
        for (const mxscope::DeviceDescription& known : m_engine->hello()->devices) {
          if (known.id == device.device) {
            name = QString::fromStdString(known.name);
          }
        }
      }
      m_workspace->addMemory(QString::fromStdString(device.device), name,
                             toSample(device, memory->time));
    }
    return;
  }
  if (const auto* message = std::get_if<mxscope::MessageEvent>(&event.body)) {
    QString text = QString::fromStdString(message->text);
    if (!message->detail.empty()) {
      text += QLatin1String(" — ") + QString::fromStdString(message->detail);
    }
    const bool isError = message->kind == mxscope::MessageKind::kError;
    Q_EMIT logLine(isError ? QStringLiteral("error")
                   : message->kind == mxscope::MessageKind::kWarning
                       ? QStringLiteral("warning")
                       : QString::fromStdString(message->level),
                   text);
    if (isError) {
      m_errorCode = QString::fromStdString(message->code);
      m_errorText = QString::fromStdString(message->text);
    }
    return;
  }
  // Events of a job that is no longer tracked are stale.
  if (m_current.isEmpty() ||
      (!event.job.empty() && QString::fromStdString(event.job) != m_current)) {
    return;
  }
  const Job* job = m_workspace->job(m_current);
  const bool ending = job->state == JobState::kCancelling || job->state == JobState::kPausing ||
                      job->state == JobState::kPaused;
  if (const auto* loading = std::get_if<mxscope::LoadingEvent>(&event.body)) {
    m_workspace->changeJob(m_current, [&](Job& j) {
      if (!ending) {
        j.state = JobState::kLoading;
      }
      j.loadedBytes = static_cast<double>(loading->bytes);
      j.loadTotalBytes = static_cast<double>(loading->total);
    });
  } else if (const auto* started = std::get_if<mxscope::StartedEvent>(&event.body)) {
    begin(*started);
  } else if (const auto* progress = std::get_if<mxscope::ProgressEvent>(&event.body)) {
    m_workspace->changeJob(m_current, [&](Job& j) {
      if (!ending) {
        j.state = JobState::kRunning;
      }
      j.done = static_cast<double>(progress->done);
      j.total = static_cast<double>(progress->total);
      j.panel = static_cast<int>(progress->panel);
      j.panels = static_cast<int>(progress->panels);
    });
    m_timeLeft.addProgress(static_cast<double>(m_clock.elapsed()) / 1000,
                           static_cast<double>(progress->done),
                           static_cast<double>(progress->total));
    if (!ending) {
      tellTimeLeft(progress->tokens_per_second);
    }
    const double fraction = job->fraction();
    for (const QString& id : m_workspace->runsOfJob(m_current)) {
      m_workspace->changeRun(id, [fraction](Run& run) {
        if (run.state == RunState::kRunning) {
          run.fraction = fraction;
        }
      });
    }
  } else if (const auto* windows = std::get_if<mxscope::WindowsEvent>(&event.body)) {
    int most = 0;
    qint64 tokens = 0;
    for (const mxscope::VariantWindows& variant : windows->variants) {
      const QString name = QString::fromStdString(variant.variant);
      m_workspace->addWindows(m_current, name, toSeries(variant));
      if (const Run* run = m_workspace->findRun(m_current, name)) {
        most = std::max(most, static_cast<int>(run->windows.size()));
        tokens = std::max(tokens, run->tokens);
      }
    }
    m_workspace->changeJob(m_current, [most, tokens](Job& j) {
      j.windowsDone = std::max(j.windowsDone, most);
      j.tokensDone = std::max(j.tokensDone, tokens);
    });
  } else if (const auto* result = std::get_if<mxscope::ResultEvent>(&event.body)) {
    take(*result);
  } else if (const auto* done = std::get_if<mxscope::DoneEvent>(&event.body)) {
    finish(QString::fromStdString(done->state), done->seconds);
  }
}

void QueueController::begin(const mxscope::StartedEvent& started) {
  QStringList variants;
  for (const std::string& name : started.variants) {
    variants << QString::fromStdString(name);
  }
  m_workspace->changeJob(m_current, [&](Job& job) {
    if (job.state == JobState::kLoading || job.state == JobState::kWaiting) {
      job.state = JobState::kRunning;
    }
    job.windowsTotal = static_cast<int>(started.windows);
    job.tokensTotal = started.tokens;
    job.placement = QString::fromStdString(started.placement);
    if (!variants.isEmpty()) {
      job.variants = variants;
    }
  });
  m_timeLeft.begin(static_cast<int>(m_workspace->job(m_current)->variants.size()));
  createRuns(m_current, m_workspace->job(m_current)->variants, RunState::kWaiting);
  learnSweepKeys();
  for (const QString& id : m_workspace->runsOfJob(m_current)) {
    m_workspace->changeRun(id, [](Run& run) { run.state = RunState::kRunning; });
  }
  m_workspace->flush();
}

void QueueController::learnSweepKeys() {
  // A job that was queued before its model was read could not name the places of its sweep.
  const mxscope::Experiment experiment = parse(m_workspace->job(m_current)->experiment);
  if (!experiment.sweep || !m_modelInfo || experiment.models.empty()) {
    return;
  }
  const ModelInfo& info = m_modelInfo(QString::fromStdString(experiment.models.front().source));
  if (info.linears.empty()) {
    return;
  }
  QHash<QString, QString>& keys = m_keys[m_current];
  for (const KeyedVariant& variant :
       keyedVariants(experiment, m_baseDirs.value(m_current), &info.linears)) {
    keys.insert(QString::fromStdString(variant.resolved.name), variant.key);
  }
}

void QueueController::take(const mxscope::ResultEvent& result) {
  const QString variant = QString::fromStdString(result.run.variant);
  m_timeLeft.addResult();
  tellTimeLeft(m_workspace->job(m_current)->tokensPerSecond);
  createRuns(m_current, {variant}, RunState::kWaiting);
  if (const Run* run = m_workspace->findRun(m_current, variant)) {
    m_workspace->changeRun(run->id, [&result](Run& r) { takeRecord(&r, result.run); });
    if (result.run.status == mxscope::RunStatus::kDone) {
      const QString key = m_keys.value(m_current).value(variant);
      if (!key.isEmpty()) {
        m_doneKeys.insert(key);
      }
    }
  }
}

void QueueController::finishRuns(RunState state, const QString& error) {
  for (const QString& id : m_workspace->runsOfJob(m_current)) {
    m_workspace->changeRun(id, [&](Run& run) {
      if (run.state == RunState::kDone || run.record) {
        return;
      }
      run.state = state;
      if (state == RunState::kFailed) {
        run.error = error;
      }
    });
  }
}

void QueueController::finish(const QString& state, double seconds) {
  m_cancelTimer.stop();
  const QString id = m_current;
  JobState ended = JobState::kDone;
  RunState runs = RunState::kDone;
  if (state == QLatin1String("paused")) {
    m_pausedInPlace = false;
    m_started = false;
    m_workspace->changeJob(id, [](Job& job) {
      job.state = JobState::kPaused;
      job.secondsLeft.reset();
    });
    finishRuns(RunState::kPaused, QString());
    m_workspace->flush();
    Q_EMIT changed();
    return;
  }
  if (state == QLatin1String("cancelled")) {
    ended = JobState::kCancelled;
    runs = RunState::kCancelled;
  } else if (state != QLatin1String("done")) {
    ended = JobState::kFailed;
    runs = RunState::kFailed;
  }
  const QString message =
      ended == JobState::kFailed
          ? (m_errorText.isEmpty() ? tr("The engine gave no reason.") : m_errorText)
          : QString();
  m_workspace->changeJob(id, [&](Job& job) {
    job.state = ended;
    job.finishedAt = QDateTime::currentDateTime();
    job.message = message;
    job.code = m_errorCode;
    job.secondsLeft.reset();
    if (seconds > 0) {
      job.totalSeconds = seconds;
    }
    if (ended == JobState::kDone) {
      job.done = job.total;
    }
  });
  finishRuns(runs, message);
  readRecord(id);
  m_workspace->flush();
  if (ended == JobState::kFailed) {
    ++m_failedCount;
    m_equalFailures = message == m_lastFailure ? m_equalFailures + 1 : 1;
    m_lastFailure = message;
    const Job* job = m_workspace->job(id);
    fail(tr("%1 failed.").arg(job->model), message, m_errorCode);
  } else {
    m_doneCount += ended == JobState::kDone ? 1 : 0;
    m_equalFailures = 0;
  }
  m_current.clear();
  if (m_pauseAfter) {
    m_started = false;
    m_pauseAfter = false;
  }
  Q_EMIT jobEnded(id);
  next();
}

void QueueController::fail(const QString& title, const QString& text, const QString& code) {
  Problem failure;
  failure.title = title;
  failure.text = text;
  failure.jobId = m_current;
  failure.code = code;
  failure.same = text;
  failure.log = m_engine->logTail();
  const bool more = !waiting().isEmpty();
  if (m_equalFailures >= kEqualFailures && more) {
    m_started = false;
    failure.title = tr("The queue is paused: three jobs failed alike.");
    failure.code = QStringLiteral("queue_paused");
  } else if (more && m_started) {
    failure.text += QLatin1Char(' ') + tr("The other jobs continue.");
  }
  Q_EMIT problem(failure);
}

void QueueController::engineDied(const EngineFailure& failure) {
  m_cancelTimer.stop();
  const Job* job = m_workspace->job(m_current);
  if (!job) {
    if (failure.neverStarted) {
      m_started = false;
      Problem missing;
      missing.title = tr("No engine.");
      missing.text = failure.text;
      missing.code = QStringLiteral("engine_missing");
      missing.log = failure.logTail;
      Q_EMIT problem(missing);
    }
    Q_EMIT changed();
    return;
  }
  if (job->state == JobState::kCancelling) {
    finish(QStringLiteral("cancelled"), 0);
    return;
  }
  if (isHeld()) {
    m_pausedInPlace = false;  // what it finished is stored, so the job can resume
    Q_EMIT changed();
    return;
  }
  m_errorCode =
      failure.neverStarted ? QStringLiteral("engine_missing") : QStringLiteral("engine_died");
  m_errorText = failure.text;
  if (failure.neverStarted) {
    m_started = false;  // the other jobs would fail alike
  }
  finish(QStringLiteral("failed"), 0);
}

}  // namespace mxscope::ui
