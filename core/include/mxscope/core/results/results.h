// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/experiment/rules.h"
#include "mxscope/core/experiment/variants.h"
#include "mxscope/core/stats/metrics.h"
#include "mxscope/core/stats/paired.h"
#include "mxscope/core/stats/window_sums.h"

namespace mxscope {

// What an experiment gave: results.json of DESIGN section 6 as values.

enum class RunStatus { kDone, kCancelled, kFailed };

// "done", "cancelled", "failed".
[[nodiscard]] std::string_view to_string(RunStatus status) noexcept;
[[nodiscard]] std::optional<RunStatus> parse_run_status(std::string_view name) noexcept;

// Labels (OperandSpec::label) of what is quantised of one linear; empty: not quantised.
struct LinearLabels {
  std::string weight;
  std::string activation;
  std::string output;

  bool operator==(const LinearLabels&) const = default;
};

struct SweepResult {
  std::string over;    // "block", "linear", "role"
  std::string place;   // "model.layers.3"
  std::string format;  // "mxfp4_e2m1"

  bool operator==(const SweepResult&) const = default;
};

struct Run {
  std::string model;
  std::string variant;  // "baseline" for the baseline
  bool baseline = false;
  RunStatus status = RunStatus::kDone;
  std::int64_t layers = 0;  // linears with any operand quantised
  std::int64_t windows = 0;
  std::int64_t tokens = 0;               // scored positions (protocol `seed`: positions)
  std::optional<double> bits_per_value;  // of the quantised weights, weighted by their size
  Metrics metrics;
  std::optional<Delta> delta;  // empty for the baseline, and where there is none to compare with
  double seconds = 0;          // the run's own share of device time
  std::optional<double> tokens_per_second;
  nlohmann::ordered_json contract = nlohmann::ordered_json::object();
  std::string config_hash;
  std::optional<SweepResult> sweep;
  std::vector<std::pair<std::string, LinearLabels>> linears;  // only what is quantised, in order
  std::string error;                                          // sentence, where status is failed

  bool operator==(const Run&) const = default;
};

struct JobMemory {
  std::int64_t weights_bytes = 0;
  std::vector<std::pair<std::string, std::int64_t>> peak_bytes;  // per device
  std::optional<std::int64_t> estimated_bytes;

  bool operator==(const JobMemory&) const = default;
};

struct Job {
  std::string model;
  nlohmann::ordered_json protocol = nlohmann::ordered_json::object();  // every parameter, resolved
  std::string data_sha256;
  std::string tokenizer_sha256;
  std::string token_ids_sha256;
  JobMemory memory;
  std::string placement;  // "replicate", "split", "stream"
  double load_seconds = 0;
  double total_seconds = 0;

  bool operator==(const Job&) const = default;
};

// Per-window sums of one run; not part of results.json, but of windows.csv. windows[i] belongs to
// window indices[i] of the job.
struct RunWindows {
  std::string model;
  std::string variant;
  std::vector<std::int64_t> indices;
  std::vector<WindowSums> windows;

  bool operator==(const RunWindows&) const = default;
};

struct Results {
  nlohmann::ordered_json experiment = nlohmann::ordered_json::object();
  nlohmann::ordered_json environment = nlohmann::ordered_json::object();
  std::vector<Run> runs;  // model by model, the baseline first, then in the experiment's order
  std::vector<Job> jobs;
  std::vector<RunWindows> windows;  // parallel to runs where known; may be empty

  // The run of that model and variant, or null.
  [[nodiscard]] const Run* find(std::string_view model, std::string_view variant) const noexcept;
  [[nodiscard]] const Job* find_job(std::string_view model) const noexcept;

  bool operator==(const Results&) const = default;
};

// Fills layers, linears and bits_per_value of a run from what the rules decided.
void describe_linears(Run& run, const std::vector<LinearInfo>& linears,
                      const MatchReport& decisions);

// Fills tokens, windows, metrics and (unless `baseline` is null) delta from the windows of a run
// and of its baseline; both in window order. Under `seed` tokens counts all positions.
void compute_run(Run& run, std::span<const WindowSums> windows,
                 const std::vector<WindowSums>* baseline, const IntervalOptions& options = {},
                 const RunHistograms* histograms = nullptr);

}  // namespace mxscope
