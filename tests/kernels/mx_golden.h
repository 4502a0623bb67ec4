// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kernels/quantize_support.h"
#include "support/safetensors_reader.h"

namespace mxscope::test {

inline Matrix to_matrix(const GoldenTensor& tensor) {
  const std::int64_t cols = tensor.shape.at(1);
  Matrix matrix(tensor.dtype == "F32" ? DType::kFloat32 : DType::kBFloat16, tensor.shape.at(0),
                cols, cols);
  matrix.bytes = tensor.bytes;
  return matrix;
}

// Key "<dtype>/<format>/b<block>/<rounding>" or "<dtype>/<format>/no_shared/even".
inline QuantizeSpec spec_of_golden_key(const std::string& key) {
  const std::vector<std::string> parts = split(key, '/');
  QuantizeSpec spec;
  spec.element = element_named(parts.at(1));
  if (parts.at(2) == "no_shared") {
    spec.scheme = Scheme::kPrivateExponent;
  } else {
    spec.block = std::stoll(parts.at(2).substr(1));
  }
  const std::string& rounding = parts.at(3);
  spec.rounding = rounding == "even"      ? Rounding::kEven
                  : rounding == "nearest" ? Rounding::kNearest
                                          : Rounding::kFloor;
  return spec;
}

// Every output of microxcaling's CUDA path, bit for bit; returns how many there were.
inline int expect_golden(const QuantizeFunction& quantize) {
  const auto tensors = read_safetensors(std::string(MXSCOPE_TEST_DATA) + "/mx_golden.safetensors");
  int outputs = 0;
  for (const auto& [key, tensor] : tensors) {
    if (key.find('/') == std::string::npos) {
      continue;
    }
    const Matrix in = to_matrix(tensors.at("x_" + key.substr(0, key.find('/'))));
    const Matrix expected = to_matrix(tensor);
    Matrix actual(in.dtype, in.rows, in.cols, in.stride);
    quantize(spec_of_golden_key(key), in, actual);
    EXPECT_EQ(first_difference(expected, actual), "") << key;
    ++outputs;
  }
  return outputs;
}

}  // namespace mxscope::test
