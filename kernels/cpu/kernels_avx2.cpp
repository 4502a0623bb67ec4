// SPDX-License-Identifier: Apache-2.0
#define MXSCOPE_ISA avx2

#include "cpu/attention_simd.h"
#include "cpu/cpu_kernels.h"
#include "cpu/norm_simd.h"
#include "cpu/quantize_simd.h"
#include "cpu/token_stats_simd.h"

namespace mxscope::kernels::avx2 {

const CpuKernels kKernels = {"avx2",    quantize_rows, token_stats, token_stats_against,
                             attention, norm_rows,     silu_rows};

}  // namespace mxscope::kernels::avx2
