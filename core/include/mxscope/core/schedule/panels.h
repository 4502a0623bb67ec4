// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace mxscope {

// The windows that go through the model together. Panels are made of whole micro-batches, whose
// bounds depend on the window's index alone, so that no result depends on how panels are cut.
struct Panel {
  std::int64_t index = 0;
  std::int64_t first_batch = 0;  // micro-batch b holds windows [b * batch, (b + 1) * batch)
  std::int64_t batches = 0;
  std::int64_t first_window = 0;
  std::int64_t windows = 0;

  bool operator==(const Panel&) const = default;
};

struct PanelLimits {
  std::int64_t start_batches = 1;  // first panel: figures within seconds
  std::int64_t max_batches = 1;    // what memory allows
  double target_seconds = 30;      // a panel should not take much longer
  std::int64_t workers = 1;        // the last panels are shared out among so many
};

// Deals panels of one job to workers. Any thread may call any member.
class PanelDealer {
 public:
  // `done[w]`: window w is already in the record. A micro-batch is skipped only when all of its
  // windows are done.
  PanelDealer(std::int64_t windows, std::int64_t batch, const std::vector<bool>& done,
              PanelLimits limits);

  // The next panel, or nothing when all are dealt.
  [[nodiscard]] std::optional<Panel> next();
  // Reports a finished panel; sets the size of those to come.
  void finished(const Panel& panel, double seconds);
  // Takes a panel back that did not fit into memory and halves the size of panels. False when it
  // was a single micro-batch, which cannot be made smaller.
  [[nodiscard]] bool out_of_memory(const Panel& panel);

  [[nodiscard]] std::int64_t batches_left() const;                     // not yet dealt
  [[nodiscard]] std::int64_t batches_total() const { return total_; }  // of this dealer's life
  // Panels dealt so far and a forecast of how many there will be.
  [[nodiscard]] std::int64_t panels_forecast() const;

 private:
  mutable std::mutex mutex_;
  std::int64_t windows_;
  std::int64_t batch_;
  PanelLimits limits_;
  std::int64_t size_;
  std::int64_t next_index_ = 0;
  std::int64_t total_ = 0;
  // Micro-batches still to be dealt as runs [first, last), ascending.
  std::vector<std::pair<std::int64_t, std::int64_t>> pending_;
};

// One worker: a device with the model on it.
class PanelExecutor {
 public:
  virtual ~PanelExecutor() = default;
  // Evaluates the panel and hands its figures on; it may return while a device is still computing
  // them. Throws Error: kOutOfMemory makes the schedule try a smaller panel, kCancelled ends
  // quietly, anything else ends the job.
  virtual void run(const Panel& panel) = 0;
  // Called once, after the worker's last panel and whatever ended the job: hands on the figures
  // that are still to come. Throws as run().
  virtual void finish() {}
};

// Lets every worker take panels on a thread of its own until none is left; returns when all have
// stopped. The first error of any worker stops the others at their next panel and is rethrown.
// `stop` is asked before each panel.
void run_panels(PanelDealer& dealer, const std::vector<PanelExecutor*>& workers,
                const std::function<bool()>& stop);

}  // namespace mxscope
