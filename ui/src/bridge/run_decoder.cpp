// SPDX-License-Identifier: GPL-3.0-or-later
#include "bridge/run_decoder.h"

#include <QUuid>

#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::ui {

namespace {

// "mxfp8_e4m3/32" -> format and block; "" is an operand that is left alone.
void addLabel(const std::string& label, QStringList* formats, QStringList* blocks) {
  const QString text = QString::fromStdString(label);
  const QString format =
      label.empty() ? QStringLiteral("none") : text.section(QLatin1Char('/'), 0, 0);
  if (!formats->contains(format)) {
    formats->append(format);
  }
  const QString block = text.section(QLatin1Char('/'), 1, 1);
  if (!block.isEmpty() && !blocks->contains(block)) {
    blocks->append(block);
  }
}

QString only(const QStringList& values) {
  return values.isEmpty()     ? QStringLiteral("none")
         : values.size() == 1 ? values.first()
                              : QStringLiteral("mixed");
}

void setBlock(Run* run, const QStringList& blocks) {
  run->block.reset();
  if (blocks.size() == 1) {
    run->block = blocks.first() == QLatin1String("row") ? 0 : blocks.first().toInt();
  }
}

int integer(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int>() : 0;
}

QString string(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string()
             ? QString::fromStdString(found->get<std::string>())
             : QString();
}

}  // namespace

void takeRecord(Run* run, const mxscope::Run& record) {
  run->model = QString::fromStdString(record.model);
  run->variant = QString::fromStdString(record.variant);
  run->baseline = record.baseline;
  switch (record.status) {
    case mxscope::RunStatus::kDone:
      run->state = RunState::kDone;
      break;
    case mxscope::RunStatus::kCancelled:
      run->state = RunState::kCancelled;
      break;
    case mxscope::RunStatus::kFailed:
      run->state = RunState::kFailed;
      break;
  }
  run->fraction = 1;
  run->layers = static_cast<int>(record.layers);
  run->metrics = record.metrics;
  run->recordedDelta = record.delta;
  run->bitsPerValue = record.bits_per_value;
  run->seconds = record.seconds;
  run->tokensPerSecond = record.tokens_per_second;
  run->tokens = record.tokens;
  run->configHash = QString::fromStdString(record.config_hash);
  run->error = QString::fromStdString(record.error);
  if (record.sweep) {
    run->sweep = Sweep{QString::fromStdString(record.sweep->over),
                       QString::fromStdString(record.sweep->place),
                       QString::fromStdString(record.sweep->format)};
  }
  if (!record.linears.empty()) {
    QStringList weights, activations, blocks;
    for (const auto& [name, labels] : record.linears) {
      addLabel(labels.weight, &weights, &blocks);
      addLabel(labels.activation, &activations, &blocks);
    }
    run->weightFormat = only(weights);
    run->activationFormat = only(activations);
    setBlock(run, blocks);
  } else if (run->weightFormat.isEmpty()) {
    run->weightFormat = QStringLiteral("none");
    run->activationFormat = QStringLiteral("none");
  }
  if (run->layersText.isEmpty() && record.contract.is_object()) {
    QStringList selectors;
    const auto rules = record.contract.find("rules");
    if (rules != record.contract.end() && rules->is_array()) {
      for (const auto& rule : *rules) {
        const auto match = rule.is_object() ? rule.find("match") : rule.end();
        if (rule.is_object() && match != rule.end() && match->is_array()) {
          for (const auto& selector : *match) {
            if (selector.is_string()) {
              selectors << QString::fromStdString(selector.get<std::string>());
            }
          }
        }
      }
    }
    run->layersText = selectors.join(QLatin1Char(' '));
  }
  run->finishedAt = QDateTime::currentDateTime();
  run->record = std::make_shared<const mxscope::Run>(record);
}

void takeRecord(Job* job, const mxscope::Job& record) {
  job->dataHash = QString::fromStdString(record.data_sha256);
  job->tokenizerHash = QString::fromStdString(record.tokenizer_sha256);
  job->tokenIdsHash = QString::fromStdString(record.token_ids_sha256);
  if (record.protocol.is_object()) {
    const QString name = string(record.protocol, "name");
    job->protocol = name.isEmpty() ? job->protocol : name;
    const int context = integer(record.protocol, "context");
    const int stride = integer(record.protocol, "stride");
    job->context = context > 0 ? context : job->context;
    job->stride = stride > 0 ? stride : job->context;
  }
  if (record.memory.weights_bytes > 0) {
    job->weightBytes = static_cast<double>(record.memory.weights_bytes);
  }
  for (const auto& [device, bytes] : record.memory.peak_bytes) {
    job->peakBytes.insert(QString::fromStdString(device), static_cast<double>(bytes));
  }
  job->placement = QString::fromStdString(record.placement);
  job->loadSeconds = record.load_seconds;
  job->totalSeconds = record.total_seconds;
  job->record = std::make_shared<const mxscope::Job>(record);
}

void describeVariant(Run* run, const mxscope::ResolvedVariant& variant) {
  QStringList weights, activations, blocks, selectors;
  for (const mxscope::ResolvedRule& rule : variant.rules) {
    if (!rule.weight.quantised() && !rule.activation.quantised()) {
      continue;
    }
    addLabel(rule.weight.quantised() ? rule.weight.label() : std::string(), &weights, &blocks);
    addLabel(rule.activation.quantised() ? rule.activation.label() : std::string(), &activations,
             &blocks);
    for (const std::string& selector : rule.match) {
      selectors << QString::fromStdString(selector);
    }
  }
  run->weightFormat = only(weights);
  run->activationFormat = only(activations);
  if (weights.isEmpty() && variant.stage != mxscope::Stage::kRules) {
    run->weightFormat = toQString(mxscope::to_string(variant.stage));
    run->activationFormat = run->weightFormat;
  }
  setBlock(run, blocks);
  run->layersText = selectors.join(QLatin1Char(' '));
  if (variant.sweep) {
    run->sweep = Sweep{toQString(mxscope::to_string(variant.sweep->over)),
                       QString::fromStdString(variant.sweep->place),
                       toQString(mxscope::to_string(variant.sweep->format))};
  }
}

WindowSeries toSeries(const mxscope::VariantWindows& windows) {
  WindowSeries series;
  for (const mxscope::IndexedSums& entry : windows.windows) {
    series.indices.push_back(static_cast<int>(entry.window));
    series.sums.push_back(entry.sums);
  }
  return series;
}

WindowSeries toSeries(const mxscope::RunWindows& windows) {
  WindowSeries series;
  const std::size_t count = std::min(windows.indices.size(), windows.windows.size());
  for (std::size_t i = 0; i < count; ++i) {
    series.indices.push_back(static_cast<int>(windows.indices[i]));
    series.sums.push_back(windows.windows[i]);
  }
  return series;
}

MemorySample toSample(const mxscope::DeviceMemory& memory, double time) {
  MemorySample sample;
  sample.time = time;
  sample.usedByJob = static_cast<double>(memory.used_bytes);
  sample.usedByOthers = static_cast<double>(memory.others_bytes);
  sample.total = static_cast<double>(memory.total_bytes);
  if (memory.utilisation) {
    sample.utilisation = *memory.utilisation * 100;
  }
  sample.power = memory.power_watts;
  sample.temperature = memory.temperature_celsius;
  return sample;
}

LoadedResults toWorkspace(const mxscope::Results& results) {
  LoadedResults loaded;
  mxscope::Issues issues;
  const mxscope::Experiment experiment = mxscope::experiment_from_json(results.experiment, issues);
  const std::vector<std::string> names = mxscope::model_names(experiment);
  const auto jobFor = [&](const std::string& model) -> std::size_t {
    for (std::size_t i = 0; i < loaded.jobs.size(); ++i) {
      if (loaded.jobs[i].model == QString::fromStdString(model)) {
        return i;
      }
    }
    Job job;
    job.id = QUuid::createUuid().toString(QUuid::WithoutBraces);
    job.model = QString::fromStdString(model);
    job.name = QString::fromStdString(experiment.name);
    job.state = JobState::kDone;
    mxscope::Experiment single = experiment;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == model) {
        single.models = {experiment.models[i]};
      }
    }
    job.experiment = QString::fromStdString(mxscope::to_json_text(single));
    job.environment = QString::fromStdString(results.environment.dump());
    if (!experiment.data.sources.empty()) {
      job.dataName = QString::fromStdString(experiment.data.sources.front());
    }
    if (const mxscope::Job* record = results.find_job(model)) {
      takeRecord(&job, *record);
    }
    loaded.jobs.push_back(std::move(job));
    return loaded.jobs.size() - 1;
  };
  for (std::size_t i = 0; i < results.runs.size(); ++i) {
    const mxscope::Run& record = results.runs[i];
    Job& job = loaded.jobs[jobFor(record.model)];
    Run run;
    run.jobId = job.id;
    takeRecord(&run, record);
    for (const mxscope::RunWindows& windows : results.windows) {
      if (windows.model == record.model && windows.variant == record.variant) {
        run.windows = toSeries(windows);
        break;
      }
    }
    const auto chosen = results.environment.find("baselines");
    if (results.environment.is_object() && chosen != results.environment.end() &&
        chosen->is_object() && chosen->contains(record.model)) {
      run.recordedDelta.reset();  // not against the job's own baseline
      const nlohmann::ordered_json& base = (*chosen)[record.model];
      if (base.is_object() && string(base, "variant") == run.variant) {
        run.id = QUuid::createUuid().toString(QUuid::WithoutBraces);
        loaded.baselines.insert(job.id, run.id);
      }
    }
    job.variants << run.variant;
    job.windowsTotal = std::max(job.windowsTotal, static_cast<int>(record.windows));
    job.tokensTotal = std::max(job.tokensTotal, static_cast<qint64>(record.tokens));
    loaded.runs.push_back(std::move(run));
  }
  return loaded;
}

}  // namespace mxscope::ui
