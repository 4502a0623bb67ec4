// SPDX-License-Identifier: Apache-2.0
#pragma once

// Exponentials, compiled once per instruction set.

#include "cpu/simd.h"

namespace mxscope::kernels::MXSCOPE_ISA {

// exp(t) for t <= 0 to about 1e-7 relative; 0 below -87, where it would become subnormal; NaN for
// NaN. Cody-Waite reduction, Cephes' polynomial (expf.c).
MXSCOPE_INLINE Floats fused_exp_of_negative(Floats t) {
  constexpr float kLeast = -87.0F;
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRounder = 0x1.8p23F;
  const Floats x = max_of(splat(kLeast), t);
  const Floats shifted = fused(x, splat(kLog2E), splat(kRounder));
  const Floats n = shifted - kRounder;
  const Floats r = fused(n, splat(-kLn2Low), fused(n, splat(-kLn2High), x));
  Floats p = fused(r, splat(1.9875691500e-4F), splat(1.3981999507e-3F));
  p = fused(p, r, splat(8.3334519073e-3F));
  p = fused(p, r, splat(4.1665795894e-2F));
  p = fused(p, r, splat(1.6666665459e-1F));
  p = fused(p, r, splat(5.0000001201e-1F));
  p = fused(p, r * r, r) + 1.0F;
  const Floats power = bits_as<Floats>((bits_as<Ints>(shifted) << 23) + (127 << 23));
  return t < kLeast ? Floats{} : p * power;
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
