// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/stats/metrics.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "stats/weighted.h"

namespace mxscope {
namespace {

std::optional<double> finite(double value) {
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<double> exp_of(const std::optional<double>& value) {
  return value ? finite(std::exp(*value)) : std::nullopt;
}

// Percentiles that are reported of KL and of the change of p(target).
void add_percentiles(const RunHistograms& histograms, Metrics& metrics) {
  metrics.kl_p50 = histograms.kl.percentile(50);
  metrics.kl_p90 = histograms.kl.percentile(90);
  metrics.kl_p99 = histograms.kl.percentile(99);
  metrics.kl_p999 = histograms.kl.percentile(99.9);
  metrics.p_change_p01 = histograms.p_change.percentile(1);
  metrics.p_change_p50 = histograms.p_change.percentile(50);
  metrics.p_change_p99 = histograms.p_change.percentile(99);
}

}  // namespace

MeanError weighted_mean(std::span<const double> means, std::span<const double> weights) {
  const WeightedMean result = mean_of(means, weights);
  MeanError error;
  if (result.n >= 1) {
    error.mean = finite(result.mean);
  }
  if (result.n >= 2 && error.mean) {
    error.se = finite(result.se);
  }
  return error;
}

Metrics compute_metrics(std::span<const WindowSums> windows, const RunHistograms* histograms) {
  Metrics metrics;
  const MeanError nll = mean_over(windows, Quantity::kNll);
  metrics.nll = nll.mean;
  metrics.nll_se = nll.se;
  metrics.ppl = exp_of(nll.mean);
  const MeanError entropy = mean_over(windows, Quantity::kEntropy);
  metrics.entropy = entropy.mean;
  metrics.entropy_se = entropy.se;
  const MeanError kl = mean_over(windows, Quantity::kKl);
  metrics.kl = kl.mean;
  metrics.kl_se = kl.se;
  const MeanError xent = mean_over(windows, Quantity::kArgmaxXent);
  metrics.argmax_xent = xent.mean;
  metrics.argmax_xent_se = xent.se;
  metrics.argmax_ppl = exp_of(xent.mean);
  const MeanError argmax_entropy = mean_over(windows, Quantity::kArgmaxEntropy);
  metrics.argmax_entropy = argmax_entropy.mean;
  metrics.argmax_entropy_se = argmax_entropy.se;

  WindowSums total;
  total.weight = 0;
  std::int64_t bytes = 0;
  bool bytes_known = !windows.empty();
  for (const WindowSums& window : windows) {
    total.tokens += window.tokens;
    total.weight += window.nll_weight();
    total.nll_sum += window.nll_sum;
    total.top1_count += window.top1_count;
    total.argmax_positions += window.argmax_positions;
    total.non_finite += window.non_finite;
    total.p_change_sum += window.p_change_sum;
    total.p_change_sq_sum += window.p_change_sq_sum;
    total.kl_max = window.kl_max > total.kl_max ? window.kl_max : total.kl_max;
    bytes_known = bytes_known && window.bytes >= 0;
    bytes += window.bytes;
  }
  if (total.tokens > 0) {
    const auto tokens = static_cast<double>(total.tokens);
    metrics.top1 = static_cast<double>(total.top1_count) / tokens;
    metrics.kl_max = finite(total.kl_max);
    if (total.weight > 0) {
      metrics.p_change_mean = finite(total.p_change_sum / tokens);
      metrics.p_change_rms = finite(std::sqrt(total.p_change_sq_sum / tokens));
      if (bytes_known && bytes > 0) {
        metrics.bits_per_byte =
            finite(total.nll_sum / std::numbers::ln2 / static_cast<double>(bytes));
      }
    }
  }
  const std::int64_t positions =
      total.argmax_positions > total.tokens ? total.argmax_positions : total.tokens;
  if (positions > 0) {
    metrics.non_finite = static_cast<double>(total.non_finite) / static_cast<double>(positions);
  }
  if (histograms != nullptr) {
    add_percentiles(*histograms, metrics);
  }
  return metrics;
}

std::int64_t total_tokens(std::span<const WindowSums> windows) noexcept {
  std::int64_t total = 0;
  for (const WindowSums& window : windows) {
    total += window.tokens;
  }
  return total;
}

}  // namespace mxscope
