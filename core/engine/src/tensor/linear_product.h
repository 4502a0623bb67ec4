// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace mxscope::engine {

// x [rows, in] times weight [out, in] transposed, plus bias [out] or nothing, on the calling thread
// or the current stream. Which library computes it depends on the weight's shape and type alone.
[[nodiscard]] at::Tensor linear_product(const at::Tensor& x, const at::Tensor& weight,
                                        const at::Tensor& bias);

}  // namespace mxscope::engine
