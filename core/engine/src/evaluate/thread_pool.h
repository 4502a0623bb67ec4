// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mxscope::engine {

// Threads that each compute on one core: LibTorch's own threads are switched off in them, so that a
// result never depends on their number.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const noexcept { return static_cast<int>(threads_.size()); }

  // Calls task(0) .. task(count - 1), each on one of the threads, and returns when all have ended.
  // The first exception is rethrown; tasks that have not begun by then are left out. One call at a
  // time.
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& task);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  const std::function<void(std::int64_t)>* task_ = nullptr;
  std::int64_t next_ = 0;
  std::int64_t count_ = 0;
  std::int64_t running_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace mxscope::engine
