// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/mx_quantize.h"

struct CUstream_st;  // cudaStream_t is CUstream_st*

namespace mxscope::kernels {

// quantize_reference on the current CUDA device, bit for bit; asynchronous on the stream. `in` and
// `out` are device memory, aligned to an element at least (16 bytes and strides that are multiples
// of 16 bytes are fastest), and may be the same matrix. One pass over memory for blocks up to 256
// and for rows that fit a thread block's registers; others read twice, the second time from cache.
//
// Returns the cudaError_t of the launch as an int (0 = success), so that this header needs no CUDA.
// May be called from any host thread.
[[nodiscard]] int quantize_cuda(const QuantizeSpec& spec, DType dtype, const void* in, void* out,
                                std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                                std::int64_t out_row_stride, CUstream_st* stream) noexcept;

// quantize_cuda of a float32 matrix whose result is stored in bfloat16, without loss where
// fits_bf16(spec); strides in elements of each matrix. They must not overlap.
[[nodiscard]] int quantize_to_bf16_cuda(const QuantizeSpec& spec, const float* in, void* out,
                                        std::int64_t rows, std::int64_t cols,
                                        std::int64_t in_row_stride, std::int64_t out_row_stride,
                                        CUstream_st* stream) noexcept;

// Sentence of a cudaError_t value; static storage.
[[nodiscard]] const char* cuda_error_text(int error) noexcept;

}  // namespace mxscope::kernels
