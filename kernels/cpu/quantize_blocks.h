// SPDX-License-Identifier: Apache-2.0
#pragma once

// Rows of blocks whose exponent follows from the block's maximum alone. Each function quantises
// columns from the row's begin and returns how many; quantize_row leaves the rest to
// quantize_block.

#include "cpu/quantize_element.h"

namespace mxscope::kernels::MXSCOPE_ISA {

// A block of any length.
template <class Type, Rounding kRounding, ExponentRule kRule>
MXSCOPE_INLINE void quantize_block(const QuantizePlan& plan, const typename Type::Storage* in,
                                   typename Type::Storage* out, std::int64_t length) {
  const Ints largest = largest_of<Type>(in, length);
  quantize_scaled<Type, kRounding>(plan, scale_of(exponent_field<kRule>(plan, largest), largest),
                                   in, out, length);
}

// Blocks of kVectors whole vectors.
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
    const Scale scale = scale_of(exponent_field<kRule>(plan, largest), largest);
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
    return quantize_vector<kRounding>(plan, scale_of(exponent_field<kRule>(plan, largest), largest),
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

// Any block shorter than a vector: as many whole blocks at a time as a vector holds. Does the whole
// row.
template <class Type, Rounding kRounding, ExponentRule kRule>
MXSCOPE_INLINE std::int64_t quantize_ragged(const QuantizePlan& plan,
                                            const typename Type::Storage* in,
                                            typename Type::Storage* out, std::int64_t cols) {
  const auto block = static_cast<int>(plan.block);
  const std::int64_t used = kLanes / block * block;
  const Ints lane = lane_numbers();
  Ints block_end = splat(block);
  for (int end = block; end < kLanes; end += block) {
    block_end = lane >= end ? block_end + block : block_end;
  }
  // Rotations of each block by 1, 2, 4, ... lanes: together they reach every lane of it.
  constexpr int kMaxSteps = 4;
  Ints turn[kMaxSteps];
  int steps = 0;
  for (int distance = 1; distance < block; distance *= 2) {
    const Ints from = lane + distance;
    turn[steps++] = from >= block_end ? from - block : from;
  }
  const auto quantize = [&](Floats x) {
    Ints largest = magnitude_bits(x);
    for (int i = 0; i < steps; ++i) {
      largest = max_of(largest, permute(largest, turn[i]));
    }
    return quantize_vector<kRounding>(plan, scale_of(exponent_field<kRule>(plan, largest), largest),
                                      x);
  };
  const auto load = [&](std::int64_t begin) {
    const std::int64_t rest = cols - begin;
    return rest >= kLanes ? Type::load(in + begin)
                          : load_part<Type>(in + begin, static_cast<int>(rest < 0 ? 0 : rest));
  };
  // Lanes behind the last whole block are stored too and overwritten by the next vector, which is
  // therefore read first: `out` may be `in`.
  Floats x = load(0);
  std::int64_t begin = 0;
  for (; begin + kLanes <= cols; begin += used) {
    const Floats next = load(begin + used);
    Type::store_exact(out + begin, quantize(x));
    x = next;
  }
  for (; begin < cols; begin += used) {
    const std::int64_t rest = cols - begin;
    const Floats next = load(begin + used);
    store_part<Type>(out + begin, quantize(x), static_cast<int>(rest < used ? rest : used));
    x = next;
  }
  return cols;
}

#if defined(MXSCOPE_SIMD_PACKED)
// 16-bit types, blocks of 1, 2 or 4: maxima are found in 16-bit arithmetic.
template <class Type, Rounding kRounding, ExponentRule kRule, int kBlock>
MXSCOPE_INLINE std::int64_t quantize_packed(const QuantizePlan& plan, const std::uint16_t* in,
                                            std::uint16_t* out, std::int64_t cols) {
  std::int64_t begin = 0;
  for (; begin + 2 * kLanes <= cols; begin += 2 * kLanes) {
    const Packed halves = load_packed(in + begin);
    const FloatPair largest = Type::unpack(group_max<kBlock>(halves & 0x7FFF));
    const FloatPair x = Type::unpack(halves);
    const auto quantize = [&](Floats number, Floats maximum) {
      const Ints bits = bits_as<Ints>(maximum);
      return quantize_vector<kRounding>(plan, scale_of(exponent_field<kRule>(plan, bits), bits),
                                        number);
    };
    store_packed(out + begin, Type::pack_exact({quantize(x.first, largest.first),
                                                quantize(x.second, largest.second)}));
  }
  return begin;
}

// 16-bit types, blocks of 8, 16 or a register of 32 halves: one vector holds the scales of all
// blocks of four registers.
template <class Type, Rounding kRounding, ExponentRule kRule, int kBlock>
MXSCOPE_INLINE std::int64_t quantize_eights(const QuantizePlan& plan, const std::uint16_t* in,
                                            std::uint16_t* out, std::int64_t cols) {
  constexpr std::int64_t kPart = 2 * kLanes;
  const IntPair owners = Type::owners();
  std::int64_t begin = 0;
  for (; begin + 4 * kPart <= cols; begin += 4 * kPart) {
    Packed parts[4];
    Packed magnitudes[4];
    for (int k = 0; k < 4; ++k) {
      parts[k] = load_packed(in + begin + k * kPart);
      magnitudes[k] = parts[k] & 0x7FFF;
    }
    const Ints largest = bits_as<Ints>(Type::widen_lanes(maxima_of_blocks<kBlock>(magnitudes)));
    const Scale scales = scale_of(exponent_field<kRule>(plan, largest), largest);
    const auto scale_for = [&](Ints owner) {
      return Scale{bits_as<Floats>(permute(bits_as<Ints>(scales.inverse), owner)),
                   bits_as<Floats>(permute(bits_as<Ints>(scales.forward), owner))};
    };
    for (int k = 0; k < 4; ++k) {
      const FloatPair x = Type::unpack(parts[k]);
      store_packed(out + begin + k * kPart,
                   Type::pack_exact(
                       {quantize_vector<kRounding>(plan, scale_for(owners.first + k), x.first),
                        quantize_vector<kRounding>(plan, scale_for(owners.second + k), x.second)}));
    }
  }
  return begin;
}

// 16-bit types, blocks of a vector at least: the maxima of kLanes blocks are found first, in 16-bit
// arithmetic, so that one vector holds the scales of all of them.
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
    const Scale scales = scale_of(exponent_field<kRule>(plan, largest), largest);
    float inverse[kLanes];
    float forward[kLanes];
    store_floats(inverse, scales.inverse);
    store_floats(forward, scales.forward);
    for (int i = 0; i < kLanes; ++i) {
      const Scale scale = {splat(inverse[i]), splat(forward[i])};
      const std::int64_t first = begin + i * block;
      quantize_scaled<Type, kRounding>(plan, scale, in + first, out + first, block);
    }
  }
  return begin;
}

template <class Type, Rounding kRounding, ExponentRule kRule>
MXSCOPE_INLINE std::int64_t quantize_row_of_halves(const QuantizePlan& plan,
                                                   const std::uint16_t* in, std::uint16_t* out,
                                                   std::int64_t cols) {
  // Above this many columns the scale of a block costs nothing beside the block.
  constexpr std::int64_t kLongBlock = 1024;
  const auto packed = [&]<int kBlock>() {
    return quantize_packed<Type, kRounding, kRule, kBlock>(plan, in, out, cols);
  };
  const auto eights = [&]<int kBlock>() {
    return quantize_eights<Type, kRounding, kRule, kBlock>(plan, in, out, cols);
  };
  switch (plan.block) {
    case 1:
      return packed.template operator()<1>();
    case 2:
      return packed.template operator()<2>();
    case 4:
      return packed.template operator()<4>();
    case 8:
      return eights.template operator()<8>();
    case 16:
      return eights.template operator()<16>();
    case 32:
      return eights.template operator()<32>();
    case 64:
      // Of two registers with AVX-512, where the maxima are found faster one block at a time.
      if constexpr (kLanes == 8) {
        return eights.template operator()<64>();
      }
      break;
    default:
      break;
  }
  if (plan.block >= kLanes && plan.block <= kLongBlock) {
    return quantize_halves<Type, kRounding, kRule>(plan, in, out, cols);
  }
  return 0;
}
#endif

template <class Type, Rounding kRounding, ExponentRule kRule>
MXSCOPE_INLINE std::int64_t quantize_row_of_vectors(const QuantizePlan& plan,
                                                    const typename Type::Storage* in,
                                                    typename Type::Storage* out,
                                                    std::int64_t cols) {
  const auto narrow = [&]<int kBlock>() {
    return quantize_narrow<Type, kRounding, kRule, kBlock>(plan, in, out, cols);
  };
  const auto wide = [&]<int kVectors>() {
    return quantize_wide<Type, kRounding, kRule, kVectors>(plan, in, out, cols);
  };
  if (plan.block == 1) {
    return narrow.template operator()<1>();
  }
  if (plan.block == 2) {
    return narrow.template operator()<2>();
  }
  if (plan.block == kLanes / 4) {
    return narrow.template operator()<kLanes / 4>();
  }
  if (plan.block == kLanes / 2) {
    return narrow.template operator()<kLanes / 2>();
  }
  if (plan.block == kLanes) {
    return wide.template operator()<1>();
  }
  if (plan.block == 2 * kLanes) {
    return wide.template operator()<2>();
  }
  if (plan.block == 4 * kLanes) {
    return wide.template operator()<4>();
  }
  if (plan.block == 8 * kLanes) {
    return wide.template operator()<8>();
  }
  if (plan.block < kLanes) {
    return quantize_ragged<Type, kRounding, kRule>(plan, in, out, cols);
  }
  return 0;
}

template <class Type, Rounding kRounding, ExponentRule kRule>
void quantize_row(const QuantizePlan& plan, const typename Type::Storage* in,
                  typename Type::Storage* out, std::int64_t cols) {
  std::int64_t done = 0;
#if defined(MXSCOPE_SIMD_PACKED)
  if constexpr (sizeof(typename Type::Storage) == sizeof(std::uint16_t)) {
    done = quantize_row_of_halves<Type, kRounding, kRule>(plan, in, out, cols);
  }
#endif
  done += quantize_row_of_vectors<Type, kRounding, kRule>(plan, in + done, out + done, cols - done);
  for (; done < cols; done += plan.block) {
    const std::int64_t length = cols - done < plan.block ? cols - done : plan.block;
    quantize_block<Type, kRounding, kRule>(plan, in + done, out + done, length);
  }
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
