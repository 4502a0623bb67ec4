// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cuda_support.h"
#include "kernels/quantize_support.h"
#include "kernels/rotary_support.h"
#include "mxscope/kernels/rotary.h"

namespace mxscope::test {
namespace {

using kernels::DType;
using kernels::Element;
using kernels::GateActivation;
using kernels::ProductArguments;
using kernels::ProductRotation;
using kernels::QuantizeSpec;
using kernels::Rounding;
using kernels::ScaleRule;
using kernels::Scheme;

constexpr int kNotSupported = static_cast<int>(cudaErrorNotSupported);
constexpr DType kTypes[] = {DType::kBFloat16, DType::kFloat16};

constexpr Outliers kOutliers{61, 7, 8.0F};

// What results are written over: a number that no product here has.
Matrix untouched(DType dtype, std::int64_t rows, std::int64_t cols, std::int64_t stride) {
  Matrix matrix(dtype, rows, cols, stride);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t col = 0; col < stride; ++col) {
      matrix.set(row, col, 12288.0F);
    }
  }
  return matrix;
}

// Operands on the device and the result's room, both wider than they need be.
struct Problem {
  Matrix x;
  Matrix weight;
  Matrix out;
  DeviceBuffer device_x;
  DeviceBuffer device_weight;
  DeviceBuffer device_out;

  Problem(std::mt19937_64& generator, DType dtype, std::int64_t rows, std::int64_t in,
          std::int64_t out_features, int weights = 1)
      : x(random_matrix(generator, dtype, rows, in, in + 24, kOutliers)),
        weight(random_matrix(generator, dtype, weights * out_features, in, in, kOutliers)),
        out(untouched(dtype, rows, out_features, out_features + 40)),
        device_x(x.bytes.data(), x.bytes.size()),
        device_weight(weight.bytes.data(), weight.bytes.size()),
        device_out(out.bytes.data(), out.bytes.size()) {}

  [[nodiscard]] ProductArguments arguments() const {
    ProductArguments a;
    a.dtype = x.dtype;
    a.rows = x.rows;
    a.in_features = x.cols;
    a.out_features = out.cols;
    a.x_stride = x.stride;
    a.out_stride = out.stride;
    a.x = device_x.data();
    a.weight = device_weight.data();
    a.out = device_out.data();
    return a;
  }
  void fetch() { device_out.copy_to(out.bytes.data()); }
};

class CudaProduct : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    std::mt19937_64 generator(1);
    const Problem small(generator, DType::kBFloat16, 1, 256, 256);
    ProductRotation none;
    none.half = 64;
    if (kernels::rotated_product_cuda(small.arguments(), none, nullptr) == kNotSupported) {
      GTEST_SKIP() << "no kernels of compute capability 9.0 in this build or on this device";
    }
  }

  static void multiply(const ProductArguments& arguments) {
    ProductRotation none;
    none.half = 64;
    check_cuda(kernels::rotated_product_cuda(arguments, none, nullptr), "rotated_product_cuda");
  }
};

// Against sums in float64: float32 sums of n terms err by at most n units of 2^-23 (the tensor
// cores cut off) of the terms' sizes, and the result is rounded once.
TEST_F(CudaProduct, IsTheSumOfItsTerms) {
  std::mt19937_64 generator(3);
  struct Shape {
    std::int64_t rows, in, out;
  };
  for (const DType dtype : kTypes) {
    const double rounding = dtype == DType::kBFloat16 ? 0x1p-8 : 0x1p-11;
    for (const Shape& shape : {Shape{1, 256, 256}, Shape{129, 264, 264}, Shape{300, 1000, 520},
                               Shape{700, 320, 1288}, Shape{2200, 256, 256}}) {
      Problem problem(generator, dtype, shape.rows, shape.in, shape.out);
      multiply(problem.arguments());
      problem.fetch();
      for (std::int64_t row = 0; row < shape.rows; ++row) {
        for (std::int64_t col = 0; col < problem.out.stride; ++col) {
          if (col >= shape.out) {
            ASSERT_EQ(problem.out.at(row, col), 12288.0F) << "written behind the row's end";
            continue;
          }
          double sum = 0;
          double sizes = 0;
          for (std::int64_t i = 0; i < shape.in; ++i) {
            const double term = static_cast<double>(problem.x.at(row, i)) *
                                static_cast<double>(problem.weight.at(col, i));
            sum += term;
            sizes += std::fabs(term);
          }
          ASSERT_NEAR(problem.out.at(row, col), sum,
                      rounding * std::fabs(sum) + static_cast<double>(shape.in) * 0x1p-23 * sizes)
              << shape.rows << " x " << shape.in << " x " << shape.out << " at [" << row << ", "
              << col << "]";
        }
      }
    }
  }
}

TEST_F(CudaProduct, RowsDoNotDependOnTheirNeighbours) {
  std::mt19937_64 generator(5);
  Problem all(generator, DType::kBFloat16, 900, 512, 768);
  multiply(all.arguments());
  all.fetch();
  for (const auto& [begin, count] : {std::pair{0, 1}, std::pair{250, 7}, std::pair{301, 400}}) {
    Matrix part = untouched(DType::kBFloat16, count, 768, all.out.stride);
    const DeviceBuffer room(part.bytes.data(), part.bytes.size());
    ProductArguments a = all.arguments();
    a.rows = count;
    a.x = all.device_x.data() + begin * all.x.stride * 2;
    a.out = room.data();
    multiply(a);
    room.copy_to(part.bytes.data());
    for (std::int64_t row = 0; row < count; ++row) {
      for (std::int64_t col = 0; col < 768; ++col) {
        ASSERT_EQ(part.raw(row, col), all.out.raw(begin + row, col)) << begin << " + " << row;
      }
    }
  }
}

TEST_F(CudaProduct, RotatesAsTheRotaryKernel) {
  std::mt19937_64 generator(7);
  for (const DType dtype : kTypes) {
    for (const std::int64_t half : {32, 64, 128}) {
      const std::int64_t rows = 301;
      const std::int64_t heads = 5;
      Problem problem(generator, dtype, rows, 512, (heads + 2) * 2 * half);
      const RotaryTables tables(generator, rows, half);
      ProductRotation rotation;
      rotation.columns = heads * 2 * half;
      rotation.half = half;
      rotation.positions = tables.position_data();
      rotation.cos = tables.cos_data();
      rotation.sin = tables.sin_data();

      multiply(problem.arguments());
      const kernels::RotaryView view{problem.device_out.data(), dtype,   rows, heads,
                                     problem.out.stride,        2 * half};
      check_cuda(
          kernels::rotate_cuda(view, rotation.positions, rotation.cos, rotation.sin, half, nullptr),
          "rotate_cuda");
      problem.fetch();
      const Matrix expected = problem.out;
      check_cuda(kernels::rotated_product_cuda(problem.arguments(), rotation, nullptr),
                 "rotated_product_cuda");
      problem.fetch();
      ASSERT_TRUE(expected.bytes == problem.out.bytes) << "half " << half;
    }
  }
}

// Every way in which the gate is quantised or not, with numbers that overflow or are none in some
// rows, against the kernels that do one thing after the other.
TEST_F(CudaProduct, GatesAsTheGateKernel) {
  std::mt19937_64 generator(11);
  std::vector<QuantizeSpec> specs;
  for (const std::int64_t block : {8, 16, 32, 64, 128, 256, 24, 0}) {
    specs.push_back({Scheme::kMx, Element::kFp8E4M3, block, ScaleRule::kFloor, Rounding::kEven});
  }
  for (const ScaleRule scale : {ScaleRule::kEven, ScaleRule::kCeil, ScaleRule::kMse}) {
    specs.push_back({Scheme::kMx, Element::kFp4E2M1, 32, scale, Rounding::kEven});
  }
  specs.push_back({Scheme::kMx, Element::kInt8, 64, ScaleRule::kFloor, Rounding::kNearest});
  specs.push_back({Scheme::kElementCast, Element::kFp8E4M3, 1});
  specs.push_back({Scheme::kBf16});
  for (const DType dtype : kTypes) {
    for (const std::int64_t rows : {1, 333}) {
      Problem problem(generator, dtype, rows, 264, 384, 2);
      problem.x.set(rows / 2, 5, std::numeric_limits<float>::infinity());
      problem.x.set(rows - 1, 9, dtype == DType::kBFloat16 ? 3e38F : 65504.0F);
      const DeviceBuffer x(problem.x.bytes.data(), problem.x.bytes.size());
      const DeviceBuffer both(static_cast<std::size_t>(rows * 2 * 384 * 2));
      ProductArguments a = problem.arguments();
      a.x = x.data();
      ProductArguments plain = a;
      plain.out_features = plain.out_stride = 2 * 384;
      plain.out = both.data();
      multiply(plain);
      for (const GateActivation activation : {GateActivation::kSilu, GateActivation::kGeluTanh}) {
        for (std::size_t i = 0; i <= specs.size(); ++i) {
          const QuantizeSpec* spec = i < specs.size() ? &specs[i] : nullptr;
          kernels::GateArguments gate;
          gate.activation = activation;
          gate.dtype = dtype;
          gate.rows = rows;
          gate.cols = 384;
          gate.in_row_stride = 2 * 384;
          gate.out_row_stride = a.out_stride;
          gate.gate = both.data();
          gate.up = both.data() + 384 * 2;
          (spec != nullptr ? gate.quantized : gate.plain) = a.out;
          check_cuda(
              kernels::gate_quantize_cuda(gate, spec != nullptr ? *spec : QuantizeSpec{}, nullptr),
              "gate_quantize_cuda");
          problem.fetch();
          const Matrix expected = problem.out;
          check_cuda(cudaMemset(a.out, 0x11, problem.out.bytes.size()), "cudaMemset");
          check_cuda(kernels::gated_product_cuda(a, activation, spec, nullptr),
                     "gated_product_cuda");
          problem.fetch();
          for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t col = 0; col < 384; ++col) {
              ASSERT_EQ(expected.raw(row, col), problem.out.raw(row, col))
                  << (spec != nullptr ? describe(*spec, dtype) : "plain") << " [" << row << ", "
                  << col << "]";
            }
            ASSERT_EQ(problem.out.raw(row, 384), 0x1111U) << "written behind the row's end";
          }
        }
      }
    }
  }
}

TEST_F(CudaProduct, OtherShapesAreLeftAlone) {
  std::mt19937_64 generator(13);
  Problem problem(generator, DType::kBFloat16, 5, 512, 512, 2);
  ProductRotation none;
  none.half = 64;
  const auto refuses = [&](auto change) {
    ProductArguments a = problem.arguments();
    change(a);
    EXPECT_EQ(kernels::rotated_product_cuda(a, none, nullptr), kNotSupported);
    EXPECT_EQ(kernels::gated_product_cuda(a, GateActivation::kSilu, nullptr, nullptr),
              kNotSupported);
  };
  refuses([](ProductArguments& a) { a.dtype = DType::kFloat32; });
  refuses([](ProductArguments& a) { a.in_features = 250; });
  refuses([](ProductArguments& a) { a.in_features = 128; });
  refuses([](ProductArguments& a) { a.out_features = 100; });
  refuses([](ProductArguments& a) { a.x_stride = 513; });
  refuses([](ProductArguments& a) { a.x = static_cast<const char*>(a.x) + 2; });
  refuses([](ProductArguments& a) { a.out = static_cast<char*>(a.out) + 8; });

  ProductArguments a = problem.arguments();
  EXPECT_EQ(kernels::gated_product_cuda(a, GateActivation::kRelu, nullptr, nullptr), kNotSupported);
  a.out_features = 320;  // tiles of the gate are 128 wide
  EXPECT_EQ(kernels::gated_product_cuda(a, GateActivation::kSilu, nullptr, nullptr), kNotSupported);
  ProductRotation other = none;
  other.half = 48;
  EXPECT_EQ(kernels::rotated_product_cuda(problem.arguments(), other, nullptr), kNotSupported);

  check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  const Matrix before = problem.out;
  problem.fetch();
  EXPECT_TRUE(before.bytes == problem.out.bytes);
}

}  // namespace
}  // namespace mxscope::test
