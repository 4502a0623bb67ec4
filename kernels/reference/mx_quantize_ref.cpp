// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "mxscope/kernels/mx_quantize.h"
#include "reference/float_types.h"

namespace mxscope::kernels {
namespace {

constexpr int kMinExponent = -127;
constexpr int kMaxExponent = 127;

// Reads elements of one block of one row.
struct Block {
  DType dtype;
  const void* data;
  std::int64_t begin;
  std::int64_t end;
  [[nodiscard]] float operator[](std::int64_t index) const {
    return reference::load(dtype, data, index);
  }
};

// A positive scaled magnitude becomes a number of the element format.
double round_element(double magnitude, const ElementTraits& format, Rounding rounding) {
  const int exponent = magnitude > 0 ? std::max(std::ilogb(magnitude), format.emin) : format.emin;
  const double step = std::ldexp(1.0, exponent - format.mantissa_bits);
  const double steps = magnitude / step;
  double rounded = 0;
  switch (rounding) {
    case Rounding::kEven:
      rounded = std::nearbyint(steps);
      break;
    case Rounding::kNearest:
      rounded = std::floor(steps + 0.5);
      break;
    case Rounding::kFloor:
      rounded = std::floor(steps);
      break;
    case Rounding::kHalfDown:
      rounded = std::fabs(std::ceil(steps - 0.5));  // ceil gives -0 below one half
      break;
  }
  return std::min(rounded * step, static_cast<double>(format.max));
}

// Exponent field of a float32 after `carry` was added to its bits; 128 when that runs past the
// largest float32.
int exponent_after(float a, std::uint32_t carry) {
  return static_cast<int>((std::bit_cast<std::uint32_t>(a) + carry) >> 23) - 127;
}

// Exponent of a block whose largest magnitude is a > 0, before the clamp.
int scale_exponent(float a, Element element, ScaleRule rule) {
  const ElementTraits& format = traits(element);
  const auto half_unit = [](int mantissa_bits) { return 1U << (22 - mantissa_bits); };
  switch (rule) {
    case ScaleRule::kFloor:
    case ScaleRule::kMse:
      return std::ilogb(static_cast<double>(a)) - format.emax;
    case ScaleRule::kRceil: {
      const float quotient = a / format.max;
      if (quotient == 0) {
        return kMinExponent;
      }
      int exponent = 0;
      const double fraction = std::frexp(static_cast<double>(quotient), &exponent);
      return fraction == 0.5 ? exponent - 1 : exponent;
    }
    case ScaleRule::kCeil: {
      int exponent = 0;
      const double fraction = std::frexp(static_cast<double>(a), &exponent);
      return (fraction == 0.5 ? exponent - 1 : exponent) - format.emax;
    }
    case ScaleRule::kEven:
      return exponent_after(a, half_unit(format.mantissa_bits)) - format.emax;
    case ScaleRule::kVllm: {
      const bool is_fp6 = element == Element::kFp6E3M2 || element == Element::kFp6E2M3;
      const bool is_integer = element == Element::kInt8 || element == Element::kInt4;
      const int mantissa_bits = is_integer ? format.mantissa_bits : (is_fp6 ? 3 : 1);
      return exponent_after(a, half_unit(mantissa_bits)) - format.emax;
    }
  }
  return 0;
}

// Sum of squared errors in units of 2^middle. Each square is first rounded to a multiple of
// 2^(2 emax + 4 + n - 53), with 2^n >= block length. Every square is below 2^(2 emax + 4), so the
// sum is exact and does not depend on its order; the unit is one for all candidates, so that one
// whose every error is at most another's is never beaten by it.
double squared_error(const Block& block, int exponent, int middle, const ElementTraits& format,
                     Rounding rounding, std::int64_t block_length) {
  const int length_bits = std::bit_width(static_cast<std::uint64_t>(block_length - 1));
  const double unit = std::ldexp(1.0, 2 * format.emax + 4 + length_bits - 53);
  double sum = 0;
  for (std::int64_t i = block.begin; i < block.end; ++i) {
    const double scaled = std::ldexp(std::fabs(static_cast<double>(block[i])), -exponent);
    const double error =
        std::ldexp(scaled - round_element(scaled, format, rounding), exponent - middle);
    sum += reference::round_even(error * error, unit);
  }
  return sum;
}

int choose_exponent(const Block& block, float a, const QuantizeSpec& spec,
                    std::int64_t block_length) {
  const int exponent = scale_exponent(a, spec.element, spec.scale);
  if (spec.scale != ScaleRule::kMse) {
    return std::clamp(exponent, kMinExponent, kMaxExponent);
  }
  int best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int candidate = exponent - 1; candidate <= exponent + 1; ++candidate) {
    const int clamped = std::clamp(candidate, kMinExponent, kMaxExponent);
    const double error =
        squared_error(block, clamped, std::clamp(exponent, kMinExponent, kMaxExponent),
                      traits(spec.element), spec.rounding, block_length);
    if (error < least) {
      least = error;
      best = clamped;
    }
  }
  return best;
}

void quantize_block(const Block& block, const QuantizeSpec& spec, std::int64_t block_length,
                    void* out) {
  float largest = 0;
  bool finite = true;
  for (std::int64_t i = block.begin; i < block.end; ++i) {
    const float magnitude = std::fabs(block[i]);
    finite = finite && std::isfinite(magnitude);
    largest = std::max(largest, magnitude);
  }
  if (!finite) {
    for (std::int64_t i = block.begin; i < block.end; ++i) {
      reference::store(block.dtype, out, i, std::numeric_limits<float>::quiet_NaN());
    }
    return;
  }
  int exponent = 0;
  if (spec.scheme != Scheme::kElementCast && largest > 0) {
    exponent = choose_exponent(block, largest, spec, block_length);
  }
  for (std::int64_t i = block.begin; i < block.end; ++i) {
    const double value = block[i];
    const double scaled = std::ldexp(std::fabs(value), -exponent);
    const double element = round_element(scaled, traits(spec.element), spec.rounding);
    const double result = std::ldexp(element, exponent);
    const bool negative = value < 0 && result > 0;
    reference::store(block.dtype, out, i, static_cast<float>(negative ? -result : result));
  }
}

// The spec that kMx would need for the same numbers, with the fields that do not count put right.
QuantizeSpec normalized(QuantizeSpec spec, std::int64_t cols) {
  if (spec.scheme == Scheme::kElementCast) {
    spec.rounding = Rounding::kEven;
  }
  if (spec.scheme != Scheme::kMx) {
    spec.block = 1;
    spec.scale = ScaleRule::kFloor;
  }
  if (spec.block <= 0 || spec.block > cols) {
    spec.block = cols;
  }
  return spec;
}

}  // namespace

void quantize_reference(const QuantizeSpec& given, DType dtype, const void* in, void* out,
                        std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                        std::int64_t out_row_stride) noexcept {
  const QuantizeSpec spec = normalized(given, cols);
  for (std::int64_t row = 0; row < rows; ++row) {
    const void* in_row = static_cast<const char*>(in) + row * in_row_stride * size_of(dtype);
    void* out_row = static_cast<char*>(out) + row * out_row_stride * size_of(dtype);
    if (spec.scheme == Scheme::kBf16 || spec.scheme == Scheme::kFp16) {
      for (std::int64_t i = 0; i < cols; ++i) {
        const float value = reference::load(dtype, in_row, i);
        reference::store(dtype, out_row, i,
                         spec.scheme == Scheme::kBf16 ? reference::round_to_bfloat16(value)
                                                      : reference::round_to_float16(value));
      }
      continue;
    }
    for (std::int64_t begin = 0; begin < cols; begin += spec.block) {
      const Block block{dtype, in_row, begin, std::min(cols, begin + spec.block)};
      quantize_block(block, spec, spec.block, out_row);
    }
  }
}

}  // namespace mxscope::kernels
