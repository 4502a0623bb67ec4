// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mxscope/core/experiment/experiment.h"
#include "run/prepare.h"

namespace mxscope::engine {

// What one device does and holds. All but the weights are estimates from the headers.
struct StagePlan {
  std::string device;
  std::size_t first_step = 0;  // of StatePlan::steps
  std::size_t end_step = 0;
  std::int64_t available_bytes = 0;  // free before the job, within the memory limit
  std::int64_t weights_bytes = 0;    // held in the device's memory, beyond mapped files
  std::int64_t copies_bytes = 0;     // quantised weights at one time
  std::int64_t cache_bytes = 0;      // budget of the cache of these
  std::int64_t hidden_bytes = 0;     // of the largest panel
  std::int64_t workspace_bytes = 0;  // micro-batches in flight and logits

  [[nodiscard]] std::int64_t total() const {
    return weights_bytes + copies_bytes + hidden_bytes + workspace_bytes;
  }
};

// How a job is laid on its devices. replicate and stream: every device does all steps.
struct MemoryPlan {
  PlacementMode placement = PlacementMode::kReplicate;
  std::vector<StagePlan> stages;    // one per device
  std::vector<bool> streamed;       // per step; empty: none
  std::int64_t streamed_bytes = 0;  // that pass through each device per panel
  std::int64_t panel_batches = 1;   // micro-batches of the largest panel
  int threads = 1;                  // CPU workers
  std::int64_t hidden_in_time = 0;  // stream: tokens a panel needs to hide the transfers

  // Of the device that needs most.
  [[nodiscard]] std::int64_t total() const;
};

// Bytes free on each of the job's devices now.
[[nodiscard]] std::vector<std::int64_t> free_bytes(const std::vector<std::string>& devices);

// "12.34 GiB", for messages.
[[nodiscard]] std::string in_gib(std::int64_t bytes);

// `placement` kAuto: the first of replicate, split (several GPUs) and stream that fits, and the
// last of them where none does, so that the run can tell what is missing. `available`: bytes per
// device of the job. Throws Error kUnsupported for a placement that the devices rule out, and
// kOutOfMemory with bytes needed and free for one that the weights do.
[[nodiscard]] MemoryPlan plan_memory(const PreparedJob& job, const Experiment& experiment,
                                     PlacementMode placement, std::int64_t panel_windows,
                                     const std::vector<std::int64_t>& available);

// What the experiment or the model asks for.
[[nodiscard]] PlacementMode asked_placement(const PreparedJob& job, const Experiment& experiment);

}  // namespace mxscope::engine
