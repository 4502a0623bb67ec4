// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/core_support.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/rules.h"
#include "mxscope/core/results/results.h"

namespace mxscope::test {

// Windows of `n` x 255 tokens; a larger `shift` is a worse model.
inline std::vector<WindowSums> make_windows(std::int64_t n, double shift, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  const auto uniform = [&] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
  std::vector<WindowSums> windows;
  for (std::int64_t i = 0; i < n; ++i) {
    WindowSums sums;
    const double text = uniform();  // how hard the window is: the same for every variant
    sums.tokens = 255;
    sums.argmax_positions = 256;
    sums.nll_sum = 255 * (3 + 0.2 * text + shift * (1 + 0.1 * uniform()));
    sums.entropy_sum = 255 * (2.5 + 0.1 * text + shift / 2);
    sums.kl_sum = 255 * shift / 3;
    sums.top1_count = shift == 0 ? 255 : 230;
    sums.argmax_xent_sum = 256 * (1.2 + 0.1 * text + shift / 4);
    sums.argmax_entropy_sum = 256 * (2.5 + 0.1 * text);
    sums.bytes = 1000;
    windows.push_back(sums);
  }
  return windows;
}

inline Run make_run(const ResolvedVariant* variant, const std::string& name, double shift,
                    Results& results, const std::string& model = "llama") {
  Run run;
  run.model = model;
  run.variant = name;
  run.baseline = variant == nullptr;
  run.seconds = 2.5;
  run.config_hash = std::string(64, 'a');
  const auto linears = llama_like(2);
  if (variant != nullptr) {
    run.contract = variant->contract();
    describe_linears(run, linears, match_rules(*variant, linears));
    if (variant->sweep) {
      run.sweep = SweepResult{std::string(to_string(variant->sweep->over)), variant->sweep->place,
                              std::string(to_string(variant->sweep->format))};
    }
  }
  RunWindows windows{model, name, {}, make_windows(12, shift)};
  for (std::int64_t i = 0; i < 12; ++i) {
    windows.indices.push_back(i);
  }
  const auto baseline = make_windows(12, 0);
  compute_run(run, windows.windows, &baseline);
  results.windows.push_back(std::move(windows));
  return run;
}

// A job with the baseline, tier D, FP4 at two blocks (the smaller does worse), and a sweep's run.
inline Results make_results(const std::string& model = "llama", double worse = 1) {
  Experiment experiment = small_experiment();
  experiment.name = "example";
  VariantEntry tier;
  tier.name = "D";
  tier.tier = Tier::kD;
  VariantEntry fp4;
  fp4.name = "fp4";
  fp4.tier = Tier::kA;
  fp4.formats = {Format::kMxfp4E2m1};
  fp4.blocks = {16, 32};
  experiment.variants = {tier, fp4};
  experiment.sweep = SweepEntry{};
  experiment.sweep->formats = {Format::kMxint8};

  Results results;
  results.experiment = to_json(experiment);
  results.environment = {{"engine", "0.1.0"}, {"devices", {"cpu"}}};
  const auto linears = llama_like(2);
  const auto variants = expand_variants(experiment, &linears);
  results.runs.push_back(make_run(nullptr, "baseline", 0, results, model));
  const std::vector<double> shifts = {0.03, 0.08, 0.05, 0.00002, 0.0001};
  for (std::size_t i = 0; i < variants.size(); ++i) {
    results.runs.push_back(
        make_run(&variants[i], variants[i].name, worse * shifts.at(i), results, model));
  }
  Job job;
  job.model = model;
  job.protocol = {{"name", "windows"}, {"context", 256}, {"stride", 256}, {"bos", "tokenizer"}};
  job.data_sha256 = std::string(64, 'd');
  job.tokenizer_sha256 = std::string(64, 'e');
  job.token_ids_sha256 = std::string(64, 'f');
  job.memory = {1234567, {{"cuda:0", 7654321}, {"cuda:1", 42}}, 8000000};
  job.placement = "replicate";
  job.load_seconds = 0.25;
  job.total_seconds = 12.5;
  results.jobs.push_back(std::move(job));
  return results;
}

}  // namespace mxscope::test
