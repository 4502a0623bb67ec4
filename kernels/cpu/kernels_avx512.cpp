// SPDX-License-Identifier: Apache-2.0
#define MXSCOPE_ISA avx512

#include "cpu/attention_simd.h"
#include "cpu/cpu_kernels.h"
#include "cpu/norm_simd.h"
#include "cpu/quantize_simd.h"
#include "cpu/token_stats_simd.h"

namespace mxscope::kernels::avx512 {

const CpuKernels kKernels = {"avx512",  quantize_rows, token_stats, token_stats_against,
                             attention, norm_rows,     silu_rows};

}  // namespace mxscope::kernels::avx512
