// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "mxscope/core/stats/histogram.h"
#include "mxscope/core/stats/window_sums.h"

namespace mxscope {

// A weighted mean over windows with its standard error. Equal weights: s(window means) / sqrt(n);
// otherwise the ratio estimator's. Fewer than 2 windows: no error.
struct MeanError {
  std::optional<double> mean;
  std::optional<double> se;

  bool operator==(const MeanError&) const = default;
};

// means[i] counts weights[i]; windows of weight 0 are left out. Sums run in window order in
// float64, so equal input gives equal bits. A mean or error that is not finite is left empty.
[[nodiscard]] MeanError weighted_mean(std::span<const double> means,
                                      std::span<const double> weights);

// Figures of one run (NUMERICS section 7, natural logarithm). What does not exist is empty.
struct Metrics {
  std::optional<double> nll, nll_se, ppl;
  std::optional<double> entropy, entropy_se;
  std::optional<double> kl, kl_se;
  std::optional<double> top1;  // share of positions, 0 .. 1
  std::optional<double> argmax_xent, argmax_xent_se, argmax_ppl;
  std::optional<double> argmax_entropy, argmax_entropy_se;
  std::optional<double> bits_per_byte;
  std::optional<double> p_change_mean, p_change_rms;
  std::optional<double> p_change_p01, p_change_p50, p_change_p99;  // percentiles, from histograms
  std::optional<double> kl_p50, kl_p90, kl_p99, kl_p999, kl_max;
  std::optional<double> non_finite;  // share of positions, 0 .. 1

  bool operator==(const Metrics&) const = default;
};

// Histograms of one run over all its scored positions; either may be empty.
struct RunHistograms {
  LogHistogram kl;
  LogHistogram p_change;
};

// Metrics of a run from its windows, in window order. `histograms` may be null.
[[nodiscard]] Metrics compute_metrics(std::span<const WindowSums> windows,
                                      const RunHistograms* histograms = nullptr);

// Totals over windows.
[[nodiscard]] std::int64_t total_tokens(std::span<const WindowSums> windows) noexcept;

}  // namespace mxscope
