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
using cuda::quantize_pack;
using cuda::reduce;
using cuda::store_pack;
using cuda::Tensor;
using cuda::widen_pack;
using detail::ExponentRule;
using detail::Path;
using detail::QuantizePlan;

template <DType kType, int kPack>
using PackOf = cuda::Pack<cuda::StorageOf<kType>, kPack>;

constexpr int kThreads = 256;
constexpr int kUnroll = 2;            // packs in flight per thread of the short kernel
constexpr int kBlocks = 8;            // per multiprocessor: many threads keep memory busy
constexpr int kMseBlocks = 4;         // which compute more than they wait
constexpr int kElementThreads = 512;  // of the kernel that needs no maximum, a pack each
constexpr int kElementBlocks = 4;
constexpr int kHeldPacks = 4;  // packs that a thread of the long kernel keeps in registers
constexpr int kMaxThreads = 1024;
constexpr std::int64_t kMaxGridY = 65535;
constexpr std::int64_t kMaxGridX = 0x7FFFFFFF;
constexpr std::int64_t kMostRagged = 1 << 30;  // blocks

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
__global__ void __launch_bounds__(kThreads, kMse ? kMseBlocks : kBlocks)
    quantize_short(const __grid_constant__ Task task, const int group) {
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads * kUnroll + threadIdx.x) * kPack;
  for (std::int64_t row = blockIdx.y; row < task.rows; row += gridDim.y) {
    PackOf<kType, kPack> packs[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      packs[u] =
          load_pack<kPack, true>(in_row<kType>(task, row), first + u * kThreads * kPack, task.cols);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      std::int32_t largest = largest_bits<kType, kPack>(packs[u]);
      for (int distance = group / 2; distance > 0; distance /= 2) {
        largest = max(largest, __shfl_xor_sync(kFullWarp, largest, distance));
      }
      std::int32_t exponent = detail::block_exponent(task.plan, task.plan.rule, largest);
      if constexpr (kMse) {
        float x[kPack];
        widen_pack<kType, kPack>(packs[u], x);
        double sums[3];
#pragma unroll
        for (int i = 0; i < 3; ++i) {
          sums[i] = squared_errors<kIsEven>(task.plan, exponent, i - 1, x);
          for (int distance = group / 2; distance > 0; distance /= 2) {
            sums[i] += __shfl_xor_sync(kFullWarp, sums[i], distance);
          }
        }
        exponent = least_error_exponent(exponent, sums);
      }
      store_pack<true>(
          out_row<kOut>(task, row), first + u * kThreads * kPack, task.cols,
          quantize_pack<kType, kOut, kIsEven, kPack>(task.plan, exponent, largest, packs[u]));
    }
  }
}

// Every element on its own: private exponents, element casts, bfloat16 and float16 casts.
template <DType kType, DType kOut, int kPack, bool kIsEven>
__global__ void __launch_bounds__(kElementThreads, kElementBlocks)
    quantize_elements(const __grid_constant__ Task task) {
  const std::int64_t col =
      (static_cast<std::int64_t>(blockIdx.x) * kElementThreads + threadIdx.x) * kPack;
  for (std::int64_t row = blockIdx.y; row < task.rows; row += gridDim.y) {
    float x[kPack];
    widen_pack<kType, kPack>(load_pack<kPack, true>(in_row<kType>(task, row), col, task.cols), x);
    PackOf<kOut, kPack> result;
    if (task.plan.path == Path::kBlocks) {
      cuda::quantize_alone<kIsEven>(task.plan, x);
      result = cuda::narrow_exact<kOut, kPack>(x);
    } else {
#pragma unroll
      for (int i = 0; i < kPack; ++i) {
        x[i] = task.plan.path == Path::kCastBf16 ? __bfloat162float(__float2bfloat16_rn(x[i]))
                                                 : __half2float(__float2half_rn(x[i]));
      }
      result = cuda::narrow_pack<kOut, kPack>(x);
    }
    cuda::canonical_nans<kOut, kPack>(x, result);
    store_pack<true>(out_row<kOut>(task, row), col, task.cols, result);
  }
}

// Blocks of `group` neighbouring packs, up to half a warp but no power of two: a warp takes as many
// whole blocks as it has lanes for, and the others idle. All rows' blocks are counted through, in
// 32 bits.
template <DType kType, DType kOut, int kPack, bool kIsEven>
__global__ void __launch_bounds__(kThreads, kBlocks)
    quantize_ragged(const __grid_constant__ Task task, const int group,
                    const unsigned blocks_per_row) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int per_warp = kWarp / group;
  const int leader = lane / group * group;
  const int rank = lane - leader;
  const auto blocks = static_cast<unsigned>(task.rows) * blocks_per_row;
  const unsigned warp = blockIdx.x * (kThreads / kWarp) + threadIdx.x / kWarp;
  PackOf<kType, kPack> packs[kUnroll];
  std::int64_t rows[kUnroll];
  std::int64_t cols[kUnroll];
  std::int64_t ends[kUnroll];
#pragma unroll
  for (int u = 0; u < kUnroll; ++u) {
    const unsigned block = (warp * kUnroll + u) * per_warp + lane / group;
    const bool idle = lane / group >= per_warp || block >= blocks;
    rows[u] = idle ? 0 : block / blocks_per_row;
    const std::int64_t begin = (block - rows[u] * blocks_per_row) * task.plan.block;
    ends[u] = idle ? 0 : min(begin + task.plan.block, task.cols);
    cols[u] = idle ? 0 : begin + rank * kPack;
    packs[u] = load_pack<kPack, true>(in_row<kType>(task, rows[u]), cols[u], ends[u]);
  }
#pragma unroll
  for (int u = 0; u < kUnroll; ++u) {
    // Each lane has the largest of its own pack and the next ones of its block: of one, two, four
    // and so on. Lanes behind the warp's last whole block store nothing.
    std::int32_t largest = largest_bits<kType, kPack>(packs[u]);
    for (int seen = 1; seen < group; seen *= 2) {
      const std::int32_t other = __shfl_down_sync(kFullWarp, largest, seen);
      largest = rank + seen < group ? max(largest, other) : largest;
    }
    largest = __shfl_sync(kFullWarp, largest, leader);
    const std::int32_t exponent = detail::block_exponent(task.plan, task.plan.rule, largest);
    store_pack<true>(
        out_row<kOut>(task, rows[u]), cols[u], ends[u],
        quantize_pack<kType, kOut, kIsEven, kPack>(task.plan, exponent, largest, packs[u]));
  }
}

// Blocks of any length: blockDim.x threads share one (a warp, or the whole thread block). With
// kHeld its numbers stay in registers, else they are read again.
template <DType kType, DType kOut, int kPack, bool kIsEven, bool kMse, bool kHeld>
__global__ void __launch_bounds__(kMaxThreads)
    quantize_long(const __grid_constant__ Task task, const std::int64_t blocks_per_row) {
  const std::int64_t blocks = task.rows * blocks_per_row;
  const std::int64_t step = static_cast<std::int64_t>(blockDim.x) * kPack;
  for (std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
       index < blocks; index += static_cast<std::int64_t>(gridDim.x) * blockDim.y) {
    const std::int64_t row = index / blocks_per_row;
    const std::int64_t begin = (index - row * blocks_per_row) * task.plan.block;
    const std::int64_t end = min(begin + task.plan.block, task.cols);
    const auto* in = in_row<kType>(task, row);
    const std::int64_t first = begin + static_cast<std::int64_t>(threadIdx.x) * kPack;
    PackOf<kType, kPack> held[kHeld ? kHeldPacks : 1];

    // Calls body(column, pack) for every pack of this thread.
    const auto for_each_pack = [&](auto body) {
      if constexpr (kHeld) {
#pragma unroll
        for (int i = 0; i < kHeldPacks; ++i) {
          body(first + i * step, held[i]);
        }
      } else {
        for (std::int64_t col = first; col < end; col += step) {
          body(col, load_pack<kPack, true>(in, col, end));
        }
      }
    };
    if constexpr (kHeld) {
#pragma unroll
      for (int i = 0; i < kHeldPacks; ++i) {
        held[i] = load_pack<kPack>(in, first + i * step, end);
      }
    }
    std::int32_t largest = 0;
    for_each_pack([&](std::int64_t, const PackOf<kType, kPack>& pack) {
      largest = max(largest, largest_bits<kType, kPack>(pack));
    });
    largest = reduce(largest);
    std::int32_t exponent = detail::block_exponent(task.plan, task.plan.rule, largest);
    if constexpr (kMse) {
      double sums[3] = {};
#pragma unroll
      for (int i = 0; i < 3; ++i) {
        for_each_pack([&](std::int64_t, const PackOf<kType, kPack>& pack) {
          float x[kPack];
          widen_pack<kType, kPack>(pack, x);
          sums[i] += squared_errors<kIsEven>(task.plan, exponent, i - 1, x);
        });
        sums[i] = reduce(sums[i]);
      }
      exponent = least_error_exponent(exponent, sums);
    }
    for_each_pack([&](std::int64_t col, const PackOf<kType, kPack>& pack) {
      store_pack<true>(
          out_row<kOut>(task, row), col, end,
          quantize_pack<kType, kOut, kIsEven, kPack>(task.plan, exponent, largest, pack));
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
  const std::int64_t blocks_per_row = (task.cols + plan.block - 1) / plan.block;
  if (!per_element && !is_short && ragged_group <= kWarp / 2 && plan.rule != ExponentRule::kMse &&
      (kPack == 1 || plan.block % kPack == 0) && task.rows * blocks_per_row <= kMostRagged) {
    const std::int64_t per_block = kWarp / ragged_group * (kThreads / kWarp) * kUnroll;
    const std::int64_t grid = (task.rows * blocks_per_row + per_block - 1) / per_block;
    quantize_ragged<kType, kOut, kPack, kIsEven>
        <<<static_cast<unsigned>(grid), kThreads, 0, stream>>>(
            task, static_cast<int>(ragged_group), static_cast<unsigned>(blocks_per_row));
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
