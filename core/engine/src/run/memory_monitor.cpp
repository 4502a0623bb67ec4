// SPDX-License-Identifier: Apache-2.0
#include "mxscope/engine/memory_monitor.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

#include "run/nvml.h"

#ifdef MXSCOPE_HAS_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace mxscope::engine {
namespace {

// Bytes of a line such as "MemTotal:  24684084 kB"; 0 when the file or the line is missing.
std::int64_t kilobyte_field(const char* path, std::string_view field) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, field.size(), field) != 0 || line.size() <= field.size() ||
        line[field.size()] != ':') {
      continue;
    }
    const std::size_t digit = line.find_first_of("0123456789", field.size());
    std::int64_t kilobytes = 0;
    if (digit != std::string::npos) {
      std::from_chars(line.data() + digit, line.data() + line.size(), kilobytes);
    }
    return kilobytes * 1024;
  }
  return 0;
}

// A control group's figure; 0 where there is none or it says "max".
std::int64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : 0;
}

struct GroupMemory {
  std::int64_t limit = 0;
  std::int64_t used = 0;
};

// The control group's limit, which a container sees at the root of the tree (version 2 first).
GroupMemory group_memory() {
  GroupMemory group{number_in("/sys/fs/cgroup/memory.max"),
                    number_in("/sys/fs/cgroup/memory.current")};
  std::int64_t cache = 0;
  if (group.limit == 0) {
    group = {number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
             number_in("/sys/fs/cgroup/memory/memory.usage_in_bytes")};
  } else {
    std::ifstream file("/sys/fs/cgroup/memory.stat");
    std::string name;
    std::int64_t value = 0;
    while (file >> name >> value) {
      if (name == "inactive_file" || name == "active_file") {
        cache += value;
      }
    }
  }
  group.used = std::max<std::int64_t>(group.used - cache, 0);
  return group;
}

struct Ticks {
  std::uint64_t busy = 0;
  std::uint64_t all = 0;
};

// First line of /proc/stat: user nice system idle iowait irq softirq steal.
Ticks processor_ticks() {
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  Ticks ticks;
  for (int column = 0; column < 8; ++column) {
    std::uint64_t value = 0;
    if (!(file >> value)) {
      break;
    }
    ticks.all += value;
    if (column != 3 && column != 4) {
      ticks.busy += value;
    }
  }
  return ticks;
}

// Bytes that LibTorch's allocator took from the driver; the context itself is not among them.
std::int64_t allocator_bytes([[maybe_unused]] int index) {
#ifdef MXSCOPE_HAS_CUDA
  auto* allocator = c10::cuda::CUDACachingAllocator::allocator.load();
  if (allocator != nullptr && allocator->initialized()) {
    try {
      const auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
      return stats.reserved_bytes[0].current;
    } catch (const c10::Error&) {
      return 0;  // a device that this process has not used
    }
  }
#endif
  return 0;
}

}  // namespace

HostMemory read_host_memory() {
  HostMemory memory;
  memory.anonymous = kilobyte_field("/proc/self/status", "RssAnon");
  memory.total = kilobyte_field("/proc/meminfo", "MemTotal");
  memory.available = kilobyte_field("/proc/meminfo", "MemAvailable");
  const GroupMemory group = group_memory();
  if (group.limit > 0 && group.limit < memory.total) {
    memory.total = group.limit;
    memory.available =
        std::min(memory.available, std::max<std::int64_t>(group.limit - group.used, 0));
  }
  return memory;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, 10, "model name") == 0) {
      const std::size_t colon = line.find(": ");
      return colon == std::string::npos ? std::string{} : line.substr(colon + 2);
    }
  }
  return {};
}

MemoryMonitor::MemoryMonitor() : processor_(processor_name()) {
  const Ticks ticks = processor_ticks();
  busy_ticks_ = ticks.busy;
  all_ticks_ = ticks.all;
}

std::vector<DeviceUsage> MemoryMonitor::sample() {
  std::vector<DeviceUsage> devices;

  DeviceUsage host;
  host.device = "cpu";
  host.name = processor_;
  const HostMemory memory = read_host_memory();
  host.job_bytes = memory.anonymous;
  host.total_bytes = memory.total;
  host.others_bytes = std::max<std::int64_t>(memory.total - memory.available - memory.anonymous, 0);
  const Ticks ticks = processor_ticks();
  if (ticks.all > all_ticks_ && ticks.busy >= busy_ticks_) {
    host.utilisation =
        static_cast<double>(ticks.busy - busy_ticks_) / static_cast<double>(ticks.all - all_ticks_);
  }
  busy_ticks_ = ticks.busy;
  all_ticks_ = ticks.all;
  devices.push_back(std::move(host));

  for (const NvmlDevice& gpu : query_nvml()) {
    DeviceUsage usage;
    usage.device = "cuda:" + std::to_string(gpu.index);
    usage.name = gpu.name;
    usage.total_bytes = gpu.total_bytes;
    usage.job_bytes = gpu.process_bytes ? *gpu.process_bytes : allocator_bytes(gpu.index);
    usage.others_bytes = std::max<std::int64_t>(gpu.used_bytes - usage.job_bytes, 0);
    usage.utilisation = gpu.utilisation;
    usage.power_watts = gpu.power_watts;
    usage.temperature_celsius = gpu.temperature_celsius;
    devices.push_back(std::move(usage));
  }
  return devices;
}

}  // namespace mxscope::engine
