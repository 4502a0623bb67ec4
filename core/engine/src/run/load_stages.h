// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "evaluate/lockstep.h"
#include "mxscope/engine/engine.h"
#include "run/memory_plan.h"
#include "run/prepare.h"

namespace mxscope::engine {

// What the devices hold while a job runs.
struct Loaded {
  std::unique_ptr<ThreadPool> pool;                          // CPU
  std::vector<std::vector<std::shared_ptr<Stage>>> workers;  // stages of each worker
  std::int64_t weights_bytes = 0;                            // of the whole model
};

// Loads the model on all devices at the same time, as the plan lays it out. `on_bytes(done)` is
// called by several threads, one at a time. Throws the first device's Error; kCancelled when
// `control` says so.
Loaded load_stages(const PreparedJob& job, const MemoryPlan& plan, JobControl& control,
                   const std::function<void(std::int64_t)>& on_bytes);

}  // namespace mxscope::engine
