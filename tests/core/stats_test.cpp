// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <vector>

#include "mxscope/core/base/error.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/core/stats/histogram.h"
#include "mxscope/core/stats/metrics.h"
#include "mxscope/core/stats/paired.h"
#include "mxscope/core/stats/student.h"

namespace mxscope {
namespace {

using Json = nlohmann::ordered_json;

// Relative; the golden values have 40 digits behind them.
constexpr double kTolerance = 1e-12;

// tests/core/make_stats_golden.py wrote it.
const Json& golden() {
  static const Json kGolden = [] {
    std::ifstream file(std::string(MXSCOPE_TEST_DATA) + "/stats/stats.json");
    return Json::parse(file);
  }();
  return kGolden;
}

std::vector<WindowSums> windows_of(const Json& rows) {
  std::vector<WindowSums> windows;
  for (const Json& row : rows) {
    WindowSums sums;
    sums.tokens = row["tokens"];
    sums.weight = row["weight"];
    sums.nll_sum = row["nll_sum"];
    sums.entropy_sum = row["entropy_sum"];
    sums.kl_sum = row["kl_sum"];
    sums.top1_count = row["top1_count"];
    sums.argmax_positions = row["argmax_positions"];
    sums.argmax_xent_sum = row["argmax_xent_sum"];
    sums.argmax_entropy_sum = row["argmax_entropy_sum"];
    sums.bytes = row["bytes"];
    windows.push_back(sums);
  }
  return windows;
}

// Every number of `expected` stands in `actual`, equal within kTolerance relative to `scale` (the
// numbers themselves, or what they are a small difference of).
void expect_close(const Json& actual, const Json& expected, double scale) {
  for (const auto& item : expected.items()) {
    SCOPED_TRACE(item.key());
    ASSERT_TRUE(actual.contains(item.key()));
    const Json& value = actual[item.key()];
    if (item.value().is_array()) {
      ASSERT_TRUE(value.is_array());
      for (std::size_t i = 0; i < 2; ++i) {
        const auto want = item.value()[i].get<double>();
        EXPECT_NEAR(value[i].get<double>(), want, kTolerance * std::max(std::fabs(want), scale));
      }
    } else if (item.value().is_null()) {
      EXPECT_TRUE(value.is_null());
    } else {
      const auto want = item.value().get<double>();
      ASSERT_TRUE(value.is_number());
      EXPECT_NEAR(value.get<double>(), want, kTolerance * std::max(std::fabs(want), scale));
    }
  }
}

TEST(Stats, MetricsAndDeltasEqualTheGoldenOnes) {
  ASSERT_EQ(golden()["cases"].size(), 7U);
  for (const auto& item : golden()["cases"].items()) {
    SCOPED_TRACE(item.key());
    const auto baseline = windows_of(item.value()["baseline"]);
    const auto variant = windows_of(item.value()["variant"]);
    expect_close(to_json(compute_metrics(variant)), item.value()["metrics"], 1e-3);
    // A difference of means of about 3 keeps 16 digits of 3, in percent 100 times that.
    expect_close(to_json(compute_delta(variant, baseline)), item.value()["delta"], 3);
    if (item.value().contains("bootstrap")) {
      const Delta delta = compute_delta(variant, baseline, {true, 500, 7});
      EXPECT_EQ(delta.method, IntervalMethod::kBootstrap);
      EXPECT_EQ(delta.draws, 500);
      EXPECT_EQ(delta.seed, 7);
      expect_close(to_json(delta), item.value()["bootstrap"], 3);
    }
  }
}

TEST(Stats, IntervalsAreNamed) {
  const auto method = [](const char* name) {
    const Json& windows = golden()["cases"][name];
    return compute_delta(windows_of(windows["variant"]), windows_of(windows["baseline"])).method;
  };
  EXPECT_EQ(method("equal windows, t"), IntervalMethod::kStudent);
  EXPECT_EQ(method("equal windows, normal"), IntervalMethod::kNormal);
  EXPECT_EQ(method("one window"), IntervalMethod::kNone);
  EXPECT_EQ(method("self-confidence only"), IntervalMethod::kStudent);
}

TEST(Stats, QuantilesEqualTheGoldenOnes) {
  for (const Json& row : golden()["quantiles"]) {
    EXPECT_NEAR(student_quantile(row[0], row[1]) / row[2].get<double>(), 1, kTolerance) << row;
    EXPECT_NEAR(student_quantile(1 - row[0].get<double>(), row[1]) / row[2].get<double>(), -1,
                kTolerance)
        << row;
  }
  for (const Json& row : golden()["normal"]) {
    EXPECT_NEAR(normal_quantile(row[0]) / row[1].get<double>(), 1, kTolerance) << row;
  }
  for (const Json& row : golden()["beta"]) {
    EXPECT_NEAR(incomplete_beta(row[0], row[1], row[2]) / row[3].get<double>(), 1, kTolerance)
        << row;
  }
  EXPECT_EQ(student_quantile(0.5, 3), 0);
  EXPECT_TRUE(std::isnan(student_quantile(1, 3)));
  EXPECT_TRUE(std::isnan(interval_factor(1)));
  EXPECT_EQ(interval_factor(101), normal_quantile(0.975));
  EXPECT_EQ(interval_factor(100), student_quantile(0.975, 99));
}

TEST(Stats, TheBaselineAgainstItselfIsExactlyNothing) {
  const auto windows = windows_of(golden()["cases"]["unequal windows"]["baseline"]);
  for (const bool bootstrap : {false, true}) {
    const Delta delta = compute_delta(windows, windows, {bootstrap, 200, 1});
    EXPECT_EQ(delta.nll, 0.0);
    EXPECT_EQ(delta.nll_se, 0.0);
    EXPECT_EQ(delta.nll_ci95, (Interval{0.0, 0.0}));
    EXPECT_EQ(delta.ppl, 0.0);
    EXPECT_EQ(delta.ppl_percent, 0.0);
    EXPECT_EQ(delta.entropy, 0.0);
    EXPECT_EQ(delta.xent_percent, 0.0);
  }
}

TEST(Stats, DoNotDependOnHowOftenOrWhereTheyAreComputed) {
  const auto windows = windows_of(golden()["cases"]["unequal windows"]["variant"]);
  const auto baseline = windows_of(golden()["cases"]["unequal windows"]["baseline"]);
  EXPECT_EQ(compute_metrics(windows), compute_metrics(windows));
  EXPECT_EQ(compute_delta(windows, baseline, {true, 300, 5}),
            compute_delta(windows, baseline, {true, 300, 5}));
  EXPECT_NE(compute_delta(windows, baseline, {true, 300, 5}).nll_ci95,
            compute_delta(windows, baseline, {true, 300, 6}).nll_ci95);
}

TEST(Stats, WhatDoesNotExistIsEmpty) {
  const Metrics none = compute_metrics({});
  EXPECT_EQ(none, Metrics{});
  WindowSums broken;
  broken.tokens = 10;
  broken.argmax_positions = 11;
  broken.nll_sum = std::numeric_limits<double>::quiet_NaN();
  broken.entropy_sum = std::numeric_limits<double>::infinity();
  broken.non_finite = 3;
  const std::vector<WindowSums> windows = {broken, broken};
  const Metrics metrics = compute_metrics(windows);
  EXPECT_FALSE(metrics.nll || metrics.nll_se || metrics.ppl || metrics.entropy);
  EXPECT_EQ(metrics.kl, 0.0);
  EXPECT_DOUBLE_EQ(metrics.non_finite.value(), 6.0 / 22.0);
  const Delta delta = compute_delta(windows, windows);
  EXPECT_FALSE(delta.nll || delta.nll_ci95 || delta.ppl);
}

TEST(Stats, OtherWindowsAreNeverSubtracted) {
  WindowSums a;
  a.tokens = 10;
  WindowSums b;
  b.tokens = 11;
  const std::vector<WindowSums> one = {a};
  const std::vector<WindowSums> other = {b};
  const std::vector<WindowSums> two = {a, a};
  EXPECT_THROW(static_cast<void>(compute_delta(one, other)), Error);
  EXPECT_THROW(static_cast<void>(compute_delta(one, two)), Error);
}

TEST(Histogram, PercentilesAreWithinTheirResolution) {
  LogHistogram histogram;
  std::vector<double> values;
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    const double magnitude = std::exp(static_cast<double>(random() >> 11U) * 0x1p-53 * 20 - 12);
    values.push_back(random() % 3 == 0 ? -magnitude : magnitude);
    histogram.add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {0.1, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 20000)) - 1;
    EXPECT_NEAR(histogram.percentile(percent).value() / values[rank], 1, 0.008) << percent;
  }
}

TEST(Histogram, MergingAndStoringLoseNothing) {
  LogHistogram a;
  LogHistogram b;
  LogHistogram both;
  std::mt19937_64 random(5);
  for (int i = 0; i < 3000; ++i) {
    const double value =
        std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 150));
    (i % 2 == 0 ? a : b).add(i % 5 == 0 ? -value : value);
    both.add(i % 5 == 0 ? -value : value);
  }
  for (const double odd : {0.0, -0.0, 1e-300, std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()}) {
    a.add(odd);
    both.add(odd);
  }
  LogHistogram other_order = b;
  other_order.merge(a);
  a.merge(b);
  EXPECT_EQ(a, both);
  EXPECT_EQ(other_order, both);
  EXPECT_EQ(both.not_a_number(), 1);
  EXPECT_EQ(both.count(), 3004);
  EXPECT_EQ(LogHistogram::deserialize(both.serialize()), both);
  EXPECT_EQ(LogHistogram{}.percentile(50), std::nullopt);
}

TEST(Histogram, ForeignBytesAreRefused) {
  LogHistogram histogram;
  histogram.add(1.5, 4);
  histogram.add(-2, 9);
  const std::string bytes = histogram.serialize();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(LogHistogram::deserialize(bytes.substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(LogHistogram::deserialize(bytes + "x"), std::nullopt);
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string changed = bytes;
    changed[random() % changed.size()] = static_cast<char>(random());
    const auto read = LogHistogram::deserialize(changed);
    if (read) {
      EXPECT_EQ(read->serialize(), changed);
    }
  }
}

}  // namespace
}  // namespace mxscope
