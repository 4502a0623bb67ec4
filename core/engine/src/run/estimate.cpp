// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <thread>

#include "decoder/attention.h"
#include "decoder/model.h"
#include "evaluate/weight_cache.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/engine/engine.h"
#include "mxscope/engine/memory_monitor.h"
#include "run/run_job.h"

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
constexpr std::int64_t kThreadOverhead = 9 << 20;

// Largest set of tensors alive at one time while a micro-batch of `rows` goes through a step, its
// input and output left out. `quantised`: some input is quantised, which keeps a copy beside it.
std::int64_t step_workspace(const DecoderSpec& spec, std::int64_t rows, std::int64_t length,
                            std::int64_t element, bool quantised) {
  const std::int64_t q = spec.heads * spec.head_dim;
  const std::int64_t kv = spec.kv_heads * spec.head_dim;
  const std::int64_t inputs = (quantised ? 2 : 1) * spec.hidden_size;
  const bool windowed = std::any_of(spec.attention_window.begin(), spec.attention_window.end(),
                                    [&](std::int64_t w) { return w > 0 && w < length; });
  // k and v once more where heads share them; the mixed values, in and out of window order.
  const std::int64_t repeated = kv == q ? 0 : 2 * q;
  std::int64_t attention = rows * (inputs + q + 2 * kv + repeated + 2 * q) * element;
  if (spec.attention_soft_cap || spec.position == PositionKind::kAlibi || windowed) {
    // Scores in the open: a piece of them twice (before and after the softmax), in float64 where
    // weights are float32, and k and v widened.
    const std::int64_t wide = element == 4 ? 8 : 4;
    const std::int64_t windows = std::max<std::int64_t>(1, rows / length);
    const std::int64_t queries = open_attention_queries(windows, spec.heads, length);
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

}  // namespace

MemoryPlan plan_memory(const PreparedJob& job, const Experiment& experiment,
                       std::int64_t panel_windows, std::int64_t available_bytes) {
  const DecoderSpec& spec = job.inventory.spec;
  const std::int64_t element = job.element_size();
  MemoryPlan plan;
  plan.threads = job.on_gpu() ? 1
                              : static_cast<int>(experiment.compute.threads.value_or(
                                    std::max(1U, std::thread::hardware_concurrency())));
  const std::int64_t weights = job.inventory.parameters * element;
  // On the CPU a weight that is stored in the compute type stays in the mapped file.
  const bool mapped =
      !job.on_gpu() && job.inventory.stored_bytes_of_type(job.dtype) == job.inventory.total_bytes;
  plan.weights_bytes = mapped ? 0 : weights;
  if (mapped && spec.linear_weights_transposed) {
    for (const Linear& linear : job.inventory.linears) {
      plan.weights_bytes +=
          linear.block >= 0 ? linear.in_features * linear.out_features * element : 0;
    }
  }
  const double limit_gib =
      job.entry.max_memory_gib.value_or(experiment.compute.max_memory_gib.value_or(0));
  std::int64_t available = available_bytes;
  if (limit_gib > 0) {
    available = std::min(available, static_cast<std::int64_t>(limit_gib * 1024 * 1024 * 1024));
  }
  const auto share = [&](double part) {
    const std::int64_t free = std::max<std::int64_t>(0, available - plan.weights_bytes);
    return static_cast<std::int64_t>(static_cast<double>(free) * part);
  };
  const CopyBytes copies = quantised_copy_bytes(job.plan, job.inventory, element);
  plan.cache_bytes = share(kCacheShare);
  plan.copies_bytes =
      copies.all <= plan.cache_bytes ? copies.all : plan.cache_bytes + copies.largest_step;

  const std::int64_t rows = std::max<std::int64_t>(1, job.batch_rows());
  const std::int64_t states = job.plan.peak_states();
  const std::int64_t state_bytes = rows * spec.hidden_size * element;
  const std::int64_t enough_tokens = job.on_gpu() ? kGpuPanelTokens : kCpuPanelTokens;
  std::int64_t batches = std::max<std::int64_t>((enough_tokens + rows - 1) / rows, plan.threads);
  if (panel_windows > 0) {
    batches = std::max<std::int64_t>(1, panel_windows / job.batch);
  }
  const std::int64_t fitting = std::max<std::int64_t>(
      1, share(kHiddenShare) / std::max<std::int64_t>(1, states * state_bytes));
  plan.panel_batches = std::max<std::int64_t>(1, std::min({batches, fitting, job.batches()}));
  plan.hidden_bytes = plan.panel_batches * states * state_bytes;

  const auto head_nodes = static_cast<std::int64_t>(job.plan.steps.back().nodes.size());
  const bool quantised = job.operands.size() > 1;
  const std::int64_t in_flight =
      std::min<std::int64_t>(plan.threads, plan.panel_batches * head_nodes);
  const std::int64_t chunk = std::min(job.head_chunk, rows);
  // Logits of the baseline and of one variant.
  const std::int64_t logits =
      std::min<std::int64_t>(2, head_nodes) * chunk * spec.vocab_size * element;
  // Figures of every row under every node of the head, kept until the panel is reduced.
  const std::int64_t row_figures = plan.panel_batches * rows * head_nodes * (6 * 4 + 4 + 2);
  plan.workspace_bytes =
      in_flight *
          std::max(step_workspace(spec, rows, job.windows.max_length, element, quantised), logits) +
      row_figures + (job.on_gpu() ? 0 : plan.threads * kThreadOverhead);
  return plan;
}

std::vector<JobEstimate> estimate_experiment(const Experiment& experiment,
                                             const std::filesystem::path& base_dir) {
  const TextSamples text = read_experiment_text(experiment, base_dir);
  const std::vector<DeviceInfo> devices = list_devices();
  std::vector<JobEstimate> estimates;
  for (std::size_t m = 0; m < experiment.models.size(); ++m) {
    const PreparedJob job = prepare_job(experiment, m, base_dir, text, true);
    JobEstimate e;
    e.model = job.model_name;
    e.device = job.devices.front();
    e.placement = "replicate";
    e.dtype = job.dtype;
    for (const DeviceInfo& device : devices) {
      if (device.id == e.device) {
        e.available_bytes = device.free_bytes;
      }
    }
    const MemoryPlan plan = plan_memory(job, experiment, 0, e.available_bytes);
    e.windows = static_cast<std::int64_t>(job.windows.windows.size());
    for (const WindowSpan& window : job.windows.windows) {
      e.tokens += window.length;
    }
    e.runs = static_cast<std::int64_t>(job.variants.size());
    e.batch = job.batch;
    e.panel_windows = std::min(e.windows, plan.panel_batches * job.batch);
    e.weights_bytes = plan.weights_bytes;
    e.quantised_bytes = plan.copies_bytes;
    e.hidden_bytes = plan.hidden_bytes;
    e.workspace_bytes = plan.workspace_bytes;
    e.total_bytes = plan.total();
    // Multiply-adds of every step execution at a usual rate: 25 GFLOP/s a core in float32, 400
    // TFLOP/s a GPU in 16 bits and 40 in float32. A guess for a form, not a promise.
    double flops = 0;
    for (const StepPlan& step : job.plan.steps) {
      double weights = 0;
      for (int linear : step.linears) {
        const Linear& l = job.inventory.linears[static_cast<std::size_t>(linear)];
        const auto size = static_cast<double>(l.in_features * l.out_features);
        weights += l.role == Role::kExpert
                       ? size * static_cast<double>(job.inventory.spec.experts.per_token) /
                             static_cast<double>(job.inventory.spec.experts.count)
                       : size;
      }
      flops += 2 * weights * static_cast<double>(e.tokens) * static_cast<double>(step.nodes.size());
    }
    const double rate = job.on_gpu() ? (job.dtype == "float32" ? 40e12 : 400e12) *
                                           static_cast<double>(job.devices.size())
                                     : 25e9 * plan.threads;
    e.seconds = flops / rate;
    estimates.push_back(std::move(e));
  }
  return estimates;
}

Issues check_experiment(const Experiment& experiment, const std::filesystem::path& base_dir) {
  Issues issues = validate(experiment);
  if (has_errors(issues)) {
    return issues;
  }
  TextSamples text;
  bool have_text = true;
  try {
    text = read_experiment_text(experiment, base_dir);
  } catch (const Error& e) {
    issues.push_back({Issue::Severity::kError, "data.source", e.what()});
    have_text = false;
  }
  try {
    (void)resolve_devices(experiment);
  } catch (const Error& e) {
    issues.push_back({Issue::Severity::kError, "devices", e.what()});
    return issues;
  }
  for (std::size_t m = 0; m < experiment.models.size(); ++m) {
    const std::string path = "models[" + std::to_string(m) + "]";
    try {
      if (!have_text) {
        (void)open_model(experiment.models[m].source, base_dir, experiment.models[m].revision);
        continue;
      }
      const PreparedJob job = prepare_job(experiment, m, base_dir, text, true);
      for (const std::string& warning : job.warnings) {
        issues.push_back({Issue::Severity::kWarning, path, warning});
      }
    } catch (const Error& e) {
      issues.push_back({Issue::Severity::kError, path, e.what()});
    }
  }
  return issues;
}

}  // namespace mxscope::engine
