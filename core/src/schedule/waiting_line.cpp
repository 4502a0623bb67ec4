// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/waiting_line.h"

#include <algorithm>

namespace mxscope {

WaitingLine::Place::Place(WaitingLine& line) : line_(line) {
  const std::lock_guard lock(line_.mutex_);
  number_ = line_.next_++;
  line_.places_.push_back(number_);
}

WaitingLine::Place::~Place() {
  const std::lock_guard lock(line_.mutex_);
  line_.places_.erase(std::lower_bound(line_.places_.begin(), line_.places_.end(), number_));
  line_.moved_.notify_all();
}

void WaitingLine::Place::wait() {
  std::unique_lock lock(line_.mutex_);
  line_.moved_.wait(lock, [this] { return line_.places_.front() == number_; });
}

}  // namespace mxscope
