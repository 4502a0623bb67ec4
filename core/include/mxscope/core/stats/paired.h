// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "mxscope/core/stats/window_sums.h"

namespace mxscope {

// How the 95 % interval of a difference is made.
enum class IntervalMethod { kNone, kStudent, kNormal, kBootstrap };

// "none", "t", "normal", "bootstrap".
[[nodiscard]] std::string_view to_string(IntervalMethod method) noexcept;

struct IntervalOptions {
  bool bootstrap = false;      // off: Student's t, normal for more than 100 windows
  std::int64_t draws = 10000;  // bootstrap
  std::int64_t seed = 1;       // bootstrap
};

using Interval = std::array<double, 2>;  // low, high

// Difference of two runs on identical windows.
struct PairedDifference {
  std::optional<double> mean;  // variant less baseline, weighted
  std::optional<double> se;
  std::optional<Interval> ci95;
  std::int64_t windows = 0;
  IntervalMethod method = IntervalMethod::kNone;

  bool operator==(const PairedDifference&) const = default;
};

// d_i = variant[i] - baseline[i] (window means) with weights[i]. Equal weights: mean(d) and
// s(d)/sqrt(n); otherwise sum(w d)/sum(w) and the ratio estimator's error. Fewer than 2 windows: no
// error, no interval. Windows of weight 0 are left out. The bootstrap draws whole windows and takes
// the 2.5 and 97.5 percentiles; its error is the deviation of the draws. Any thread.
[[nodiscard]] PairedDifference paired_difference(std::span<const double> variant,
                                                 std::span<const double> baseline,
                                                 std::span<const double> weights,
                                                 const IntervalOptions& options = {});

// "delta" of results.json: a run against its baseline. What does not exist is empty.
struct Delta {
  std::optional<double> nll, nll_se;
  std::optional<Interval> nll_ci95;
  std::optional<double> ppl;
  std::optional<Interval> ppl_ci95;  // by exp of the ends of nll_ci95
  std::optional<double> ppl_percent;
  std::optional<Interval> ppl_percent_ci95;
  std::optional<double> entropy, entropy_se;
  std::optional<Interval> entropy_ci95;
  std::optional<double> xent_percent;  // of nll
  std::optional<double> argmax_xent, argmax_xent_se;
  std::optional<Interval> argmax_xent_ci95;
  std::optional<double> argmax_ppl_percent, argmax_entropy;
  IntervalMethod method = IntervalMethod::kNone;
  std::int64_t draws = 0;  // bootstrap only
  std::int64_t seed = 0;   // bootstrap only

  bool operator==(const Delta&) const = default;
};

// Windows must be those of the same tokens in the same order. Throws Error kInternal when the
// numbers of windows, tokens or weights differ.
[[nodiscard]] Delta compute_delta(std::span<const WindowSums> variant,
                                  std::span<const WindowSums> baseline,
                                  const IntervalOptions& options = {});

}  // namespace mxscope
