// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <vector>

#include "decoder/decoder.h"
#include "mxscope/core/data/windows.h"
#include "mxscope/core/schedule/panels.h"
#include "mxscope/core/stats/metrics.h"
#include "mxscope/core/stats/window_sums.h"
#include "mxscope/kernels/token_stats.h"

namespace mxscope::engine {

// Token statistics of every row of a micro-batch under one node of the head, in one piece of memory
// on the device that computes them.
class RowFigures {
 public:
  RowFigures(std::int64_t rows, c10::Device device);

  // Where rows from `row` on are written; pointers of the device until to_host().
  [[nodiscard]] kernels::TokenStats stats(std::int64_t row) const;
  [[nodiscard]] kernels::TokenComparison comparison(std::int64_t row) const;
  // The comparison of the baseline with itself, exact by definition.
  void compare_with_itself() const;
  // Starts the way to the host on the current stream; what stats() points to is valid when the
  // stream has got there.
  void to_host();

  [[nodiscard]] std::int64_t rows() const { return rows_; }

 private:
  [[nodiscard]] std::uint8_t* section(int index, std::int64_t row) const;

  std::int64_t rows_;
  at::Tensor memory_;
};

// What a panel gave for one node of the head, that is for every variant that shares it.
struct NodeFigures {
  std::vector<WindowSums> windows;  // of the panel, in window order
  RunHistograms histograms;         // over the panel's scored positions; none for the baseline
};

// Sums in float64, in the order of positions; `rows` [micro-batch][node] are on the host.
NodeFigures reduce_rows(const Panel& panel, const TokenWindows& windows,
                        const std::vector<MicroBatch>& batches,
                        const std::vector<std::vector<RowFigures>>& rows, std::size_t node);

}  // namespace mxscope::engine
