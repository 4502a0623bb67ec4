// SPDX-License-Identifier: Apache-2.0
#pragma once

// Norms and gated activations of float32 rows, compiled once per instruction set. Sums of a row are
// float64, as in the reference.

#include "cpu/exp_simd.h"
#include "cpu/simd.h"
#include "cpu/tensor_types.h"
#include "mxscope/kernels/norm_quantize.h"

namespace mxscope::kernels::MXSCOPE_ISA {

// Calls use(first, whole) for vectors of kLanes columns, then use(first, count) for the rest.
template <class Whole, class Part>
MXSCOPE_INLINE void for_columns(std::int64_t cols, const Whole& whole, const Part& part) {
  std::int64_t col = 0;
  for (; col + kLanes <= cols; col += kLanes) {
    whole(col);
  }
  if (col < cols) {
    part(col, static_cast<int>(cols - col));
  }
}

struct RowSum {
  Doubles low = {}, high = {};

  MXSCOPE_INLINE void add(RowSum& sum, Floats x) {
    sum.low += low_doubles(x);
    sum.high += high_doubles(x);
  }
  MXSCOPE_INLINE void add_squares(RowSum& sum, Floats x, double mean) {
    const Doubles a = low_doubles(x) - mean;
    const Doubles b = high_doubles(x) - mean;
    sum.low += a * a;
    sum.high += b * b;
  }
};

// (x - mean) * inverse in float64, rounded once.
MXSCOPE_INLINE Floats normal(Floats x, double mean, double inverse) {
  return join((low_doubles(x) - mean) * inverse, (high_doubles(x) - mean) * inverse);
}

inline void norm_rows(const NormArguments& a) {
  const auto* weight = static_cast<const float*>(a.weight);
  const auto* bias = static_cast<const float*>(a.bias);
  const auto count = static_cast<double>(a.cols);
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const float* x = static_cast<const float*>(a.x) + row * a.row_stride;
    float* out = static_cast<float*>(a.plain) + row * a.row_stride;
    double mean = 0;
    if (a.norm == Norm::kLayer) {
      RowSum sum;
      for_columns(
          a.cols, [&](std::int64_t col) { RowSum::add(sum, load_floats(x + col)); },
          [&](std::int64_t col, int rest) { RowSum::add(sum, load_part<Float32>(x + col, rest)); });
      mean = sum_of(sum.low + sum.high) / count;
    }
    RowSum squares;
    double tail = 0;
    for_columns(
        a.cols, [&](std::int64_t col) { RowSum::add_squares(squares, load_floats(x + col), mean); },
        [&](std::int64_t col, int rest) {
          for (int i = 0; i < rest; ++i) {
            const double centred = static_cast<double>(x[col + i]) - mean;
            tail += centred * centred;
          }
        });
    const double variance = (sum_of(squares.low + squares.high) + tail) / count;
    const double inverse = 1 / __builtin_sqrt(variance + static_cast<double>(a.epsilon));
    for_columns(
        a.cols,
        [&](std::int64_t col) {
          Floats result = normal(load_floats(x + col), mean, inverse);
          if (weight != nullptr) {
            result *= load_floats(weight + col);
          }
          if (bias != nullptr) {
            result += load_floats(bias + col);
          }
          store_floats(out + col, result);
        },
        [&](std::int64_t col, int rest) {
          Floats result = normal(load_part<Float32>(x + col, rest), mean, inverse);
          if (weight != nullptr) {
            result *= load_part<Float32>(weight + col, rest);
          }
          if (bias != nullptr) {
            result += load_part<Float32>(bias + col, rest);
          }
          store_part<Float32>(out + col, result, rest);
        });
  }
}

// x / (1 + exp(-x)). The exponential is that of -|x|, which cannot overflow.
MXSCOPE_INLINE Floats silu(Floats x) {
  const Floats e = fused_exp_of_negative(bits_as<Floats>(bits_as<Ints>(x) | INT32_MIN));
  return (x < 0 ? x * e : x) / (e + 1.0F);
}

inline void silu_rows(const GateArguments& a) {
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const float* gate = static_cast<const float*>(a.gate) + row * a.in_row_stride;
    const float* up =
        a.up == nullptr ? nullptr : static_cast<const float*>(a.up) + row * a.in_row_stride;
    float* out = static_cast<float*>(a.plain) + row * a.out_row_stride;
    for_columns(
        a.cols,
        [&](std::int64_t col) {
          const Floats x = silu(load_floats(gate + col));
          store_floats(out + col, up == nullptr ? x : x * load_floats(up + col));
        },
        [&](std::int64_t col, int rest) {
          const Floats x = silu(load_part<Float32>(gate + col, rest));
          store_part<Float32>(out + col, up == nullptr ? x : x * load_part<Float32>(up + col, rest),
                              rest);
        });
  }
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
