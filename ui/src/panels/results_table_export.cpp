// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/results_table_export.h"

#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <nlohmann/json.hpp>

#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "plots/cards/run_marks.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

using Json = nlohmann::ordered_json;

Json parsed(const QString& text) {
  Json json = Json::parse(text.toStdString(), nullptr, false);
  return json.is_object() ? json : Json::object();
}

// A run that was stopped before its result came, from what the window has seen of it.
mxscope::Run fromWindow(const Run& run) {
  mxscope::Run out;
  out.model = run.model.toStdString();
  out.variant = run.variant.toStdString();
  out.baseline = run.baseline;
  out.status = run.state == RunState::kDone     ? mxscope::RunStatus::kDone
               : run.state == RunState::kFailed ? mxscope::RunStatus::kFailed
                                                : mxscope::RunStatus::kCancelled;
  out.layers = run.layers;
  out.windows = std::int64_t(run.windows.size());
  out.tokens = run.tokens;
  out.bits_per_value = run.bitsPerValue;
  out.metrics = run.metrics;
  out.seconds = run.seconds.value_or(0);
  out.tokens_per_second = run.tokensPerSecond;
  out.config_hash = run.configHash.toStdString();
  out.error = run.error.toStdString();
  if (run.sweep) {
    out.sweep = mxscope::SweepResult{run.sweep->over.toStdString(), run.sweep->place.toStdString(),
                                     run.sweep->format.toStdString()};
  }
  return out;
}

mxscope::Job jobFromWindow(const Job& job) {
  mxscope::Job out;
  out.model = job.model.toStdString();
  out.protocol = {
      {"name", job.protocol.toStdString()}, {"context", job.context}, {"stride", job.stride}};
  out.data_sha256 = job.dataHash.toStdString();
  out.tokenizer_sha256 = job.tokenizerHash.toStdString();
  out.token_ids_sha256 = job.tokenIdsHash.toStdString();
  out.placement = job.placement.toStdString();
  out.load_seconds = job.loadSeconds.value_or(0);
  out.total_seconds = job.totalSeconds.value_or(0);
  out.memory.weights_bytes = std::int64_t(job.weightBytes.value_or(0));
  for (auto it = job.peakBytes.begin(); it != job.peakBytes.end(); ++it) {
    out.memory.peak_bytes.emplace_back(it.key().toStdString(), std::int64_t(it.value()));
  }
  return out;
}

// Where the records of RFC 4180 text end: behind each line end that is not within quotes.
std::vector<std::size_t> recordEnds(std::string_view text) {
  std::vector<std::size_t> ends;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    quoted = quoted != (text[i] == '"');
    if (text[i] == '\n' && !quoted) {
      ends.push_back(i + 1);
    }
  }
  return ends;
}

// What core's table cannot know: the window's choice of baseline, and the programs.
std::string withSources(const std::string& csv, const ResultsExport& collected) {
  std::string text;
  std::size_t begin = 0;
  std::size_t record = 0;
  for (const std::size_t end : recordEnds(csv)) {
    std::size_t stop = end - 1;
    stop -= stop > begin && csv[stop - 1] == '\r' ? 1 : 0;
    text.append(csv, begin, stop - begin);
    const QStringList fields = record == 0
                                   ? QStringList{u"baseline_variant"_s, u"baseline_config_hash"_s,
                                                 u"engine_version"_s,   u"application_version"_s,
                                                 u"devices"_s,          u"date"_s}
                                   : collected.sources.value(qsizetype(record) - 1);
    for (const QString& field : fields) {
      text += ',' + mxscope::csv_field(field.toStdString());
    }
    text += "\r\n";
    begin = end;
    ++record;
  }
  return text;
}

std::string sourcesAsText(const ResultsExport& collected) {
  QStringList lines;
  for (const QStringList& source : collected.sources) {
    const QString line = QCoreApplication::translate(
                             "Results", "baseline %1 (config %2); engine %3, MXScope %4; on %5; %6")
                             .arg(source[0], source[1].isEmpty() ? u"—"_s : source[1], source[2],
                                  source[3], source[4], source[5]);
    if (!lines.contains(line)) {
      lines << line;
    }
  }
  return lines.isEmpty() ? std::string() : '\n' + lines.join(u"\n\n"_s).toStdString() + '\n';
}

}  // namespace

ResultsExport collectResults(const Workspace& workspace, const QStringList& runIds) {
  ResultsExport out;
  const QSet<QString> wanted(runIds.begin(), runIds.end());
  QStringList jobs;
  for (const QString& id : workspace.runIds()) {
    const Run* run = workspace.run(id);
    if (wanted.contains(id) && !jobs.contains(run->jobId)) {
      jobs << run->jobId;
    }
  }
  std::vector<Json> experiments;
  std::vector<Json> environments;
  Json chosen = Json::object();
  const auto addOnce = [](std::vector<Json>& list, Json json) {
    if (!json.empty() && std::find(list.begin(), list.end(), json) == list.end()) {
      list.push_back(std::move(json));
    }
  };
  for (const QString& jobId : jobs) {
    const Job* job = workspace.job(jobId);
    for (const QString& id : workspace.runsOfJob(jobId)) {
      if (!wanted.contains(id)) {
        continue;
      }
      const Run* run = workspace.run(id);
      const bool final = run->state == RunState::kDone || run->state == RunState::kCancelled ||
                         run->state == RunState::kFailed;
      if (!final) {
        out.leftOut << runNumber(*run);
        continue;
      }
      mxscope::Run exported = run->record ? *run->record : fromWindow(*run);
      const Run* base = workspace.baselineFor(jobId);
      const bool own = base != nullptr && base->baseline && base->jobId == jobId;
      if (!own || !run->record) {
        exported.delta = workspace.deltaOf(id);
      }
      if (!own) {
        // Against another baseline these would need the logits again.
        exported.metrics.kl.reset();
        exported.metrics.kl_se.reset();
        exported.metrics.top1.reset();
      }
      const QJsonObject environment =
          QJsonDocument::fromJson(job ? job->environment.toUtf8() : QByteArray()).object();
      QStringList devices = job ? job->devices : QStringList();
      for (const QJsonValue& device : environment[u"devices"_s].toArray()) {
        const QString name = device[u"name"_s].toString();
        devices << device[u"id"_s].toString() + (name.isEmpty() ? name : QString(u' ' + name));
      }
      devices.removeDuplicates();
      const QString date = environment[u"date"_s].toString();
      out.sources.append(
          {base ? base->variant : QString(), base ? base->configHash : QString(),
           environment[u"engine_version"_s].toString(), QLatin1String(MXSCOPE_VERSION),
           devices.join(u"; "_s),
           !date.isEmpty() || !job ? date : job->finishedAt.toUTC().toString(Qt::ISODate)});
      if (!own && base && base->jobId == jobId) {
        chosen[job->model.toStdString()] = {{"variant", base->variant.toStdString()},
                                            {"config_hash", base->configHash.toStdString()}};
      }
      out.results.runs.push_back(std::move(exported));
      mxscope::RunWindows windows;
      windows.model = run->model.toStdString();
      windows.variant = run->variant.toStdString();
      windows.indices.assign(run->windows.indices.begin(), run->windows.indices.end());
      windows.windows = run->windows.sums;
      out.results.windows.push_back(std::move(windows));
    }
    if (job != nullptr) {
      out.results.jobs.push_back(job->record ? *job->record : jobFromWindow(*job));
      addOnce(experiments, parsed(job->experiment));
      addOnce(environments, parsed(job->environment));
    }
  }
  // One experiment stands as it is; several become one of all models, since a job has one of them.
  if (!experiments.empty()) {
    Json merged = experiments.front();
    bool alike = true;
    for (const Json& other : experiments) {
      Json a = merged;
      Json b = other;
      a.erase("models");
      b.erase("models");
      alike = alike && a == b;
    }
    if (alike && experiments.size() > 1) {
      for (std::size_t i = 1; i < experiments.size(); ++i) {
        for (const Json& model : experiments[i].value("models", Json::array())) {
          if (std::find(merged["models"].begin(), merged["models"].end(), model) ==
              merged["models"].end()) {
            merged["models"].push_back(model);
          }
        }
      }
      out.results.experiment = merged;
    } else if (experiments.size() == 1) {
      out.results.experiment = merged;
    } else {
      out.results.experiment["experiments"] = experiments;
    }
  }
  if (!environments.empty()) {
    out.results.environment = environments.front();
  }
  // Differences against another run than the engine's: a reader has to know.
  if (out.results.environment.is_object()) {
    out.results.environment.erase("baselines");
  }
  if (!chosen.empty()) {
    out.results.environment["baselines"] = chosen;
  }
  return out;
}

QByteArray exportBytes(const ResultsExport& collected, const QString& kind) {
  const mxscope::Results& results = collected.results;
  std::string text;
  if (kind == "json"_L1) {
    text = mxscope::to_json_text(results);
  } else if (kind == "csv"_L1) {
    text = withSources(mxscope::results_csv(results), collected);
  } else if (kind == "long-csv"_L1) {
    text = mxscope::long_csv(results);
  } else if (kind == "windows-csv"_L1) {
    text = mxscope::windows_csv(results.windows);
  } else {
    text = mxscope::markdown_table(results) + sourcesAsText(collected);
  }
  return QByteArray::fromStdString(text);
}

QString endingOfKind(const QString& kind) {
  return kind == "json"_L1 ? u"json"_s : kind == "markdown"_L1 ? u"md"_s : u"csv"_s;
}

}  // namespace mxscope::ui
