// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "mxscope/core/checkpoint/decoder_spec.h"
#include "mxscope/core/formats/operand_spec.h"

// Products that do on the GPU what follows them, see mxscope/kernels/product.h. They return an
// undefined tensor where no kernel takes the device, type or shape, which depends on the weight and
// never on the rows; the separate operations then give the same. On the current stream.
namespace mxscope::engine {

// x [rows, in] times weight [out, in] transposed, with rotary embedding of the leading `columns`,
// which are heads as wide as all of cos' and sin's angles turn; tables and positions as
// rotate_heads().
[[nodiscard]] at::Tensor rotated_product(const at::Tensor& x, const at::Tensor& weight,
                                         const at::Tensor& positions, const at::Tensor& cos,
                                         const at::Tensor& sin, std::int64_t columns);

// activation(x gate^T) * (x up^T), quantised where `quantised` is given; `weight` [2 out, in] holds
// gate's rows before up's.
[[nodiscard]] at::Tensor gated_product(const at::Tensor& x, const at::Tensor& weight,
                                       Activation activation, const OperandSpec* quantised);

}  // namespace mxscope::engine
