// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/mx_quantize.h"

// A QuantizeSpec worked out into the constants that the fast CPU and the CUDA version share.
//
// Both compute v = x * 2^-s, clamp it to +-max and round it by adding and subtracting
// C = sign(v) * 2^(max(E(v), emin) + 23 - mantissa_bits): the sum has no room for bits below the
// element's step, so the processor's own rounding is the element's, ties to even; the other
// roundings correct that by one step. All of it is exact in float32 for every s in -127..127.
namespace mxscope::kernels::detail {

enum class Path : std::uint8_t { kBlocks, kCastBf16, kCastFp16 };

// How the exponent follows from the bits of the block's maximum.
enum class ExponentRule : std::uint8_t {
  kCarry,  // exponent field after `carry` is added to the bits: floor, even, vllm
  kCeil,   // smallest power of two that is not below the maximum
  kRceil,  // the same of the maximum / max, one float32 division
  kMse,    // search around kCarry
  kFixed   // always 0
};

struct QuantizePlan {
  Path path = Path::kBlocks;
  ExponentRule rule = ExponentRule::kCarry;
  Rounding rounding = Rounding::kEven;
  std::int64_t block = 1;        // 1 <= block <= cols
  std::int32_t carry = 0;        // see ExponentRule::kCarry
  std::int32_t emax = 0;         // subtracted from the exponent; 0 for kRceil
  std::int32_t emin_bits = 0;    // bits of 2^emin
  std::int32_t magic_shift = 0;  // (23 - mantissa_bits) << 23
  float max = 0;                 // elements saturate here
  double error_magic = 0;        // 1.5 * 2^52 times the unit of squared errors (kMse)
};

inline constexpr std::int32_t kInfinityBits = 0x7F800000;
inline constexpr std::int32_t kQuietNanBits = 0x7FC00000;

// Requires cols >= 1.
[[nodiscard]] QuantizePlan make_plan(const QuantizeSpec& spec, std::int64_t cols) noexcept;

}  // namespace mxscope::kernels::detail
