// SPDX-License-Identifier: Apache-2.0
#pragma once

// The steps of a quantisation that kernels share: maximum of a pack, reductions, rounding.

#include <cstdint>

#include "cuda/detail/pack.cuh"
#include "detail/quantize_math.h"
#include "detail/quantize_plan.h"

namespace mxscope::kernels::cuda {

using detail::ExponentRule;
using detail::QuantizePlan;

inline constexpr int kWarp = 32;

// Of two 16-bit numbers in a word.
__device__ __forceinline__ std::uint32_t magnitudes(std::uint32_t word) {
  return word & 0x7FFF7FFFU;
}
// Bits of the largest magnitude, as a float32. A NaN counts as larger than infinity.
template <DType kType, int kPack>
__device__ __forceinline__ std::int32_t largest_bits(const Pack<StorageOf<kType>, kPack>& pack) {
  if constexpr (Pack<StorageOf<kType>, kPack>::kInWords) {
    std::uint32_t most = magnitudes(pack.units[0]);
#pragma unroll
    for (int i = 1; i < kPack / 2; ++i) {
      most = larger_of_two<kType, true>(most, magnitudes(pack.units[i]));
    }
    float both[2];
    widen_two<kType>(most, both);
    return max(__float_as_int(both[0]), __float_as_int(both[1]));
  } else {
    std::int32_t largest = 0;
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      largest = max(largest, __float_as_int(Tensor<kType>::widen(pack.units[i])) & INT32_MAX);
    }
    return largest;
  }
}

// x * inverse rounded to a number of the element format, ties to even, times scale: what
// detail::round_scaled does, in fewer instructions. The magnitude is rounded before it is bounded:
// the bound is a number of the format, so one above it stays there. Where the sum overflows, the
// difference is NaN, and the bound is what is left. The sum with 0 makes -0 to 0.
__device__ __forceinline__ float quantize_even(const QuantizePlan& plan, float x, float inverse,
                                               float scale) {
  constexpr std::int32_t kOne = 0x3F800000;
  const float scaled = x * inverse;
  const float binade = __int_as_float(__float_as_int(scaled) & detail::kInfinityBits);
  const float magic = fmaxf(binade * __int_as_float(plan.magic_shift + kOne),
                            __int_as_float(plan.emin_bits + plan.magic_shift));
  const float rounded = fminf((fabsf(scaled) + magic) - magic, plan.max);
  return __fmaf_rn(copysignf(rounded, scaled), scale, 0.0F);
}

template <bool kIsEven>
__device__ __forceinline__ float quantize_one(const QuantizePlan& plan, float x, float inverse,
                                              float scale) {
  if constexpr (kIsEven) {
    return quantize_even(plan, x, inverse, scale);
  } else {
    return detail::round_planned<false>(plan, x * inverse) * scale;
  }
}

// A block's numbers, given its exponent and the bits of its largest magnitude.
template <DType kType, DType kOut, bool kIsEven, int kPack>
__device__ __forceinline__ Pack<StorageOf<kOut>, kPack> quantize_pack(
    const QuantizePlan& plan, std::int32_t exponent, std::int32_t largest,
    const Pack<StorageOf<kType>, kPack>& pack) {
  const float inverse = detail::power_of_two(-exponent);
  const float scale = detail::power_of_two(exponent);
  float x[kPack];
  widen_pack<kType, kPack>(pack, x);
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    x[i] = quantize_one<kIsEven>(plan, x[i], inverse, scale);
  }
  auto result = narrow_exact<kOut, kPack>(x);
  if (largest >= detail::kInfinityBits) {
    set_nan<kOut, kPack>(result);
  }
  return result;
}

// Numbers that are blocks of their own, or of a format without scales.
template <bool kIsEven, int kPack>
__device__ __forceinline__ void quantize_alone(const QuantizePlan& plan, float (&x)[kPack]) {
  const auto finite = [](float number, float result) {
    const std::int32_t magnitude = __float_as_int(number) & INT32_MAX;
    return magnitude < detail::kInfinityBits ? result : __int_as_float(detail::kQuietNanBits);
  };
  if (plan.rule == ExponentRule::kFixed) {
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      x[i] = finite(x[i], quantize_one<kIsEven>(plan, x[i], 1.0F, 1.0F));
    }
  } else {
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      const std::int32_t magnitude = __float_as_int(x[i]) & INT32_MAX;
      const std::int32_t exponent = detail::block_exponent(plan, ExponentRule::kCarry, magnitude);
      x[i] = finite(x[i], quantize_one<kIsEven>(plan, x[i], detail::power_of_two(-exponent),
                                                detail::power_of_two(exponent)));
    }
  }
}

__device__ __forceinline__ std::int32_t combine(std::int32_t a, std::int32_t b) {
  return max(a, b);
}
__device__ __forceinline__ double combine(double a, double b) { return a + b; }

template <class Value>
__device__ __forceinline__ Value reduce_warp(Value value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, distance));
  }
  return value;
}

// Over the blockDim.x threads that share a block of the matrix: a sum, or the maximum of numbers
// that are not negative. All of them call it.
template <class Value>
__device__ __forceinline__ Value reduce(Value value) {
  __shared__ Value partial[kWarp];
  value = reduce_warp(value);
  if (blockDim.x == kWarp) {
    return value;
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    partial[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  return reduce_warp(threadIdx.x % kWarp < blockDim.x / kWarp ? partial[threadIdx.x % kWarp]
                                                              : Value{});
}

inline bool is_power_of_two(std::int64_t value) { return (value & (value - 1)) == 0; }

// Whether no element needs to know another.
inline bool is_per_element(const QuantizePlan& plan) {
  return plan.path != detail::Path::kBlocks || plan.rule == detail::ExponentRule::kFixed ||
         (plan.block == 1 && plan.rule == detail::ExponentRule::kCarry);
}

}  // namespace mxscope::kernels::cuda
