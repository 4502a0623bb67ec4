// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "mxscope/core/results/results.h"
#include "mxscope/core/store/store.h"
#include "mxscope/engine/engine.h"
#include "run/prepare.h"

namespace mxscope::engine {

// What one job leaves: its entry in "jobs" and its runs, with their windows.
struct JobResult {
  Job job;
  std::vector<Run> runs;
  std::vector<RunWindows> windows;
  RunStatus status = RunStatus::kDone;
};

// Evaluates a prepared job: loads the model, deals panels to workers, commits each finished panel
// to the store and puts events on `emit`. Cancelling keeps finished panels. Throws Error for faults
// after marking the job failed in the store.
JobResult run_job(const PreparedJob& job, const Experiment& experiment, const RunOptions& options,
                  const std::string& job_id, std::int64_t experiment_id, store::Store& store,
                  const EmitFunction& emit, JobControl& control);

// Memory plan of a job on one device: used by the estimate and by the run alike.
struct MemoryPlan {
  std::int64_t weights_bytes = 0;    // held in memory of the device, beyond mapped files
  std::int64_t copies_bytes = 0;     // quantised weights at one time
  std::int64_t cache_bytes = 0;      // budget of the cache
  std::int64_t hidden_bytes = 0;     // of the largest panel
  std::int64_t workspace_bytes = 0;  // micro-batches in flight and logits
  std::int64_t panel_batches = 1;    // micro-batches of the largest panel
  int threads = 1;                   // CPU workers
  [[nodiscard]] std::int64_t total() const {
    return weights_bytes + copies_bytes + hidden_bytes + workspace_bytes;
  }
};
MemoryPlan plan_memory(const PreparedJob& job, const Experiment& experiment,
                       std::int64_t panel_windows, std::int64_t available_bytes);

}  // namespace mxscope::engine
