// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/protocol/event_queue.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>

namespace mxscope {
namespace {

// Whether a newer event of the same kind and job makes the older one worthless.
bool is_replaceable(const Event& event) {
  return std::holds_alternative<ProgressEvent>(event.body) ||
         std::holds_alternative<LoadingEvent>(event.body) ||
         std::holds_alternative<MemoryEvent>(event.body);
}

bool is_log(const Event& event) {
  const auto* message = std::get_if<MessageEvent>(&event.body);
  return message != nullptr && message->kind == MessageKind::kLog;
}

bool is_windows(const Event& event) { return std::holds_alternative<WindowsEvent>(event.body); }

}  // namespace

void EventQueue::push(Event event) {
  const std::lock_guard lock(mutex_);
  if (is_replaceable(event)) {
    const auto same = std::find_if(events_.begin(), events_.end(), [&](const Event& waiting) {
      return waiting.body.index() == event.body.index() && waiting.job == event.job;
    });
    if (same != events_.end()) {
      events_.erase(same);
    }
  }
  events_.push_back(std::move(event));
  if (events_.size() > capacity_) {
    make_room();
  }
  if (!woken_ && wake_) {
    woken_ = true;
    wake_();
  }
}

void EventQueue::make_room() {
  for (bool (*may_go)(const Event&) : {is_log, is_windows}) {
    const auto oldest = std::find_if(events_.begin(), events_.end(), may_go);
    if (oldest != events_.end()) {
      events_.erase(oldest);
      ++dropped_;
      return;
    }
  }
}

std::vector<Event> EventQueue::drain() { return drain(static_cast<std::size_t>(-1)); }

std::vector<Event> EventQueue::drain(std::size_t count) {
  const std::lock_guard lock(mutex_);
  const std::size_t taken = std::min(count, events_.size());
  const auto end = events_.begin() + static_cast<std::ptrdiff_t>(taken);
  std::vector<Event> events(std::make_move_iterator(events_.begin()), std::make_move_iterator(end));
  events_.erase(events_.begin(), end);
  woken_ = false;
  return events;
}

void EventQueue::set_wake(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  woken_ = false;
}

std::size_t EventQueue::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

std::int64_t EventQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

bool Throttle::try_send(Clock::time_point now) {
  while (!sent_.empty() && now - sent_.front() >= std::chrono::seconds(1)) {
    sent_.pop_front();
  }
  if (sent_.size() >= static_cast<std::size_t>(per_second_)) {
    return false;
  }
  sent_.push_back(now);
  return true;
}

Throttle::Clock::duration Throttle::wait_time(Clock::time_point now) const {
  std::size_t recent = 0;
  for (const Clock::time_point sent : sent_) {
    recent += now - sent < std::chrono::seconds(1) ? 1 : 0;
  }
  if (recent < static_cast<std::size_t>(per_second_)) {
    return Clock::duration::zero();
  }
  return sent_[sent_.size() - static_cast<std::size_t>(per_second_)] + std::chrono::seconds(1) -
         now;
}

}  // namespace mxscope
