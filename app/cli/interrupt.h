// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>

namespace mxscope::cli {

// Turns Ctrl-C (and the TERM and HUP that a batch system or a lost connection sends) into one call
// of a function on a thread of its own; the second signal ends the program at once with the exit
// code of a cancelled run.
//
// Signals are blocked in the thread that constructs the object and in all threads made after it, so
// construct it first. One object at a time.
class InterruptWatch {
 public:
  explicit InterruptWatch(std::function<void()> on_first);
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

 private:
  std::function<void()> on_first_;
  std::jthread thread_;
};

}  // namespace mxscope::cli
