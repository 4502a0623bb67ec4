// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// Memory and load of the devices as they are now, for the `memory` events and the command
// `devices`. GPUs are asked through NVML, which is loaded when it is there and makes no CUDA
// context; the host is read from /proc. Nothing here throws for a figure that cannot be had: such
// a figure is empty.
namespace mxscope::engine {

// One device at one moment. Bytes throughout.
struct DeviceUsage {
  std::string device;          // "cpu", "cuda:0"
  std::string name;            // processor or board name
  std::int64_t job_bytes = 0;  // held by this process: anonymous memory on the host; on a GPU what
                               // the driver counts for it, else what LibTorch's allocator holds
  std::int64_t others_bytes = 0;  // held by everything else (on the host without file caches)
  std::int64_t total_bytes =
      0;  // on the host: the smaller of the machine's and its control group's
  std::optional<double> utilisation;          // busy share 0..1 since the last sample
  std::optional<double> power_watts;          // GPUs
  std::optional<double> temperature_celsius;  // GPUs
};

// Samples every device. One object may be used by one thread at a time; a sample takes well under
// a millisecond without GPUs and a few milliseconds with them.
class MemoryMonitor {
 public:
  MemoryMonitor();

  // The CPU first, then GPUs in the order of their CUDA ids (CUDA_VISIBLE_DEVICES is honoured).
  [[nodiscard]] std::vector<DeviceUsage> sample();

 private:
  std::uint64_t busy_ticks_ = 0;  // of all cores, at the last sample
  std::uint64_t all_ticks_ = 0;
  std::string processor_;
};

// Memory of the host in bytes; a field that /proc does not tell is 0. Any thread.
struct HostMemory {
  std::int64_t anonymous = 0;  // of this process: its heap and stacks, no file mappings
  std::int64_t total = 0;      // machine, or control group where that is smaller
  std::int64_t available = 0;  // what could be allocated now without swapping
};
[[nodiscard]] HostMemory read_host_memory();

// The processor's name from /proc/cpuinfo; empty where it is not told. Any thread.
[[nodiscard]] std::string processor_name();

}  // namespace mxscope::engine
