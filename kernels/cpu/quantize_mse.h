// SPDX-License-Identifier: Apache-2.0
#pragma once

// Scale rule kMse: of three exponents the one whose squared error over the block is least.
//
// The definition sums float64 squares under each candidate. Almost every block is decided by less:
//   - The grid of a larger exponent lies within that of a smaller one up to the latter's largest
//     number. A block that does not saturate under the middle exponent thus never takes the larger.
//   - Under the smaller exponent the block's maximum always saturates, and its error alone often
//     exceeds the middle exponent's sum.
//   - Sums in float32 with a bound on their error decide unless they come too close.
// What is left is decided by the definition.

#include "cpu/quantize_element.h"

namespace mxscope::kernels::MXSCOPE_ISA {

// Runs body(column, vector, lanes that count) over a block; the other lanes of the last vector are
// behind the block's end or were seen before.
template <class Type, class Body>
MXSCOPE_INLINE void for_each_vector(const typename Type::Storage* in, std::int64_t length,
                                    const Body& body) {
  const Ints all = splat(-1);
  if (length < kLanes) {
    body(0, load_part<Type>(in, static_cast<int>(length)), all);  // zeros have no error
    return;
  }
  std::int64_t i = 0;
  for (; i + kLanes <= length; i += kLanes) {
    body(i, Type::load(in + i), all);
  }
  if (i < length) {
    const std::int64_t last = length - kLanes;
    body(last, Type::load(in + last), lane_numbers() >= splat(static_cast<std::int32_t>(i - last)));
  }
}

MXSCOPE_INLINE Floats keep(Floats x, Ints lanes) {
  return bits_as<Floats>(bits_as<Ints>(x) & lanes);
}

template <Rounding kRounding>
MXSCOPE_INLINE Floats error_of(const QuantizePlan& plan, Floats inverse, Floats x) {
  const Floats scaled = x * inverse;
  return scaled - round_scaled<kRounding>(plan, scaled);
}

MXSCOPE_INLINE void add_squares(Doubles& sum, Doubles error, double unit, double magic) {
  error *= unit;
  sum += (error * error + magic) - magic;
}

// The definition's sum under the exponent middle + offset, in units of the middle one.
template <class Type, Rounding kRounding>
MXSCOPE_INLINE double exact_sum(const QuantizePlan& plan, Ints field, double unit,
                                const typename Type::Storage* in, std::int64_t length) {
  const Floats inverse = inverse_power(field);
  Doubles sum = {};
  for_each_vector<Type>(in, length, [&](std::int64_t, Floats x, Ints counts) {
    const Floats error = keep(error_of<kRounding>(plan, inverse, x), counts);
    add_squares(sum, low_doubles(error), unit, plan.error_magic);
    add_squares(sum, high_doubles(error), unit, plan.error_magic);
  });
  return sum_of(sum);
}

// The same in float32, lane by lane, in units of the candidate itself.
template <class Type, Rounding kRounding>
MXSCOPE_INLINE Floats lane_sums(const QuantizePlan& plan, Floats inverse,
                                const typename Type::Storage* in, std::int64_t length) {
  Floats sum = {};
  for_each_vector<Type>(in, length, [&](std::int64_t, Floats x, Ints counts) {
    const Floats error = keep(error_of<kRounding>(plan, inverse, x), counts);
    sum += error * error;
  });
  return sum;
}

// Bounds of a sum of squares that was formed in float32.
struct ErrorBounds {
  float
      relative;  // of the float32 sums of a block of this length, and of what is computed from them
  float absolute;  // of the definition's rounding of each square, and of underflow
};
MXSCOPE_INLINE ErrorBounds bounds_of(const QuantizePlan& plan) {
  constexpr float kUlp = 0x1p-23F;
  constexpr float kUnderflow = 0x1p-120F;
  const auto length = static_cast<float>(plan.block);
  // One rounding per vector of the block, and as many again for what follows, with room to spare.
  const float roundings = length / kLanes + 2 * kLanes + 8;
  // error_magic is 1.5 * 2^52 units; a square is off by half a unit.
  const float unit = static_cast<float>(plan.error_magic * 0x1p-52);
  return {roundings * kUlp, length * (unit + kUnderflow)};
}

// Fields of the three candidates for the middle exponent's field, which may lie beyond both ends.
MXSCOPE_INLINE Ints clamp_field(Ints field) {
  return min_of(max_of(field, Ints{}), splat(kLargestPower));
}

template <class Type, Rounding kRounding>
MXSCOPE_INLINE Ints exact_choice(const QuantizePlan& plan, Ints middle,
                                 const typename Type::Storage* in, std::int64_t length) {
  Ints best = {};
  double least = __builtin_inf();
  for (int offset = -1; offset <= 1; ++offset) {
    const Ints candidate = clamp_field(middle + (offset << 23));
    const std::int32_t shift = (candidate[0] - clamp_field(middle)[0]) >> 23;
    const double unit = shift < 0 ? 0.5 : (shift > 0 ? 2.0 : 1.0);
    const double error = exact_sum<Type, kRounding>(plan, candidate, unit, in, length);
    if (error < least) {
      least = error;
      best = candidate;
    }
  }
  return best;
}

MXSCOPE_INLINE float lanes_total(Floats a) {
  float sum = 0;
  for (int i = 0; i < kLanes; ++i) {
    sum += a[i];
  }
  return sum;
}

// True where all three candidates lie within the range of exponents.
MXSCOPE_INLINE Ints is_inner(Ints middle) {
  return (middle >= splat(1 << 23)) & (middle <= splat(kLargestPower - (1 << 23)));
}

// The field of one finite block that is not zero. `sum`: float32 sum of the middle candidate.
template <class Type, Rounding kRounding>
MXSCOPE_INLINE Ints choose_field(const QuantizePlan& plan, const ErrorBounds& bounds,
                                 std::int32_t largest, std::int32_t middle, float sum,
                                 const typename Type::Storage* in, std::int64_t length) {
  const auto low = [&](float s) { return s * (1 - bounds.relative) - bounds.absolute; };
  const auto high = [&](float s) { return s * (1 + bounds.relative) + bounds.absolute; };
  const Ints field = splat(middle);
  bool certain = is_inner(field)[0] != 0;
  if (certain) {
    Ints best = field;
    float least = sum;
    const auto consider = [&](Ints candidate, float unit) {
      const Floats lanes = lane_sums<Type, kRounding>(plan, inverse_power(candidate), in, length);
      const float other = unit * unit * lanes_total(lanes);
      if (high(other) < low(least)) {
        best = candidate;
        least = other;
      } else {
        certain = certain && low(other) > high(least);
      }
    };
    const float scaled = bits_as<float>(largest) * inverse_power(field)[0];
    if (scaled > plan.max) {
      consider(field + (1 << 23), 2.0F);
    }
    const float excess = scaled - plan.max / 2;
    if (low(excess * excess) <= high(least)) {
      consider(field - (1 << 23), 0.5F);
    }
    if (certain) {
      return best;
    }
  }
  return exact_choice<Type, kRounding>(plan, field, in, length);
}

// Unclamped: the search goes around it.
MXSCOPE_INLINE Ints middle_field(const QuantizePlan& plan, Ints largest) {
  return (largest & detail::kInfinityBits) - (plan.emax << 23);
}

template <class Type, Rounding kRounding>
MXSCOPE_INLINE void quantize_block_mse(const QuantizePlan& plan, const ErrorBounds& bounds,
                                       const typename Type::Storage* in,
                                       typename Type::Storage* out, std::int64_t length) {
  const Ints largest = largest_of<Type>(in, length);
  const Ints middle = middle_field(plan, largest);
  Ints field = clamp_field(middle);
  if (largest[0] > 0 && largest[0] < detail::kInfinityBits) {
    const Floats lanes = lane_sums<Type, kRounding>(plan, inverse_power(field), in, length);
    field = choose_field<Type, kRounding>(plan, bounds, largest[0], middle[0], lanes_total(lanes),
                                          in, length);
  }
  quantize_scaled<Type, kRounding>(plan, scale_of(field, largest), in, out, length);
}

// kLanes blocks of at most this many columns go together.
constexpr std::int64_t kMseGroupColumns = 256;

// Quantises kLanes blocks under their middle exponents, summing errors on the way; then those
// blocks anew that want another one. `in` and `out` must not overlap.
template <class Type, Rounding kRounding>
MXSCOPE_INLINE void quantize_group_mse(const QuantizePlan& plan, const ErrorBounds& bounds,
                                       const typename Type::Storage* in,
                                       typename Type::Storage* out) {
  const std::int64_t block = plan.block;
  Ints largest;
  for (int i = 0; i < kLanes; ++i) {
    largest[i] = largest_bits<Type>(in + i * block, block);
  }
  const Ints middle = middle_field(plan, largest);
  const Ints clamped = clamp_field(middle);
  const Scale scales = scale_of(clamped, largest);
  float inverse[kLanes];
  float forward[kLanes];
  store_floats(inverse, scales.inverse);
  store_floats(forward, scales.forward);
  Floats rows[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    Floats sum = {};
    for_each_vector<Type>(in + i * block, block, [&](std::int64_t at, Floats x, Ints counts) {
      const Floats scaled = x * splat(inverse[i]);
      const Floats rounded = round_scaled<kRounding>(plan, scaled);
      const Floats error = keep(scaled - rounded, counts);
      sum += error * error;
      const Floats result = rounded * splat(forward[i]);
      if (block < kLanes) {
        store_part<Type>(out + i * block, result, static_cast<int>(block));
      } else {
        Type::store_exact(out + i * block + at, result);
      }
    });
    rows[i] = sum;
  }
  const Floats sums = sums_of_rows(rows);
  const Floats scaled = bits_as<Floats>(largest) * scales.inverse;
  const Floats excess = scaled - splat(plan.max / 2);
  const Floats low = excess * excess * splat(1 - bounds.relative) - splat(bounds.absolute);
  const Floats high = sums * splat(1 + bounds.relative) + splat(bounds.absolute);
  const Ints certain = (is_inner(middle) & (scaled <= splat(plan.max)) & (low > high)) |
                       (largest == 0) | (largest >= detail::kInfinityBits);
  for (int i = 0; i < kLanes; ++i) {
    if (certain[i] == 0) {
      const auto* block_in = in + i * block;
      const Ints field = choose_field<Type, kRounding>(plan, bounds, largest[i], middle[i], sums[i],
                                                       block_in, block);
      if (field[0] != clamped[i]) {
        quantize_scaled<Type, kRounding>(plan, scale_of(field, splat(largest[i])), block_in,
                                         out + i * block, block);
      }
    }
  }
}

template <class Type, Rounding kRounding>
void quantize_row_mse(const QuantizePlan& plan, const typename Type::Storage* in,
                      typename Type::Storage* out, std::int64_t cols) {
  const ErrorBounds bounds = bounds_of(plan);
  const std::int64_t group = plan.block * kLanes;
  std::int64_t begin = 0;
  if (plan.block <= kMseGroupColumns) {
    typename Type::Storage copy[kMseGroupColumns * kLanes];
    for (; begin + group <= cols; begin += group) {
      const auto* from = in + begin;
      if (in == out) {
        __builtin_memcpy(copy, from, static_cast<std::size_t>(group) * sizeof(copy[0]));
        from = copy;
      }
      quantize_group_mse<Type, kRounding>(plan, bounds, from, out + begin);
    }
  }
  for (; begin < cols; begin += plan.block) {
    const std::int64_t length = cols - begin < plan.block ? cols - begin : plan.block;
    quantize_block_mse<Type, kRounding>(plan, bounds, in + begin, out + begin, length);
  }
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
