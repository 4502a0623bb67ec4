// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/rotary.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/detail/pack.cuh"

namespace mxscope::kernels {
namespace {

using cuda::Tensor;

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 1 << 20;

// One thread turns one pair; neighbouring threads take neighbouring features of a head.
template <DType kType>
__global__ void rotate(typename Tensor<kType>::Storage* data, std::int64_t pairs,
                       std::int64_t heads, std::int64_t half, std::int64_t row_stride,
                       std::int64_t head_stride, const std::int64_t* positions, const float* cos,
                       const float* sin) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t p = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; p < pairs;
       p += step) {
    const std::int64_t i = p % half;
    const std::int64_t head = p / half % heads;
    const std::int64_t row = p / half / heads;
    const std::int64_t angle = positions[row] * half + i;
    auto* x = data + row * row_stride + head * head_stride + i;
    const float a = Tensor<kType>::widen(x[0]);
    const float b = Tensor<kType>::widen(x[half]);
    const float c = cos[angle];
    const float s = sin[angle];
    x[0] = Tensor<kType>::narrow(a * c - b * s);
    x[half] = Tensor<kType>::narrow(b * c + a * s);
  }
}

template <DType kType>
int launch(const RotaryView& x, const std::int64_t* positions, const float* cos, const float* sin,
           std::int64_t half, cudaStream_t stream) {
  const std::int64_t pairs = x.rows * x.heads * half;
  if (pairs == 0) {
    return 0;
  }
  const auto blocks =
      static_cast<unsigned>(std::min((pairs + kThreads - 1) / kThreads, kMaxBlocks));
  rotate<kType><<<blocks, kThreads, 0, stream>>>(
      static_cast<typename Tensor<kType>::Storage*>(x.data), pairs, x.heads, half, x.row_stride,
      x.head_stride, positions, cos, sin);
  return cudaGetLastError();
}

}  // namespace

int rotate_cuda(const RotaryView& x, const std::int64_t* positions, const float* cos,
                const float* sin, std::int64_t half, CUstream_st* stream) noexcept {
  switch (x.dtype) {
    case DType::kFloat32:
      return launch<DType::kFloat32>(x, positions, cos, sin, half, stream);
    case DType::kBFloat16:
      return launch<DType::kBFloat16>(x, positions, cos, sin, half, stream);
    case DType::kFloat16:
      return launch<DType::kFloat16>(x, positions, cos, sin, half, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace mxscope::kernels
