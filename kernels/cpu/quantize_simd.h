// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fast quantiser, compiled once per instruction set: casts, and the choice of a row's function.

#include "cpu/quantize_blocks.h"
#include "cpu/quantize_mse.h"

namespace mxscope::kernels::MXSCOPE_ISA {

template <class Type, class Rounder>
void cast_row(const typename Type::Storage* in, typename Type::Storage* out, std::int64_t cols) {
  std::int64_t i = 0;
  const auto cast = [](Floats x) { return Rounder::load_back(x); };
  for (; i + kLanes <= cols; i += kLanes) {
    Type::store(out + i, cast(Type::load(in + i)));
  }
  if (i < cols) {
    const int rest = static_cast<int>(cols - i);
    typename Type::Storage buffer[kLanes];
    Type::store(buffer, cast(load_part<Type>(in + i, rest)));
    __builtin_memcpy(out + i, buffer, static_cast<std::size_t>(rest) * sizeof(buffer[0]));
  }
}

struct RoundToBf16 {
  MXSCOPE_INLINE Floats load_back(Floats x) { return from_bfloat16(to_bfloat16(x)); }
};
struct RoundToFp16 {
  MXSCOPE_INLINE Floats load_back(Floats x) { return from_float16(to_float16(x)); }
};

template <class Type>
using RowFunction = void (*)(const QuantizePlan&, const typename Type::Storage*,
                             typename Type::Storage*, std::int64_t);

template <class Type, Rounding kRounding>
RowFunction<Type> row_function(ExponentRule rule) {
  switch (rule) {
    case ExponentRule::kCarry:
      return quantize_row<Type, kRounding, ExponentRule::kCarry>;
    case ExponentRule::kCeil:
      return quantize_row<Type, kRounding, ExponentRule::kCeil>;
    case ExponentRule::kRceil:
      return quantize_row<Type, kRounding, ExponentRule::kRceil>;
    case ExponentRule::kMse:
      return quantize_row_mse<Type, kRounding>;
    case ExponentRule::kFixed:
      return quantize_row<Type, kRounding, ExponentRule::kFixed>;
  }
  return nullptr;
}

template <class Type>
RowFunction<Type> row_function(const QuantizePlan& plan) {
  switch (plan.path) {
    case detail::Path::kCastBf16:
      return [](const QuantizePlan&, const typename Type::Storage* in, typename Type::Storage* out,
                std::int64_t cols) { cast_row<Type, RoundToBf16>(in, out, cols); };
    case detail::Path::kCastFp16:
      return [](const QuantizePlan&, const typename Type::Storage* in, typename Type::Storage* out,
                std::int64_t cols) { cast_row<Type, RoundToFp16>(in, out, cols); };
    case detail::Path::kBlocks:
      break;
  }
  switch (plan.rounding) {
    case Rounding::kEven:
      return row_function<Type, Rounding::kEven>(plan.rule);
    case Rounding::kNearest:
      return row_function<Type, Rounding::kNearest>(plan.rule);
    case Rounding::kFloor:
      return row_function<Type, Rounding::kFloor>(plan.rule);
    case Rounding::kHalfDown:
      return row_function<Type, Rounding::kHalfDown>(plan.rule);
  }
  return nullptr;
}

template <class Type>
void quantize_rows_of(const QuantizePlan& plan, const void* in, void* out, std::int64_t rows,
                      std::int64_t cols, std::int64_t in_row_stride, std::int64_t out_row_stride) {
  using Storage = typename Type::Storage;
  const RowFunction<Type> quantize = row_function<Type>(plan);
  for (std::int64_t row = 0; row < rows; ++row) {
    quantize(plan, static_cast<const Storage*>(in) + row * in_row_stride,
             static_cast<Storage*>(out) + row * out_row_stride, cols);
  }
}

inline void quantize_rows(const QuantizePlan& plan, DType dtype, const void* in, void* out,
                          std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                          std::int64_t out_row_stride) {
  switch (dtype) {
    case DType::kFloat32:
      return quantize_rows_of<Float32>(plan, in, out, rows, cols, in_row_stride, out_row_stride);
    case DType::kBFloat16:
      return quantize_rows_of<BFloat16>(plan, in, out, rows, cols, in_row_stride, out_row_stride);
    case DType::kFloat16:
      return quantize_rows_of<Float16>(plan, in, out, rows, cols, in_row_stride, out_row_stride);
  }
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
