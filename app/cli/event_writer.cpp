// SPDX-License-Identifier: Apache-2.0
#include "event_writer.h"

#include <atomic>
#include <chrono>

#include "mxscope/core/base/error.h"
#include "mxscope/core/protocol/event_queue.h"
#include "mxscope/engine/engine.h"
#include "mxscope/engine/memory_monitor.h"
#include "output.h"

namespace mxscope::cli {

struct EventWriter::State {
  EventQueue queue;
  std::function<void()> on_gone;
  // The queue calls its wake function under its own lock, so the queue is never asked under this
  // one.
  std::mutex mutex;
  std::condition_variable changed;
  bool arrived = false;
  bool finishing = false;
  bool finished = false;
  std::atomic<bool> gone{false};
};

EventWriter::EventWriter(std::function<void()> on_gone) : state_(std::make_shared<State>()) {
  State& state = *state_;
  state.on_gone = std::move(on_gone);
  state.queue.set_wake([&state] {
    const std::lock_guard lock(state.mutex);
    state.arrived = true;
    state.changed.notify_all();
  });
  thread_ = std::thread([shared = state_] { write_loop(*shared); });
}

EventWriter::~EventWriter() { finish(std::chrono::seconds(0)); }

void EventWriter::push(Event event) {
  if (!state_->gone) {
    state_->queue.push(std::move(event));
  }
}

std::size_t EventWriter::waiting() const { return state_->queue.size(); }

void EventWriter::write_loop(State& state) {
  Throttle throttle;
  bool finishing = false;
  while (!state.gone && (!finishing || state.queue.size() > 0)) {
    {
      std::unique_lock lock(state.mutex);
      state.changed.wait(lock, [&state] { return state.arrived || state.finishing; });
      state.arrived = false;
      finishing = state.finishing;
    }
    // The wait for the throttle comes before the event is taken, so that what waits in the queue is
    // replaced by newer progress meanwhile.
    while (!state.gone && state.queue.size() > 0) {
      const auto now = Throttle::Clock::now();
      if (!throttle.try_send(now)) {
        std::this_thread::sleep_for(throttle.wait_time(now));
        continue;
      }
      for (const Event& event : state.queue.drain(1)) {
        bool written = false;
        try {
          written = write_stdout(encode(event) + "\n");
        } catch (const Error&) {
          written = false;  // a full disk behind standard output: nobody reads on
        }
        if (!written) {
          state.gone = true;
          bool tell = false;
          {
            const std::lock_guard lock(state.mutex);
            tell = !state.finishing;
          }
          // Not under the lock: the function may take locks of its own.
          if (tell) {
            state.on_gone();
          }
        }
      }
    }
  }
  const std::lock_guard lock(state.mutex);
  state.finished = true;
  state.changed.notify_all();
}

void EventWriter::finish(std::chrono::seconds patience) {
  if (!thread_.joinable()) {
    return;
  }
  std::size_t before = state_->queue.size();
  bool ended = false;
  while (true) {
    {
      std::unique_lock lock(state_->mutex);
      state_->finishing = true;
      state_->changed.notify_all();
      ended = state_->changed.wait_for(lock, patience, [this] { return state_->finished; });
    }
    const std::size_t now = state_->queue.size();
    if (ended || now >= before) {
      break;
    }
    before = now;
  }
  if (ended) {
    thread_.join();
  } else {
    // Blocked in a write that nobody takes; only the end of the process frees the thread.
    state_->gone = true;
    thread_.detach();
  }
}

MemoryTicker::MemoryTicker(std::function<void(Event)> push)
    : thread_([this, push = std::move(push)] {
        engine::MemoryMonitor monitor;
        std::unique_lock lock(mutex_);
        while (!stop_) {
          lock.unlock();
          MemoryEvent event;
          event.time =
              std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                  .count();
          for (const engine::DeviceUsage& usage : monitor.sample()) {
            event.devices.push_back({usage.device, usage.job_bytes, usage.others_bytes,
                                     usage.total_bytes, usage.utilisation, usage.power_watts,
                                     usage.temperature_celsius});
          }
          push(Event{"", std::move(event)});
          lock.lock();
          wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; });
        }
      }) {}

MemoryTicker::~MemoryTicker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::vector<DeviceDescription> describe_devices() {
  std::vector<DeviceDescription> devices;
  for (const engine::DeviceInfo& info : engine::list_devices()) {
    devices.push_back({info.id, info.name, info.total_bytes, info.free_bytes, info.cores,
                       info.compute_capability});
  }
  return devices;
}

nlohmann::ordered_json devices_json() {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const DeviceDescription& device : describe_devices()) {
    nlohmann::ordered_json entry = {{"id", device.id},
                                    {"name", device.name},
                                    {"total_bytes", device.total_bytes},
                                    {"free_bytes", device.free_bytes}};
    if (device.cores > 0) {
      entry["cores"] = device.cores;
    }
    if (!device.compute_capability.empty()) {
      entry["compute_capability"] = device.compute_capability;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace mxscope::cli
