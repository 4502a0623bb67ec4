// SPDX-License-Identifier: Apache-2.0
#define MXSCOPE_ISA generic

#include "cpu/cpu_kernels.h"
#include "cpu/quantize_simd.h"

namespace mxscope::kernels::generic {

const CpuKernels kKernels = {"generic", quantize_rows};

}  // namespace mxscope::kernels::generic
