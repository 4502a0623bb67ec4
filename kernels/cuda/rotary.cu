// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/rotary.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/detail/pack.cuh"

namespace mxscope::kernels {
namespace {

using cuda::load_pack;
using cuda::Tensor;
using cuda::widen_pack;

constexpr unsigned kMaxGridY = 65535;

// Rows along the grid's y, pairs of all heads of a row along its x: threadIdx.x runs over the
// packs of a head, threadIdx.y over heads. A thread turns kPack neighbouring pairs.
template <DType kType, int kPack>
__global__ void rotate(typename Tensor<kType>::Storage* data, std::int64_t rows, int heads,
                       int half, std::int64_t row_stride, std::int64_t head_stride,
                       const std::int64_t* positions, const float* cos, const float* sin) {
  using Storage = typename Tensor<kType>::Storage;
  const int i = static_cast<int>(threadIdx.x) * kPack;
  const int head = static_cast<int>(blockIdx.x * blockDim.y + threadIdx.y);
  if (head >= heads) {
    return;
  }
  for (std::int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    const std::int64_t angle = positions[row] * half;
    Storage* x = data + row * row_stride + head * head_stride;
    for (int p = i; p < half; p += static_cast<int>(blockDim.x) * kPack) {
      float a[kPack];
      float b[kPack];
      float c[kPack];
      float s[kPack];
      widen_pack<kType, kPack>(load_pack<kPack>(x, p, half), a);
      widen_pack<kType, kPack>(load_pack<kPack>(x + half, p, half), b);
      widen_pack<DType::kFloat32, kPack>(load_pack<kPack>(cos + angle, p, half), c);
      widen_pack<DType::kFloat32, kPack>(load_pack<kPack>(sin + angle, p, half), s);
      float first[kPack];
      float second[kPack];
#pragma unroll
      for (int k = 0; k < kPack; ++k) {
        first[k] = a[k] * c[k] - b[k] * s[k];
        second[k] = b[k] * c[k] + a[k] * s[k];
      }
      cuda::store_pack(x, p, half, cuda::narrow_pack<kType, kPack>(first));
      cuda::store_pack(x + half, p, half, cuda::narrow_pack<kType, kPack>(second));
    }
  }
}

template <DType kType, int kPack>
int launch_packs(const RotaryView& x, const std::int64_t* positions, const float* cos,
                 const float* sin, std::int64_t half, cudaStream_t stream) {
  constexpr unsigned kThreads = 256;
  const auto packs = static_cast<unsigned>((half + kPack - 1) / kPack);
  const unsigned width = std::min(packs, kThreads);
  const unsigned height = std::min(kThreads / width, static_cast<unsigned>(x.heads));
  const dim3 shape(width, height);
  const dim3 grid((static_cast<unsigned>(x.heads) + height - 1) / height,
                  static_cast<unsigned>(std::min<std::int64_t>(x.rows, kMaxGridY)));
  rotate<kType, kPack><<<grid, shape, 0, stream>>>(
      static_cast<typename Tensor<kType>::Storage*>(x.data), x.rows, static_cast<int>(x.heads),
      static_cast<int>(half), x.row_stride, x.head_stride, positions, cos, sin);
  return cudaGetLastError();
}

template <DType kType>
int launch(const RotaryView& x, const std::int64_t* positions, const float* cos, const float* sin,
           std::int64_t half, cudaStream_t stream) {
  if (x.rows == 0 || x.heads == 0 || half == 0) {
    return 0;
  }
  constexpr int kPack = cuda::kVectorPack<kType>;
  constexpr int bytes = cuda::kPackBytes;
  const bool aligned = half % kPack == 0 && cuda::is_aligned(x.data, x.row_stride, kType, bytes) &&
                       x.head_stride % kPack == 0 &&
                       cuda::is_aligned(cos, half, DType::kFloat32, cuda::kPackBytes) &&
                       cuda::is_aligned(sin, half, DType::kFloat32, cuda::kPackBytes);
  return aligned ? launch_packs<kType, kPack>(x, positions, cos, sin, half, stream)
                 : launch_packs<kType, 1>(x, positions, cos, sin, half, stream);
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
