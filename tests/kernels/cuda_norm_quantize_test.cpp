// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/norm_quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "kernels/cuda_support.h"
#include "kernels/quantize_support.h"
#include "support/tolerances.h"

namespace mxscope::test {
namespace {

using kernels::GateActivation;
using kernels::GateArguments;
using kernels::Norm;
using kernels::NormArguments;

class CudaNormQuantize : public GpuTest {};

constexpr Outliers kOutliers{97, 3, 30.0F};

// Within float32's tolerance, and for each of the 16-bit types' `roundings` within one unit in the
// last place: an operand of the last product that was rounded before it may have fallen to the
// other side, and then so may the result. A result is the sum of a product and the bias (null for
// none), and as exact as these two are.
void expect_close_to(const Matrix& expected, const Matrix& actual, const Matrix* bias,
                     int roundings, const std::string& what) {
  const double unit = expected.dtype == DType::kFloat32    ? 0
                      : expected.dtype == DType::kBFloat16 ? 0x1p-7
                                                           : 0x1p-10;
  for (std::int64_t row = 0; row < expected.rows; ++row) {
    for (std::int64_t col = 0; col < expected.cols; ++col) {
      const double wanted = expected.at(row, col);
      const double error = std::fabs(static_cast<double>(actual.at(row, col)) - wanted);
      const double added = bias == nullptr ? 0 : std::fabs(static_cast<double>(bias->at(0, col)));
      const double terms = std::fabs(wanted) + 2 * added;
      ASSERT_LE(error, kNormCuda.absolute + kNormCuda.relative * terms +
                           roundings * unit * std::fabs(wanted))
          << what << " [" << row << ", " << col << "] expected " << wanted;
    }
  }
}

Matrix widened(const std::vector<std::uint16_t>& bf16, const Matrix& shape) {
  Matrix matrix = shape;
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t col = 0; col < shape.cols; ++col) {
      const std::uint32_t bits =
          static_cast<std::uint32_t>(bf16[static_cast<std::size_t>(row * shape.stride + col)])
          << 16;
      float value = 0;
      std::memcpy(&value, &bits, sizeof(value));
      matrix.set(row, col, value);
    }
  }
  return matrix;
}

std::vector<QuantizeSpec> specs() {
  return {{},
          {Scheme::kMx, Element::kFp4E2M1, 16, ScaleRule::kEven, Rounding::kEven},
          {Scheme::kMx, Element::kFp6E3M2, 128, ScaleRule::kRceil, Rounding::kNearest},
          {Scheme::kMx, Element::kInt8, 0},
          {Scheme::kMx, Element::kFp4E2M1, 24, ScaleRule::kFloor, Rounding::kFloor},
          {Scheme::kMx, Element::kFp8E4M3, 32, ScaleRule::kMse},
          {Scheme::kElementCast},
          {Scheme::kPrivateExponent, Element::kFp8E5M2},
          {Scheme::kBf16}};
}

// The quantised result has the bits of the reference quantiser on the plain one, which was made
// alone or together with it.
void expect_quantized_plain(const QuantizeSpec& spec, const Matrix& plain, const Matrix& quantized,
                            const std::string& what) {
  Matrix expected(plain.dtype, plain.rows, plain.cols, plain.stride);
  reference_quantizer()(spec, plain, expected);
  ASSERT_EQ(first_difference(expected, quantized), "")
      << what << ", " << describe(spec, plain.dtype);
}

TEST_F(CudaNormQuantize, NormsMeetTheReferenceAndTheirQuantizedResultTheQuantizer) {
  std::mt19937_64 generator(60);
  for (int type = 0; type < 3; ++type) {
    const auto dtype = static_cast<DType>(type);
    for (const std::int64_t cols : {8, 64, 72, 768, 5120, 14336}) {
      for (const Norm norm : {Norm::kRms, Norm::kRmsUnitOffset, Norm::kLayer}) {
        for (const bool has_residual : {false, true}) {
          const std::int64_t rows = 7;
          const std::int64_t stride = cols + (has_residual ? 8 : 0);
          const Matrix x = random_matrix(generator, dtype, rows, cols, stride, kOutliers);
          const Matrix residual = random_matrix(generator, dtype, rows, cols, stride, kOutliers);
          const Matrix weight = random_matrix(generator, dtype, 1, cols, cols, kOutliers);
          const Matrix bias = random_matrix(generator, dtype, 1, cols, cols, kOutliers);
          Matrix sum = x;
          Matrix plain = x;
          NormArguments a{norm, 1e-5F, dtype, rows, cols, stride};
          a.x = x.bytes.data();
          a.residual = has_residual ? residual.bytes.data() : nullptr;
          a.sum = has_residual ? sum.bytes.data() : nullptr;
          a.weight = weight.bytes.data();
          a.bias = norm == Norm::kLayer ? bias.bytes.data() : nullptr;
          a.plain = plain.bytes.data();
          kernels::norm_reference(a);

          const DeviceBuffer device_x(x.bytes.data(), x.bytes.size());
          const DeviceBuffer device_residual(residual.bytes.data(), residual.bytes.size());
          const DeviceBuffer device_weight(weight.bytes.data(), weight.bytes.size());
          const DeviceBuffer device_bias(bias.bytes.data(), bias.bytes.size());
          const DeviceBuffer device_sum(x.bytes.data(), x.bytes.size());
          const DeviceBuffer device_plain(x.bytes.data(), x.bytes.size());
          const DeviceBuffer device_quantized(x.bytes.data(), x.bytes.size());
          a.x = device_x.data();
          a.residual = has_residual ? device_residual.data() : nullptr;
          a.sum = has_residual ? device_sum.data() : nullptr;
          a.weight = device_weight.data();
          a.bias = norm == Norm::kLayer ? device_bias.data() : nullptr;
          const std::string what = "norm " + std::to_string(static_cast<int>(norm)) + ", cols " +
                                   std::to_string(cols) + ", dtype " + std::to_string(type);
          for (const QuantizeSpec& spec : specs()) {
            a.plain = device_plain.data();
            a.quantized = device_quantized.data();
            check_cuda(kernels::norm_quantize_cuda(a, spec, nullptr), "norm_quantize_cuda");
            Matrix actual = plain;
            Matrix quantized = plain;
            device_plain.copy_to(actual.bytes.data());
            device_quantized.copy_to(quantized.bytes.data());
            expect_close_to(plain, actual, norm == Norm::kLayer ? &bias : nullptr,
                            norm == Norm::kRms ? 2 : 1, what);
            expect_quantized_plain(spec, actual, quantized, what);

            a.plain = nullptr;
            check_cuda(kernels::norm_quantize_cuda(a, spec, nullptr), "norm_quantize_cuda");
            device_quantized.copy_to(quantized.bytes.data());
            expect_quantized_plain(spec, actual, quantized, what + ", quantised alone");

            if (dtype == DType::kFloat32) {
              a.plain = device_plain.data();
              a.quantized_as_bf16 = true;
              check_cuda(kernels::norm_quantize_cuda(a, spec, nullptr), "norm_quantize_cuda");
              a.quantized_as_bf16 = false;
              std::vector<std::uint16_t> narrow(x.bytes.size() / sizeof(std::uint16_t));
              device_quantized.copy_to(narrow.data());
              expect_quantized_plain(spec, actual, widened(narrow, actual), what + ", in bfloat16");
            }
            if (HasFatalFailure()) {
              return;
            }
          }
          if (has_residual) {
            Matrix actual = sum;
            device_sum.copy_to(actual.bytes.data());
            EXPECT_EQ(first_difference(sum, actual), "") << what << ", residual sum";
          }
        }
      }
    }
  }
}

TEST_F(CudaNormQuantize, GatesMeetTheReferenceAndTheirQuantizedResultTheQuantizer) {
  std::mt19937_64 generator(61);
  for (int type = 0; type < 3; ++type) {
    const auto dtype = static_cast<DType>(type);
    for (const std::int64_t cols : {8, 200, 5632}) {
      for (int activation = 0; activation < 4; ++activation) {
        for (const bool has_up : {false, true}) {
          const std::int64_t rows = 5;
          // Gate and up lie side by side in one fused product.
          const Matrix in = random_matrix(generator, dtype, rows, cols, 2 * cols, kOutliers);
          Matrix plain(dtype, rows, cols, cols);
          const std::size_t up_offset = static_cast<std::size_t>(cols * kernels::size_of(dtype));
          GateArguments a{
              static_cast<GateActivation>(activation), dtype, rows, cols, 2 * cols, cols};
          a.gate = in.bytes.data();
          a.up = has_up ? in.bytes.data() + up_offset : nullptr;
          a.plain = plain.bytes.data();
          kernels::gate_reference(a);

          const DeviceBuffer device_in(in.bytes.data(), in.bytes.size());
          const DeviceBuffer device_plain(plain.bytes.size());
          const DeviceBuffer device_quantized(plain.bytes.size());
          a.gate = device_in.data();
          a.up = has_up ? device_in.data() + up_offset : nullptr;
          const std::string what = "activation " + std::to_string(activation) + ", cols " +
                                   std::to_string(cols) + ", dtype " + std::to_string(type);
          for (const QuantizeSpec& spec : specs()) {
            a.plain = device_plain.data();
            a.quantized = device_quantized.data();
            check_cuda(kernels::gate_quantize_cuda(a, spec, nullptr), "gate_quantize_cuda");
            Matrix actual = plain;
            Matrix quantized = plain;
            device_plain.copy_to(actual.bytes.data());
            device_quantized.copy_to(quantized.bytes.data());
            expect_close_to(plain, actual, nullptr, has_up ? 2 : 1, what);
            expect_quantized_plain(spec, actual, quantized, what);
            if (dtype == DType::kFloat32) {
              a.quantized_as_bf16 = true;
              check_cuda(kernels::gate_quantize_cuda(a, spec, nullptr), "gate_quantize_cuda");
              a.quantized_as_bf16 = false;
              std::vector<std::uint16_t> narrow(plain.bytes.size() / sizeof(std::uint16_t));
              device_quantized.copy_to(narrow.data());
              expect_quantized_plain(spec, actual, widened(narrow, actual), what + ", in bfloat16");
            }
            if (HasFatalFailure()) {
              return;
            }
          }
        }
      }
    }
  }
}

TEST_F(CudaNormQuantize, RefusesWhatItCannotLoadInPacks) {
  const DeviceBuffer buffer(1024);
  NormArguments a{Norm::kRms, 1e-5F, DType::kFloat32, 1, 30, 32};
  a.x = buffer.data();
  a.plain = buffer.data();
  EXPECT_EQ(kernels::norm_quantize_cuda(a, {}, nullptr), static_cast<int>(cudaErrorNotSupported));
  a.cols = 32;
  a.x = buffer.data() + 4;
  EXPECT_EQ(kernels::norm_quantize_cuda(a, {}, nullptr), static_cast<int>(cudaErrorNotSupported));
}

}  // namespace
}  // namespace mxscope::test
