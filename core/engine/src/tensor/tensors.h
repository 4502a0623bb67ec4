// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <string>

#include "mxscope/core/checkpoint/decoder_spec.h"
#include "mxscope/core/formats/operand_spec.h"
#include "mxscope/kernels/element_format.h"
#include "mxscope/kernels/mx_quantize.h"
#include "mxscope/kernels/token_stats.h"

// The border between tensors and kernels: checks, raw pointers, streams.
namespace mxscope::engine {

[[nodiscard]] kernels::DType kernel_dtype(at::ScalarType dtype);
// "float32", "bfloat16", "float16" and back; throws Error kInvalidInput for other names.
[[nodiscard]] std::string dtype_name(at::ScalarType dtype);
[[nodiscard]] at::ScalarType dtype_of(const std::string& name);

// The kernel's description of an operand; throws Error kUnsupported naming a format that the engine
// does not compute.
[[nodiscard]] kernels::QuantizeSpec kernel_spec(const OperandSpec& operand);

// Whether bfloat16 holds every number of the operand's format.
[[nodiscard]] bool fits_bf16(const OperandSpec& operand);

// x [..., n] fake-quantised along its last axis, on x's device (CPU: on the calling thread; CUDA:
// on the current stream). `narrow` (float32 on CUDA, formats that fit): stored in bfloat16.
[[nodiscard]] at::Tensor quantise(const at::Tensor& x, const OperandSpec& operand,
                                  bool narrow = false);
void quantise_(at::Tensor& x, const OperandSpec& operand);
// The same into `out`, contiguous and of x's shape; its type is x's, or bfloat16 (see above).
void quantise_to(const at::Tensor& x, const at::Tensor& out, const OperandSpec& operand);

// RMSNorm or LayerNorm over the last axis in float32, rounded to x's type where transformers
// rounds; where `quantised` is given, the result fake-quantised in that operand, on a GPU in the
// same pass; `narrow` as quantise().
[[nodiscard]] at::Tensor apply_norm(const at::Tensor& x, const at::Tensor& weight,
                                    const at::Tensor& bias, NormKind kind, double eps,
                                    bool unit_offset, const OperandSpec* quantised = nullptr,
                                    bool narrow = false);

// activation(gate) * up, or activation(gate) where `up` is undefined; [rows, cols]. Quantised as
// apply_norm.
[[nodiscard]] at::Tensor apply_gate(const at::Tensor& gate, const at::Tensor& up,
                                    Activation activation, const OperandSpec* quantised = nullptr,
                                    bool narrow = false);

// Token statistics of logits [rows, vocab], of the baseline or against it; `targets` and results
// are memory of the logits' device. CUDA: on the current stream.
void token_stats(const at::Tensor& logits, const std::int64_t* targets,
                 const kernels::TokenStats& out);
void token_stats_against(const at::Tensor& baseline, const kernels::TokenStats& baseline_stats,
                         const at::Tensor& logits, const std::int64_t* targets,
                         const kernels::TokenStats& out, const kernels::TokenComparison& against);

// Rotary embedding of x [rows, heads, size] in place; positions [rows] are rows of the tables.
void rotate_heads(const at::Tensor& x, const at::Tensor& positions, const at::Tensor& cos,
                  const at::Tensor& sin);

}  // namespace mxscope::engine
