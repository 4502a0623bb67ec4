// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>

#include "mxscope/kernels/norm_quantize.h"
#include "reference/float_types.h"

namespace mxscope::kernels {
namespace {

float rounded(DType dtype, float value) {
  switch (dtype) {
    case DType::kFloat32:
      return value;
    case DType::kBFloat16:
      return reference::round_to_bfloat16(value);
    case DType::kFloat16:
      return reference::round_to_float16(value);
  }
  return value;
}

float activated(GateActivation activation, float x) {
  const double wide = x;
  switch (activation) {
    case GateActivation::kSilu:
      return static_cast<float>(wide / (1 + std::exp(-wide)));
    case GateActivation::kRelu:
      return x > 0 || std::isnan(x) ? x : 0.0F;
    case GateActivation::kGelu:
      return static_cast<float>(wide * 0.5 * (1 + std::erf(wide * std::sqrt(0.5))));
    case GateActivation::kGeluTanh: {
      const double inner = std::sqrt(2 / std::acos(-1.0)) * (wide + 0.044715 * wide * wide * wide);
      return static_cast<float>(wide * 0.5 * (1 + std::tanh(inner)));
    }
  }
  return x;
}

}  // namespace

void norm_reference(const NormArguments& a) noexcept {
  const auto count = static_cast<double>(a.cols);
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const std::int64_t begin = row * a.row_stride;
    const auto input = [&](std::int64_t col) {
      const float x = reference::load(a.dtype, a.x, begin + col);
      return a.residual == nullptr
                 ? x
                 : rounded(a.dtype, x + reference::load(a.dtype, a.residual, begin + col));
    };
    double mean = 0;
    if (a.norm == Norm::kLayer) {
      for (std::int64_t col = 0; col < a.cols; ++col) {
        mean += input(col) / count;
      }
    }
    double square = 0;
    for (std::int64_t col = 0; col < a.cols; ++col) {
      const double centred = input(col) - mean;
      square += centred * centred / count;
    }
    const double inverse = 1 / std::sqrt(square + static_cast<double>(a.epsilon));
    for (std::int64_t col = 0; col < a.cols; ++col) {
      const float x = input(col);
      if (a.sum != nullptr) {
        reference::store(a.dtype, a.sum, begin + col, x);
      }
      if (a.plain == nullptr) {
        continue;
      }
      const float weight = a.weight == nullptr ? 1.0F : reference::load(a.dtype, a.weight, col);
      const auto normal = static_cast<float>((x - mean) * inverse);
      float result = 0;
      switch (a.norm) {
        case Norm::kRms:
          result = a.weight == nullptr ? normal : rounded(a.dtype, normal) * weight;
          break;
        case Norm::kRmsUnitOffset:
          result = a.weight == nullptr ? normal : normal * (1.0F + weight);
          break;
        case Norm::kLayer:
          result =
              normal * weight + (a.bias == nullptr ? 0.0F : reference::load(a.dtype, a.bias, col));
          break;
      }
      reference::store(a.dtype, a.plain, begin + col, result);
    }
  }
}

void gate_reference(const GateArguments& a) noexcept {
  for (std::int64_t row = 0; row < a.rows; ++row) {
    for (std::int64_t col = 0; col < a.cols; ++col) {
      const std::int64_t from = row * a.in_row_stride + col;
      float result = activated(a.activation, reference::load(a.dtype, a.gate, from));
      if (a.up != nullptr) {
        result = rounded(a.dtype, result) * reference::load(a.dtype, a.up, from);
      }
      if (a.plain != nullptr) {
        reference::store(a.dtype, a.plain, row * a.out_row_stride + col, result);
      }
    }
  }
}

}  // namespace mxscope::kernels
