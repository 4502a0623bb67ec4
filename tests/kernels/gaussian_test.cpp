// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/quantize_support.h"
#include "mxscope/kernels/mx_quantize.h"

// Signal-to-noise ratios on N(0, 1): published figures of the formats under every scale rule.
namespace mxscope::test {
namespace {

constexpr std::int64_t kCols = 1 << 13;
constexpr std::int64_t kRows = 1 << 10;
constexpr double kToleranceDb = 0.02;
constexpr double kTolerancePercent = 0.1;  // the table's shares have one digit

const std::vector<float>& samples() {
  static const std::vector<float> values = [] {
    std::mt19937_64 generator(1);
    std::normal_distribution<double> normal;
    std::vector<float> numbers(static_cast<std::size_t>(kRows * kCols));
    for (float& number : numbers) {
      number = static_cast<float>(normal(generator));
    }
    return numbers;
  }();
  return values;
}

kernels::QuantizeStats stats_of(Element element, std::int64_t block, ScaleRule rule) {
  const QuantizeSpec spec{Scheme::kMx, element, block, rule, Rounding::kEven};
  return kernels::quantize_stats(spec, DType::kFloat32, samples().data(), kRows, kCols, kCols);
}

double decibels(const kernels::QuantizeStats& stats) {
  return 10 * std::log10(stats.signal / stats.noise);
}

TEST(Gaussian, BlocksOf32MeetTheTable) {
  struct Row {
    Element element;
    double floor, rceil, ceil, even, mse, saturated_percent;
  };
  const Row table[] = {{Element::kInt8, 41.67, 41.62, 35.65, 41.64, 41.72, 1.3},
                       {Element::kFp8E4M3, 30.65, 31.52, 31.52, 31.18, 31.52, 17.0},
                       {Element::kFp8E5M2, 25.36, 25.55, 25.55, 25.55, 25.55, 17.0},
                       {Element::kFp6E2M3, 30.94, 30.96, 28.77, 30.99, 30.99, 9.5},
                       {Element::kFp6E3M2, 25.36, 25.55, 25.55, 25.55, 25.55, 17.0},
                       {Element::kFp4E2M1, 18.79, 18.76, 16.82, 19.03, 19.05, 29.6}};
  for (const Row& row : table) {
    const auto floor = stats_of(row.element, 32, ScaleRule::kFloor);
    const std::string name = "element " + std::to_string(static_cast<int>(row.element));
    EXPECT_NEAR(decibels(floor), row.floor, kToleranceDb) << name;
    EXPECT_NEAR(
        100.0 * static_cast<double>(floor.saturated_blocks) / static_cast<double>(floor.blocks),
        row.saturated_percent, kTolerancePercent)
        << name;
    const std::pair<ScaleRule, double> rules[] = {{ScaleRule::kRceil, row.rceil},
                                                  {ScaleRule::kCeil, row.ceil},
                                                  {ScaleRule::kEven, row.even},
                                                  {ScaleRule::kMse, row.mse}};
    for (const auto& [rule, expected] : rules) {
      EXPECT_NEAR(decibels(stats_of(row.element, 32, rule)), expected, kToleranceDb)
          << name << " rule " << static_cast<int>(rule);
    }
  }
}

TEST(Gaussian, Fp4MeetsTheTableForOtherBlocks) {
  struct Row {
    std::int64_t block;
    double floor, rceil, even;
  };
  for (const Row& row : {Row{16, 18.58, 18.95, 19.17}, Row{64, 18.93, 18.49, 18.93},
                         Row{128, 18.96, 18.08, 18.83}}) {
    const auto ratio = [&](ScaleRule rule) {
      return decibels(stats_of(Element::kFp4E2M1, row.block, rule));
    };
    EXPECT_NEAR(ratio(ScaleRule::kFloor), row.floor, kToleranceDb) << row.block;
    EXPECT_NEAR(ratio(ScaleRule::kRceil), row.rceil, kToleranceDb) << row.block;
    EXPECT_NEAR(ratio(ScaleRule::kEven), row.even, kToleranceDb) << row.block;
  }
}

}  // namespace
}  // namespace mxscope::test
