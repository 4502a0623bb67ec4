// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/rotary.h"
#include "reference/float_types.h"

namespace mxscope::kernels {
namespace {

void rotate_float(const RotaryView& x, const std::int64_t* positions, const float* cos,
                  const float* sin, std::int64_t half) noexcept {
  auto* data = static_cast<float*>(x.data);
  for (std::int64_t row = 0; row < x.rows; ++row) {
    const float* c = cos + positions[row] * half;
    const float* s = sin + positions[row] * half;
    for (std::int64_t head = 0; head < x.heads; ++head) {
      float* __restrict a = data + row * x.row_stride + head * x.head_stride;
      float* __restrict b = a + half;
      for (std::int64_t i = 0; i < half; ++i) {
        const float first = a[i] * c[i] - b[i] * s[i];
        b[i] = b[i] * c[i] + a[i] * s[i];
        a[i] = first;
      }
    }
  }
}

}  // namespace

void rotate_cpu(const RotaryView& x, const std::int64_t* positions, const float* cos,
                const float* sin, std::int64_t half) noexcept {
  if (x.dtype == DType::kFloat32) {
    rotate_float(x, positions, cos, sin, half);
    return;
  }
  for (std::int64_t row = 0; row < x.rows; ++row) {
    const std::int64_t angle = positions[row] * half;
    for (std::int64_t head = 0; head < x.heads; ++head) {
      const std::int64_t begin = row * x.row_stride + head * x.head_stride;
      for (std::int64_t i = 0; i < half; ++i) {
        const float a = reference::load(x.dtype, x.data, begin + i);
        const float b = reference::load(x.dtype, x.data, begin + half + i);
        const float c = cos[angle + i];
        const float s = sin[angle + i];
        reference::store(x.dtype, x.data, begin + i, a * c - b * s);
        reference::store(x.dtype, x.data, begin + half + i, b * c + a * s);
      }
    }
  }
}

}  // namespace mxscope::kernels
