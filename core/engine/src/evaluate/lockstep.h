// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "decoder/decoder.h"
#include "evaluate/thread_pool.h"
#include "evaluate/weight_cache.h"
#include "mxscope/core/data/windows.h"
#include "mxscope/core/schedule/panels.h"
#include "mxscope/core/schedule/state_plan.h"
#include "mxscope/core/stats/metrics.h"
#include "mxscope/core/stats/window_sums.h"
#include "mxscope/engine/engine.h"

namespace mxscope::engine {

// What a panel gave for one node of the head, that is for every variant that shares it.
struct NodeFigures {
  std::vector<WindowSums> windows;  // of the panel, in window order
  RunHistograms histograms;         // over the panel's scored positions
};

struct PanelFigures {
  std::vector<NodeFigures> nodes;  // of the plan's last step
  std::vector<double> seconds;     // per variant: its share of device time
};

struct LockstepSettings {
  std::int64_t batch = 1;         // windows per micro-batch
  std::int64_t head_chunk = 256;  // positions whose logits exist at one time
  std::int64_t cache_bytes = 0;   // of quantised weights kept between panels
  std::int64_t variants = 1;
};

// Takes the windows of a panel through the model block by block, baseline and variants side by
// side. One object per device; run() is called by one thread at a time.
class Lockstep {
 public:
  // `pool` is null on a GPU. The references must outlive the object.
  Lockstep(std::shared_ptr<const Decoder> decoder, const StatePlan& plan,
           const std::vector<OperandSpec>& operands, const TokenWindows& windows,
           LockstepSettings settings, ThreadPool* pool);

  // `advance(n)`: n more executions of a step have ended; any thread may call it. Throws Error
  // kCancelled when `control` says so, kOutOfMemory when the device's memory is too small.
  PanelFigures run(const Panel& panel, JobControl& control,
                   const std::function<void(std::int64_t)>& advance);

  [[nodiscard]] const WeightCache& cache() const { return cache_; }

 private:
  struct Rows;  // figures of every row of a micro-batch under one head node

  MicroBatch micro_batch(std::int64_t index, std::int64_t last_window) const;
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& task);
  // Statistics of rows [begin, end) of a micro-batch under every node of the head.
  void head(std::int64_t begin, std::int64_t end, const std::vector<at::Tensor>& states,
            const at::Tensor& targets, std::vector<Rows>& rows) const;
  void reduce(const Panel& panel, const std::vector<MicroBatch>& batches,
              std::vector<std::vector<Rows>>& rows, PanelFigures& figures);

  std::shared_ptr<const Decoder> decoder_;
  const StatePlan& plan_;
  const std::vector<OperandSpec>& operands_;
  const TokenWindows& windows_;
  LockstepSettings settings_;
  ThreadPool* pool_;
  WeightCache cache_;
};

}  // namespace mxscope::engine
