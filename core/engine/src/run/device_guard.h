// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mxscope::engine {

// "cpu" or "cuda:N" as LibTorch names it; throws Error kDevice where this build or machine has
// none.
[[nodiscard]] c10::Device torch_device(const std::string& id);

// While it lives, the calling thread computes on the device, without gradients, and float32
// products are computed in float32.
class DeviceGuard {
 public:
  explicit DeviceGuard(const std::string& id);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  struct State;
  c10::InferenceMode inference_;
  std::unique_ptr<State> state_;
};

// Inside a catch block: throws what was caught as Error. Memory that could not be had becomes
// kOutOfMemory with the bytes in use and free where the device tells them.
[[noreturn]] void rethrow_as_error(const std::string& device);

// Gives GPU memory that LibTorch's allocator keeps for later back to the driver.
void release_cached_memory(const std::vector<std::string>& devices);

// Highest memory of the devices since it was made, beyond what was in use then. CPU: anonymous
// memory of the process, looked at every few milliseconds by a thread of its own; GPU: bytes that
// LibTorch's allocator handed out.
class PeakMemory {
 public:
  explicit PeakMemory(std::vector<std::string> devices);
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> peaks() const;

 private:
  std::vector<std::string> devices_;
  std::int64_t host_start_ = 0;
  std::atomic<std::int64_t> host_peak_{0};
  std::jthread sampler_;
};

}  // namespace mxscope::engine
