// SPDX-License-Identifier: Apache-2.0
#include "stats/weighted.h"

#include <algorithm>
#include <cmath>

namespace mxscope {

WindowMeans window_means(std::span<const WindowSums> windows, Quantity quantity) {
  WindowMeans result;
  result.means.reserve(windows.size());
  result.weights.reserve(windows.size());
  for (const WindowSums& window : windows) {
    double sum = 0;
    std::int64_t positions = window.tokens;
    switch (quantity) {
      case Quantity::kNll:
        sum = window.nll_sum;
        break;
      case Quantity::kEntropy:
        sum = window.entropy_sum;
        break;
      case Quantity::kKl:
        sum = window.kl_sum;
        break;
      case Quantity::kArgmaxXent:
        sum = window.argmax_xent_sum;
        positions = window.argmax_positions;
        break;
      case Quantity::kArgmaxEntropy:
        sum = window.argmax_entropy_sum;
        positions = window.argmax_positions;
        break;
    }
    const double weight =
        quantity == Quantity::kNll ? window.nll_weight() : static_cast<double>(positions);
    result.means.push_back(positions > 0 ? sum / static_cast<double>(positions) : 0.0);
    result.weights.push_back(positions > 0 ? weight : 0.0);
  }
  return result;
}

MeanError mean_over(std::span<const WindowSums> windows, Quantity quantity) {
  const WindowMeans input = window_means(windows, quantity);
  return weighted_mean(input.means, input.weights);
}

WeightedMean mean_of(std::span<const double> values, std::span<const double> weights) {
  const std::size_t size = std::min(values.size(), weights.size());
  WeightedMean result;
  double first_weight = 0;
  bool equal = true;
  double weight_sum = 0;
  double sum = 0;
  double plain_sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (!(weights[i] > 0)) {
      continue;
    }
    first_weight = result.n == 0 ? weights[i] : first_weight;
    equal = equal && weights[i] == first_weight;
    ++result.n;
    weight_sum += weights[i];
    sum += weights[i] * values[i];
    plain_sum += values[i];
  }
  if (result.n == 0) {
    return result;
  }
  const auto n = static_cast<double>(result.n);
  result.mean = equal ? plain_sum / n : sum / weight_sum;
  if (result.n < 2) {
    return result;
  }
  double squares = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (weights[i] > 0) {
      const double deviation = (values[i] - result.mean) * (equal ? 1.0 : weights[i]);
      squares += deviation * deviation;
    }
  }
  result.se = std::sqrt(n / (n - 1) * squares) / (equal ? n : weight_sum);
  return result;
}

}  // namespace mxscope
