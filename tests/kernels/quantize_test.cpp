// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/mx_quantize.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "cpu/cpu_kernels.h"
#include "kernels/mx_golden.h"
#include "kernels/quantize_support.h"

namespace mxscope::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
// Outputs in mx_golden.safetensors: 7 formats x 4 blocks x 3 roundings x 2 types + 2 unshared.
constexpr int kGoldenOutputs = 170;

struct CpuVersion {
  std::string name;
  QuantizeFunction quantize;
};

std::vector<CpuVersion> versions() {
  std::vector<CpuVersion> all = {{"reference", reference_quantizer()}};
  for (const auto* version = kernels::runnable_cpu_kernels(); *version != nullptr; ++version) {
    all.push_back({(*version)->name,
                   [kernel = *version](const QuantizeSpec& spec, const Matrix& in, Matrix& out) {
                     kernel->quantize_rows(kernels::detail::make_plan(spec, in.cols), in.dtype,
                                           in.bytes.data(), out.bytes.data(), in.rows, in.cols,
                                           in.stride, out.stride);
                   }});
  }
  return all;
}

std::vector<float> quantized(const CpuVersion& version, const QuantizeSpec& spec,
                             const std::vector<float>& values, DType dtype = DType::kFloat32) {
  const auto cols = static_cast<std::int64_t>(values.size());
  Matrix in(dtype, 1, cols, cols);
  for (std::int64_t i = 0; i < cols; ++i) {
    in.set(0, i, values[static_cast<std::size_t>(i)]);
  }
  Matrix out(dtype, 1, cols, cols);
  version.quantize(spec, in, out);
  std::vector<float> result;
  for (std::int64_t i = 0; i < cols; ++i) {
    result.push_back(out.at(0, i));
  }
  return result;
}

TEST(MxQuantize, MeetsMicroxcalingBitForBit) {
  for (const CpuVersion& version : versions()) {
    SCOPED_TRACE(version.name);
    EXPECT_EQ(expect_golden(version.quantize), kGoldenOutputs);
  }
}

TEST(MxQuantize, FloorCutsWhatLiesAboveTheLargestNormal) {
  QuantizeSpec spec;
  for (const CpuVersion& version : versions()) {
    for (const float a : {957.0F, 958.5F, 960.0F}) {
      EXPECT_EQ(quantized(version, spec, {a, 1.0F}).at(0), 896.0F) << version.name << " " << a;
    }
  }
}

TEST(MxQuantize, RceilAndCeilChooseTheExponentsOfTheHandCheck) {
  // E8M0 bytes 126 and 127: scales 1/2 and 1. Half a step of the subnormals shows the scale: with
  // scale s the smallest element is s * 2^-9.
  QuantizeSpec spec;
  for (const CpuVersion& version : versions()) {
    spec.scale = ScaleRule::kRceil;
    EXPECT_EQ(quantized(version, spec, {150.0F, 0x1p-10F}).at(1), 0x1p-10F) << version.name;
    spec.scale = ScaleRule::kCeil;
    EXPECT_EQ(quantized(version, spec, {150.0F, 0x1p-10F}).at(1), 0.0F) << version.name;
    EXPECT_EQ(quantized(version, spec, {150.0F, 0x1p-9F}).at(1), 0x1p-9F) << version.name;
  }
}

TEST(MxQuantize, EvenMovesUpFromTheNamedSignificandInclusive) {
  const std::pair<Element, float> thresholds[] = {
      {Element::kFp4E2M1, 1.75F},  {Element::kFp8E5M2, 1.875F},  {Element::kFp6E3M2, 1.875F},
      {Element::kInt4, 1.875F},    {Element::kFp8E4M3, 1.9375F}, {Element::kFp6E2M3, 1.9375F},
      {Element::kInt8, 1.9921875F}};
  for (const auto& [element, threshold] : thresholds) {
    QuantizeSpec spec{Scheme::kMx, element, 32, ScaleRule::kEven, Rounding::kFloor};
    const kernels::ElementTraits& format = kernels::traits(element);
    const float finest = format.smallest_subnormal * std::ldexp(1.0F, -format.emax);
    for (const CpuVersion& version : versions()) {
      const float below = std::nextafter(threshold, 0.0F);
      EXPECT_EQ(quantized(version, spec, {below, finest}).at(1), finest) << version.name;
      EXPECT_EQ(quantized(version, spec, {threshold, finest}).at(1), 0.0F) << version.name;
    }
  }
}

TEST(MxQuantize, RoundingsPartOnTies) {
  QuantizeSpec spec{Scheme::kMx, Element::kFp4E2M1, 32, ScaleRule::kFloor, Rounding::kEven};
  const std::vector<float> ties = {4.0F, 0.25F, -0.75F, 1.25F, 2.5F, 3.5F, 5.0F};
  const std::pair<Rounding, std::vector<float>> expected[] = {
      {Rounding::kEven, {4, 0, -1, 1, 2, 4, 4}},
      {Rounding::kNearest, {4, 0.5, -1, 1.5, 3, 4, 6}},
      {Rounding::kFloor, {4, 0, -0.5, 1, 2, 3, 4}},
      {Rounding::kHalfDown, {4, 0, -0.5, 1, 2, 3, 4}}};
  for (const CpuVersion& version : versions()) {
    for (const auto& [rounding, values] : expected) {
      spec.rounding = rounding;
      EXPECT_EQ(quantized(version, spec, ties), values) << version.name;
    }
  }
}

TEST(MxQuantize, ZerosComeOutPositive) {
  for (const CpuVersion& version : versions()) {
    for (const float value : quantized(version, {}, {-0.0F, 1.0F, -0x1p-40F, 0.0F})) {
      EXPECT_FALSE(std::signbit(value)) << version.name;
    }
  }
}

TEST(MxQuantize, ANumberThatIsNotFiniteSpoilsItsBlockOnly) {
  for (const CpuVersion& version : versions()) {
    for (const float bad : {kInfinity, -kInfinity, kNan}) {
      std::vector<float> values(64, 1.0F);
      values[40] = bad;
      const std::vector<float> result = quantized(version, {}, values);
      for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(std::isnan(result[i]), i >= 32) << version.name << " " << i;
      }
    }
  }
}

TEST(MxQuantize, ElementCastSaturatesWithoutAScale) {
  QuantizeSpec spec;
  spec.scheme = Scheme::kElementCast;
  for (const CpuVersion& version : versions()) {
    spec.element = Element::kFp8E4M3;
    const std::vector<float> e4m3 =
        quantized(version, spec, {1e30F, -449.0F, 17.0F, 19.0F, 0x1p-10F, 0x3p-10F, kInfinity});
    EXPECT_EQ(std::vector<float>(e4m3.begin(), e4m3.end() - 1),
              (std::vector<float>{448, -448, 16, 20, 0, 0x1p-8F}))
        << version.name;
    EXPECT_TRUE(std::isnan(e4m3.back()));
    spec.element = Element::kFp8E5M2;
    EXPECT_EQ(quantized(version, spec, {3e38F, 9.0F, 11.0F}), (std::vector<float>{57344, 8, 12}))
        << version.name;
  }
}

TEST(MxQuantize, PlainCastsKeepInfinitiesAndTheSignOfZero) {
  QuantizeSpec spec;
  for (const CpuVersion& version : versions()) {
    spec.scheme = Scheme::kFp16;
    const std::vector<float> half =
        quantized(version, spec, {65519.0F, 65520.0F, -0.0F, 0x1p-25F, 0x3p-25F, kInfinity});
    EXPECT_EQ(half, (std::vector<float>{65504, kInfinity, 0, 0, 0x1p-23F, kInfinity}))
        << version.name;
    EXPECT_TRUE(std::signbit(half.at(2)));
    spec.scheme = Scheme::kBf16;
    EXPECT_EQ(quantized(version, spec, {1.00390625F, 1.01171875F, -kInfinity}),
              (std::vector<float>{1.0F, 1.015625F, -kInfinity}))
        << version.name;
  }
}

TEST(MxQuantize, WorksInPlaceAndInParallelWithTheSameBits) {
  std::mt19937_64 generator(20);
  Matrix in(DType::kBFloat16, 300, 1000, 1001);
  fill_hurtful(in, generator);
  const QuantizeSpec spec{Scheme::kMx, Element::kFp6E3M2, 32, ScaleRule::kEven, Rounding::kEven};
  Matrix expected(in.dtype, in.rows, in.cols, in.stride);
  reference_quantizer()(spec, in, expected);
  for (const int threads : {1, 2, 3, 7}) {
    Matrix actual(in.dtype, in.rows, in.cols, in.stride);
    kernels::quantize_cpu_parallel(spec, in.dtype, in.bytes.data(), actual.bytes.data(), in.rows,
                                   in.cols, in.stride, actual.stride, threads);
    EXPECT_EQ(first_difference(expected, actual), "") << threads;
  }
  Matrix same = in;
  kernels::quantize_cpu(spec, same.dtype, same.bytes.data(), same.bytes.data(), same.rows,
                        same.cols, same.stride, same.stride);
  EXPECT_EQ(first_difference(expected, same), "");
}

TEST(MxQuantize, ANumberIsQuantizedOnceAndForAll) {
  std::mt19937_64 generator(21);
  for (int element = 0; element < kernels::kElementCount; ++element) {
    Matrix in(DType::kFloat32, 16, 256, 256);
    for (std::int64_t i = 0; i < in.rows * in.cols; ++i) {
      in.set(0, i, std::ldexp(hurtful_number(generator, 0), static_cast<int>(i / 100) - 20));
    }
    // An even scale of a quantised block is not that of the block; floor and rceil are stable.
    for (const ScaleRule rule : {ScaleRule::kFloor, ScaleRule::kRceil}) {
      const QuantizeSpec spec{Scheme::kMx, static_cast<Element>(element), 32, rule,
                              Rounding::kEven};
      Matrix once(in.dtype, in.rows, in.cols, in.stride);
      Matrix twice = once;
      reference_quantizer()(spec, in, once);
      reference_quantizer()(spec, once, twice);
      EXPECT_EQ(first_difference(once, twice), "") << describe(spec, in.dtype);
    }
  }
}

TEST(QuantizeStats, CountsBlocksAndMeasuresTheirError) {
  const std::vector<float> values = {957.0F, 1.0F, 100.0F, 3.0F, kNan, 1.0F};
  QuantizeSpec spec;
  spec.block = 2;
  const kernels::QuantizeStats stats =
      kernels::quantize_stats(spec, DType::kFloat32, values.data(), 1, 6, 6);
  EXPECT_EQ(stats.blocks, 3);
  EXPECT_EQ(stats.saturated_blocks, 1);
  EXPECT_EQ(stats.nonfinite_blocks, 1);
  EXPECT_DOUBLE_EQ(stats.signal, 957.0 * 957 + 1 + 100.0 * 100 + 9);
  // 957 -> 896; 100 lies half-way between 96 and 104 and ties to 96; the rest is exact.
  EXPECT_DOUBLE_EQ(stats.noise, 61.0 * 61 + 16);
}

}  // namespace
}  // namespace mxscope::test
