// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fast quantiser, compiled once per instruction set; see detail/quantize_plan.h for the arithmetic.

#include "cpu/simd.h"
#include "cpu/tensor_types.h"
#include "detail/quantize_plan.h"

namespace mxscope::kernels::MXSCOPE_ISA {

using detail::ExponentRule;
using detail::QuantizePlan;

constexpr std::int32_t kSignBit = INT32_MIN;
constexpr std::int32_t kMagnitudeBits = INT32_MAX;

MXSCOPE_INLINE Ints magnitude_bits(Floats x) { return bits_as<Ints>(x) & kMagnitudeBits; }

// 2^exponent, exponent in -127..127; 2^-127 is the subnormal 0x00400000.
MXSCOPE_INLINE Floats power_of_two(Ints exponent) {
  return bits_as<Floats>(max_of((exponent + 127) << 23, splat(0x00400000)));
}

// Smallest exponent whose power is not below the number; exact down to 2^-127, lower below.
MXSCOPE_INLINE Ints ceil_log2(Ints bits) {
  const Ints carry = bits < 0x00800000 ? splat(0x003FFFFF) : splat(0x007FFFFF);
  return ((bits + carry) >> 23) - 127;
}

template <ExponentRule kRule>
MXSCOPE_INLINE Ints block_exponent(const QuantizePlan& plan, Ints largest) {
  Ints exponent = {};
  if constexpr (kRule == ExponentRule::kFixed) {
    return exponent;
  } else if constexpr (kRule == ExponentRule::kRceil) {
    exponent = ceil_log2(bits_as<Ints>(bits_as<Floats>(largest) / splat(plan.max)));
  } else if constexpr (kRule == ExponentRule::kCeil) {
    exponent = ceil_log2(largest) - plan.emax;
  } else {
    exponent = ((largest + plan.carry) >> 23) - 127 - plan.emax;
  }
  return min_of(max_of(exponent, splat(-127)), splat(127));
}

struct Scale {
  Floats inverse;
  Floats forward;  // NaN for a block that is not finite: the product carries it to every element
};

MXSCOPE_INLINE Scale scale_of(Ints exponent, Ints largest) {
  const Ints forward = bits_as<Ints>(power_of_two(exponent));
  return {
      power_of_two(-exponent),
      bits_as<Floats>(largest >= detail::kInfinityBits ? splat(detail::kQuietNanBits) : forward)};
}

template <Rounding kRounding>
MXSCOPE_INLINE Floats round_scaled(const QuantizePlan& plan, Floats scaled) {
  const Floats v = max_of(min_of(scaled, splat(plan.max)), splat(-plan.max));
  const Ints bits = bits_as<Ints>(v);
  const Ints sign = bits & kSignBit;
  const Ints binade = max_of(bits & detail::kInfinityBits, splat(plan.emin_bits));
  const Ints magic_bits = (binade + plan.magic_shift) | sign;
  const Floats magic = bits_as<Floats>(magic_bits);
  const Floats even = (v + magic) - magic;
  if constexpr (kRounding == Rounding::kEven) {
    return even;
  } else {
    const Floats step = bits_as<Floats>(magic_bits - (23 << 23));
    if constexpr (kRounding == Rounding::kFloor) {
      return magnitude_bits(even) > magnitude_bits(v) ? even - step : even;
    } else {
      const Floats half = bits_as<Floats>(magic_bits - (24 << 23));
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

template <class Type>
MXSCOPE_INLINE Ints largest_of(const typename Type::Storage* in, std::int64_t length) {
  Ints largest = {};
  std::int64_t i = 0;
  for (; i + kLanes <= length; i += kLanes) {
    largest = max_of(largest, magnitude_bits(Type::load(in + i)));
  }
  if (i < length) {
    largest =
        max_of(largest, magnitude_bits(load_part<Type>(in + i, static_cast<int>(length - i))));
  }
  return group_max<kLanes>(largest);
}

// The square of 2^exponent.
MXSCOPE_INLINE double squared_scale(std::int32_t exponent) {
  return bits_as<double>((static_cast<std::int64_t>(exponent) * 2 + 1023) << 52);
}

MXSCOPE_INLINE void add_squares(Doubles& sum, Doubles error, double magic) {
  sum += (error * error + magic) - magic;
}

template <class Type, Rounding kRounding>
MXSCOPE_INLINE double squared_error(const QuantizePlan& plan, Ints exponent,
                                    const typename Type::Storage* in, std::int64_t length) {
  const Floats inverse = power_of_two(-exponent);
  Doubles sum = {};
  const auto add = [&](Floats x) {
    const Floats scaled = x * inverse;
    const Floats error = scaled - round_scaled<kRounding>(plan, scaled);
    add_squares(sum, low_doubles(error), plan.error_magic);
    add_squares(sum, high_doubles(error), plan.error_magic);
  };
  std::int64_t i = 0;
  for (; i + kLanes <= length; i += kLanes) {
    add(Type::load(in + i));
  }
  if (i < length) {
    add(load_part<Type>(in + i, static_cast<int>(length - i)));
  }
  return sum_of(sum) * squared_scale(exponent[0]);
}

template <class Type, Rounding kRounding>
MXSCOPE_INLINE Ints least_error_exponent(const QuantizePlan& plan, Ints largest,
                                         const typename Type::Storage* in, std::int64_t length) {
  const Ints middle = ((largest >> 23) - 127) - plan.emax;
  Ints best = {};
  double least = __builtin_inf();
  for (int offset = -1; offset <= 1; ++offset) {
    const Ints candidate = min_of(max_of(middle + offset, splat(-127)), splat(127));
    const double error = squared_error<Type, kRounding>(plan, candidate, in, length);
    if (error < least) {
      least = error;
      best = candidate;
    }
  }
  return best;
}

// A block of any length.
template <class Type, Rounding kRounding, ExponentRule kRule>
MXSCOPE_INLINE void quantize_block(const QuantizePlan& plan, const typename Type::Storage* in,
                                   typename Type::Storage* out, std::int64_t length) {
  const Ints largest = largest_of<Type>(in, length);
  Ints exponent = {};
  if constexpr (kRule == ExponentRule::kMse) {
    exponent = least_error_exponent<Type, kRounding>(plan, largest, in, length);
  } else {
    exponent = block_exponent<kRule>(plan, largest);
  }
  const Scale scale = scale_of(exponent, largest);
  std::int64_t i = 0;
  for (; i + kLanes <= length; i += kLanes) {
    Type::store_exact(out + i, quantize_vector<kRounding>(plan, scale, Type::load(in + i)));
  }
  if (i < length) {
    const int rest = static_cast<int>(length - i);
    store_part<Type>(out + i,
                     quantize_vector<kRounding>(plan, scale, load_part<Type>(in + i, rest)), rest);
  }
}

// Blocks of kVectors whole vectors; returns how many columns are done.
template <class Type, Rounding kRounding, ExponentRule kRule, int kVectors>
MXSCOPE_INLINE std::int64_t quantize_wide(const QuantizePlan& plan,
                                          const typename Type::Storage* in,
                                          typename Type::Storage* out, std::int64_t cols) {
  constexpr std::int64_t kBlock = kVectors * kLanes;
  std::int64_t begin = 0;
  for (; begin + kBlock <= cols; begin += kBlock) {
    Floats x[kVectors];
    Ints largest = {};
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      x[i] = Type::load(in + begin + i * kLanes);
      largest = max_of(largest, magnitude_bits(x[i]));
    }
    largest = group_max<kLanes>(largest);
    const Scale scale = scale_of(block_exponent<kRule>(plan, largest), largest);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      Type::store_exact(out + begin + i * kLanes, quantize_vector<kRounding>(plan, scale, x[i]));
    }
  }
  return begin;
}

// Blocks that divide a vector; does the whole row, since zeros behind its end change nothing.
template <class Type, Rounding kRounding, ExponentRule kRule, int kBlock>
MXSCOPE_INLINE std::int64_t quantize_narrow(const QuantizePlan& plan,
                                            const typename Type::Storage* in,
                                            typename Type::Storage* out, std::int64_t cols) {
  const auto quantize = [&](Floats x) {
    const Ints largest = group_max<kBlock>(magnitude_bits(x));
    return quantize_vector<kRounding>(plan, scale_of(block_exponent<kRule>(plan, largest), largest),
                                      x);
  };
  std::int64_t i = 0;
  for (; i + kLanes <= cols; i += kLanes) {
    Type::store_exact(out + i, quantize(Type::load(in + i)));
  }
  if (i < cols) {
    const int rest = static_cast<int>(cols - i);
    store_part<Type>(out + i, quantize(load_part<Type>(in + i, rest)), rest);
  }
  return cols;
}

#if defined(MXSCOPE_SIMD_LARGEST_HALF)
// 16-bit types: the maxima of kLanes blocks are found first, in 16-bit arithmetic, so that one
// vector holds the scales of all of them. Blocks are multiples of 8 and half a vector at least;
// returns how many columns are done.
template <class Type, Rounding kRounding, ExponentRule kRule>
MXSCOPE_INLINE std::int64_t quantize_halves(const QuantizePlan& plan, const std::uint16_t* in,
                                            std::uint16_t* out, std::int64_t cols) {
  const std::int64_t block = plan.block;
  std::int64_t begin = 0;
  for (; begin + block * kLanes <= cols; begin += block * kLanes) {
    std::uint16_t halves[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      halves[i] = static_cast<std::uint16_t>(largest_half(in + begin + i * block, block));
    }
    const Ints largest = bits_as<Ints>(Type::load(halves));
    const Scale scales = scale_of(block_exponent<kRule>(plan, largest), largest);
    if (block < kLanes) {
      Ints owner;
      for (int i = 0; i < kLanes; ++i) {
        owner[i] = i / (kLanes / 2);
      }
      for (std::int64_t i = 0; i < block * kLanes; i += kLanes, owner += 2) {
        const Scale scale = {permute(scales.inverse, owner), permute(scales.forward, owner)};
        Type::store_exact(out + begin + i,
                          quantize_vector<kRounding>(plan, scale, Type::load(in + begin + i)));
      }
      continue;
    }
    float inverse[kLanes];
    float forward[kLanes];
    store_floats(inverse, scales.inverse);
    store_floats(forward, scales.forward);
    for (int i = 0; i < kLanes; ++i) {
      const Scale scale = {splat(inverse[i]), splat(forward[i])};
      const std::int64_t first = begin + i * block;
      for (std::int64_t at = first; at < first + block; at += kLanes) {
        Type::store_exact(out + at, quantize_vector<kRounding>(plan, scale, Type::load(in + at)));
      }
    }
  }
  return begin;
}
#endif

template <class Type, Rounding kRounding, ExponentRule kRule>
void quantize_row(const QuantizePlan& plan, const typename Type::Storage* in,
                  typename Type::Storage* out, std::int64_t cols) {
  std::int64_t begin = 0;
  if constexpr (kRule != ExponentRule::kMse) {
#if defined(MXSCOPE_SIMD_LARGEST_HALF)
    if constexpr (sizeof(typename Type::Storage) == sizeof(std::uint16_t)) {
      const bool whole_vectors = plan.block % kLanes == 0 && plan.block <= 256;
      if (whole_vectors || (plan.block == 8 && kLanes == 16)) {
        begin = quantize_halves<Type, kRounding, kRule>(plan, in, out, cols);
        in += begin;
        out += begin;
        cols -= begin;
      }
    }
#endif
    begin = 0;
    if (plan.block == 1) {
      begin = quantize_narrow<Type, kRounding, kRule, 1>(plan, in, out, cols);
    } else if (plan.block == kLanes / 2) {
      begin = quantize_narrow<Type, kRounding, kRule, kLanes / 2>(plan, in, out, cols);
    } else if (plan.block == kLanes) {
      begin = quantize_wide<Type, kRounding, kRule, 1>(plan, in, out, cols);
    } else if (plan.block == 2 * kLanes) {
      begin = quantize_wide<Type, kRounding, kRule, 2>(plan, in, out, cols);
    } else if (plan.block == 4 * kLanes) {
      begin = quantize_wide<Type, kRounding, kRule, 4>(plan, in, out, cols);
    } else if (plan.block == 8 * kLanes) {
      begin = quantize_wide<Type, kRounding, kRule, 8>(plan, in, out, cols);
    }
  }
  for (; begin < cols; begin += plan.block) {
    const std::int64_t length = cols - begin < plan.block ? cols - begin : plan.block;
    quantize_block<Type, kRounding, kRule>(plan, in + begin, out + begin, length);
  }
}

template <class Type, class Rounder>
void cast_row(const typename Type::Storage* in, typename Type::Storage* out, std::int64_t cols) {
  std::int64_t i = 0;
  const auto cast = [](Floats x) { return Rounder::load_back(x); };
  for (; i + kLanes <= cols; i += kLanes) {
    Type::store(out + i, cast(Type::load(in + i)));
  }
  if (i < cols) {
    const int rest = static_cast<int>(cols - i);
    typename Type::Storage buffer[kLanes];
    Type::store(buffer, cast(load_part<Type>(in + i, rest)));
    __builtin_memcpy(out + i, buffer, static_cast<std::size_t>(rest) * sizeof(buffer[0]));
  }
}

struct RoundToBf16 {
  MXSCOPE_INLINE Floats load_back(Floats x) { return from_bfloat16(to_bfloat16(x)); }
};
struct RoundToFp16 {
  MXSCOPE_INLINE Floats load_back(Floats x) { return from_float16(to_float16(x)); }
};

template <class Type>
using RowFunction = void (*)(const QuantizePlan&, const typename Type::Storage*,
                             typename Type::Storage*, std::int64_t);

template <class Type, Rounding kRounding>
RowFunction<Type> row_function(ExponentRule rule) {
  switch (rule) {
    case ExponentRule::kCarry:
      return quantize_row<Type, kRounding, ExponentRule::kCarry>;
    case ExponentRule::kCeil:
      return quantize_row<Type, kRounding, ExponentRule::kCeil>;
    case ExponentRule::kRceil:
      return quantize_row<Type, kRounding, ExponentRule::kRceil>;
    case ExponentRule::kMse:
      return quantize_row<Type, kRounding, ExponentRule::kMse>;
    case ExponentRule::kFixed:
      return quantize_row<Type, kRounding, ExponentRule::kFixed>;
  }
  return nullptr;
}

template <class Type>
RowFunction<Type> row_function(const QuantizePlan& plan) {
  switch (plan.path) {
    case detail::Path::kCastBf16:
      return [](const QuantizePlan&, const typename Type::Storage* in, typename Type::Storage* out,
                std::int64_t cols) { cast_row<Type, RoundToBf16>(in, out, cols); };
    case detail::Path::kCastFp16:
      return [](const QuantizePlan&, const typename Type::Storage* in, typename Type::Storage* out,
                std::int64_t cols) { cast_row<Type, RoundToFp16>(in, out, cols); };
    case detail::Path::kBlocks:
      break;
  }
  switch (plan.rounding) {
    case Rounding::kEven:
      return row_function<Type, Rounding::kEven>(plan.rule);
    case Rounding::kNearest:
      return row_function<Type, Rounding::kNearest>(plan.rule);
    case Rounding::kFloor:
      return row_function<Type, Rounding::kFloor>(plan.rule);
    case Rounding::kHalfDown:
      return row_function<Type, Rounding::kHalfDown>(plan.rule);
  }
  return nullptr;
}

template <class Type>
void quantize_rows_of(const QuantizePlan& plan, const void* in, void* out, std::int64_t rows,
                      std::int64_t cols, std::int64_t in_row_stride, std::int64_t out_row_stride) {
  using Storage = typename Type::Storage;
  const RowFunction<Type> quantize = row_function<Type>(plan);
  for (std::int64_t row = 0; row < rows; ++row) {
    quantize(plan, static_cast<const Storage*>(in) + row * in_row_stride,
             static_cast<Storage*>(out) + row * out_row_stride, cols);
  }
}

inline void quantize_rows(const QuantizePlan& plan, DType dtype, const void* in, void* out,
                          std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                          std::int64_t out_row_stride) {
  switch (dtype) {
    case DType::kFloat32:
      return quantize_rows_of<Float32>(plan, in, out, rows, cols, in_row_stride, out_row_stride);
    case DType::kBFloat16:
      return quantize_rows_of<BFloat16>(plan, in, out, rows, cols, in_row_stride, out_row_stride);
    case DType::kFloat16:
      return quantize_rows_of<Float16>(plan, in, out, rows, cols, in_row_stride, out_row_stride);
  }
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
