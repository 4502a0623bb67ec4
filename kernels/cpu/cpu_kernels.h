// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "detail/quantize_plan.h"
#include "mxscope/kernels/attention.h"
#include "mxscope/kernels/norm_quantize.h"
#include "mxscope/kernels/token_stats.h"

// The entry points that are compiled once per instruction set, and the choice among them.
namespace mxscope::kernels {

struct CpuKernels {
  const char* name;
  void (*quantize_rows)(const detail::QuantizePlan& plan, DType dtype, const void* in, void* out,
                        std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                        std::int64_t out_row_stride);
  void (*token_stats)(const LogitsView& logits, const std::int64_t* targets, const TokenStats& out);
  void (*token_stats_against)(const LogitsView& baseline, const TokenStats& baseline_stats,
                              const LogitsView& variant, const std::int64_t* targets,
                              const TokenStats& out, const TokenComparison& against);
  void (*attention)(const AttentionArguments& arguments);
  void (*norm)(const NormArguments& arguments);
  void (*silu)(const GateArguments& arguments);
};

namespace generic {
extern const CpuKernels kKernels;
}
namespace avx2 {
extern const CpuKernels kKernels;
}
namespace avx512 {
extern const CpuKernels kKernels;
}

// Those that this processor can run, best first, ended by a null pointer.
[[nodiscard]] const CpuKernels* const* runnable_cpu_kernels() noexcept;

// The best of them.
[[nodiscard]] const CpuKernels& cpu_kernels() noexcept;

}  // namespace mxscope::kernels
