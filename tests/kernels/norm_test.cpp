// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cpu/cpu_kernels.h"
#include "mxscope/kernels/norm_quantize.h"
#include "support/tolerances.h"

namespace mxscope::test {
namespace {

using kernels::CpuKernels;
using kernels::GateActivation;
using kernels::GateArguments;
using kernels::Norm;
using kernels::NormArguments;

constexpr float kUntouched = 77.0F;

std::vector<const CpuKernels*> versions() {
  std::vector<const CpuKernels*> found;
  for (const auto* version = kernels::runnable_cpu_kernels(); *version != nullptr; ++version) {
    found.push_back(*version);
  }
  return found;
}

std::vector<float> random_numbers(std::mt19937_64& generator, std::int64_t count, float scale,
                                  float offset = 0) {
  std::normal_distribution<float> normal;
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& x : numbers) {
    x = offset + scale * normal(generator);
  }
  return numbers;
}

void expect_near(const std::vector<float>& expected, const std::vector<float>& actual,
                 const Tolerance& tolerance, const std::string& what) {
  ASSERT_EQ(expected.size(), actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double allowed =
        tolerance.absolute + tolerance.relative * std::abs(static_cast<double>(expected[i]));
    ASSERT_LE(std::abs(static_cast<double>(expected[i]) - static_cast<double>(actual[i])), allowed)
        << what << ", element " << i << ": " << actual[i] << " instead of " << expected[i];
  }
}

TEST(NormCpu, EveryVersionMeetsTheReference) {
  std::mt19937_64 generator(11);
  constexpr std::int64_t kRows = 5;
  for (const std::int64_t cols : {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 160, 172, 768, 5001}) {
    for (const Norm norm : {Norm::kRms, Norm::kLayer}) {
      for (const bool plain : {false, true}) {
        const std::int64_t stride = cols + (plain ? 0 : 3);
        const std::vector<float> x = random_numbers(generator, kRows * stride, 3.0F, 0.5F);
        const std::vector<float> weight = random_numbers(generator, cols, 1.0F);
        const std::vector<float> bias = random_numbers(generator, cols, 1.0F);
        std::vector<float> expected(x.size(), kUntouched);
        NormArguments a;
        a.norm = norm;
        a.rows = kRows;
        a.cols = cols;
        a.row_stride = stride;
        a.x = x.data();
        a.weight = plain ? nullptr : weight.data();
        a.bias = plain || norm == Norm::kRms ? nullptr : bias.data();
        a.plain = expected.data();
        kernels::norm_reference(a);
        for (const CpuKernels* version : versions()) {
          std::vector<float> actual(x.size(), kUntouched);
          a.plain = actual.data();
          version->norm(a);
          expect_near(expected, actual, kNormCpu,
                      std::string(version->name) + ", " + std::to_string(cols) + " columns");
        }
      }
    }
  }
}

TEST(NormCpu, ARowWithoutANumberStaysWithoutOne) {
  std::mt19937_64 generator(12);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = random_numbers(generator, 2 * 40, 1.0F);
    x[37] = bad;
    std::vector<float> out(x.size());
    NormArguments a;
    a.rows = 2;
    a.cols = a.row_stride = 40;
    a.x = x.data();
    a.plain = out.data();
    for (const CpuKernels* version : versions()) {
      version->norm(a);
      EXPECT_TRUE(std::isnan(out[37])) << version->name;
      EXPECT_TRUE(std::isfinite(out[40])) << version->name;
    }
  }
}

TEST(NormCpu, WhatItDoesNotComputeIsRefusedAndNothingWritten) {
  const std::vector<float> x(8, 1.0F);
  std::vector<float> out(8, kUntouched);
  NormArguments a;
  a.rows = 1;
  a.cols = a.row_stride = 8;
  a.x = x.data();
  a.plain = out.data();
  a.norm = Norm::kRmsUnitOffset;
  EXPECT_FALSE(kernels::norm_cpu(a));
  a.norm = Norm::kRms;
  a.dtype = kernels::DType::kBFloat16;
  EXPECT_FALSE(kernels::norm_cpu(a));
  GateArguments gate;
  gate.activation = GateActivation::kGelu;
  gate.rows = 1;
  gate.cols = gate.in_row_stride = gate.out_row_stride = 8;
  gate.gate = x.data();
  gate.plain = out.data();
  EXPECT_FALSE(kernels::gate_cpu(gate));
  EXPECT_EQ(out, std::vector<float>(8, kUntouched));
  gate.activation = GateActivation::kSilu;
  EXPECT_TRUE(kernels::gate_cpu(gate));
  EXPECT_NE(out, std::vector<float>(8, kUntouched));
}

TEST(GateCpu, EveryVersionMeetsTheReference) {
  std::mt19937_64 generator(13);
  constexpr std::int64_t kRows = 3;
  for (const std::int64_t cols : {1, 5, 16, 18, 172, 416, 3001}) {
    for (const bool gated : {false, true}) {
      const std::int64_t in_stride = 2 * cols + 1;
      std::vector<float> x = random_numbers(generator, kRows * in_stride, 4.0F);
      x[0] = -100.0F;
      x.back() = 200.0F;
      std::vector<float> expected(static_cast<std::size_t>(kRows * (cols + 2)), kUntouched);
      GateArguments a;
      a.activation = GateActivation::kSilu;
      a.rows = kRows;
      a.cols = cols;
      a.in_row_stride = in_stride;
      a.out_row_stride = cols + 2;
      a.gate = x.data();
      a.up = gated ? x.data() + cols : nullptr;
      a.plain = expected.data();
      kernels::gate_reference(a);
      for (const CpuKernels* version : versions()) {
        std::vector<float> actual(expected.size(), kUntouched);
        a.plain = actual.data();
        version->silu(a);
        expect_near(expected, actual, kGateCpu,
                    std::string(version->name) + ", " + std::to_string(cols) + " columns");
      }
    }
  }
}

TEST(GateCpu, InfinityAndNaNPass) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {infinity, std::numeric_limits<float>::quiet_NaN(), 1.0F};
  std::vector<float> out(3);
  GateArguments a;
  a.activation = GateActivation::kSilu;
  a.rows = 1;
  a.cols = a.in_row_stride = a.out_row_stride = 3;
  a.gate = x.data();
  a.plain = out.data();
  for (const CpuKernels* version : versions()) {
    version->silu(a);
    EXPECT_EQ(out[0], infinity) << version->name;
    EXPECT_TRUE(std::isnan(out[1])) << version->name;
    EXPECT_GT(out[2], 0.7F) << version->name;
  }
}

}  // namespace
}  // namespace mxscope::test
