// SPDX-License-Identifier: Apache-2.0
#include "evaluate/thread_pool.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

namespace mxscope::engine {

ThreadPool::ThreadPool(int threads) {
  for (int i = 0; i < std::max(threads, 1); ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void ThreadPool::for_each(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  std::unique_lock lock(mutex_);
  task_ = &task;
  next_ = 0;
  count_ = count;
  error_ = nullptr;
  wake_.notify_all();
  idle_.wait(lock, [this] { return next_ >= count_ && running_ == 0; });
  task_ = nullptr;
  if (error_) {
    std::rethrow_exception(error_);
  }
}

void ThreadPool::work() {
  at::set_num_threads(1);
  const c10::InferenceMode inference;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || (task_ != nullptr && next_ < count_); });
    if (stop_) {
      return;
    }
    const std::int64_t index = next_++;
    const auto* task = task_;
    ++running_;
    lock.unlock();
    std::exception_ptr error;
    try {
      (*task)(index);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --running_;
    if (error && !error_) {
      error_ = error;
    }
    if (error_) {
      next_ = count_;
    }
    if (next_ >= count_ && running_ == 0) {
      idle_.notify_all();
    }
  }
}

}  // namespace mxscope::engine
