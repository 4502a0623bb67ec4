// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <string>

#include "mxscope/core/checkpoint/decoder_spec.h"
#include "mxscope/core/formats/operand_spec.h"
#include "mxscope/kernels/element_format.h"
#include "mxscope/kernels/mx_quantize.h"

// The border between tensors and kernels: checks, raw pointers, streams.
namespace mxscope::engine {

[[nodiscard]] kernels::DType kernel_dtype(at::ScalarType dtype);
// "float32", "bfloat16", "float16" and back; throws Error kInvalidInput for other names.
[[nodiscard]] std::string dtype_name(at::ScalarType dtype);
[[nodiscard]] at::ScalarType dtype_of(const std::string& name);

// The kernel's description of an operand; throws Error kUnsupported naming a format that the engine
// does not compute.
[[nodiscard]] kernels::QuantizeSpec kernel_spec(const OperandSpec& operand);

// x [..., n] fake-quantised along its last axis, on x's device (CPU: on the calling thread; CUDA:
// on the current stream).
[[nodiscard]] at::Tensor quantise(const at::Tensor& x, const OperandSpec& operand);
void quantise_(at::Tensor& x, const OperandSpec& operand);
// The same into `out`, contiguous and of x's shape and type.
void quantise_to(const at::Tensor& x, const at::Tensor& out, const OperandSpec& operand);

// RMSNorm or LayerNorm over the last axis in float32, rounded to x's type where transformers
// rounds; where `quantised` is given, the result fake-quantised in that operand, on a GPU in the
// same pass.
[[nodiscard]] at::Tensor apply_norm(const at::Tensor& x, const at::Tensor& weight,
                                    const at::Tensor& bias, NormKind kind, double eps,
                                    bool unit_offset, const OperandSpec* quantised);

// activation(gate) * up, or activation(gate) where `up` is undefined; [rows, cols]. Quantised as
// apply_norm.
[[nodiscard]] at::Tensor apply_gate(const at::Tensor& gate, const at::Tensor& up,
                                    Activation activation, const OperandSpec* quantised);

// Rotary embedding of x [rows, heads, size] in place; positions [rows] are rows of the tables.
void rotate_heads(const at::Tensor& x, const at::Tensor& positions, const at::Tensor& cos,
                  const at::Tensor& sin);

}  // namespace mxscope::engine
