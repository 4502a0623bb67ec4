// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/element_format.h"

struct CUstream_st;  // cudaStream_t is CUstream_st*

namespace mxscope::kernels {

// Heads of queries or keys, rotated in place. Element (row, head, i) lies at
// row * row_stride + head * head_stride + i; the first 2 * half elements of a head are turned, the
// rest stay.
struct RotaryView {
  void* data = nullptr;
  DType dtype = DType::kFloat32;
  std::int64_t rows = 0;
  std::int64_t heads = 0;
  std::int64_t row_stride = 0;   // elements
  std::int64_t head_stride = 0;  // elements
};

// Rotary position embedding in the half-rotation layout: with a = x[i], b = x[i + half] and the
// angle of position p and frequency i, x[i] = a cos - b sin and x[i + half] = b cos + a sin, in
// float32, rounded once to the tensor's type. `positions` [rows] are rows of the tables; `cos` and
// `sin` [*, half] are float32. Any thread; throws nothing. The CUDA version takes device memory, is
// asynchronous on the stream and returns the cudaError_t of the launch as an int; it exists in
// builds with CUDA only.
void rotate_cpu(const RotaryView& x, const std::int64_t* positions, const float* cos,
                const float* sin, std::int64_t half) noexcept;
[[nodiscard]] int rotate_cuda(const RotaryView& x, const std::int64_t* positions, const float* cos,
                              const float* sin, std::int64_t half, CUstream_st* stream) noexcept;

}  // namespace mxscope::kernels
