// SPDX-License-Identifier: Apache-2.0
#pragma once

// The arithmetic of detail/quantize_plan.h for one element, for host and device code. Sources that
// include it are compiled without fused multiply-add.

#include <cstdint>
#include <cstring>

#include "detail/quantize_plan.h"

#if defined(__CUDACC__)
#define MXSCOPE_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define MXSCOPE_HOST_DEVICE inline
#endif

namespace mxscope::kernels::detail {

MXSCOPE_HOST_DEVICE std::int32_t bits_of(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_int(value);
#else
  std::int32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
#endif
}
MXSCOPE_HOST_DEVICE float float_of(std::int32_t bits) {
#if defined(__CUDA_ARCH__)
  return __int_as_float(bits);
#else
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
#endif
}

MXSCOPE_HOST_DEVICE std::int32_t clamp_exponent(std::int32_t exponent) {
  return exponent < -127 ? -127 : (exponent > 127 ? 127 : exponent);
}

// 2^exponent, exponent in -127..127; 2^-127 is the subnormal 0x00400000.
MXSCOPE_HOST_DEVICE float power_of_two(std::int32_t exponent) {
  return float_of(exponent == -127 ? 0x00400000 : (exponent + 127) << 23);
}

// Smallest exponent whose power is not below the number; exact down to 2^-127, lower below.
MXSCOPE_HOST_DEVICE std::int32_t ceil_log2(std::int32_t bits) {
  return ((bits + (bits < 0x00800000 ? 0x003FFFFF : 0x007FFFFF)) >> 23) - 127;
}

// Exponent of a finite block from the bits of its maximum; for kMse the middle one, not clamped.
MXSCOPE_HOST_DEVICE std::int32_t block_exponent(const QuantizePlan& plan, ExponentRule rule,
                                                std::int32_t largest) {
  switch (rule) {
    case ExponentRule::kFixed:
      return 0;
    case ExponentRule::kRceil:
      return clamp_exponent(ceil_log2(bits_of(float_of(largest) / plan.max)));
    case ExponentRule::kCeil:
      return clamp_exponent(ceil_log2(largest) - plan.emax);
    case ExponentRule::kMse:
      return (largest >> 23) - 127 - plan.emax;
    case ExponentRule::kCarry:
      break;
  }
  return clamp_exponent(((largest + plan.carry) >> 23) - 127 - plan.emax);
}

// A scaled element becomes a number of the element format.
template <Rounding kRounding>
MXSCOPE_HOST_DEVICE float round_scaled(const QuantizePlan& plan, float scaled) {
#if defined(__CUDA_ARCH__)
  // One instruction each; a NaN becomes a bound, as below.
  const float v = fmaxf(fminf(scaled, plan.max), -plan.max);
#else
  const float below = scaled < plan.max ? scaled : plan.max;
  const float v = below > -plan.max ? below : -plan.max;
#endif
  const std::int32_t bits = bits_of(v);
  const std::int32_t exponent_bits = bits & kInfinityBits;
  const std::int32_t binade = exponent_bits > plan.emin_bits ? exponent_bits : plan.emin_bits;
  const std::int32_t magic_bits = (binade + plan.magic_shift) | (bits & INT32_MIN);
  const float magic = float_of(magic_bits);
  const float even = (v + magic) - magic;
  if constexpr (kRounding == Rounding::kEven) {
    return even;
  } else {
    const float step = float_of(magic_bits - (23 << 23));
    if constexpr (kRounding == Rounding::kFloor) {
      return (bits_of(even) & INT32_MAX) > (bits & INT32_MAX) ? even - step : even;
    } else {
      const float half = float_of(magic_bits - (24 << 23));
      const float rest = v - even;
      if constexpr (kRounding == Rounding::kNearest) {
        return rest == half ? even + step : even;
      } else {
        return rest == -half ? even - step : even;
      }
    }
  }
}

// round_scaled with the rounding of the plan, or with kEven known beforehand.
template <bool kIsEven>
MXSCOPE_HOST_DEVICE float round_planned(const QuantizePlan& plan, float scaled) {
  if constexpr (kIsEven) {
    return round_scaled<Rounding::kEven>(plan, scaled);
  } else {
    switch (plan.rounding) {
      case Rounding::kNearest:
        return round_scaled<Rounding::kNearest>(plan, scaled);
      case Rounding::kFloor:
        return round_scaled<Rounding::kFloor>(plan, scaled);
      case Rounding::kHalfDown:
        return round_scaled<Rounding::kHalfDown>(plan, scaled);
      case Rounding::kEven:
        break;
    }
    return round_scaled<Rounding::kEven>(plan, scaled);
  }
}

// Squared error of one element, `scaled` by a candidate's scale, in units of the middle
// candidate's; `ratio`: the candidate's scale over the middle one's. Rounded so that sums over the
// block are exact in any order.
template <bool kIsEven>
MXSCOPE_HOST_DEVICE double squared_error(const QuantizePlan& plan, float scaled, double ratio) {
  const double error = (scaled - round_planned<kIsEven>(plan, scaled)) * ratio;
  return (error * error + plan.error_magic) - plan.error_magic;
}

}  // namespace mxscope::kernels::detail
