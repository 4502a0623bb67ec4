// SPDX-License-Identifier: Apache-2.0
#include "run/memory_plan.h"

#include <algorithm>
#include <numeric>
#include <thread>

#include "decoder/attention.h"
#include "decoder/decoder.h"
#include "decoder/model.h"
#include "evaluate/weight_cache.h"
#include "evaluate/weight_stream.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/schedule/placement.h"
#include "mxscope/engine/engine.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

// Tokens after which quantising a weight anew costs less than 2 % of the products with it: a
// weight's element is quantised in about 1 ns on a core (0.01 ns on a GPU), and takes part in one
// multiply-add per token, 0.04 ns on a core (0.003 ns on a GPU).
constexpr std::int64_t kCpuPanelTokens = 8192;
constexpr std::int64_t kGpuPanelTokens = 65536;
// Shares of the memory that is free: for the cache of quantised weights, and for hidden states.
constexpr double kCacheShare = 0.25;
constexpr double kHiddenShare = 0.25;

// What the matrix library and the allocator keep per thread: packed operands, arenas.
constexpr std::int64_t kThreadOverhead = 7 << 20;

// Largest set of tensors alive at one time while a micro-batch of `rows` goes through a step, its
// input and output left out. `quantised`: some input is quantised, which keeps a copy beside it.
std::int64_t step_workspace(const DecoderSpec& spec, std::int64_t rows, std::int64_t length,
                            std::int64_t element, bool quantised, bool on_gpu) {
  const std::int64_t q = spec.heads * spec.head_dim;
  const std::int64_t kv = spec.kv_heads * spec.head_dim;
  const std::int64_t inputs = (quantised ? 2 : 1) * spec.hidden_size;
  const bool windowed = std::any_of(spec.attention_window.begin(), spec.attention_window.end(),
                                    [&](std::int64_t w) { return w > 0 && w < length; });
  const bool in_place = !on_gpu && element == 4 &&
                        has_attention_kernel(spec.head_dim, spec.attention_soft_cap.has_value(),
                                             spec.position == PositionKind::kAlibi);
  // k and v once more where heads share them; the mixed values, in and out of window order.
  const std::int64_t repeated = kv == q || in_place || (on_gpu && element == 2) ? 0 : 2 * q;
  const std::int64_t mixed = in_place ? q : 2 * q;
  std::int64_t attention = rows * (inputs + q + 2 * kv + repeated + mixed) * element;
  if (!in_place && (spec.attention_soft_cap || spec.position == PositionKind::kAlibi || windowed)) {
    // Scores in the open: a piece of them twice (before and after the softmax), in float64 where
    // weights are float32, and k and v widened.
    const std::int64_t wide = element == 4 ? 8 : 4;
    const std::int64_t windows = std::max<std::int64_t>(1, rows / length);
    const std::int64_t queries = open_attention_queries(windows, spec.heads, length, on_gpu);
    attention += 2 * queries * windows * spec.heads * length * wide + 2 * rows * q * wide -
                 rows * 2 * q * element;
  }
  // An expert sees its share of the rows; the busiest one half as many again.
  const ExpertSpec& experts = spec.experts;
  const std::int64_t inner_rows =
      experts.count > 0 ? std::min(rows, rows * experts.per_token * 3 / (2 * experts.count)) : rows;
  const std::int64_t mlp = (rows * (inputs + (experts.count > 0 ? spec.hidden_size : 0)) +
                            inner_rows * (quantised ? 3 : 2) * spec.intermediate_size) *
                           element;
  return spec.parallel_residual ? std::max(attention, mlp) + rows * spec.hidden_size * element
                                : std::max(attention, mlp);
}

// Share of the free memory that a plan may fill: the allocator rounds and fragments.
constexpr double kUsable = 0.96;
// What CUDA libraries keep on a GPU outside of LibTorch's allocator, and their workspaces inside.
constexpr std::int64_t kGpuReserve = std::int64_t{600} << 20;
// What a bus brings and a GPU computes, for the length of a panel that hides transfers.
constexpr double kBusBytesPerSecond = 40e9;
constexpr double kGpuFlops16 = 550e12;
constexpr double kGpuFlops32 = 45e12;

std::int64_t share_of(std::int64_t bytes, double part) {
  return static_cast<std::int64_t>(static_cast<double>(std::max<std::int64_t>(0, bytes)) * part);
}

// What a device needs apart from weights, cache and the states of more than one micro-batch.
struct Needs {
  std::int64_t state_bytes = 0;  // of the states that one micro-batch keeps between steps
  std::int64_t workspace = 0;    // without row figures
  std::int64_t figures = 0;      // of one micro-batch
};

Needs needs_of(const PreparedJob& job, int threads, std::int64_t batches) {
  const DecoderSpec& spec = job.inventory.spec;
  const std::int64_t element = job.element_size();
  const std::int64_t rows = std::max<std::int64_t>(1, job.batch_rows());
  const auto head_nodes = static_cast<std::int64_t>(job.plan.steps.back().nodes.size());
  const bool quantised = job.operands.size() > 1;
  const std::int64_t in_flight = std::min<std::int64_t>(threads, batches * head_nodes);
  const std::int64_t chunk = std::min(job.head_chunk, rows);
  // Logits of the baseline and of one variant.
  const std::int64_t logits =
      std::min<std::int64_t>(2, head_nodes) * chunk * spec.vocab_size * element;
  Needs needs;
  const std::int64_t state = rows * spec.hidden_size * element;
  needs.state_bytes = job.plan.kept_states() * state;
  // A micro-batch that a step works on has the states before and behind it.
  const std::int64_t moving = (job.plan.peak_states() - job.plan.kept_states()) * state;
  // Figures of every row under every node of the head, kept until the panel is reduced.
  needs.figures = rows * head_nodes * (7 * 4 + 2);
  const std::int64_t step =
      moving + step_workspace(spec, rows, job.windows.max_length, element, quantised, job.on_gpu());
  needs.workspace =
      in_flight * std::max(step, logits) + (job.on_gpu() ? 0 : threads * kThreadOverhead);
  return needs;
}

// Bytes of the weights that each step needs on its device.
std::vector<std::int64_t> bytes_of_steps(const PreparedJob& job) {
  const std::int64_t element = job.element_size();
  const DecoderSpec& spec = job.inventory.spec;
  std::vector<std::int64_t> bytes;
  std::int64_t linears = 0;
  for (const StepPlan& step : job.plan.steps) {
    std::int64_t sum = 0;
    for (int i : step.linears) {
      const Linear& l = job.inventory.linears[static_cast<std::size_t>(i)];
      sum += l.in_features * l.out_features * element;
    }
    linears += sum;
    bytes.push_back(sum);
  }
  if (splits_head(job.inventory, dtype_of(job.dtype), job.on_gpu())) {
    bytes.back() += split_head_bytes(job.inventory);
  }
  // The embedding stands with the first step; norms, biases and positions are small change.
  const std::int64_t embedding = spec.vocab_size * spec.hidden_size * element;
  const std::int64_t all = job.inventory.parameters * element;
  const std::int64_t rest = std::max<std::int64_t>(0, all - linears - embedding);
  bytes.front() += embedding + rest;
  return bytes;
}

class Planner {
 public:
  Planner(const PreparedJob& job, const Experiment& experiment, std::int64_t panel_windows,
          const std::vector<std::int64_t>& available)
      : job_(job), panel_windows_(panel_windows), steps_(bytes_of_steps(job)) {
    const double limit =
        job.entry.max_memory_gib.value_or(experiment.compute.max_memory_gib.value_or(0));
    for (std::int64_t bytes : available) {
      limits_.push_back(limit > 0 ? std::min(bytes, static_cast<std::int64_t>(limit * (1 << 30)))
                                  : bytes);
    }
    plan_.threads = job.on_gpu() ? 1
                                 : static_cast<int>(experiment.compute.threads.value_or(
                                       std::max(1U, std::thread::hardware_concurrency())));
    copies_ = quantised_copy_bytes(job.plan, job.inventory, job.element_size());
  }

  MemoryPlan plan(PlacementMode placement) {
    const bool several = job_.devices.size() > 1;
    switch (placement) {
      case PlacementMode::kReplicate:
        return replicate();
      case PlacementMode::kSplit:
        return split();
      case PlacementMode::kStream:
        return stream();
      case PlacementMode::kAuto:
        break;
    }
    if (!job_.on_gpu() || fits_whole()) {
      return replicate();
    }
    if (several && !split_steps(steps_, room_for_weights()).empty()) {
      return split();
    }
    return stream();
  }

 private:
  // Bytes for weights on each device when one micro-batch at a time goes through.
  [[nodiscard]] std::vector<std::int64_t> room_for_weights() const {
    const Needs needs = needs_of(job_, plan_.threads, 1);
    const std::int64_t other = needs.state_bytes + needs.workspace + needs.figures +
                               2 * copies_.largest_step + kGpuReserve;
    std::vector<std::int64_t> room;
    for (std::int64_t limit : limits_) {
      room.push_back(std::max<std::int64_t>(0, share_of(limit, kUsable) - other));
    }
    return room;
  }
  [[nodiscard]] bool fits_whole() const {
    const std::vector<std::int64_t> room = room_for_weights();
    return job_.inventory.parameters * job_.element_size() <=
           *std::min_element(room.begin(), room.end());
  }

  [[nodiscard]] StagePlan stage(std::size_t device, std::size_t first, std::size_t end) const {
    StagePlan stage;
    stage.device = job_.devices[device];
    stage.available_bytes = limits_[device];
    stage.first_step = first;
    stage.end_step = end;
    return stage;
  }

  // Cache, panel and workspace, from what the weights leave.
  MemoryPlan finish() {
    const std::int64_t rows = std::max<std::int64_t>(1, job_.batch_rows());
    const std::int64_t enough = job_.on_gpu() ? kGpuPanelTokens : kCpuPanelTokens;
    std::int64_t batches = std::max<std::int64_t>((enough + rows - 1) / rows, plan_.threads);
    if (plan_.placement == PlacementMode::kStream) {
      batches = std::max(batches, (plan_.hidden_in_time + rows - 1) / rows);
    } else if (plan_.placement == PlacementMode::kSplit) {
      batches = std::min(
          batches,
          split_panel_batches(job_.batches(), static_cast<std::int64_t>(job_.devices.size())));
    }
    if (panel_windows_ > 0) {
      batches = std::max<std::int64_t>(1, panel_windows_ / job_.batch);
    }
    batches = std::min(batches, job_.batches());
    const Needs one = needs_of(job_, plan_.threads, 1);
    for (const StagePlan& stage : plan_.stages) {
      const std::int64_t left = stage.available_bytes - stage.weights_bytes;
      batches = std::min(batches,
                         share_of(left, kHiddenShare) / std::max<std::int64_t>(1, one.state_bytes));
    }
    plan_.panel_batches = std::max<std::int64_t>(1, batches);
    const Needs needs = needs_of(job_, plan_.threads, plan_.panel_batches);
    for (StagePlan& stage : plan_.stages) {
      const std::int64_t left = stage.available_bytes - stage.weights_bytes;
      const double part = static_cast<double>(stage.end_step - stage.first_step) /
                          static_cast<double>(job_.plan.steps.size());
      const std::int64_t all = share_of(copies_.all, part);
      // Where weights pass through, all memory for weights is taken by those that stay.
      stage.cache_bytes =
          plan_.placement == PlacementMode::kStream ? 0 : share_of(left, kCacheShare);
      // On a GPU the copies of the step behind are made while a step computes.
      const std::int64_t working = (job_.on_gpu() ? 2 : 1) * copies_.largest_step;
      stage.copies_bytes = all <= stage.cache_bytes ? all : stage.cache_bytes + working;
      stage.copies_bytes = std::min(stage.copies_bytes, std::max(all, working));
      stage.hidden_bytes = plan_.panel_batches * needs.state_bytes;
      stage.workspace_bytes = needs.workspace + plan_.panel_batches * needs.figures;
    }
    return plan_;
  }

  MemoryPlan replicate() {
    plan_.placement = PlacementMode::kReplicate;
    const std::int64_t element = job_.element_size();
    const DecoderSpec& spec = job_.inventory.spec;
    // On the CPU a weight that is stored in the compute type stays in the mapped file.
    const bool mapped = !job_.on_gpu() && job_.inventory.stored_bytes_of_type(job_.dtype) ==
                                              job_.inventory.total_bytes;
    std::int64_t weights = mapped ? 0 : job_.inventory.parameters * element;
    if (splits_head(job_.inventory, dtype_of(job_.dtype), job_.on_gpu())) {
      weights += split_head_bytes(job_.inventory);
    }
    if (mapped && spec.linear_weights_transposed) {
      for (const Linear& linear : job_.inventory.linears) {
        weights += linear.block >= 0 ? linear.in_features * linear.out_features * element : 0;
      }
    }
    for (std::size_t d = 0; d < job_.devices.size(); ++d) {
      plan_.stages.push_back(stage(d, 0, job_.plan.steps.size()));
      plan_.stages.back().weights_bytes = weights;
    }
    return finish();
  }

  void need_gpu(const char* placement, std::size_t devices) const {
    if (!job_.on_gpu() || job_.devices.size() < devices) {
      throw Error(ErrorCode::kUnsupported,
                  std::string("placement '") + placement + "' needs " +
                      (devices > 1 ? "two GPUs or more" : "a GPU") + "; this job has " +
                      (job_.on_gpu() ? "one" : "the CPU, where weights stay in the mapped file"));
    }
  }

  MemoryPlan split() {
    need_gpu("split", 2);
    plan_.placement = PlacementMode::kSplit;
    const std::vector<std::int64_t> room = room_for_weights();
    // By what is multiplied, which is what takes time, where the embedding has room beside that.
    std::vector<std::int64_t> products = steps_;
    const std::int64_t beside =
        std::min(steps_.front(), job_.inventory.spec.vocab_size * job_.inventory.spec.hidden_size *
                                     job_.element_size());
    products.front() -= beside;
    std::vector<std::int64_t> room_for_products = room;
    room_for_products.front() -= beside;
    std::vector<std::size_t> ends = split_steps(
        products,
        std::vector<std::int64_t>(
            room.size(), *std::min_element(room_for_products.begin(), room_for_products.end())));
    if (ends.empty()) {
      ends = split_steps(steps_, room);
    }
    if (ends.empty()) {
      throw_too_small("split over " + std::to_string(job_.devices.size()) + " GPUs",
                      std::accumulate(steps_.begin(), steps_.end(), std::int64_t{0}),
                      std::accumulate(room.begin(), room.end(), std::int64_t{0}));
    }
    std::size_t first = 0;
    for (std::size_t d = 0; d < ends.size(); ++d) {
      plan_.stages.push_back(stage(d, first, ends[d]));
      for (std::size_t s = first; s < ends[d]; ++s) {
        plan_.stages.back().weights_bytes += steps_[s];
      }
      first = ends[d];
    }
    return finish();
  }

  MemoryPlan stream() {
    need_gpu("stream", 1);
    plan_.placement = PlacementMode::kStream;
    std::vector<std::int64_t> bytes = steps_;
    std::vector<bool> may(bytes.size(), true);
    // The head is larger than any block's step and would set the size of every buffer.
    may.back() = false;
    const std::int64_t element = job_.element_size();
    std::int64_t buffer = 0;
    std::int64_t fixed = 0;
    for (std::size_t s = 0; s + 1 < bytes.size(); ++s) {
      const std::int64_t linears =
          WeightStream::step_elements(job_.inventory, job_.plan.steps[s].linears) * element;
      fixed += std::max<std::int64_t>(0, bytes[s] - linears);
      bytes[s] = linears;
      buffer = std::max(buffer, linears);
    }
    const std::vector<std::int64_t> room = room_for_weights();
    const std::int64_t limit = *std::min_element(room.begin(), room.end()) - fixed;
    std::vector<bool> streamed = streamed_steps(bytes, may, limit);
    std::int64_t buffers = 0;
    if (std::find(streamed.begin(), streamed.end(), true) != streamed.end() || streamed.empty()) {
      buffers = WeightStream::kSlots * buffer;
      streamed = streamed_steps(bytes, may, limit - buffers);
    }
    if (streamed.empty()) {
      throw_too_small("stream", fixed + bytes.back() + buffers,
                      *std::min_element(room.begin(), room.end()));
    }
    std::int64_t resident = fixed + buffers;
    double flops = 0;
    for (std::size_t s = 0; s < bytes.size(); ++s) {
      resident += streamed[s] ? 0 : bytes[s];
      plan_.streamed_bytes += streamed[s] ? bytes[s] : 0;
      flops += 2.0 * static_cast<double>(bytes[s] / element) *
               static_cast<double>(job_.plan.steps[s].nodes.size());
    }
    if (plan_.streamed_bytes > 0) {
      const double rate = job_.dtype == "float32" ? kGpuFlops32 : kGpuFlops16;
      plan_.hidden_in_time = static_cast<std::int64_t>(static_cast<double>(plan_.streamed_bytes) /
                                                       kBusBytesPerSecond * rate / flops);
    }
    for (std::size_t d = 0; d < job_.devices.size(); ++d) {
      plan_.stages.push_back(stage(d, 0, job_.plan.steps.size()));
      plan_.stages.back().weights_bytes = resident;
    }
    plan_.streamed = std::move(streamed);
    return finish();
  }

  [[noreturn]] void throw_too_small(const std::string& what, std::int64_t needed,
                                    std::int64_t room) const {
    throw Error(ErrorCode::kOutOfMemory,
                "model '" + job_.model_name + "' does not fit with placement " + what + ": " +
                    in_gib(needed) + " of weights must stay on the device and " + in_gib(room) +
                    " are free for them beside one micro-batch; use a smaller batch, a higher "
                    "max_memory_gib or more GPUs");
  }

  const PreparedJob& job_;
  std::int64_t panel_windows_;
  std::vector<std::int64_t> steps_;
  std::vector<std::int64_t> limits_;
  CopyBytes copies_;
  MemoryPlan plan_;
};

}  // namespace

std::int64_t MemoryPlan::total() const {
  std::int64_t most = 0;
  for (const StagePlan& stage : stages) {
    most = std::max(most, stage.total());
  }
  return most;
}

std::string in_gib(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

std::vector<std::int64_t> free_bytes(const std::vector<std::string>& devices) {
  std::vector<std::int64_t> bytes(devices.size(), 0);
  for (const DeviceInfo& info : list_devices()) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      if (info.id == devices[i]) {
        bytes[i] = info.free_bytes;
      }
    }
  }
  return bytes;
}

PlacementMode asked_placement(const PreparedJob& job, const Experiment& experiment) {
  return job.entry.placement.value_or(experiment.compute.placement);
}

MemoryPlan plan_memory(const PreparedJob& job, const Experiment& experiment,
                       PlacementMode placement, std::int64_t panel_windows,
                       const std::vector<std::int64_t>& available) {
  return Planner(job, experiment, panel_windows, available).plan(placement);
}

}  // namespace mxscope::engine
