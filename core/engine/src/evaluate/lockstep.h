// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "decoder/decoder.h"
#include "evaluate/row_figures.h"
#include "evaluate/thread_pool.h"
#include "evaluate/weight_cache.h"
#include "mxscope/core/data/windows.h"
#include "mxscope/core/schedule/panels.h"
#include "mxscope/core/schedule/state_plan.h"
#include "mxscope/core/schedule/waiting_line.h"
#include "mxscope/engine/engine.h"
#include "tensor/streams.h"

namespace mxscope::engine {

// Consecutive steps of the model on one device. A model that fits a device is one stage; else
// panels pass from stage to stage, and several workers keep all of them busy.
struct Stage {
  Stage(std::string on_device, std::shared_ptr<const Decoder> with_decoder, std::size_t first,
        std::size_t end, const std::vector<OperandSpec>& operands, std::int64_t cache_bytes,
        ThreadPool* pool, std::unique_ptr<WeightStream> stream)
      : device(std::move(on_device)),
        decoder(std::move(with_decoder)),
        first_step(first),
        end_step(end),
        cache(std::shared_ptr<const Model>(decoder, &decoder->model()), operands, cache_bytes, pool,
              std::move(stream)) {}

  std::string device;
  std::shared_ptr<const Decoder> decoder;
  std::size_t first_step;  // of StatePlan::steps
  std::size_t end_step;
  WeightCache cache;
  // Its head is the worker whose panel is in the stage. Panels come to all stages in one order: a
  // GPU would wait for one that has overtaken another.
  WaitingLine line;
};

struct PanelFigures {
  std::vector<NodeFigures> nodes;  // of the plan's last step
  std::vector<double> seconds;     // per variant: its share of device time
};

struct LockstepSettings {
  std::int64_t batch = 1;         // windows per micro-batch
  std::int64_t head_chunk = 256;  // positions whose logits exist at one time
  std::int64_t variants = 1;
};

// Takes the windows of a panel through the model block by block, baseline and variants side by
// side. One object per worker; its members are called by one thread at a time.
class Lockstep {
 public:
  // `pool` is null on a GPU. The references must outlive the object.
  Lockstep(std::vector<std::shared_ptr<Stage>> stages, const StatePlan& plan,
           const std::vector<OperandSpec>& operands, const TokenWindows& windows,
           LockstepSettings settings, ThreadPool* pool);

  // A panel on its way: a GPU may still be computing it.
  struct InFlight;

  // Tells the devices everything that the panel needs; on the CPU computes it. `advance(n)`: n more
  // executions of a step have ended (CPU) or been handed to the GPU, which is at most about a
  // thousand kernels behind; any thread may call it. Throws Error kCancelled when `control` says
  // so, kOutOfMemory when a device's memory is too small.
  std::shared_ptr<InFlight> start(const Panel& panel, JobControl& control,
                                  const std::function<void(std::int64_t)>& advance);
  // Whether finish() would not wait.
  [[nodiscard]] static bool is_ready(const InFlight& panel);
  // Waits for the panel and sums up. Throws Error for streamed weights that are not finite.
  PanelFigures finish(InFlight& panel);

 private:
  MicroBatch micro_batch(std::int64_t index, std::int64_t last_window) const;
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& task);
  void run_stage(Stage& stage, InFlight& flight, JobControl& control,
                 const std::function<void(std::int64_t)>& advance);
  // Sends the panel's states from stage `from`, which it has been handed to, to the next one.
  void hand_over(std::size_t from, InFlight& flight) const;
  void run_step(Stage& stage, std::size_t step, InFlight& flight,
                const std::function<void(std::int64_t)>& advance);
  void run_head(Stage& stage, InFlight& flight, const std::function<void(std::int64_t)>& advance);
  // Statistics of rows [begin, end) of a micro-batch under every node of the head.
  void head_chunk(Stage& stage, std::int64_t begin, const std::vector<at::Tensor>& states,
                  const at::Tensor& targets, const std::vector<RowFigures>& rows) const;
  at::Tensor targets_of(const Panel& panel, std::size_t b, const MicroBatch& batch,
                        c10::Device device) const;

  // GPU: where states leave a stage for the next one, and where they come in there.
  struct Passage {
    c10::Stream departures;
    c10::Stream arrivals;
  };

  std::vector<std::shared_ptr<Stage>> stages_;
  std::vector<Passage> passages_;  // between stages; none on the CPU
  const StatePlan& plan_;
  const std::vector<OperandSpec>& operands_;
  const TokenWindows& windows_;
  LockstepSettings settings_;
  ThreadPool* pool_;
};

}  // namespace mxscope::engine
