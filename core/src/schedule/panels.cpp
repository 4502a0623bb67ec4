// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/panels.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <thread>

#include "mxscope/core/base/error.h"

namespace mxscope {

PanelDealer::PanelDealer(std::int64_t windows, std::int64_t batch, const std::vector<bool>& done,
                         PanelLimits limits)
    : windows_(windows),
      batch_(batch),
      limits_(limits),
      size_(std::clamp<std::int64_t>(limits.start_batches, 1,
                                     std::max<std::int64_t>(limits.max_batches, 1))) {
  const std::int64_t batches = (windows + batch - 1) / batch;
  for (std::int64_t b = 0; b < batches; ++b) {
    bool complete = true;
    for (std::int64_t w = b * batch; w < std::min(windows, (b + 1) * batch); ++w) {
      complete = complete && static_cast<std::size_t>(w) < done.size() &&
                 done[static_cast<std::size_t>(w)];
    }
    if (complete) {
      continue;
    }
    ++total_;
    if (!pending_.empty() && pending_.back().second == b) {
      pending_.back().second = b + 1;
    } else {
      pending_.emplace_back(b, b + 1);
    }
  }
}

std::optional<Panel> PanelDealer::next() {
  const std::lock_guard lock(mutex_);
  if (pending_.empty()) {
    return std::nullopt;
  }
  auto& [first, last] = pending_.front();
  Panel panel;
  panel.index = next_index_++;
  panel.first_batch = first;
  // Towards the end every worker gets its share of what is left, so that none waits long for
  // another.
  std::int64_t left = 0;
  for (const auto& [begin, end] : pending_) {
    left += end - begin;
  }
  const std::int64_t share = (left + limits_.workers - 1) / limits_.workers;
  panel.batches = std::min({size_, share, last - first});
  panel.first_window = first * batch_;
  panel.windows = std::min(windows_, (first + panel.batches) * batch_) - panel.first_window;
  first += panel.batches;
  if (first == last) {
    pending_.erase(pending_.begin());
  }
  return panel;
}

void PanelDealer::finished(const Panel& panel, double seconds) {
  const std::lock_guard lock(mutex_);
  const double per_batch = seconds / static_cast<double>(std::max<std::int64_t>(panel.batches, 1));
  const std::int64_t by_time =
      per_batch > 0 ? static_cast<std::int64_t>(std::min(limits_.target_seconds / per_batch, 1e9))
                    : limits_.max_batches;
  const std::int64_t ceiling = std::max<std::int64_t>(1, std::min(limits_.max_batches, by_time));
  if (panel.batches >= size_) {
    size_ = std::min(size_ * 2, ceiling);
  }
}

bool PanelDealer::out_of_memory(const Panel& panel) {
  const std::lock_guard lock(mutex_);
  const std::pair<std::int64_t, std::int64_t> run{panel.first_batch,
                                                  panel.first_batch + panel.batches};
  const auto place = std::lower_bound(pending_.begin(), pending_.end(), run);
  const auto inserted = pending_.insert(place, run);
  const auto after = inserted + 1;
  if (after != pending_.end() && after->first == inserted->second) {
    inserted->second = after->second;
    pending_.erase(after);
  }
  limits_.max_batches = std::max<std::int64_t>(1, std::min(limits_.max_batches, panel.batches) / 2);
  size_ = std::min(size_, limits_.max_batches);
  return panel.batches > 1;
}

std::int64_t PanelDealer::batches_left() const {
  const std::lock_guard lock(mutex_);
  std::int64_t left = 0;
  for (const auto& [first, last] : pending_) {
    left += last - first;
  }
  return left;
}

std::int64_t PanelDealer::panels_forecast() const {
  const std::int64_t left = batches_left();
  const std::lock_guard lock(mutex_);
  return next_index_ + (left + size_ - 1) / size_;
}

void run_panels(PanelDealer& dealer, const std::vector<PanelExecutor*>& workers,
                const std::function<bool()>& stop) {
  std::atomic<bool> failed{false};
  std::mutex error_mutex;
  std::exception_ptr error;
  const auto fail = [&] {
    const std::lock_guard lock(error_mutex);
    if (!error) {
      error = std::current_exception();
    }
    failed.store(true);
  };
  const auto deal = [&](PanelExecutor& worker) {
    while (!failed.load() && !stop()) {
      const std::optional<Panel> panel = dealer.next();
      if (!panel) {
        return;
      }
      const auto begin = std::chrono::steady_clock::now();
      try {
        worker.run(*panel);
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
        dealer.finished(*panel, elapsed.count());
      } catch (const Error& e) {
        if (e.code() == ErrorCode::kCancelled) {
          return;
        }
        if (e.code() == ErrorCode::kOutOfMemory && dealer.out_of_memory(*panel)) {
          continue;
        }
        fail();
        return;
      } catch (...) {
        fail();
        return;
      }
    }
  };
  const auto work = [&](PanelExecutor& worker) {
    deal(worker);
    try {
      worker.finish();
    } catch (...) {
      fail();
    }
  };
  {
    std::vector<std::jthread> threads;
    threads.reserve(workers.size());
    for (PanelExecutor* worker : workers) {
      threads.emplace_back([&work, worker] { work(*worker); });
    }
  }
  if (error) {
    std::rethrow_exception(error);
  }
}

}  // namespace mxscope
