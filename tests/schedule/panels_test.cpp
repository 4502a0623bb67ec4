// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/panels.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "mxscope/core/base/error.h"

namespace mxscope {
namespace {

// Remembers which windows were evaluated and fails as it is told.
class RecordingExecutor : public PanelExecutor {
 public:
  RecordingExecutor(std::set<std::int64_t>& seen, std::mutex& mutex) : seen_(seen), mutex_(mutex) {}
  std::int64_t fits_batches = 1 << 20;
  std::int64_t fails_at_window = -1;
  int panels = 0;

  void run(const Panel& panel) override {
    if (panel.batches > fits_batches) {
      throw Error(ErrorCode::kOutOfMemory, "panel too large");
    }
    if (fails_at_window >= panel.first_window &&
        fails_at_window < panel.first_window + panel.windows) {
      throw Error(ErrorCode::kDevice, "device lost");
    }
    const std::lock_guard lock(mutex_);
    ++panels;
    for (std::int64_t w = panel.first_window; w < panel.first_window + panel.windows; ++w) {
      EXPECT_TRUE(seen_.insert(w).second) << "window " << w << " was dealt twice";
    }
  }

 private:
  std::set<std::int64_t>& seen_;
  std::mutex& mutex_;
};

const auto kNeverStop = [] { return false; };

TEST(PanelDealer, DealsEveryWindowOnceToManyWorkers) {
  std::set<std::int64_t> seen;
  std::mutex mutex;
  PanelDealer dealer(1003, 4, {}, {.start_batches = 1, .max_batches = 16});
  std::vector<std::unique_ptr<RecordingExecutor>> owned;
  std::vector<PanelExecutor*> workers;
  for (int i = 0; i < 8; ++i) {
    owned.push_back(std::make_unique<RecordingExecutor>(seen, mutex));
    workers.push_back(owned.back().get());
  }
  run_panels(dealer, workers, kNeverStop);
  EXPECT_EQ(seen.size(), 1003U);
  EXPECT_EQ(*seen.rbegin(), 1002);
  EXPECT_EQ(dealer.batches_left(), 0);
}

TEST(PanelDealer, SkipsMicroBatchesThatAreDoneAsAWhole) {
  std::vector<bool> done(10, false);
  done[0] = done[1] = done[2] = true;  // the first micro-batch, and half of the second
  PanelDealer dealer(10, 2, done, {.start_batches = 100, .max_batches = 100});
  const auto panel = dealer.next();
  ASSERT_TRUE(panel);
  EXPECT_EQ(panel->first_window, 2);
  EXPECT_EQ(panel->windows, 8);
  EXPECT_FALSE(dealer.next());
}

TEST(PanelDealer, StartsSmallAndGrowsToItsLimits) {
  PanelDealer dealer(64, 1, {}, {.start_batches = 1, .max_batches = 8});
  std::vector<std::int64_t> sizes;
  while (const auto panel = dealer.next()) {
    sizes.push_back(panel->batches);
    dealer.finished(*panel, 0.001);
  }
  ASSERT_GE(sizes.size(), 5U);
  EXPECT_EQ(std::vector<std::int64_t>(sizes.begin(), sizes.begin() + 5),
            (std::vector<std::int64_t>{1, 2, 4, 8, 8}));
}

TEST(PanelDealer, KeepsPanelsNearTheTargetTime) {
  PanelDealer dealer(1000, 1, {}, {.start_batches = 1, .max_batches = 512, .target_seconds = 30});
  std::int64_t largest = 0;
  while (const auto panel = dealer.next()) {
    largest = std::max(largest, panel->batches);
    dealer.finished(*panel, 4.0 * static_cast<double>(panel->batches));
  }
  EXPECT_EQ(largest, 7);
}

TEST(PanelDealer, HalvesPanelsThatDoNotFitAndLosesNothing) {
  std::set<std::int64_t> seen;
  std::mutex mutex;
  PanelDealer dealer(100, 1, {}, {.start_batches = 32, .max_batches = 64});
  RecordingExecutor worker(seen, mutex);
  worker.fits_batches = 5;
  run_panels(dealer, {&worker}, kNeverStop);
  EXPECT_EQ(seen.size(), 100U);
}

TEST(PanelDealer, SingleMicroBatchThatDoesNotFitIsAnError) {
  std::set<std::int64_t> seen;
  std::mutex mutex;
  PanelDealer dealer(4, 1, {}, {.start_batches = 4, .max_batches = 4});
  RecordingExecutor worker(seen, mutex);
  worker.fits_batches = 0;
  try {
    run_panels(dealer, {&worker}, kNeverStop);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kOutOfMemory);
  }
}

TEST(RunPanels, ErrorOfOneWorkerStopsTheOthersAndIsRethrown) {
  std::set<std::int64_t> seen;
  std::mutex mutex;
  PanelDealer dealer(10000, 1, {}, {.start_batches = 1, .max_batches = 1});
  RecordingExecutor good(seen, mutex);
  RecordingExecutor bad(seen, mutex);
  good.fails_at_window = bad.fails_at_window = 20;
  EXPECT_THROW(run_panels(dealer, {&good, &bad}, kNeverStop), Error);
  EXPECT_LT(seen.size(), 10000U);
}

TEST(RunPanels, StopsBetweenPanels) {
  std::set<std::int64_t> seen;
  std::mutex mutex;
  PanelDealer dealer(1000, 1, {}, {.start_batches = 1, .max_batches = 1});
  RecordingExecutor worker(seen, mutex);
  run_panels(dealer, {&worker}, [&] { return worker.panels >= 3; });
  EXPECT_EQ(worker.panels, 3);
}

TEST(PanelDealer, SharesTheLastPanelsOutAmongWorkers) {
  PanelLimits limits;
  limits.start_batches = limits.max_batches = 16;
  limits.workers = 2;
  PanelDealer dealer(40, 1, {}, limits);
  std::vector<std::int64_t> sizes;
  while (const std::optional<Panel> panel = dealer.next()) {
    sizes.push_back(panel->batches);
  }
  // Two workers that take turns end within one micro-batch of each other.
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{16, 12, 6, 3, 2, 1}));
}

}  // namespace
}  // namespace mxscope
