// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kernels/cuda_support.h"
#include "kernels/mx_golden.h"
#include "kernels/quantize_support.h"
#include "mxscope/kernels/mx_quantize_cuda.h"

namespace mxscope::test {
namespace {

class CudaQuantize : public GpuTest {};

// Runs on matrices whose first element lies `offset` elements behind an aligned address.
void quantize_on_device(const QuantizeSpec& spec, const Matrix& in, Matrix& out,
                        std::size_t offset) {
  const std::size_t skipped = offset * static_cast<std::size_t>(kernels::size_of(in.dtype));
  std::vector<char> shifted(in.bytes.size() + skipped);
  std::copy(in.bytes.begin(), in.bytes.end(),
            shifted.begin() + static_cast<std::ptrdiff_t>(skipped));
  const DeviceBuffer device_in(shifted.data(), shifted.size());
  shifted.assign(out.bytes.size() + skipped, '\x5A');
  std::copy(out.bytes.begin(), out.bytes.end(),
            shifted.begin() + static_cast<std::ptrdiff_t>(skipped));
  const DeviceBuffer device_out(shifted.data(), shifted.size());
  check_cuda(kernels::quantize_cuda(spec, in.dtype, device_in.data() + skipped,
                                    device_out.data() + skipped, in.rows, in.cols, in.stride,
                                    out.stride, nullptr),
             "quantize_cuda");
  check_cuda(cudaDeviceSynchronize(), "quantize_cuda");
  device_out.copy_to(shifted.data());
  std::copy(shifted.begin() + static_cast<std::ptrdiff_t>(skipped), shifted.end(),
            out.bytes.begin());
}

void expect_equal_to_reference(const QuantizeSpec& spec, const Matrix& in, std::int64_t out_stride,
                               std::size_t offset) {
  Matrix expected(in.dtype, in.rows, in.cols, out_stride);
  std::fill(expected.bytes.begin(), expected.bytes.end(), '\x33');
  Matrix actual = expected;
  reference_quantizer()(spec, in, expected);
  quantize_on_device(spec, in, actual, offset);
  ASSERT_EQ(first_difference(expected, actual), "")
      << describe(spec, in.dtype) << ", " << in.rows << " x " << in.cols << ", strides "
      << in.stride << " and " << out_stride << ", offset " << offset;
  for (std::int64_t row = 0; row < in.rows; ++row) {
    for (std::int64_t col = in.cols; col < out_stride; ++col) {
      ASSERT_EQ(actual.raw(row, col), expected.raw(row, col)) << "wrote behind the row's end";
    }
  }
}

TEST_F(CudaQuantize, MeetsMicroxcalingBitForBit) {
  EXPECT_GT(expect_golden([](const QuantizeSpec& spec, const Matrix& in, Matrix& out) {
              quantize_on_device(spec, in, out, 0);
            }),
            0);
}

TEST_F(CudaQuantize, EqualsTheReferenceForAnyShapeStrideAndAlignment) {
  constexpr std::int64_t kBlocks[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 24, 7, 40, 1000};
  constexpr int kCases = 3000;
  std::mt19937_64 generator(40);
  const auto below = [&](std::uint64_t bound) {
    return static_cast<std::int64_t>(generator() % bound);
  };
  for (int i = 0; i < kCases && !HasFatalFailure(); ++i) {
    QuantizeSpec spec;
    spec.scheme = i % 8 < 5 ? Scheme::kMx : static_cast<Scheme>(below(5));
    spec.element = static_cast<Element>(below(kernels::kElementCount));
    spec.block = kBlocks[below(std::size(kBlocks))];
    spec.scale = static_cast<ScaleRule>(below(kernels::kScaleRuleCount));
    spec.rounding = static_cast<Rounding>(below(kernels::kRoundingCount));
    // A multiple of every pack in half of the cases, so that aligned rows are common.
    const std::int64_t cols = i % 2 == 0 ? 8 * (1 + below(100)) : 1 + below(800);
    const std::int64_t gap = i % 3 == 0 ? 8 * below(3) : (i % 3 == 1 ? below(9) : 0);
    Matrix in(static_cast<DType>(below(3)), 1 + below(5), cols, cols + gap);
    fill_hurtful(in, generator);
    const std::size_t offset = i % 5 == 0 ? static_cast<std::size_t>(below(8)) : 0;
    expect_equal_to_reference(spec, in, i % 7 == 0 ? cols + below(17) : in.stride, offset);
  }
}

TEST_F(CudaQuantize, LongRowsAndManyRows) {
  std::mt19937_64 generator(41);
  const std::pair<std::int64_t, std::int64_t> shapes[] = {{2, 14336},  {1, 20000}, {1, 70001},
                                                          {70000, 16}, {3, 4097},  {257, 512}};
  for (const auto& [rows, cols] : shapes) {
    for (int type = 0; type < 3; ++type) {
      Matrix in(static_cast<DType>(type), rows, cols, cols);
      fill_hurtful(in, generator);
      for (const std::int64_t block : {0, 32, 128, 4096}) {
        for (const ScaleRule rule : {ScaleRule::kFloor, ScaleRule::kMse}) {
          expect_equal_to_reference({Scheme::kMx, Element::kFp8E4M3, block, rule, Rounding::kEven},
                                    in, cols, 0);
          if (HasFatalFailure()) {
            return;
          }
        }
      }
    }
  }
}

TEST_F(CudaQuantize, WorksInPlace) {
  std::mt19937_64 generator(42);
  for (const std::int64_t block : {0, 1, 24, 32}) {
    Matrix in(DType::kBFloat16, 64, 40000, 40000);
    fill_hurtful(in, generator);
    const QuantizeSpec spec{Scheme::kMx, Element::kFp4E2M1, block};
    Matrix expected(in.dtype, in.rows, in.cols, in.stride);
    reference_quantizer()(spec, in, expected);
    const DeviceBuffer buffer(in.bytes.data(), in.bytes.size());
    check_cuda(kernels::quantize_cuda(spec, in.dtype, buffer.data(), buffer.data(), in.rows,
                                      in.cols, in.stride, in.stride, nullptr),
               "quantize_cuda");
    Matrix actual = expected;
    buffer.copy_to(actual.bytes.data());
    EXPECT_EQ(first_difference(expected, actual), "") << block;
  }
}

// Every format but the float16 cast, stored in bfloat16: the float32 result with its lower half cut
// off, and that half holds nothing unless the number lies below bfloat16's last subnormal.
TEST_F(CudaQuantize, ResultsInBfloat16LoseNothing) {
  constexpr std::int64_t kBlocks[] = {0, 1, 8, 16, 32, 64, 128, 24, 7, 1000};
  std::mt19937_64 generator(43);
  const auto below = [&](std::uint64_t bound) {
    return static_cast<std::int64_t>(generator() % bound);
  };
  for (int i = 0; i < 500; ++i) {
    QuantizeSpec spec;
    spec.scheme = i % 8 < 5 ? Scheme::kMx : static_cast<Scheme>(below(4));
    spec.element = static_cast<Element>(below(kernels::kElementCount));
    spec.block = kBlocks[below(std::size(kBlocks))];
    spec.scale = static_cast<ScaleRule>(below(kernels::kScaleRuleCount));
    spec.rounding = static_cast<Rounding>(below(kernels::kRoundingCount));
    ASSERT_TRUE(kernels::fits_bf16(spec));
    const std::int64_t cols = i % 2 == 0 ? 8 * (1 + below(100)) : 1 + below(800);
    Matrix in(DType::kFloat32, 1 + below(5), cols, cols + (i % 3 == 0 ? 8 * below(3) : 0));
    fill_hurtful(in, generator);
    Matrix expected(DType::kFloat32, in.rows, cols, cols);
    reference_quantizer()(spec, in, expected);
    const DeviceBuffer source(in.bytes.data(), in.bytes.size());
    const DeviceBuffer target(static_cast<std::size_t>(in.rows * cols) * sizeof(std::uint16_t));
    check_cuda(
        kernels::quantize_to_bf16_cuda(spec, reinterpret_cast<const float*>(source.data()),
                                       target.data(), in.rows, cols, in.stride, cols, nullptr),
        "quantize_to_bf16_cuda");
    std::vector<std::uint16_t> actual(static_cast<std::size_t>(in.rows * cols));
    target.copy_to(actual.data());
    for (std::int64_t row = 0; row < in.rows; ++row) {
      for (std::int64_t col = 0; col < cols; ++col) {
        const std::uint32_t wanted = expected.raw(row, col);
        const std::uint32_t got = actual[static_cast<std::size_t>(row * cols + col)];
        const float value = expected.at(row, col);
        if (std::isnan(value)) {
          ASSERT_GT(got & 0x7FFFU, 0x7F80U) << describe(spec, in.dtype);
          continue;
        }
        ASSERT_EQ(got, wanted >> 16) << describe(spec, in.dtype) << ", " << value;
        if (std::fabs(value) >= 0x1p-126F) {
          ASSERT_EQ(wanted & 0xFFFFU, 0U) << describe(spec, in.dtype) << ", " << value;
        }
      }
    }
  }
}

TEST_F(CudaQuantize, AnEmptyMatrixIsNoError) {
  EXPECT_EQ(kernels::quantize_cuda({}, DType::kFloat32, nullptr, nullptr, 0, 32, 32, 32, nullptr),
            0);
  EXPECT_STREQ(kernels::cuda_error_text(0), "no error");
}

}  // namespace
}  // namespace mxscope::test
