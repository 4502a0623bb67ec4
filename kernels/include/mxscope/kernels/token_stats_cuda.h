// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/token_stats.h"

struct CUstream_st;  // cudaStream_t is CUstream_st*

namespace mxscope::kernels {

// token_stats_cpu and token_stats_against_cpu on the current CUDA device, asynchronous on the
// stream. All pointers, targets and output arrays included, are device memory. One thread block per
// row; logits are read once. float32 accumulation in a fixed order: the same bits on every run.
// Returns the cudaError_t of the launch as an int (0 = success).
[[nodiscard]] int token_stats_cuda(const LogitsView& logits, const std::int64_t* targets,
                                   const TokenStats& out, CUstream_st* stream) noexcept;
[[nodiscard]] int token_stats_against_cuda(const LogitsView& baseline,
                                           const TokenStats& baseline_stats,
                                           const LogitsView& variant, const std::int64_t* targets,
                                           const TokenStats& out, const TokenComparison& against,
                                           CUstream_st* stream) noexcept;

}  // namespace mxscope::kernels
