// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// Names and figures of the element formats, scale rules and roundings. Constants only: any thread.
// Sources: OCP Microscaling Formats v1.0 (section 5), OCP FP8 v1.0.
namespace mxscope::kernels {

// Type of a tensor in memory; numbers are widened to float32 for all arithmetic.
enum class DType : std::uint8_t { kFloat32, kBFloat16, kFloat16 };

// Elements of the microscaling formats. The integers are fixed point: 1.6 and 1.2, symmetric.
enum class Element : std::uint8_t {
  kFp8E4M3,
  kFp8E5M2,
  kFp6E3M2,
  kFp6E2M3,
  kFp4E2M1,
  kInt8,
  kInt4
};
inline constexpr int kElementCount = 7;

// How the shared power of two of a block follows from the block's largest magnitude a.
enum class ScaleRule : std::uint8_t {
  kFloor,  // floor(log2 a) - emax
  kRceil,  // ceil(log2(fl32(a / M)))
  kCeil,   // floor(log2 a) + (a is no power of two) - emax
  kEven,   // as kFloor of a with half a unit of the element's mantissa added to its bits
  kVllm,   // as kEven, with 1 mantissa bit for FP8 and FP4, 3 for FP6
  kMse     // of floor - 1, floor, floor + 1 the one of least squared error; ties to the smaller
};
inline constexpr int kScaleRuleCount = 6;

// How a scaled element becomes a number of the element format.
enum class Rounding : std::uint8_t {
  kEven,     // nearest, ties to even
  kNearest,  // nearest, ties away from zero
  kFloor,    // toward zero
  kHalfDown  // nearest, ties toward zero
};
inline constexpr int kRoundingCount = 4;

struct ElementTraits {
  int bits;                  // stored bits of one element
  int mantissa_bits;         // bits after the leading one of a normal
  int emax;                  // exponent of the largest normal
  int emin;                  // exponent of the smallest normal
  float max;                 // largest normal; elements saturate there
  float smallest_normal;     // 2^emin; for the integers the binade [1, 2) that holds their grid
  float smallest_subnormal;  // 2^(emin - mantissa_bits): the finest step
};

// The integers are the degenerate floats whose only binade is [1, 2): one step everywhere.
inline constexpr std::array<ElementTraits, kElementCount> kElementTraits = {{
    {8, 3, 8, -6, 448.0F, 0x1p-6F, 0x1p-9F},
    {8, 2, 15, -14, 57344.0F, 0x1p-14F, 0x1p-16F},
    {6, 2, 4, -2, 28.0F, 0x1p-2F, 0x1p-4F},
    {6, 3, 2, 0, 7.5F, 1.0F, 0x1p-3F},
    {4, 1, 2, 0, 6.0F, 1.0F, 0x1p-1F},
    {8, 6, 0, 0, 127.0F / 64.0F, 1.0F, 0x1p-6F},
    {4, 2, 0, 0, 7.0F / 4.0F, 1.0F, 0x1p-2F},
}};

[[nodiscard]] constexpr const ElementTraits& traits(Element element) noexcept {
  return kElementTraits[static_cast<std::size_t>(element)];
}

// Bytes of one number of the type.
[[nodiscard]] constexpr int size_of(DType dtype) noexcept {
  return dtype == DType::kFloat32 ? 4 : 2;
}

}  // namespace mxscope::kernels
