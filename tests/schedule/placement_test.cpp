// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>

#include "mxscope/core/schedule/panels.h"

namespace mxscope {
namespace {

using Bytes = std::vector<std::int64_t>;

std::int64_t sum(const Bytes& bytes, std::size_t begin, std::size_t end) {
  return std::accumulate(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                         bytes.begin() + static_cast<std::ptrdiff_t>(end), std::int64_t{0});
}

TEST(SplitSteps, BalancesEqualDevices) {
  const Bytes steps(8, 10);
  EXPECT_EQ(split_steps(steps, {80, 80}), (std::vector<std::size_t>{4, 8}));
  EXPECT_EQ(split_steps(steps, {40, 40}), (std::vector<std::size_t>{4, 8}));
  EXPECT_TRUE(split_steps(steps, {39, 40}).empty());
}

TEST(SplitSteps, FollowsTheDevicesLimits) {
  const Bytes steps(9, 10);
  EXPECT_EQ(split_steps(steps, {60, 30}), (std::vector<std::size_t>{6, 9}));
}

TEST(SplitSteps, NeedsAStepForEachDevice) {
  EXPECT_TRUE(split_steps({10}, {100, 100}).empty());
  EXPECT_EQ(split_steps({10, 1}, {100, 100}), (std::vector<std::size_t>{1, 2}));
}

// Against all ways to cut into two.
TEST(SplitSteps, FindsTheBestCutIntoTwo) {
  std::mt19937_64 generator(5);
  for (int round = 0; round < 500; ++round) {
    Bytes steps(2 + generator() % 12);
    for (std::int64_t& bytes : steps) {
      bytes = 1 + static_cast<std::int64_t>(generator() % 100);
    }
    const Bytes limits{1 + static_cast<std::int64_t>(generator() % 900),
                       1 + static_cast<std::int64_t>(generator() % 900)};
    const auto fullest = [&](std::size_t end) {
      return std::max(
          static_cast<double>(sum(steps, 0, end)) / static_cast<double>(limits[0]),
          static_cast<double>(sum(steps, end, steps.size())) / static_cast<double>(limits[1]));
    };
    double best = 1e9;
    for (std::size_t end = 1; end < steps.size(); ++end) {
      best = std::min(best, fullest(end));
    }
    const std::vector<std::size_t> ends = split_steps(steps, limits);
    ASSERT_EQ(ends.empty(), best > 1) << round;
    if (!ends.empty()) {
      ASSERT_EQ(ends.size(), 2U);
      ASSERT_EQ(ends[1], steps.size());
      EXPECT_NEAR(fullest(ends[0]), best, 1e-5) << round;
    }
  }
}

TEST(StreamedSteps, NothingWhenAllFits) {
  EXPECT_EQ(streamed_steps({5, 5}, {true, true}, 10), (std::vector<bool>{false, false}));
}

TEST(StreamedSteps, EmptyWhenWhatMustStayIsTooLarge) {
  EXPECT_TRUE(streamed_steps({5, 5, 20}, {true, true, false}, 19).empty());
  EXPECT_EQ(streamed_steps({5, 5, 20}, {true, true, false}, 20),
            (std::vector<bool>{true, true, false}));
}

TEST(StreamedSteps, SpreadsThemEvenly) {
  const Bytes steps(12, 10);
  const std::vector<bool> streamed = streamed_steps(steps, std::vector<bool>(12, true), 80);
  EXPECT_EQ(std::count(streamed.begin(), streamed.end(), true), 4);
  for (std::size_t third = 0; third < 12; third += 3) {
    EXPECT_EQ(streamed[third] + streamed[third + 1] + streamed[third + 2], 1) << third;
  }
}

TEST(StreamedSteps, AlwaysMeetsTheLimitWithoutWaste) {
  std::mt19937_64 generator(6);
  for (int round = 0; round < 500; ++round) {
    Bytes steps(1 + generator() % 20);
    std::vector<bool> may(steps.size());
    std::int64_t fixed = 0;
    std::int64_t largest = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      steps[i] = 1 + static_cast<std::int64_t>(generator() % 100);
      may[i] = generator() % 4 != 0;
      fixed += may[i] ? 0 : steps[i];
      largest = std::max(largest, steps[i]);
    }
    const std::int64_t all = sum(steps, 0, steps.size());
    const auto limit = static_cast<std::int64_t>(generator() % 1500);
    const std::vector<bool> streamed = streamed_steps(steps, may, limit);
    ASSERT_EQ(streamed.empty(), fixed > limit) << round;
    if (streamed.empty()) {
      continue;
    }
    std::int64_t resident = all;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      ASSERT_TRUE(!streamed[i] || may[i]);
      resident -= streamed[i] ? steps[i] : 0;
    }
    EXPECT_LE(resident, limit) << round;
    EXPECT_GT(resident, std::min(limit, all) - 2 * largest) << round;
  }
}

// The time of a job whose panels follow each other through two devices, in micro-batches of one
// device that does all steps; a device takes half of that for a panel.
double time_of_two_stages(std::int64_t batches, std::int64_t largest) {
  PanelLimits limits;
  limits.max_batches = largest;
  limits.workers = 2;
  PanelDealer dealer(batches * 8, 8, {}, limits);
  double first_free = 0;
  double second_free = 0;
  while (const std::optional<Panel> panel = dealer.next()) {
    const double half = static_cast<double>(panel->batches) / 2;
    first_free += half;
    second_free = std::max(first_free, second_free) + half;
    dealer.finished(*panel, 0.1);
  }
  return second_free;
}

TEST(SplitPanels, KeepBothDevicesBusy) {
  for (const std::int64_t batches : {40, 80, 333, 5000}) {
    const std::int64_t size = std::min<std::int64_t>(16, split_panel_batches(batches, 2));
    EXPECT_GE(static_cast<double>(batches) / time_of_two_stages(batches, size), 1.8) << batches;
  }
  // Panels as large as one device would take them.
  EXPECT_LT(80 / time_of_two_stages(80, 16), 1.75);
  EXPECT_EQ(split_panel_batches(3, 2), 1);
  EXPECT_EQ(split_panel_batches(400, 3), 10);
  EXPECT_EQ(split_panel_batches(400, 1), 20);
}

}  // namespace
}  // namespace mxscope
