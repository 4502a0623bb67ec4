// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cmath>
#include <string>

#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "ui/support/window_support.h"

namespace mxscope::ui::testing {

// Writes results.json and windows.csv as the command does, of one model with a baseline, 40 plain
// variants and a sweep that makes `runs` of them, `windows` windows each. All figures follow from
// made-up windows. True: written.
inline bool writeLargeResults(const QString& folder, int runs, int windows, bool sweep) {
  const auto sumsOf = [&](int run) {
    std::vector<mxscope::WindowSums> sums;
    for (int w = 0; w < windows; ++w) {
      mxscope::WindowSums one;
      one.tokens = 255;
      one.nll_sum = 255 * (2.1 + 0.4 * std::sin(w * 1.7)) +
                    (run > 0 ? 255 * (0.002 * run + 0.004 * std::sin(w * 0.3 + run)) : 0);
      one.entropy_sum = 255 * (1.9 + 0.3 * std::cos(w * 1.1)) + run * 0.1;
      one.kl_sum = run > 0 ? 255 * 0.001 * run : 0;
      one.top1_count = 255 - run % 40;
      one.argmax_positions = 255;
      one.argmax_xent_sum = 255 * 0.8;
      one.argmax_entropy_sum = one.entropy_sum;
      sums.push_back(one);
    }
    return sums;
  };
  mxscope::Issues issues;
  const std::string experiment = R"({"format": "mxscope-experiment", "version": 1,
 "name": "a large one", "models": [{"name": "model", "source": "nowhere"}],
 "data": {"source": "text.txt"}, "protocol": {"name": "windows", "context": 256},
 "variants": [{"name": "tier B", "tier": "B"}], "devices": ["cpu"]})";
  mxscope::Results results;
  results.experiment = nlohmann::ordered_json::parse(experiment);
  results.environment = {{"engine_version", "0.1.0"}, {"date", "2026-01-01T00:00:00Z"}};
  mxscope::Job job;
  job.model = "model";
  job.protocol = {{"name", "windows"}, {"context", 256}, {"stride", 256}};
  job.data_sha256 = std::string(64, 'd');
  job.tokenizer_sha256 = std::string(64, 'e');
  job.memory.weights_bytes = 1 << 30;
  results.jobs.push_back(job);
  const std::vector<mxscope::WindowSums> base = sumsOf(0);
  static const char* const kFormats[] = {"mxfp4_e2m1", "mxfp6_e3m2", "mxfp6_e2m3",
                                         "mxfp8_e4m3", "mxfp8_e5m2", "mxint8"};
  for (int i = 0; i < runs; ++i) {
    mxscope::Run run;
    run.model = "model";
    run.baseline = i == 0;
    const std::string format = kFormats[i % 6];
    const bool swept = sweep && i > 40;
    const std::string place = "model.layers." + std::to_string(i / 6);
    run.variant = i == 0  ? "baseline"
                  : swept ? place + " " + format + "/32"
                          : "variant " + std::to_string(i) + " " + format + "/32";
    if (swept) {
      run.sweep = mxscope::SweepResult{"block", place, format};
    }
    run.layers = i == 0 ? 0 : swept ? 7 : 168;
    run.config_hash = std::string(60, 'a') + std::to_string(1000 + i);
    run.seconds = 1.5;
    for (int l = 0; l < run.layers; ++l) {
      const std::string label = format + "/32";
      run.linears.push_back({place + ".linear_" + std::to_string(l), {label, label, {}}});
    }
    const std::vector<mxscope::WindowSums> sums = sumsOf(i);
    mxscope::compute_run(run, sums, i == 0 ? nullptr : &base);
    mxscope::RunWindows list;
    list.model = run.model;
    list.variant = run.variant;
    for (int w = 0; w < windows; ++w) {
      list.indices.push_back(w);
    }
    list.windows = sums;
    results.windows.push_back(std::move(list));
    results.runs.push_back(std::move(run));
  }
  return writeText(folder + QLatin1String("/results.json"),
                   QByteArray::fromStdString(mxscope::to_json_text(results))) &&
         writeText(folder + QLatin1String("/windows.csv"),
                   QByteArray::fromStdString(mxscope::windows_csv(results.windows)));
}

}  // namespace mxscope::ui::testing
