// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/waiting_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace mxscope {
namespace {

TEST(WaitingLine, TurnsComeInTheOrderOfJoining) {
  constexpr int kPlaces = 8;
  WaitingLine line;
  std::vector<std::unique_ptr<WaitingLine::Place>> places;
  for (int i = 0; i < kPlaces; ++i) {
    places.push_back(std::make_unique<WaitingLine::Place>(line));
  }
  std::vector<int> turns;  // touched by whoever has the turn
  std::vector<std::thread> threads;
  for (int i = kPlaces - 1; i >= 0; --i) {
    threads.emplace_back([&, i] {
      places[static_cast<std::size_t>(i)]->wait();
      turns.push_back(i);
      places[static_cast<std::size_t>(i)].reset();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(turns, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(WaitingLine, WhoLeavesEarlyHoldsUpNobody) {
  WaitingLine line;
  auto first = std::make_unique<WaitingLine::Place>(line);
  auto second = std::make_unique<WaitingLine::Place>(line);
  auto third = std::make_unique<WaitingLine::Place>(line);
  first->wait();
  std::atomic<bool> has_turn = false;
  std::thread waits([&] {
    third->wait();
    has_turn = true;
  });
  second.reset();
  EXPECT_FALSE(has_turn);  // the first is still there
  first.reset();
  waits.join();
  EXPECT_TRUE(has_turn);
}

// What joins the next line before it leaves the one before meets nobody out of order there.
TEST(WaitingLine, NobodyOvertakesFromLineToLine) {
  constexpr int kWorkers = 4;
  constexpr int kRounds = 200;
  WaitingLine lines[3];
  std::vector<int> seen[3];
  std::atomic<int> next = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        auto place = std::make_unique<WaitingLine::Place>(lines[0]);
        int mine = 0;
        for (int stage = 0; stage < 3; ++stage) {
          place->wait();
          if (stage == 0) {
            mine = next++;
          }
          seen[stage].push_back(mine);
          if (stage < 2) {
            place = std::make_unique<WaitingLine::Place>(lines[stage + 1]);
          }
        }
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  ASSERT_EQ(seen[0].size(), static_cast<std::size_t>(kWorkers * kRounds));
  EXPECT_TRUE(std::is_sorted(seen[0].begin(), seen[0].end()));
  EXPECT_EQ(seen[1], seen[0]);
  EXPECT_EQ(seen[2], seen[0]);
}

}  // namespace
}  // namespace mxscope
