// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mxscope::store {

// Rows of the record as plain values. Texts named `*_json` are stored as given and never parsed.

enum class Status { kRunning, kDone, kCancelled, kFailed, kPaused };

// "running", "done", "cancelled", "failed", "paused".
[[nodiscard]] std::string_view to_string(Status status) noexcept;

// Per-window sums of one run. The first eight fields behind `window` are columns of windows.csv
// (NUMERICS section 7; natural logarithm, sums in float64 over the window's scored positions,
// argmax_* over all its positions).
struct WindowSums {
  std::int64_t window = 0;  // index within the job
  std::int64_t tokens = 0;  // scored positions
  double nll_sum_nats = 0;
  double entropy_sum_nats = 0;
  double kl_sum_nats = 0;
  std::int64_t top1_count = 0;
  std::int64_t argmax_positions = 0;
  double argmax_xent_sum_nats = 0;
  double argmax_entropy_sum_nats = 0;
  std::int64_t non_finite = 0;  // positions with a logit that is not finite
  double p_change_sum = 0;      // of p(target) under the variant less that under the baseline
  double p_change_sq_sum = 0;   // of its square
  double kl_max = 0;            // largest KL of one position
  double weight = 0;            // WindowSpan::weight
  std::int64_t bytes = -1;      // WindowSpan::bytes

  bool operator==(const WindowSums&) const = default;
};

// What decides a job's figures, apart from its variants. Two jobs with equal keys have the same
// windows and the same baseline, bit for bit, so one may continue the other.
struct JobDescription {
  std::string model;              // name within the experiment
  std::string model_fingerprint;  // of the checkpoint: path or hub id with revision, and its sizes
  std::string protocol_json;      // resolved, every parameter
  std::string data_sha256;
  std::string tokenizer_sha256;
  std::string token_ids_sha256;
  std::string numerics_json;  // compute type, micro-batch, kind of device: what the bits depend on
  std::int64_t windows = 0;   // number of windows

  // SHA-256 over all fields above.
  [[nodiscard]] std::string key() const;
};

struct RunDescription {
  std::string variant;  // name within the job, "baseline" for the baseline
  bool baseline = false;
  std::string config_hash;  // of everything that decides the variant's figures
  std::int64_t layers = 0;  // linears with any operand quantised
  std::string contract_json = "{}";
  std::string linears_json = "{}";
  std::string sweep_json = "null";
};

struct RunRecord : RunDescription {
  std::int64_t id = 0;
  std::int64_t job = 0;
  std::int64_t position = 0;  // order within the job
  bool current = true;        // false: an earlier form of the job had it, the latest has not
  Status status = Status::kRunning;
  double seconds = 0;  // share of device time, over all sessions
  std::int64_t finished_windows = 0;
  std::string error;  // sentence, where status is kFailed
};

struct JobRecord : JobDescription {
  std::int64_t id = 0;
  std::int64_t experiment = 0;
  Status status = Status::kRunning;
  std::string placement;           // "replicate", "split", "stream"; empty until known
  std::string memory_json = "{}";  // weights_bytes, peak_bytes per device
  double load_seconds = 0;         // over all sessions
  double total_seconds = 0;
  std::string error;
  std::string created;  // UTC, ISO 8601
  std::string updated;
};

struct ExperimentRecord {
  std::int64_t id = 0;
  std::string name;
  std::string experiment_json;   // as run
  std::string environment_json;  // versions, devices, host
  std::string created;
};

struct LogLine {
  std::string time;   // UTC, ISO 8601
  std::string level;  // "info", "warning", "error"
  std::string text;
};

// What one run contributes to a finished panel.
struct RunPanel {
  std::int64_t run = 0;
  std::vector<WindowSums> windows;
  double seconds = 0;     // added to the run's
  std::string histogram;  // bytes of the caller's; empty: none
};

// Histogram bytes of one run and panel, windows [first, last].
struct PanelBlob {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::string bytes;
};

// State at the end of a job or run.
struct JobOutcome {
  Status status = Status::kDone;
  std::string placement;
  std::string memory_json = "{}";
  double load_seconds = 0;  // of this session; added to the job's
  double total_seconds = 0;
  std::string error;
};

// One entry of the queue, in order.
struct QueueEntry {
  std::string id;
  std::string state_json;

  bool operator==(const QueueEntry&) const = default;
};

}  // namespace mxscope::store
