// SPDX-License-Identifier: Apache-2.0
#include "run/load_stages.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "decoder/model.h"
#include "run/device_guard.h"
#include "tensor/tensors.h"
#include "tensor/trace.h"

namespace mxscope::engine {
namespace {

ModelPart part_of(const PreparedJob& job, const MemoryPlan& plan, const StagePlan& stage,
                  const std::vector<Step>& steps) {
  ModelPart part;
  if (plan.placement == PlacementMode::kSplit) {
    // A block may be cut between attention and MLP: both stages then hold its norms.
    part.first_block = steps[stage.first_step].block;
    part.end_block = steps[stage.end_step - 1].block + 1;
    part.head = stage.end_step == steps.size();
    if (part.head) {
      part.end_block = -1;
      if (part.first_block < 0) {
        part.first_block = job.inventory.spec.layers;
      }
    }
    part.embedding = stage.first_step == 0;
    part.streamed.assign(job.inventory.linears.size(), true);
    for (std::size_t s = stage.first_step; s < stage.end_step; ++s) {
      for (int linear : steps[s].linears) {
        part.streamed[static_cast<std::size_t>(linear)] = false;
      }
    }
  } else if (!plan.streamed.empty()) {
    part.streamed.assign(job.inventory.linears.size(), false);
    for (std::size_t s = 0; s < steps.size(); ++s) {
      for (int linear : steps[s].linears) {
        part.streamed[static_cast<std::size_t>(linear)] = plan.streamed[s];
      }
    }
  }
  return part;
}

std::unique_ptr<WeightStream> stream_of(const MemoryPlan& plan,
                                        const std::shared_ptr<const Model>& model,
                                        const std::vector<Step>& steps) {
  std::vector<std::size_t> indices;
  std::vector<std::vector<int>> linears;
  for (std::size_t s = 0; s < plan.streamed.size(); ++s) {
    if (plan.streamed[s]) {
      indices.push_back(s);
      linears.push_back(steps[s].linears);
    }
  }
  return indices.empty()
             ? nullptr
             : std::make_unique<WeightStream>(model, std::move(indices), std::move(linears));
}

// CUDA's libraries take their first calls to start, up to a second: while the weights arrive is the
// time for that.
void start_libraries(const PreparedJob& job, const std::string& device) {
  const DeviceGuard guard(device);
  const DecoderSpec& spec = job.inventory.spec;
  const auto options = at::TensorOptions().dtype(dtype_of(job.dtype)).device(torch_device(device));
  try {
    const at::Tensor x = at::zeros({256, spec.hidden_size}, options);
    (void)at::mm(x, x.t());
    if (job.dtype == "float32") {
      const at::Tensor narrow = x.to(at::kBFloat16);
      (void)at::mm(narrow, narrow.t(), at::kFloat);
    }
    const at::Tensor q = at::zeros({1, spec.heads, 64, spec.head_dim}, options);
    (void)at::scaled_dot_product_attention(q, q, q, {}, 0.0, true);
  } catch (const c10::Error&) {  // NOLINT(bugprone-empty-catch): only a head start
  }
}

}  // namespace

Loaded load_stages(const PreparedJob& job, const MemoryPlan& plan, JobControl& control,
                   const std::function<void(std::int64_t)>& on_bytes) {
  const TraceRange trace("load");
  Loaded loaded;
  loaded.pool = job.on_gpu() ? nullptr : std::make_unique<ThreadPool>(plan.threads);
  const std::vector<Step> steps = decoder_steps(job.inventory);
  std::vector<std::shared_ptr<Stage>> stages(plan.stages.size());
  std::vector<std::exception_ptr> errors(plan.stages.size());
  std::mutex mutex;
  std::vector<std::int64_t> bytes(plan.stages.size(), 0);
  std::atomic<bool> failed{false};
  const auto load_stage = [&](std::size_t d) {
    const StagePlan& stage = plan.stages[d];
    try {
      const DeviceGuard guard(stage.device);
      std::jthread starting;
      if (job.on_gpu()) {
        starting = std::jthread([&] { start_libraries(job, stage.device); });
      }
      const auto model = load_model(
          job.checkpoint, job.inventory, dtype_of(job.dtype), torch_device(stage.device),
          [&](std::int64_t done) {
            const std::lock_guard lock(mutex);
            bytes[d] = done;
            // Devices that hold the whole model read the same bytes.
            on_bytes(plan.placement == PlacementMode::kSplit
                         ? std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0})
                         : *std::min_element(bytes.begin(), bytes.end()));
            return !failed && control.checkpoint();
          },
          part_of(job, plan, stage, steps));
      stages[d] = std::make_shared<Stage>(
          stage.device, std::make_shared<const Decoder>(model, job.windows.max_length),
          stage.first_step, stage.end_step, job.operands, stage.cache_bytes, loaded.pool.get(),
          stream_of(plan, model, steps));
      const std::lock_guard lock(mutex);
      loaded.weights_bytes = plan.placement == PlacementMode::kReplicate
                                 ? model->weights_bytes
                                 : job.inventory.parameters * job.element_size();
    } catch (...) {
      failed = true;
      try {
        rethrow_as_error(stage.device);
      } catch (...) {
        errors[d] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t d = 1; d < stages.size(); ++d) {
      threads.emplace_back(load_stage, d);
    }
    load_stage(0);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) {
      std::rethrow_exception(error);
    }
  }
  if (plan.placement == PlacementMode::kSplit) {
    // Handing over work blocks once a device's queue is full, and a worker may have to wait for the
    // stage that another one is in. One more than stages, and none of them goes unfed.
    loaded.workers.assign(stages.size() + 1, stages);
  } else {
    for (const std::shared_ptr<Stage>& stage : stages) {
      loaded.workers.push_back({stage});
    }
  }
  return loaded;
}

}  // namespace mxscope::engine
