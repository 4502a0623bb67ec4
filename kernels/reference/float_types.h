// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "mxscope/kernels/element_format.h"

// Plain conversions between float32 and the 16-bit types for the reference versions.
namespace mxscope::kernels::reference {

inline float widen_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline float widen_float16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  float magnitude = 0;
  if (exponent == 31) {
    magnitude = mantissa == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

// The multiple of `step` nearest to x >= 0, ties to even. Exact: x / step has at most 24 bits, or
// is too small to matter.
inline double round_even(double x, double step) { return std::nearbyint(x / step) * step; }

// Rounds to a binary format with an implicit one, `mantissa_bits` and a smallest normal 2^emin;
// from `overflow` on the result is infinite.
inline float round_to_format(float value, int mantissa_bits, int emin, double overflow) {
  if (std::isnan(value)) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  if (std::isinf(value) || value == 0) {
    return value;
  }
  const double magnitude = std::fabs(static_cast<double>(value));
  const int exponent = std::max(std::ilogb(magnitude), emin);
  const double rounded = round_even(magnitude, std::ldexp(1.0, exponent - mantissa_bits));
  const double result = rounded >= overflow ? std::numeric_limits<double>::infinity() : rounded;
  return static_cast<float>(std::copysign(result, static_cast<double>(value)));
}

inline float round_to_bfloat16(float value) { return round_to_format(value, 7, -126, 0x1p128); }
inline float round_to_float16(float value) { return round_to_format(value, 10, -14, 0x1p16); }

inline float load(DType dtype, const void* data, std::int64_t index) {
  if (dtype == DType::kFloat32) {
    return static_cast<const float*>(data)[index];
  }
  const std::uint16_t bits = static_cast<const std::uint16_t*>(data)[index];
  return dtype == DType::kBFloat16 ? widen_bfloat16(bits) : widen_float16(bits);
}

// Stores with rounding to the type. A NaN is stored as the type's canonical quiet one.
inline void store(DType dtype, void* data, std::int64_t index, float value) {
  if (dtype == DType::kFloat32) {
    static_cast<float*>(data)[index] =
        std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : value;
    return;
  }
  auto& target = static_cast<std::uint16_t*>(data)[index];
  const bool is_bfloat16 = dtype == DType::kBFloat16;
  if (std::isnan(value)) {
    target = is_bfloat16 ? 0x7FC0 : 0x7E00;
    return;
  }
  if (is_bfloat16) {
    target =
        static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(round_to_bfloat16(value)) >> 16);
    return;
  }
  const float half = round_to_float16(value);
  const float magnitude = std::fabs(half);
  std::uint32_t bits = 0;
  if (std::isinf(half)) {
    bits = 0x7C00;
  } else if (magnitude >= 0x1p-14F) {
    const int exponent = std::ilogb(magnitude);
    bits = static_cast<std::uint32_t>((exponent + 15) << 10) +
           static_cast<std::uint32_t>(std::ldexp(magnitude, 10 - exponent)) - 1024U;
  } else {
    bits = static_cast<std::uint32_t>(std::ldexp(magnitude, 24));
  }
  target = static_cast<std::uint16_t>(bits | (std::signbit(half) ? 0x8000U : 0U));
}

}  // namespace mxscope::kernels::reference
