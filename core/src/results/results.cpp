// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/results/results.h"

#include <algorithm>

#include "formats/enum_table.h"

namespace mxscope {
namespace {

constexpr EnumNames<3> kStatuses = {"done", "cancelled", "failed"};

std::string label_of(const OperandSpec& spec) {
  return spec.quantised() ? spec.label() : std::string();
}

}  // namespace

std::string_view to_string(RunStatus status) noexcept { return enum_name(kStatuses, status); }

std::optional<RunStatus> parse_run_status(std::string_view name) noexcept {
  return parse_enum<RunStatus>(kStatuses, name);
}

const Run* Results::find(std::string_view model, std::string_view variant) const noexcept {
  for (const Run& run : runs) {
    if (run.model == model && run.variant == variant) {
      return &run;
    }
  }
  return nullptr;
}

const Job* Results::find_job(std::string_view model) const noexcept {
  for (const Job& job : jobs) {
    if (job.model == model) {
      return &job;
    }
  }
  return nullptr;
}

void describe_linears(Run& run, const std::vector<LinearInfo>& linears,
                      const MatchReport& decisions) {
  run.layers = decisions.layers;
  run.linears.clear();
  double bits = 0;
  double values = 0;
  for (std::size_t i = 0; i < std::min(linears.size(), decisions.linears.size()); ++i) {
    const LinearDecision& decision = decisions.linears[i];
    if (!decision.quantised()) {
      continue;
    }
    run.linears.emplace_back(linears[i].name,
                             LinearLabels{label_of(decision.weight), label_of(decision.activation),
                                          label_of(decision.output)});
    if (decision.weight.quantised()) {
      const double size = static_cast<double>(linears[i].in_features) *
                          static_cast<double>(linears[i].out_features);
      bits += size * bits_per_value(decision.weight.format, decision.weight.block);
      values += size;
    }
  }
  run.bits_per_value = values > 0 ? std::optional(bits / values) : std::nullopt;
}

void compute_run(Run& run, std::span<const WindowSums> windows,
                 const std::vector<WindowSums>* baseline, const IntervalOptions& options,
                 const RunHistograms* histograms) {
  run.windows = static_cast<std::int64_t>(windows.size());
  run.tokens = total_tokens(windows);
  if (run.tokens == 0) {
    for (const WindowSums& window : windows) {
      run.tokens += window.argmax_positions;
    }
  }
  run.metrics = compute_metrics(windows, histograms);
  if (run.baseline) {
    run.metrics.kl = 0.0;
    run.metrics.top1 = 1.0;
  }
  run.delta.reset();
  if (baseline != nullptr && !run.baseline && !windows.empty()) {
    run.delta = compute_delta(windows, *baseline, options);
  }
  run.tokens_per_second.reset();
  if (run.seconds > 0) {
    run.tokens_per_second = static_cast<double>(run.tokens) / run.seconds;
  }
}

}  // namespace mxscope
