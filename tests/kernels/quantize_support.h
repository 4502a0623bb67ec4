// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mxscope/kernels/element_format.h"
#include "mxscope/kernels/mx_quantize.h"
#include "reference/float_types.h"

// Matrices as raw bytes, comparison bit for bit, and inputs that hurt.
namespace mxscope::test {

using kernels::DType;
using kernels::Element;
using kernels::QuantizeSpec;
using kernels::Rounding;
using kernels::ScaleRule;
using kernels::Scheme;

struct Matrix {
  DType dtype = DType::kFloat32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  // elements
  std::vector<char> bytes;

  Matrix() = default;
  Matrix(DType type, std::int64_t row_count, std::int64_t col_count, std::int64_t row_stride)
      : dtype(type),
        rows(row_count),
        cols(col_count),
        stride(row_stride),
        bytes(static_cast<std::size_t>(row_count * row_stride * kernels::size_of(type))) {}

  [[nodiscard]] float at(std::int64_t row, std::int64_t col) const {
    return kernels::reference::load(dtype, bytes.data(), row * stride + col);
  }
  void set(std::int64_t row, std::int64_t col, float value) {
    kernels::reference::store(dtype, bytes.data(), row * stride + col, value);
  }
  // Bits of one number in memory.
  [[nodiscard]] std::uint32_t raw(std::int64_t row, std::int64_t col) const {
    const std::size_t size = static_cast<std::size_t>(kernels::size_of(dtype));
    std::uint32_t bits = 0;
    std::memcpy(&bits, bytes.data() + static_cast<std::size_t>(row * stride + col) * size, size);
    return bits;
  }
};

// Every how many columns, from which one on, numbers are how much larger.
struct Outliers {
  std::int64_t period;
  std::int64_t first;
  float factor;
};

// N(0, 1) but for the outliers, behind the rows' ends too.
inline Matrix random_matrix(std::mt19937_64& generator, DType dtype, std::int64_t rows,
                            std::int64_t cols, std::int64_t stride, const Outliers& outliers) {
  std::normal_distribution<float> normal;
  Matrix matrix(dtype, rows, cols, stride);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t col = 0; col < stride; ++col) {
      const bool is_outlier = col % outliers.period == outliers.first;
      matrix.set(row, col, normal(generator) * (is_outlier ? outliers.factor : 1.0F));
    }
  }
  return matrix;
}

using QuantizeFunction = std::function<void(const QuantizeSpec&, const Matrix& in, Matrix& out)>;

inline QuantizeFunction reference_quantizer() {
  return [](const QuantizeSpec& spec, const Matrix& in, Matrix& out) {
    kernels::quantize_reference(spec, in.dtype, in.bytes.data(), out.bytes.data(), in.rows, in.cols,
                                in.stride, out.stride);
  };
}

inline std::string describe(const QuantizeSpec& spec, DType dtype) {
  return "scheme " + std::to_string(static_cast<int>(spec.scheme)) + ", element " +
         std::to_string(static_cast<int>(spec.element)) + ", block " + std::to_string(spec.block) +
         ", scale " + std::to_string(static_cast<int>(spec.scale)) + ", rounding " +
         std::to_string(static_cast<int>(spec.rounding)) + ", dtype " +
         std::to_string(static_cast<int>(dtype));
}

// Empty when both hold the same bits (any NaN equals any NaN); else the first difference.
inline std::string first_difference(const Matrix& expected, const Matrix& actual) {
  for (std::int64_t row = 0; row < expected.rows; ++row) {
    for (std::int64_t col = 0; col < expected.cols; ++col) {
      const bool both_nan = std::isnan(expected.at(row, col)) && std::isnan(actual.at(row, col));
      if (!both_nan && expected.raw(row, col) != actual.raw(row, col)) {
        return "[" + std::to_string(row) + ", " + std::to_string(col) + "] expected " +
               std::to_string(expected.at(row, col)) + " (bits " +
               std::to_string(expected.raw(row, col)) + "), got " +
               std::to_string(actual.at(row, col)) + " (bits " +
               std::to_string(actual.raw(row, col)) + ")";
      }
    }
  }
  return {};
}

// One number of a kind that hurts; `kind` picks ordinary, tiny, huge, ties, equal to a power of
// two, zero, any bits (subnormals, NaN and infinities among them).
template <class Generator>
float hurtful_number(Generator& generator, int kind) {
  std::normal_distribution<float> normal;
  const auto below = [&](int bound) {
    return static_cast<int>(generator() % static_cast<std::uint64_t>(bound));
  };
  switch (kind) {
    case 0:
      return normal(generator);
    case 1:
      return std::ldexp(normal(generator), -100 - below(50));
    case 2:
      return std::ldexp(normal(generator), 80 + below(47));
    case 3:
      return std::ldexp(static_cast<float>(below(513) - 256), below(24) - 16);
    case 4:
      return std::ldexp(below(2) == 0 ? 1.0F : -1.0F, below(277) - 149);
    case 5:
      return below(2) == 0 ? 0.0F : -0.0F;
    case 6: {
      // Within a few units in the last place of a power of two, where rules change their mind.
      const float power = std::ldexp(1.0F, below(253) - 126);
      float bits = power;
      std::uint32_t word = 0;
      std::memcpy(&word, &bits, sizeof(word));
      word += static_cast<std::uint32_t>(below(9) - 4);
      std::memcpy(&bits, &word, sizeof(word));
      return bits;
    }
    default: {
      const auto word = static_cast<std::uint32_t>(generator());
      float value = 0;
      std::memcpy(&value, &word, sizeof(value));
      return value;
    }
  }
}
inline constexpr int kHurtfulKinds = 8;

// Fills a matrix, padding included. Rows have a main kind, so that many blocks stay finite; a
// `mixed` share of numbers is of any kind.
template <class Generator>
void fill_hurtful(Matrix& matrix, Generator& generator) {
  for (std::int64_t row = 0; row < matrix.rows; ++row) {
    const int main_kind = static_cast<int>(generator() % kHurtfulKinds);
    const int scale = static_cast<int>(generator() % 61) - 30;
    const auto share = generator() % 4;
    for (std::int64_t col = 0; col < matrix.stride; ++col) {
      const bool mixed = share != 0 && generator() % 64 < share;
      const int kind = mixed ? static_cast<int>(generator() % kHurtfulKinds) : main_kind;
      const float value = hurtful_number(generator, kind);
      matrix.set(row, col, kind == 0 ? std::ldexp(value, scale) : value);
    }
  }
}

inline Element element_named(std::string_view name) {
  static constexpr std::pair<std::string_view, Element> kNames[] = {
      {"fp8_e4m3", Element::kFp8E4M3}, {"fp8_e5m2", Element::kFp8E5M2},
      {"fp6_e3m2", Element::kFp6E3M2}, {"fp6_e2m3", Element::kFp6E2M3},
      {"fp4_e2m1", Element::kFp4E2M1}, {"int8", Element::kInt8},
      {"int4", Element::kInt4}};
  for (const auto& [key, element] : kNames) {
    if (key == name) {
      return element;
    }
  }
  throw std::runtime_error("no element format is called " + std::string(name));
}

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace mxscope::test
