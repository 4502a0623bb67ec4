// SPDX-License-Identifier: Apache-2.0
#pragma once

// The steps of a quantisation that kernels share: maximum of a pack, reductions, rounding.

#include <cstdint>

#include "cuda/detail/pack.cuh"
#include "detail/quantize_math.h"
#include "detail/quantize_plan.h"

namespace mxscope::kernels::cuda {

using detail::QuantizePlan;

inline constexpr int kWarp = 32;

template <int kPack>
__device__ __forceinline__ std::int32_t largest_bits(const float (&x)[kPack]) {
  std::int32_t largest = 0;
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    largest = max(largest, __float_as_int(x[i]) & INT32_MAX);
  }
  return largest;
}

template <DType kType, bool kIsEven, int kPack>
__device__ __forceinline__ Pack<typename Tensor<kType>::Storage, kPack> quantize_pack(
    const QuantizePlan& plan, std::int32_t exponent, std::int32_t largest,
    const float (&x)[kPack]) {
  Pack<typename Tensor<kType>::Storage, kPack> result;
  const float inverse = detail::power_of_two(-exponent);
  const float scale = detail::power_of_two(exponent);
  const bool finite = largest < detail::kInfinityBits;
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    const float value = detail::round_planned<kIsEven>(plan, x[i] * inverse) * scale;
    result.values[i] = finite ? Tensor<kType>::narrow_exact(value) : Tensor<kType>::nan();
  }
  return result;
}

__device__ __forceinline__ std::int32_t combine(std::int32_t a, std::int32_t b) {
  return max(a, b);
}
__device__ __forceinline__ double combine(double a, double b) { return a + b; }

// Over the blockDim.x threads that share a block of the matrix: a sum, or the maximum of numbers
// that are not negative. All of them call it.
template <class Value>
__device__ __forceinline__ Value reduce(Value value) {
  __shared__ Value partial[kWarp];
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, distance));
  }
  if (blockDim.x == kWarp) {
    return value;
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    partial[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  value = threadIdx.x % kWarp < blockDim.x / kWarp ? partial[threadIdx.x % kWarp] : Value{};
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, distance));
  }
  return value;
}

inline bool is_power_of_two(std::int64_t value) { return (value & (value - 1)) == 0; }

// Whether no element needs to know another.
inline bool is_per_element(const QuantizePlan& plan) {
  return plan.path != detail::Path::kBlocks || plan.rule == detail::ExponentRule::kFixed ||
         (plan.block == 1 && plan.rule == detail::ExponentRule::kCarry);
}

}  // namespace mxscope::kernels::cuda
