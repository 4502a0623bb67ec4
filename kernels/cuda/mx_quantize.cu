// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/detail/pack.cuh"
#include "cuda/detail/quantize_pack.cuh"
#include "detail/quantize_math.h"
#include "detail/quantize_plan.h"
#include "mxscope/kernels/mx_quantize_cuda.h"

namespace mxscope::kernels {
namespace {

using cuda::kFullWarp;
using cuda::kVectorPack;
using cuda::kWarp;
using cuda::largest_bits;
using cuda::load_pack;
using cuda::load_raw;
using cuda::Pack;
using cuda::quantize_pack;
using cuda::reduce;
using cuda::store_pack;
using cuda::Tensor;
using cuda::widen_pack;
using detail::ExponentRule;
using detail::Path;
using detail::QuantizePlan;

constexpr int kThreads = 256;
constexpr int kUnroll = 2;            // packs in flight per thread of the short kernel
constexpr int kElementThreads = 512;  // of the kernel that needs no maximum, a pack each
constexpr int kHeldPacks = 4;         // packs that a thread of the long kernel keeps in registers
constexpr int kMaxThreads = 1024;
constexpr std::int64_t kMaxGridY = 65535;
constexpr std::int64_t kMaxGridX = 0x7FFFFFFF;

// The matrix and what to do with it.
struct Task {
  QuantizePlan plan;
  const void* in;
  void* out;
  std::int64_t rows;
  std::int64_t cols;
  std::int64_t in_row_stride;
  std::int64_t out_row_stride;
};

template <DType kType>
__device__ __forceinline__ const typename Tensor<kType>::Storage* in_row(const Task& task,
                                                                         std::int64_t row) {
  return static_cast<const typename Tensor<kType>::Storage*>(task.in) + row * task.in_row_stride;
}
template <DType kType>
__device__ __forceinline__ typename Tensor<kType>::Storage* out_row(const Task& task,
                                                                    std::int64_t row) {
  return static_cast<typename Tensor<kType>::Storage*>(task.out) + row * task.out_row_stride;
}

// Of candidate `middle` + `offset`, both clamped.
template <bool kIsEven, int kPack>
__device__ __forceinline__ double squared_errors(const QuantizePlan& plan, std::int32_t middle,
                                                 int offset, const float (&x)[kPack]) {
  const std::int32_t exponent = detail::clamp_exponent(middle + offset);
  const float inverse = detail::power_of_two(-exponent);
  const double ratio = detail::power_of_two(exponent - detail::clamp_exponent(middle));
  double sum = 0;
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    sum += detail::squared_error<kIsEven>(plan, x[i] * inverse, ratio);
  }
  return sum;
}

// The candidate of least error, given each candidate's sum; ties go to the smaller.
__device__ __forceinline__ std::int32_t least_error_exponent(std::int32_t middle,
                                                             const double (&sums)[3]) {
  int best = 0;
#pragma unroll
  for (int i = 1; i < 3; ++i) {
    best = sums[i] < sums[best] ? i : best;
  }
  return detail::clamp_exponent(middle + best - 1);
}

// Blocks of `group` neighbouring packs, a power of two up to a warp: each thread holds whole packs,
// and the threads of a block agree on its maximum by shuffles.
template <DType kType, DType kOut, int kPack, bool kIsEven, bool kMse>
__global__ void __launch_bounds__(kThreads)
    quantize_short(const __grid_constant__ Task task, const int group) {
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads * kUnroll + threadIdx.x) * kPack;
  for (std::int64_t row = blockIdx.y; row < task.rows; row += gridDim.y) {
    float x[kUnroll][kPack];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      load_pack<kType, kPack, true>(in_row<kType>(task, row), first + u * kThreads * kPack,
                                    task.cols, 0.0F, x[u]);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      std::int32_t largest = largest_bits(x[u]);
      for (int distance = group / 2; distance > 0; distance /= 2) {
        largest = max(largest, __shfl_xor_sync(kFullWarp, largest, distance));
      }
      std::int32_t exponent = detail::block_exponent(task.plan, task.plan.rule, largest);
      if constexpr (kMse) {
        double sums[3];
#pragma unroll
        for (int i = 0; i < 3; ++i) {
          sums[i] = squared_errors<kIsEven>(task.plan, exponent, i - 1, x[u]);
          for (int distance = group / 2; distance > 0; distance /= 2) {
            sums[i] += __shfl_xor_sync(kFullWarp, sums[i], distance);
          }
        }
        exponent = least_error_exponent(exponent, sums);
      }
      store_pack<true>(out_row<kOut>(task, row), first + u * kThreads * kPack, task.cols,
                       quantize_pack<kOut, kIsEven>(task.plan, exponent, largest, x[u]));
    }
  }
}

// Every element on its own: private exponents, element casts, bfloat16 and float16 casts.
template <DType kType, DType kOut, int kPack, bool kIsEven>
__global__ void __launch_bounds__(kElementThreads)
    quantize_elements(const __grid_constant__ Task task) {
  using Storage = typename Tensor<kOut>::Storage;
  const std::int64_t col =
      (static_cast<std::int64_t>(blockIdx.x) * kElementThreads + threadIdx.x) * kPack;
  for (std::int64_t row = blockIdx.y; row < task.rows; row += gridDim.y) {
    float x[kPack];
    load_pack<kType, kPack, true>(in_row<kType>(task, row), col, task.cols, 0.0F, x);
    Pack<Storage, kPack> result;
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      const float value = x[i];
      if (task.plan.path == Path::kBlocks) {
        const float one[1] = {value};
        const std::int32_t largest = largest_bits(one);
        const std::int32_t exponent =
            task.plan.rule == ExponentRule::kFixed
                ? 0
                : detail::block_exponent(task.plan, ExponentRule::kCarry, largest);
        result.values[i] =
            quantize_pack<kOut, kIsEven>(task.plan, exponent, largest, one).values[0];
      } else if (value != value) {
        result.values[i] = Tensor<kOut>::nan();
      } else {
        const float rounded = task.plan.path == Path::kCastBf16
                                  ? __bfloat162float(__float2bfloat16_rn(value))
                                  : __half2float(__float2half_rn(value));
        result.values[i] = Tensor<kOut>::narrow(rounded);
      }
    }
    store_pack<true>(out_row<kOut>(task, row), col, task.cols, result);
  }
}

// Blocks of `group` neighbouring packs, up to a warp but no power of two: a warp takes as many
// whole blocks as it has lanes for, and the others idle.
template <DType kType, DType kOut, int kPack, bool kIsEven>
__global__ void __launch_bounds__(kThreads)
    quantize_ragged(const __grid_constant__ Task task, const int group,
                    const std::int64_t blocks_per_row) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int per_warp = kWarp / group;
  const int leader = lane / group * group;
  const std::int64_t warp =
      static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  const std::int64_t block = warp * per_warp + lane / group;
  const bool idle = lane / group >= per_warp || block >= blocks_per_row;
  const std::int64_t end = idle ? 0 : min((block + 1) * task.plan.block, task.cols);
  const std::int64_t col = idle ? 0 : block * task.plan.block + (lane - leader) * kPack;
  for (std::int64_t row = blockIdx.y; row < task.rows; row += gridDim.y) {
    float x[kPack];
    load_pack<kType, kPack, true>(in_row<kType>(task, row), col, end, 0.0F, x);
    const std::int32_t mine = largest_bits(x);
    std::int32_t largest = mine;
    for (int i = 0; i < group; ++i) {
      // A lane behind the last whole block of the warp gets some other lane's; it stores nothing.
      largest = max(largest, __shfl_sync(kFullWarp, mine, leader + i));
    }
    const std::int32_t exponent = detail::block_exponent(task.plan, task.plan.rule, largest);
    store_pack<true>(out_row<kOut>(task, row), col, end,
                     quantize_pack<kOut, kIsEven>(task.plan, exponent, largest, x));
  }
}

// Blocks of any length: blockDim.x threads share one (a warp, or the whole thread block). With
// kHeld its numbers stay in registers, else they are read again.
template <DType kType, DType kOut, int kPack, bool kIsEven, bool kMse, bool kHeld>
__global__ void __launch_bounds__(kMaxThreads)
    quantize_long(const __grid_constant__ Task task, const std::int64_t blocks_per_row) {
  using Storage = typename Tensor<kType>::Storage;
  const std::int64_t blocks = task.rows * blocks_per_row;
  const std::int64_t step = static_cast<std::int64_t>(blockDim.x) * kPack;
  for (std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
       index < blocks; index += static_cast<std::int64_t>(gridDim.x) * blockDim.y) {
    const std::int64_t row = index / blocks_per_row;
    const std::int64_t begin = (index - row * blocks_per_row) * task.plan.block;
    const std::int64_t end = min(begin + task.plan.block, task.cols);
    const auto* in = in_row<kType>(task, row);
    const std::int64_t first = begin + static_cast<std::int64_t>(threadIdx.x) * kPack;
    Pack<Storage, kPack> held[kHeld ? kHeldPacks : 1];

    // Calls body(column, numbers) for every pack of this thread.
    const auto for_each_pack = [&](auto body) {
      float x[kPack];
      if constexpr (kHeld) {
#pragma unroll
        for (int i = 0; i < kHeldPacks; ++i) {
          widen_pack<kType, kPack>(held[i], x);
          body(first + i * step, x);
        }
      } else {
        for (std::int64_t col = first; col < end; col += step) {
          load_pack<kType, kPack, true>(in, col, end, 0.0F, x);
          body(col, x);
        }
      }
    };
    if constexpr (kHeld) {
#pragma unroll
      for (int i = 0; i < kHeldPacks; ++i) {
        held[i] = load_raw<Storage, kPack>(in, first + i * step, end, Storage{});
      }
    }
    std::int32_t largest = 0;
    for_each_pack(
        [&](std::int64_t, const float(&x)[kPack]) { largest = max(largest, largest_bits(x)); });
    largest = reduce(largest);
    std::int32_t exponent = detail::block_exponent(task.plan, task.plan.rule, largest);
    if constexpr (kMse) {
      double sums[3] = {};
#pragma unroll
      for (int i = 0; i < 3; ++i) {
        for_each_pack([&](std::int64_t, const float(&x)[kPack]) {
          sums[i] += squared_errors<kIsEven>(task.plan, exponent, i - 1, x);
        });
        sums[i] = reduce(sums[i]);
      }
      exponent = least_error_exponent(exponent, sums);
    }
    for_each_pack([&](std::int64_t col, const float(&x)[kPack]) {
      store_pack<true>(out_row<kOut>(task, row), col, end,
                       quantize_pack<kOut, kIsEven>(task.plan, exponent, largest, x));
    });
  }
}

template <DType kType, DType kOut, int kPack, bool kIsEven, bool kMse>
void launch_long(const Task& task, cudaStream_t stream) {
  const std::int64_t blocks_per_row = (task.cols + task.plan.block - 1) / task.plan.block;
  const std::int64_t packs = (task.plan.block + kPack - 1) / kPack;
  const std::int64_t wanted = (packs + kHeldPacks - 1) / kHeldPacks;
  const auto width = static_cast<unsigned>(
      std::clamp<std::int64_t>((wanted + kWarp - 1) / kWarp * kWarp, kWarp, kMaxThreads));
  const unsigned height = width == kWarp ? kThreads / kWarp : 1;
  const std::int64_t grid = std::min((task.rows * blocks_per_row + height - 1) / height, kMaxGridX);
  const dim3 shape(width, height);
  if (packs <= static_cast<std::int64_t>(width) * kHeldPacks) {
    quantize_long<kType, kOut, kPack, kIsEven, kMse, true>
        <<<static_cast<unsigned>(grid), shape, 0, stream>>>(task, blocks_per_row);
  } else {
    quantize_long<kType, kOut, kPack, kIsEven, kMse, false>
        <<<static_cast<unsigned>(grid), shape, 0, stream>>>(task, blocks_per_row);
  }
}

template <DType kType, DType kOut, int kPack, bool kIsEven>
void launch_packs(Task task, cudaStream_t stream) {
  const QuantizePlan& plan = task.plan;
  const bool per_element = cuda::is_per_element(plan);
  const std::int64_t group = plan.block / kPack;
  const bool is_short =
      plan.block % kPack == 0 && cuda::is_power_of_two(plan.block) && group >= 1 && group <= kWarp;
  const std::int64_t ragged_group = (plan.block + kPack - 1) / kPack;
  if (!per_element && !is_short && ragged_group <= kWarp / 2 && plan.rule != ExponentRule::kMse &&
      (kPack == 1 || plan.block % kPack == 0)) {
    const std::int64_t blocks_per_row = (task.cols + plan.block - 1) / plan.block;
    const std::int64_t per_block = kWarp / ragged_group * (kThreads / kWarp);
    const dim3 grid(static_cast<unsigned>((blocks_per_row + per_block - 1) / per_block),
                    static_cast<unsigned>(std::min(task.rows, kMaxGridY)));
    quantize_ragged<kType, kOut, kPack, kIsEven>
        <<<grid, kThreads, 0, stream>>>(task, static_cast<int>(ragged_group), blocks_per_row);
    return;
  }
  if (!per_element && !is_short) {
    if (plan.rule == ExponentRule::kMse) {
      launch_long<kType, kOut, kPack, kIsEven, true>(task, stream);
    } else {
      launch_long<kType, kOut, kPack, kIsEven, false>(task, stream);
    }
    return;
  }
  // Rows without gaps and without a broken block at their end are one long row.
  if (task.in_row_stride == task.cols && task.out_row_stride == task.cols &&
      (per_element || task.cols % plan.block == 0)) {
    task.cols *= task.rows;
    task.rows = 1;
  }
  const std::int64_t per_block =
      kPack * (per_element ? std::int64_t{kElementThreads} : std::int64_t{kThreads} * kUnroll);
  const dim3 grid(static_cast<unsigned>((task.cols + per_block - 1) / per_block),
                  static_cast<unsigned>(std::min(task.rows, kMaxGridY)));
  if (per_element) {
    quantize_elements<kType, kOut, kPack, kIsEven><<<grid, kElementThreads, 0, stream>>>(task);
  } else if (plan.rule == ExponentRule::kMse) {
    quantize_short<kType, kOut, kPack, kIsEven, true>
        <<<grid, kThreads, 0, stream>>>(task, static_cast<int>(group));
  } else {
    quantize_short<kType, kOut, kPack, kIsEven, false>
        <<<grid, kThreads, 0, stream>>>(task, static_cast<int>(group));
  }
}

template <DType kType, DType kOut, bool kIsEven>
void launch_rounding(const Task& task, cudaStream_t stream) {
  constexpr int kPack = kVectorPack<kType>;
  const bool aligned = cuda::is_aligned(task.in, task.in_row_stride, kType, cuda::kPackBytes) &&
                       cuda::is_aligned(task.out, task.out_row_stride, kOut, kPack * size_of(kOut));
  const bool one_block_per_row = task.plan.block == task.cols;
  if (aligned &&
      (task.plan.block % kPack == 0 || cuda::is_per_element(task.plan) || one_block_per_row)) {
    launch_packs<kType, kOut, kPack, kIsEven>(task, stream);
  } else {
    launch_packs<kType, kOut, 1, kIsEven>(task, stream);
  }
}

template <DType kType, DType kOut>
void launch_type(const Task& task, cudaStream_t stream) {
  if (task.plan.rounding == Rounding::kEven) {
    launch_rounding<kType, kOut, true>(task, stream);
  } else {
    launch_rounding<kType, kOut, false>(task, stream);
  }
}

}  // namespace

int quantize_cuda(const QuantizeSpec& spec, DType dtype, const void* in, void* out,
                  std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                  std::int64_t out_row_stride, CUstream_st* stream) noexcept {
  if (rows <= 0 || cols <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  const Task task{
      detail::make_plan(spec, cols), in, out, rows, cols, in_row_stride, out_row_stride};
  switch (dtype) {
    case DType::kFloat32:
      launch_type<DType::kFloat32, DType::kFloat32>(task, stream);
      break;
    case DType::kBFloat16:
      launch_type<DType::kBFloat16, DType::kBFloat16>(task, stream);
      break;
    case DType::kFloat16:
      launch_type<DType::kFloat16, DType::kFloat16>(task, stream);
      break;
  }
  return static_cast<int>(cudaGetLastError());
}

int quantize_to_bf16_cuda(const QuantizeSpec& spec, const float* in, void* out, std::int64_t rows,
                          std::int64_t cols, std::int64_t in_row_stride,
                          std::int64_t out_row_stride, CUstream_st* stream) noexcept {
  if (rows <= 0 || cols <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  const Task task{
      detail::make_plan(spec, cols), in, out, rows, cols, in_row_stride, out_row_stride};
  launch_type<DType::kFloat32, DType::kBFloat16>(task, stream);
  return static_cast<int>(cudaGetLastError());
}

const char* cuda_error_text(int error) noexcept {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

}  // namespace mxscope::kernels
