// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/element_format.h"
#include "mxscope/kernels/mx_quantize.h"

struct CUstream_st;  // cudaStream_t is CUstream_st*

// What stands before a quantised product, fused with its quantisation: residual sum and norm, and
// activations. Matrices are [rows, cols] as in mx_quantize.h, all of one dtype; arithmetic is
// float32 after widening, with the roundings to dtype that the separate operations would make.
//
// Plain and quantised results are both optional, and each may be asked for alone. The quantised
// one has exactly the bits that quantize_reference gives for the plain one.
//
// The reference versions compute the plain results on the CPU and define their order of
// operations; the CUDA versions sum in another order, so 16-bit results may differ from them by one
// unit in the last place. None throws; any thread may call.
namespace mxscope::kernels {

enum class Norm : std::uint8_t {
  kRms,            // rounded(x / rms(x)) * weight
  kRmsUnitOffset,  // (x / rms(x)) * (1 + weight), rounded once
  kLayer           // (x - mean) / deviation * weight + bias, rounded once
};

struct NormArguments {
  Norm norm = Norm::kRms;
  float epsilon = 1e-5F;  // added to the mean square or variance
  DType dtype = DType::kFloat32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;     // elements; of every matrix here
  const void* x = nullptr;         // [rows, cols]
  const void* residual = nullptr;  // [rows, cols] or null; x + residual, rounded, is normalised
  void* sum = nullptr;             // [rows, cols] or null: x + residual; may be x or residual
  const void* weight = nullptr;    // [cols] or null
  const void* bias = nullptr;      // [cols] or null; kLayer only
  void* plain = nullptr;           // [rows, cols] or null: the norm's result
  void* quantized = nullptr;       // [rows, cols] or null: the same, quantised
  bool quantized_as_bf16 = false;  // kFloat32, CUDA only: `quantized` is stored in bfloat16
};

enum class GateActivation : std::uint8_t { kSilu, kRelu, kGelu, kGeluTanh };

struct GateArguments {
  GateActivation activation = GateActivation::kSilu;
  DType dtype = DType::kFloat32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t in_row_stride = 0;   // elements; of gate and up
  std::int64_t out_row_stride = 0;  // elements; of plain and quantized
  const void* gate = nullptr;       // [rows, cols]
  const void* up = nullptr;         // [rows, cols] or null; rounded(activation(gate)) * up
  void* plain = nullptr;            // [rows, cols] or null
  void* quantized = nullptr;        // [rows, cols] or null
  bool quantized_as_bf16 = false;   // kFloat32, CUDA only: `quantized` is stored in bfloat16
};

// Write `sum` and `plain`; `quantized` is left alone.
void norm_reference(const NormArguments& arguments) noexcept;
void gate_reference(const GateArguments& arguments) noexcept;

// The same for the plain results of float32 matrices: norms without residual and unit offset,
// activation kSilu. Whatever else is asked for gives false, and then nothing was
// written.
[[nodiscard]] bool norm_cpu(const NormArguments& arguments) noexcept;
[[nodiscard]] bool gate_cpu(const GateArguments& arguments) noexcept;

// Asynchronous on the stream; all pointers are device memory, matrices and vectors aligned to 16
// bytes, row strides and cols multiples of 16 bytes; for the norm cols is at most 16384 (float32)
// or 32768. Blocks that are powers of two of 16 bytes up to 128 elements (float32) or 256, and
// formats without blocks, run in one pass; others quantise in a second one. kMse takes the second
// pass too, for which a result stored in bfloat16 needs a plain one beside it. Returns the
// cudaError_t as an int: 0, the launch's error, or cudaErrorNotSupported where the shapes or
// alignments are not as above, and then nothing was written.
[[nodiscard]] int norm_quantize_cuda(const NormArguments& arguments, const QuantizeSpec& spec,
                                     CUstream_st* stream) noexcept;
[[nodiscard]] int gate_quantize_cuda(const GateArguments& arguments, const QuantizeSpec& spec,
                                     CUstream_st* stream) noexcept;

}  // namespace mxscope::kernels
