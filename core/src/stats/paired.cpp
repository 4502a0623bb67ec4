// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/stats/paired.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "mxscope/core/base/error.h"
#include "mxscope/core/stats/student.h"
#include "stats/weighted.h"

namespace mxscope {
namespace {

// A value in [0, n) from one draw: the high half of draw x n. Defined here, since
// std::uniform_int_distribution differs between libraries.
std::size_t index_below(std::mt19937_64& random, std::size_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::size_t>((static_cast<Wide>(random()) * n) >> 64U);
}

// Linear interpolation between order statistics, as numpy's default.
double percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

void bootstrap(const std::vector<double>& differences, const std::vector<double>& weights,
               const IntervalOptions& options, PairedDifference& result) {
  std::mt19937_64 random(static_cast<std::uint64_t>(options.seed));
  std::vector<double> draws;
  draws.reserve(static_cast<std::size_t>(options.draws));
  double mean = 0;
  for (std::int64_t draw = 0; draw < options.draws; ++draw) {
    double sum = 0;
    double weight_sum = 0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      const std::size_t pick = index_below(random, differences.size());
      sum += weights[pick] * differences[pick];
      weight_sum += weights[pick];
    }
    draws.push_back(sum / weight_sum);
    mean += draws.back();
  }
  mean /= static_cast<double>(draws.size());
  double squares = 0;
  for (const double value : draws) {
    squares += (value - mean) * (value - mean);
  }
  std::sort(draws.begin(), draws.end());
  constexpr double kLow = 0.025;
  constexpr double kHigh = 0.975;
  result.se = std::sqrt(squares / static_cast<double>(draws.size() - 1));
  result.ci95 = Interval{percentile(draws, kLow), percentile(draws, kHigh)};
  result.method = IntervalMethod::kBootstrap;
}

std::optional<Interval> percent_of(const std::optional<Interval>& interval, double factor) {
  if (!interval) {
    return std::nullopt;
  }
  return Interval{factor * std::expm1((*interval)[0]), factor * std::expm1((*interval)[1])};
}

PairedDifference difference(std::span<const WindowSums> variant,
                            std::span<const WindowSums> baseline, Quantity quantity,
                            const IntervalOptions& options) {
  const WindowMeans a = window_means(variant, quantity);
  const WindowMeans b = window_means(baseline, quantity);
  return paired_difference(a.means, b.means, b.weights, options);
}

void check_same_windows(std::span<const WindowSums> variant, std::span<const WindowSums> baseline) {
  if (variant.size() != baseline.size()) {
    throw Error(ErrorCode::kInternal,
                "A difference needs the same windows: " + std::to_string(variant.size()) + " and " +
                    std::to_string(baseline.size()) + " were given.");
  }
  for (std::size_t i = 0; i < variant.size(); ++i) {
    if (variant[i].tokens != baseline[i].tokens ||
        variant[i].nll_weight() != baseline[i].nll_weight() ||
        variant[i].argmax_positions != baseline[i].argmax_positions) {
      throw Error(ErrorCode::kInternal, "A difference needs the same windows: window " +
                                            std::to_string(i) + " differs in its tokens.");
    }
  }
}

}  // namespace

std::string_view to_string(IntervalMethod method) noexcept {
  switch (method) {
    case IntervalMethod::kNone:
      return "none";
    case IntervalMethod::kStudent:
      return "t";
    case IntervalMethod::kNormal:
      return "normal";
    case IntervalMethod::kBootstrap:
      return "bootstrap";
  }
  return "none";
}

PairedDifference paired_difference(std::span<const double> variant,
                                   std::span<const double> baseline,
                                   std::span<const double> weights,
                                   const IntervalOptions& options) {
  PairedDifference result;
  std::vector<double> differences;
  std::vector<double> used_weights;
  for (std::size_t i = 0; i < std::min({variant.size(), baseline.size(), weights.size()}); ++i) {
    if (weights[i] > 0) {
      differences.push_back(variant[i] - baseline[i]);
      used_weights.push_back(weights[i]);
    }
  }
  const WeightedMean mean = mean_of(differences, used_weights);
  result.windows = mean.n;
  if (mean.n == 0 || !std::isfinite(mean.mean)) {
    return result;
  }
  result.mean = mean.mean;
  if (mean.n < 2 || !std::isfinite(mean.se)) {
    return result;
  }
  if (options.bootstrap && options.draws >= 2) {
    bootstrap(differences, used_weights, options, result);
    return result;
  }
  constexpr std::int64_t kNormalAbove = 100;
  const double half = interval_factor(mean.n) * mean.se;
  result.se = mean.se;
  result.ci95 = Interval{mean.mean - half, mean.mean + half};
  result.method = mean.n > kNormalAbove ? IntervalMethod::kNormal : IntervalMethod::kStudent;
  return result;
}

Delta compute_delta(std::span<const WindowSums> variant, std::span<const WindowSums> baseline,
                    const IntervalOptions& options) {
  check_same_windows(variant, baseline);
  Delta delta;
  const PairedDifference nll = difference(variant, baseline, Quantity::kNll, options);
  delta.nll = nll.mean;
  delta.nll_se = nll.se;
  delta.nll_ci95 = nll.ci95;
  const std::optional<double> base_nll = mean_over(baseline, Quantity::kNll).mean;
  if (nll.mean && base_nll) {
    const double base_ppl = std::exp(*base_nll);
    delta.ppl = base_ppl * std::expm1(*nll.mean);
    delta.ppl_ci95 = percent_of(nll.ci95, base_ppl);
    delta.ppl_percent = 100 * std::expm1(*nll.mean);
    delta.ppl_percent_ci95 = percent_of(nll.ci95, 100);
    if (*base_nll > 0) {
      delta.xent_percent = 100 * *nll.mean / *base_nll;
    }
  }
  const PairedDifference entropy = difference(variant, baseline, Quantity::kEntropy, options);
  delta.entropy = entropy.mean;
  delta.entropy_se = entropy.se;
  delta.entropy_ci95 = entropy.ci95;
  const PairedDifference xent = difference(variant, baseline, Quantity::kArgmaxXent, options);
  delta.argmax_xent = xent.mean;
  delta.argmax_xent_se = xent.se;
  delta.argmax_xent_ci95 = xent.ci95;
  if (xent.mean) {
    delta.argmax_ppl_percent = 100 * std::expm1(*xent.mean);
  }
  delta.argmax_entropy = difference(variant, baseline, Quantity::kArgmaxEntropy, options).mean;
  delta.method = nll.method != IntervalMethod::kNone ? nll.method : xent.method;
  if (delta.method == IntervalMethod::kBootstrap) {
    delta.draws = options.draws;
    delta.seed = options.seed;
  }
  return delta;
}

}  // namespace mxscope
