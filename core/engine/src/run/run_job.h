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

}  // namespace mxscope::engine
