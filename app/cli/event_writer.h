// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "mxscope/core/protocol/events.h"

namespace mxscope::cli {

// Takes events from any thread and writes them as JSON lines on a thread of its own, at most 20 a
// second. A reader that stalls blocks that thread alone: the queue joins what can be joined and
// stays small. A reader that went away is told to `on_gone`, once.
class EventWriter {
 public:
  explicit EventWriter(std::function<void()> on_gone);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  void push(Event event);
  // Events that wait to be written. Any thread.
  [[nodiscard]] std::size_t waiting() const;
  // Writes what waits, then ends the thread; later events are dropped. A reader that takes nothing
  // for `patience` is left behind.
  void finish(std::chrono::seconds patience);

 private:
  struct State;
  static void write_loop(State& state);

  std::shared_ptr<State> state_;  // outlives the object when its thread hangs in a write
  std::thread thread_;
};

// Samples the memory of the devices once a second and hands each sample to a function.
class MemoryTicker {
 public:
  explicit MemoryTicker(std::function<void(Event)> push);
  ~MemoryTicker();
  MemoryTicker(const MemoryTicker&) = delete;
  MemoryTicker& operator=(const MemoryTicker&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

// The devices of this machine as events and replies show them.
[[nodiscard]] std::vector<DeviceDescription> describe_devices();
[[nodiscard]] nlohmann::ordered_json devices_json();

}  // namespace mxscope::cli
