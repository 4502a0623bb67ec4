// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/plots/sample_workspace.h"

#include <cmath>
#include <random>

#include "models/paired_delta.h"
#include "mxscope/core/stats/metrics.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui::sample {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

// Mean loss of each window; the same for all runs of a job, up to what a format adds.
std::vector<double> losses(const JobOptions& job) {
  std::mt19937_64 random(static_cast<unsigned>(job.seed));
  std::normal_distribution<double> noise(0, 0.32);
  std::vector<double> result;
  for (int i = 0; i < job.windows; ++i) {
    result.push_back(job.nll + noise(random) + 0.5 * std::exp(-i / 12.0));
  }
  return result;
}

WindowSeries series(const JobOptions& job, double added, double kl, int windows, int seed) {
  std::mt19937_64 random(static_cast<unsigned>(seed));
  std::normal_distribution<double> noise(0, 1);
  const std::vector<double> base = losses(job);
  WindowSeries out;
  for (int i = 0; i < windows; ++i) {
    mxscope::WindowSums sums;
    sums.tokens = job.context - 1;
    const double n = double(sums.tokens);
    const double extra =
        added == 0 ? 0 : added * (1 + 0.35 * noise(random)) + 0.002 * noise(random);
    sums.nll_sum = n * (base[size_t(i)] + extra);
    sums.entropy_sum = n * (base[size_t(i)] * 0.97 + extra * 0.4);
    sums.kl_sum = n * kl * (1 + 0.2 * std::abs(noise(random)));
    sums.top1_count = std::int64_t(n * (1 - std::min(0.5, kl * 1.5)));
    out.indices.push_back(i);
    out.sums.push_back(sums);
  }
  return out;
}

}  // namespace

QString addJob(Workspace& workspace, const JobOptions& options) {
  Job job;
  job.name = options.name;
  job.model = options.model;
  job.state = JobState::kDone;
  job.protocol = u"windows"_s;
  job.context = job.stride = options.context;
  job.windowsTotal = options.windows;
  job.tokensTotal = qint64(options.windows) * (options.context - 1);
  job.dataName = u"wiki.test.raw"_s;
  job.dataHash = options.dataHash;
  job.tokenizerHash = u"70ce"_s + options.model;
  job.devices = QStringList{u"cuda:0"_s};
  job.weightBytes = options.weightGiB * kGiB;
  job.peakBytes = {{u"cuda:0"_s, (options.weightGiB * 2 + 1) * kGiB}};
  job.experiment = u"{\"format\": \"mxscope-experiment\", \"version\": 1, \"name\": \""_s +
                   options.name + u"\", \"models\": [{\"name\": \""_s + options.model + u"\"}]}"_s;
  job.environment = u"{\"engine_version\": \"0.1.0\"}"_s;
  const QString id = workspace.addJob(job);
  Run run;
  run.jobId = id;
  run.model = options.model;
  run.variant = u"baseline"_s;
  run.baseline = true;
  run.state = RunState::kDone;
  run.weightFormat = run.activationFormat = u"none"_s;
  run.windows = series(options, 0, 0, options.windows, 1);
  run.metrics = mxscope::compute_metrics(run.windows.sums);
  run.weightBytes = options.weightGiB * kGiB;
  run.seconds = 31;
  run.tokens = job.tokensTotal;
  run.configHash = u"ba5e"_s + options.model;
  workspace.addRun(run);
  return id;
}

QString addVariant(Workspace& workspace, const QString& jobId, const JobOptions& job,
                   const VariantOptions& variant) {
  Run run;
  run.jobId = jobId;
  run.model = job.model;
  run.variant = variant.variant;
  run.state = variant.state;
  run.weightFormat = run.activationFormat = variant.format;
  run.block = variant.block;
  run.layersText = u"*.mlp.* *.self_attn.*"_s;
  run.layers = 112;
  const int windows = variant.windows < 0 ? job.windows : variant.windows;
  run.fraction = double(windows) / job.windows;
  run.windows = series(job, variant.loss, std::abs(variant.loss) * 0.6, windows,
                       int(std::hash<QString>()(variant.variant) % 100000));
  run.metrics = mxscope::compute_metrics(run.windows.sums);
  run.weightBytes = job.weightGiB * kGiB * variant.bits / 16;
  run.bitsPerValue = variant.bits;
  run.seconds = 42;
  run.tokens = qint64(windows) * (job.context - 1);
  run.configHash = u"c0ff"_s + variant.variant;
  if (variant.state == RunState::kFailed) {
    run.windows = {};
    run.metrics = {};
    run.error = u"Out of GPU memory: 8.9 GiB needed, 6.1 free."_s;
  }
  return workspace.addRun(run);
}

QString addFormats(Workspace& workspace, const JobOptions& options) {
  const QString job = addJob(workspace, options);
  const double scale = options.nll / 2.28;
  const VariantOptions variants[] = {{u"MXFP8 E4M3/32"_s, u"mxfp8_e4m3"_s, 32, 0.005 * scale, 8.25},
                                     {u"MXFP6 E2M3/32"_s, u"mxfp6_e2m3"_s, 32, 0.018 * scale, 6.25},
                                     {u"MXFP4 E2M1/32"_s, u"mxfp4_e2m1"_s, 32, 0.16 * scale, 4.25},
                                     {u"MXINT8/32"_s, u"mxint8"_s, 32, 0.002 * scale, 8.25}};
  for (const VariantOptions& variant : variants) {
    addVariant(workspace, job, options, variant);
  }
  return job;
}

QString addSweep(Workspace& workspace) {
  JobOptions options;
  options.name = u"layer sweep"_s;
  options.windows = 48;
  options.seed = 7;
  const QString job = addJob(workspace, options);
  const std::pair<QString, double> formats[] = {{u"mxfp8_e4m3"_s, 0.0015}, {u"mxfp8_e5m2"_s, 0.004},
                                                {u"mxfp6_e2m3"_s, 0.003},  {u"mxfp6_e3m2"_s, 0.003},
                                                {u"mxfp4_e2m1"_s, 0.025},  {u"mxint8"_s, -0.0004}};
  for (int layer = 0; layer < 16; ++layer) {
    for (const auto& [format, loss] : formats) {
      const double ends = 1 + 1.6 * std::exp(-layer / 1.6) + 1.1 * std::exp((layer - 15) / 1.2);
      const bool missing = format == "mxfp4_e2m1"_L1 && layer >= 10 && layer <= 12;
      Run run;
      run.jobId = job;
      run.model = options.model;
      run.variant = u"sweep %1 %2"_s.arg(layer).arg(format);
      run.weightFormat = run.activationFormat = format;
      run.block = 32;
      run.layers = 7;
      run.sweep = Sweep{u"block"_s, u"model.layers.%1"_s.arg(layer), format};
      run.state =
          missing ? (layer == 12 ? RunState::kFailed : RunState::kWaiting) : RunState::kDone;
      if (!missing) {
        run.windows = series(options, loss * ends, loss * 0.5, options.windows, layer * 31 + 5);
        run.metrics = mxscope::compute_metrics(run.windows.sums);
      } else if (layer == 12) {
        run.error = u"Loss is not finite in model.layers.12.mlp.down_proj."_s;
      }
      workspace.addRun(run);
    }
  }
  return job;
}

QString addRunning(Workspace& workspace) {
  JobOptions options;
  options.model = u"SmolLM2-360M"_s;
  options.name = u"running"_s;
  options.nll = 2.6;
  options.weightGiB = 0.7;
  options.seed = 11;
  const QString job = addJob(workspace, options);
  workspace.changeJob(job, [](Job& j) { j.state = JobState::kRunning; });
  addVariant(workspace, job, options,
             {u"MXFP8 E4M3/32"_s, u"mxfp8_e4m3"_s, 32, 0.006, 8.25, RunState::kRunning, 36});
  addVariant(workspace, job, options,
             {u"MXFP4 E2M1/32"_s, u"mxfp4_e2m1"_s, 32, 0.21, 4.25, RunState::kRunning, 36});
  addVariant(workspace, job, options,
             {u"MXFP4 E2M1/16"_s, u"mxfp4_e2m1"_s, 16, 0.17, 4.5, RunState::kRunning, 36});
  return job;
}

void addDevices(Workspace& workspace, bool gpu) {
  for (int i = 0; i <= 120; ++i) {
    MemorySample sample;
    sample.time = 1.7e9 + i;
    const bool loaded = i > 30;
    const bool running = i > 70;
    sample.usedByOthers = gpu ? 2.1 * kGiB : 3.4 * kGiB;
    sample.usedByJob = (running  ? 7.2 + 0.3 * std::sin(i * 0.9)
                        : loaded ? 4.2
                                 : 0) *
                       kGiB * (gpu ? 1 : 0.2);
    sample.total = (gpu ? 24.0 : 15.6) * kGiB;
    if (gpu) {
      sample.utilisation = running ? 91 + 4 * std::sin(i * 1.7) : 3;
      sample.power = running ? 218 : 61;
      sample.temperature = running ? 64 : 41;
    }
    workspace.addMemory(gpu ? u"cuda:0"_s : u"cpu"_s,
                        gpu ? u"NVIDIA GeForce RTX 4090"_s : QString(), sample);
  }
}

void fill(Workspace& workspace) {
  addFormats(workspace, {});
  JobOptions qwen;
  qwen.model = u"Qwen2.5-0.5B"_s;
  qwen.nll = 2.52;
  qwen.weightGiB = 0.9;
  qwen.seed = 2;
  addFormats(workspace, qwen);
  addSweep(workspace);
  addRunning(workspace);
  addDevices(workspace, true);
  workspace.flush();
}

}  // namespace mxscope::ui::sample
