// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "mxscope/core/protocol/events.h"

namespace mxscope {

// Events on their way from the engine's threads to one reader. Progress and loading of a job and
// memory replace the waiting one of their kind, so that a stalled reader holds at most one of each;
// when more than `capacity` other events wait, the oldest log lines go first and dropped() counts
// them, then the oldest windows events. Results, errors, done and replies are never dropped.
class EventQueue {
 public:
  explicit EventQueue(std::size_t capacity = 4096) : capacity_(capacity) {}

  // Any thread; never blocks for longer than the lock.
  void push(Event event);

  // Events in order; empty when none wait. One reader.
  [[nodiscard]] std::vector<Event> drain();
  // At most `count` of them.
  [[nodiscard]] std::vector<Event> drain(std::size_t count);

  // Called under the queue's lock when an event arrives, at most once until the next drain(); may
  // only post or notify, never call back into the queue.
  void set_wake(std::function<void()> wake);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::int64_t dropped() const;

 private:
  void make_room();

  mutable std::mutex mutex_;
  std::deque<Event> events_;
  std::function<void()> wake_;
  std::size_t capacity_;
  std::int64_t dropped_ = 0;
  bool woken_ = false;
};

// Says when the next message may go out so that no more than `per_second` leave in any second.
// Belongs to one thread. Time is given by the caller, which makes it testable.
class Throttle {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Throttle(int per_second = 20) : per_second_(per_second) {}
  // True, and counted as sent, when a message may go out at `now`.
  [[nodiscard]] bool try_send(Clock::time_point now);
  // Time to wait at `now` until try_send() succeeds; 0: now.
  [[nodiscard]] Clock::duration wait_time(Clock::time_point now) const;

 private:
  std::deque<Clock::time_point> sent_;  // within the last second
  int per_second_;
};

}  // namespace mxscope
