// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mxscope/core/stats/metrics.h"
#include "mxscope/core/stats/window_sums.h"

namespace mxscope {

// A per-window mean with its weight in the mean over windows.
enum class Quantity { kNll, kEntropy, kKl, kArgmaxXent, kArgmaxEntropy };

struct WindowMeans {
  std::vector<double> means;
  std::vector<double> weights;  // 0: the window has no such mean
};
[[nodiscard]] WindowMeans window_means(std::span<const WindowSums> windows, Quantity quantity);
[[nodiscard]] MeanError mean_over(std::span<const WindowSums> windows, Quantity quantity);

struct WeightedMean {
  double mean = 0;
  double se = 0;       // 0 where n < 2
  std::int64_t n = 0;  // windows of weight above 0
};

// Equal weights: mean and s / sqrt(n). Otherwise sum(w x) / sum(w) with the ratio estimator's error
// sqrt(n / (n - 1) sum(w^2 (x - mean)^2)) / sum(w), which is the same thing for equal weights.
[[nodiscard]] WeightedMean mean_of(std::span<const double> values, std::span<const double> weights);

}  // namespace mxscope
