// SPDX-License-Identifier: Apache-2.0
#define MXSCOPE_ISA avx2

#include "cpu/cpu_kernels.h"
#include "cpu/quantize_simd.h"

namespace mxscope::kernels::avx2 {

const CpuKernels kKernels = {"avx2", quantize_rows};

}  // namespace mxscope::kernels::avx2
