// SPDX-License-Identifier: Apache-2.0
#pragma once

// A vector of numbers under a shared scale; see detail/quantize_plan.h for the arithmetic.

#include "cpu/simd.h"
#include "cpu/tensor_types.h"
#include "detail/quantize_plan.h"

namespace mxscope::kernels::MXSCOPE_ISA {

using detail::ExponentRule;
using detail::QuantizePlan;

constexpr std::int32_t kSignBit = INT32_MIN;
constexpr std::int32_t kMagnitudeBits = INT32_MAX;
constexpr std::int32_t kSmallestPower = 0x00400000;  // bits of 2^-127
constexpr std::int32_t kLargestPower = 254 << 23;    // bits of 2^127
constexpr std::int32_t kExponentBias = 127;

MXSCOPE_INLINE Ints magnitude_bits(Floats x) { return bits_as<Ints>(x) & kMagnitudeBits; }

// Smallest exponent whose power is not below the number; exact down to 2^-127, lower below.
MXSCOPE_INLINE Ints ceil_log2(Ints bits) {
  const Ints carry = bits < 0x00800000 ? splat(0x003FFFFF) : splat(0x007FFFFF);
  // Unsigned: NaN runs past the largest signed number.
  return bits_as<Ints>((bits_as<Words>(bits) + bits_as<Words>(carry)) >> 23) - kExponentBias;
}

// Exponents of blocks as fields: (exponent + 127) << 23, from 0 for 2^-127 to kLargestPower.
template <ExponentRule kRule>
MXSCOPE_INLINE Ints exponent_field(const QuantizePlan& plan, Ints largest) {
  Ints field = {};
  if constexpr (kRule == ExponentRule::kFixed) {
    return field + (kExponentBias << 23);
  } else if constexpr (kRule == ExponentRule::kRceil) {
    field = (ceil_log2(bits_as<Ints>(bits_as<Floats>(largest) / splat(plan.max))) + kExponentBias)
            << 23;
  } else if constexpr (kRule == ExponentRule::kCeil) {
    field = (ceil_log2(largest) - plan.emax + kExponentBias) << 23;
  } else {
    const Words moved = bits_as<Words>(largest) + static_cast<std::uint32_t>(plan.carry);
    field = (bits_as<Ints>(moved) & detail::kInfinityBits) - (plan.emax << 23);
  }
  return min_of(max_of(field, Ints{}), splat(kLargestPower));
}

struct Scale {
  Floats inverse;
  Floats forward;  // NaN for a block that is not finite: the product carries it to every element
};

MXSCOPE_INLINE Floats inverse_power(Ints field) {
  return bits_as<Floats>(max_of(kLargestPower - field, splat(kSmallestPower)));
}

MXSCOPE_INLINE Scale scale_of(Ints field, Ints largest) {
  const Ints forward = max_of(field, splat(kSmallestPower));
  return {
      inverse_power(field),
      bits_as<Floats>(largest >= detail::kInfinityBits ? splat(detail::kQuietNanBits) : forward)};
}

// Adds and subtracts 1.5 * 2^(E + 23 - mantissa_bits), whose step is that of the plan's constant
// and which serves both signs.
template <Rounding kRounding>
MXSCOPE_INLINE Floats round_scaled(const QuantizePlan& plan, Floats scaled) {
  constexpr std::int32_t kHalfMore = 0x00400000;
  const Floats v = clamp_magnitude(scaled, plan.max);
  const Ints bits = bits_as<Ints>(v);
  const Ints binade = max_of(bits & detail::kInfinityBits, splat(plan.emin_bits));
  const Floats magic = bits_as<Floats>(binade + (plan.magic_shift | kHalfMore));
  const Floats even = (v + magic) - magic;
  if constexpr (kRounding == Rounding::kEven) {
    return even;
  } else {
    const auto with_sign = [&](std::int32_t shift) {
      return bits_as<Floats>((binade + (plan.magic_shift - (shift << 23))) | (bits & kSignBit));
    };
    const Floats step = with_sign(23);
    if constexpr (kRounding == Rounding::kFloor) {
      return magnitude_bits(even) > magnitude_bits(v) ? even - step : even;
    } else {
      const Floats half = with_sign(24);
      const Floats rest = v - even;
      if constexpr (kRounding == Rounding::kNearest) {
        return rest == half ? even + step : even;
      } else {
        return rest == -half ? even - step : even;
      }
    }
  }
}

template <Rounding kRounding>
MXSCOPE_INLINE Floats quantize_vector(const QuantizePlan& plan, const Scale& scale, Floats x) {
  return round_scaled<kRounding>(plan, x * scale.inverse) * scale.forward;
}

// Maximum of the magnitudes in every lane. A maximum may count a number twice, so the last vector
// of a block that is no multiple of a vector overlaps the one before it.
template <class Type>
MXSCOPE_INLINE Ints largest_of(const typename Type::Storage* in, std::int64_t length) {
  if (length < kLanes) {
    return group_max<kLanes>(magnitude_bits(load_part<Type>(in, static_cast<int>(length))));
  }
  Ints largest = magnitude_bits(Type::load(in + length - kLanes));
  for (std::int64_t i = 0; i + kLanes < length; i += kLanes) {
    largest = max_of(largest, magnitude_bits(Type::load(in + i)));
  }
  return group_max<kLanes>(largest);
}

// Its bits as one number.
template <class Type>
MXSCOPE_INLINE std::int32_t largest_bits(const typename Type::Storage* in, std::int64_t length) {
#if defined(MXSCOPE_SIMD_PACKED)
  if constexpr (sizeof(typename Type::Storage) == sizeof(std::uint16_t)) {
    if (length >= 8) {
      const auto largest = static_cast<std::uint16_t>(largest_half(in, length));
      return bits_as<std::int32_t>(Type::widen_one(largest));
    }
  }
#endif
  return largest_of<Type>(in, length)[0];
}

// Quantises a block of any length under a known scale.
template <class Type, Rounding kRounding>
MXSCOPE_INLINE void quantize_scaled(const QuantizePlan& plan, const Scale& scale,
                                    const typename Type::Storage* in, typename Type::Storage* out,
                                    std::int64_t length) {
  if (length < kLanes) {
    const int rest = static_cast<int>(length);
    store_part<Type>(out, quantize_vector<kRounding>(plan, scale, load_part<Type>(in, rest)), rest);
    return;
  }
  // Read before anything is written: `out` may be `in`.
  const Floats last = Type::load(in + length - kLanes);
  for (std::int64_t i = 0; i + kLanes < length; i += kLanes) {
    Type::store_exact(out + i, quantize_vector<kRounding>(plan, scale, Type::load(in + i)));
  }
  Type::store_exact(out + length - kLanes, quantize_vector<kRounding>(plan, scale, last));
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
