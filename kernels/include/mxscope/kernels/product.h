// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/element_format.h"
#include "mxscope/kernels/mx_quantize.h"
#include "mxscope/kernels/norm_quantize.h"

struct CUstream_st;  // cudaStream_t is CUstream_st*

// Matrix products of linears, for GPUs of compute capability 9.0, that do what follows before the
// result leaves the chip: the rotation of queries and keys, or the gate of an MLP with its
// quantisation.
//
// Operands are bfloat16 or float16, all of one type; sums are float32 in the order of the features,
// rounded once, whatever the number of rows: a row's result does not depend on the rows beside it.
// All pointers are device memory aligned to 16 bytes; strides and features are multiples of 8 and
// at least 256.
//
// The functions are asynchronous on the stream, throw nothing, and any thread may call. They return
// the cudaError_t as an int: 0, the launch's error, or cudaErrorNotSupported where this build, the
// device, shapes or alignments are not as said here, and then nothing was written.
namespace mxscope::kernels {

struct ProductArguments {
  DType dtype = DType::kBFloat16;  // kBFloat16 or kFloat16
  std::int64_t rows = 0;
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;
  std::int64_t x_stride = 0;  // elements from row to row
  std::int64_t out_stride = 0;
  const void* x = nullptr;       // [rows, in_features]
  const void* weight = nullptr;  // [out_features, in_features]; for the gate twice as many rows
  void* out = nullptr;           // [rows, out_features]
};

// out = x weight^T. The leading `columns` of it, which may be none, are heads of 2 half columns and
// are rotated as rotate_cuda does with the rounded product, bit by bit. half is 32, 64 or 128;
// columns is a multiple of 2 half.
struct ProductRotation {
  std::int64_t columns = 0;
  std::int64_t half = 0;
  const std::int64_t* positions = nullptr;  // [rows], rows of the tables
  const float* cos = nullptr;               // [*, half]
  const float* sin = nullptr;
};
[[nodiscard]] int rotated_product_cuda(const ProductArguments& arguments,
                                       const ProductRotation& rotation,
                                       CUstream_st* stream) noexcept;

// out = activation(x gate^T) * (x up^T), quantised where `quantized` is not null: bit by bit what
// gate_quantize_cuda makes of the rounded products. The weight holds gate's out_features rows, then
// up's; out_features is a multiple of 128 and the activation kSilu or kGeluTanh. Blocks that are
// powers of two from 8 to 128, with ties to even and any scale but kMse, are quantised on the chip,
// others in a second pass.
[[nodiscard]] int gated_product_cuda(const ProductArguments& arguments, GateActivation activation,
                                     const QuantizeSpec* quantized, CUstream_st* stream) noexcept;

}  // namespace mxscope::kernels
