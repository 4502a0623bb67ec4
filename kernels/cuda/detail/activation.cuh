// SPDX-License-Identifier: Apache-2.0
#pragma once

// The activations of gates.

#include "mxscope/kernels/norm_quantize.h"

namespace mxscope::kernels::cuda {

// Results of 16 bits do not tell the fast exponential and division, a few units in float32's last
// place, from the exact ones.
template <bool kFast>
__device__ __forceinline__ float activated(GateActivation activation, float x) {
  switch (activation) {
    case GateActivation::kSilu:
      return kFast ? __fdividef(x, 1.0F + __expf(-x)) : x / (1.0F + expf(-x));
    case GateActivation::kRelu:
      return x > 0 || x != x ? x : 0.0F;
    case GateActivation::kGelu:
      return x * 0.5F * (1.0F + erff(x * 0.70710678118654752F));
    case GateActivation::kGeluTanh:
      return x * 0.5F * (1.0F + tanhf(0.79788456080286536F * (x + 0.044715F * x * x * x)));
  }
  return x;
}

}  // namespace mxscope::kernels::cuda
