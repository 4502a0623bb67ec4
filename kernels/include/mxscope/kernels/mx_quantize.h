// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/element_format.h"

// Fake quantisation: every number of a matrix becomes the nearest number that the format can hold,
// in the matrix's own type.
//
// Matrices are [rows, cols], cols contiguous, row strides counted in elements (>= cols). Blocks run
// along the columns; a last block that is not full counts as padded with zeros. `out` may equal
// `in` when the strides are equal; otherwise they must not overlap.
//
// Numbers: float32 arithmetic after widening; the result is rounded to the tensor's type (ties to
// even). Elements saturate at the format's largest normal, element subnormals are used, zeros come
// out as +0. A block that holds a NaN or an infinity becomes NaN as a whole (a plain element cast
// and a private exponent: that element). Shared exponents lie in -127..127, clamped at both ends.
//
// Every version gives the same bits as quantize_reference. No function throws; all are safe to call
// from any thread at the same time on different outputs.
namespace mxscope::kernels {

enum class Scheme : std::uint8_t {
  kMx,               // blocks that share a power of two (E8M0)
  kElementCast,      // plain cast to an FP8 element: no scale, saturating, ties to even
  kPrivateExponent,  // kMx with block 1 and scale kFloor: the "NV-FP8 emulation" of the seed study
  kBf16,             // IEEE cast to bfloat16 and back; keeps infinities and the sign of zero
  kFp16              // IEEE cast to float16 and back; overflows to infinity
};

struct QuantizeSpec {
  Scheme scheme = Scheme::kMx;
  Element element = Element::kFp8E4M3;  // not used by kBf16 and kFp16
  std::int64_t block = 32;              // kMx only: elements per shared scale; 0 = the whole row
  ScaleRule scale = ScaleRule::kFloor;  // kMx only
  Rounding rounding = Rounding::kEven;  // kMx and kPrivateExponent; the casts tie to even

  friend bool operator==(const QuantizeSpec&, const QuantizeSpec&) = default;
};

// Whether every number that the format can hold has at most eight significant bits, so that it is
// exact in bfloat16: all but the float16 cast. (Below 2^-133, under bfloat16's last subnormal, bits
// are cut off.)
[[nodiscard]] constexpr bool fits_bf16(const QuantizeSpec& spec) noexcept {
  return spec.scheme != Scheme::kFp16;
}

// The definition of right: scalar, plain, slow.
void quantize_reference(const QuantizeSpec& spec, DType dtype, const void* in, void* out,
                        std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                        std::int64_t out_row_stride) noexcept;

// Vectorised for the processor it runs on; works on the calling thread alone.
void quantize_cpu(const QuantizeSpec& spec, DType dtype, const void* in, void* out,
                  std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                  std::int64_t out_row_stride) noexcept;

// quantize_cpu with the rows dealt to `threads` threads (>= 1; started and joined by the call,
// fewer where the matrix is small or threads cannot be started). Same bits for any number of
// threads.
void quantize_cpu_parallel(const QuantizeSpec& spec, DType dtype, const void* in, void* out,
                           std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                           std::int64_t out_row_stride, int threads) noexcept;

// What quantisation does to a matrix; sums in float64 over the elements of finite blocks.
struct QuantizeStats {
  std::int64_t blocks = 0;            // casts: one block per element
  std::int64_t saturated_blocks = 0;  // block maximum / scale > largest normal
  std::int64_t nonfinite_blocks = 0;  // hold a NaN or an infinity
  double signal = 0;                  // sum of x^2
  double noise = 0;                   // sum of (quantised x - x)^2; SQNR = 10 log10(signal / noise)

  QuantizeStats& operator+=(const QuantizeStats& other) noexcept;
};

// Statistics of quantize_cpu on a matrix, without an output matrix. Works on the calling thread;
// throws std::bad_alloc when a row's worth of scratch memory cannot be had.
[[nodiscard]] QuantizeStats quantize_stats(const QuantizeSpec& spec, DType dtype, const void* in,
                                           std::int64_t rows, std::int64_t cols,
                                           std::int64_t in_row_stride);

// Instruction set that quantize_cpu and token_stats_cpu use here: "avx512", "avx2" or "generic".
[[nodiscard]] const char* cpu_instruction_set() noexcept;

}  // namespace mxscope::kernels
