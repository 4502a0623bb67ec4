// SPDX-License-Identifier: GPL-3.0-or-later
// The part of QueueController that reads what the engine has written: records, panels, sizes.
#include <QFileInfo>

#include "bridge/background.h"
#include "bridge/model_inspector.h"
#include "bridge/queue_controller.h"
#include "bridge/results_reader.h"
#include "bridge/run_decoder.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"

namespace mxscope::ui {

void QueueController::readRecord(const QString& jobId) {
  const QString folder = outputFolder(jobId);
  const QFileInfo file(folder + QLatin1String("/results.json"));
  if (!folder.isEmpty() && file.size() > 0) {
    ++m_reading;
    inBackground(
        this, [path = file.filePath()] { return readResultsFile(path); },
        [this, jobId](ReadResults&& read) {
          --m_reading;
          takeResults(jobId, read.loaded);
          weighLater(jobId);
          Q_EMIT recordTaken(jobId);
          m_workspace->flush();
          Q_EMIT changed();
        });
    return;
  }
  if (m_engine->state() == EngineClient::State::kStopped) {
    Q_EMIT recordTaken(jobId);
    return;
  }
  mxscope::ResultsRequest query;
  query.query["latest"] = true;
  m_engine->request(std::move(query), [this, jobId](const mxscope::ReplyEvent& reply) {
    if (reply.error_code.empty() && reply.payload.is_object()) {
      const auto list = reply.payload.find("experiments");
      if (list != reply.payload.end() && list->is_array() && !list->empty() &&
          list->front().is_object() && list->front().contains("results")) {
        mxscope::Issues issues;
        takeResults(jobId, toWorkspace(mxscope::results_from_json(list->front()["results"].dump(),
                                                                  issues)));
        weighLater(jobId);
        m_workspace->flush();
      }
    }
    Q_EMIT recordTaken(jobId);
  });
}

void QueueController::takeResults(const QString& jobId, const LoadedResults& results) {
  const Job* job = m_workspace->job(jobId);
  const Job* source = nullptr;
  for (const Job& candidate : results.jobs) {
    if (job && (candidate.model == job->model || results.jobs.size() == 1)) {
      source = &candidate;
    }
  }
  if (!source) {
    return;
  }
  m_workspace->changeJob(jobId, [source](Job& changing) {
    if (source->record) {
      takeRecord(&changing, *source->record);
    }
    changing.environment = source->environment;
    changing.windowsTotal = std::max(changing.windowsTotal, source->windowsTotal);
    changing.tokensTotal = std::max(changing.tokensTotal, source->tokensTotal);
  });
  for (const Run& read : results.runs) {
    const Run* known =
        read.jobId == source->id ? m_workspace->findRun(jobId, read.variant) : nullptr;
    if (!known || !read.record) {
      continue;
    }
    // A failed job may have a file of before its last attempt to resume.
    const bool older = job->state == JobState::kFailed && read.state != RunState::kDone;
    m_workspace->changeRun(known->id, [&read, older](Run& run) {
      const QDateTime finished = run.finishedAt;
      if (!run.record && !older) {
        takeRecord(&run, *read.record);
      }
      if (finished.isValid()) {
        run.finishedAt = finished;
      }
      // The windows of before a pause or a restart came to another window.
      if (run.windows.size() < read.windows.size()) {
        run.windows = read.windows;
      }
    });
    if (read.state == RunState::kDone) {
      const QString key = m_keys.value(jobId).value(read.variant);
      if (!key.isEmpty()) {
        m_doneKeys.insert(key);
      }
    }
  }
}

void QueueController::readPartial(const QString& jobId) {
  const QString folder = outputFolder(jobId);
  if (folder.isEmpty() || !QFileInfo::exists(folder + QLatin1String("/store.sqlite"))) {
    return;
  }
  mxscope::ResultsRequest query;
  query.query["folder"] = folder.toStdString();
  query.query["latest"] = true;
  query.query["windows"] = true;
  m_engine->request(std::move(query), [this, jobId](const mxscope::ReplyEvent& reply) {
    if (!reply.error_code.empty() || !reply.payload.is_object()) {
      return;
    }
    const auto list = reply.payload.find("experiments");
    if (list == reply.payload.end() || !list->is_array() || list->empty() ||
        !list->front().is_object() || !list->front().contains("windows_csv") ||
        !list->front()["windows_csv"].is_string()) {
      return;
    }
    mxscope::Issues issues;
    for (const mxscope::RunWindows& windows : mxscope::windows_from_csv(
             list->front()["windows_csv"].get_ref<const std::string&>(), issues)) {
      m_workspace->addWindows(jobId, QString::fromStdString(windows.variant), toSeries(windows));
    }
    m_workspace->flush();
  });
}

void QueueController::weighLater(const QString& jobId) {
  const Job* job = m_workspace->job(jobId);
  bool wanted = false;
  for (const QString& id : m_workspace->runsOfJob(jobId)) {
    wanted = wanted || !m_workspace->run(id)->weightBytes;
  }
  if (!job || !job->weightBytes || !wanted) {
    return;
  }
  mxscope::Issues issues;
  const std::string utf8 = job->experiment.toStdString();
  const mxscope::Experiment experiment =
      mxscope::experiment_from_json(std::string_view(utf8), issues);
  if (experiment.models.empty()) {
    return;
  }
  const mxscope::ModelEntry& model = experiment.models.front();
  const QString source = QString::fromStdString(model.source);
  if ((m_modelInfo && weigh(jobId, m_modelInfo(source))) ||
      weigh(jobId, m_weighed.value(source + QLatin1Char('\n') + m_baseDirs.value(jobId)))) {
    return;
  }
  mxscope::InspectRequest request;
  request.model = model.source;
  request.base_dir = m_baseDirs.value(jobId).toStdString();
  request.revision = model.revision;
  ++m_reading;
  m_engine->request(std::move(request), [this, jobId, source](const mxscope::ReplyEvent& reply) {
    --m_reading;
    if (reply.error_code.empty()) {
      const ModelInfo info = modelInfoFrom(reply.payload);
      m_weighed.insert(source + QLatin1Char('\n') + m_baseDirs.value(jobId), info);
      weigh(jobId, info);
      m_workspace->flush();
    } else {
      Q_EMIT logLine(QStringLiteral("info"),
                     tr("The sizes of the layers of %1 are not known, so its runs are not in the "
                        "trade-off plot: %2")
                         .arg(source, QString::fromStdString(reply.error_text)));
    }
    Q_EMIT changed();
  });
}

bool QueueController::weigh(const QString& jobId, const ModelInfo& info) {
  const Job* job = m_workspace->job(jobId);
  if (!job || !job->weightBytes || info.linears.empty()) {
    return false;
  }
  QHash<QString, double> values;
  double linears = 0;
  for (const mxscope::LinearInfo& linear : info.linears) {
    const double count =
        static_cast<double>(linear.in_features) * static_cast<double>(linear.out_features);
    values.insert(QString::fromStdString(linear.name), count);
    linears += count;
  }
  const double parameters = std::max(info.parameters, linears);
  if (parameters <= 0) {
    return false;
  }
  const double bytesPerValue = *job->weightBytes / parameters;
  for (const QString& id : m_workspace->runsOfJob(jobId)) {
    const Run* run = m_workspace->run(id);
    double bytes = *job->weightBytes;
    if (run->record && run->bitsPerValue) {
      for (const auto& [name, labels] : run->record->linears) {
        if (!labels.weight.empty() && labels.weight != "none") {
          bytes +=
              values.value(QString::fromStdString(name)) * (*run->bitsPerValue / 8 - bytesPerValue);
        }
      }
    }
    m_workspace->changeRun(id, [bytes](Run& r) { r.weightBytes = bytes; });
  }
  return true;
}

}  // namespace mxscope::ui
