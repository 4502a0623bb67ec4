// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mxscope {

// What one run leaves of one window: sums over its scored positions, in nats and float64, added up
// in position order. argmax_* count every position of the row (NUMERICS section 7).
struct WindowSums {
  std::int64_t tokens = 0;  // scored positions
  // What the window's mean NLL counts in the mean of the protocol: below 0 the number of tokens, 0
  // where NLL does not exist (protocol `seed`).
  double weight = -1;
  double nll_sum = 0;      // of -log p(target)
  double entropy_sum = 0;  // of -sum p log p
  double kl_sum = 0;       // of KL(baseline || variant)
  std::int64_t top1_count = 0;
  std::int64_t argmax_positions = 0;
  double argmax_xent_sum = 0;     // of -log max p
  double argmax_entropy_sum = 0;  // of -sum p log p over all positions of the row
  std::int64_t non_finite = 0;    // positions with a logit that is not finite
  double p_change_sum = 0;        // of p(target) of the variant less that of the baseline
  double p_change_sq_sum = 0;     // of its square
  double kl_max = 0;              // largest KL of one position
  std::int64_t bytes = -1;        // UTF-8 bytes of the scored text; -1: not known

  [[nodiscard]] double nll_weight() const noexcept {
    return weight < 0 ? static_cast<double>(tokens) : weight;
  }
  bool operator==(const WindowSums&) const = default;
};

}  // namespace mxscope
