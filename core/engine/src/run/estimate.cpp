// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/engine/engine.h"
#include "run/memory_plan.h"

namespace mxscope::engine {

std::vector<JobEstimate> estimate_experiment(const Experiment& experiment,
                                             const std::filesystem::path& base_dir) {
  const TextSamples text = read_experiment_text(experiment, base_dir);
  std::vector<JobEstimate> estimates;
  for (std::size_t m = 0; m < experiment.models.size(); ++m) {
    const PreparedJob job = prepare_job(experiment, m, base_dir, text, true);
    JobEstimate e;
    e.model = job.model_name;
    e.device = job.devices.front();
    e.dtype = job.dtype;
    const MemoryPlan plan =
        plan_memory(job, experiment, asked_placement(job, experiment), 0, free_bytes(job.devices));
    e.placement = to_string(plan.placement);
    e.streamed_bytes = plan.streamed_bytes;
    for (const StagePlan& stage : plan.stages) {
      e.devices.push_back({stage.device, stage.total(), stage.available_bytes});
    }
    const StagePlan& fullest = *std::max_element(
        plan.stages.begin(), plan.stages.end(),
        [](const StagePlan& a, const StagePlan& b) { return a.total() < b.total(); });
    e.device = fullest.device;
    e.available_bytes = fullest.available_bytes;
    e.windows = static_cast<std::int64_t>(job.windows.windows.size());
    for (const WindowSpan& window : job.windows.windows) {
      e.tokens += window.length;
    }
    e.runs = static_cast<std::int64_t>(job.variants.size());
    e.batch = job.batch;
    e.panel_windows = std::min(e.windows, plan.panel_batches * job.batch);
    e.weights_bytes = fullest.weights_bytes;
    e.quantised_bytes = fullest.copies_bytes;
    e.hidden_bytes = fullest.hidden_bytes;
    e.workspace_bytes = fullest.workspace_bytes;
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
