// SPDX-License-Identifier: Apache-2.0
#define MXSCOPE_ISA avx512

#include "cpu/cpu_kernels.h"
#include "cpu/quantize_simd.h"

namespace mxscope::kernels::avx512 {

const CpuKernels kKernels = {"avx512", quantize_rows};

}  // namespace mxscope::kernels::avx512
