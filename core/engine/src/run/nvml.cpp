// SPDX-License-Identifier: Apache-2.0
#include "run/nvml.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <string_view>

namespace mxscope::engine {
namespace {

// The part of nvml.h that is used here, after NVIDIA's documentation of the NVML API: names, types
// and layouts are stable, so that no header of the driver is needed to build.
using NvmlHandle = struct NvmlDeviceOpaque*;
using NvmlStatus = int;
constexpr NvmlStatus kSuccess = 0;
constexpr NvmlStatus kInsufficientSize = 7;
constexpr int kTemperatureGpu = 0;
constexpr std::uint64_t kNotAvailable = ~std::uint64_t{0};

struct NvmlMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
// Version 2 counts what the driver keeps for itself apart from what is in use, as nvidia-smi shows
// it.
struct NvmlMemoryV2 {
  unsigned int version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};
constexpr unsigned int kMemoryVersion2 = sizeof(NvmlMemoryV2) | (2U << 24U);
struct NvmlUtilization {
  unsigned int gpu;
  unsigned int memory;
};
struct NvmlProcess {
  unsigned int pid;
  unsigned long long used_gpu_memory;
  unsigned int gpu_instance_id;
  unsigned int compute_instance_id;
};

class Library {
 public:
  Library() {
    handle_ = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      return;
    }
    auto* init = symbol<NvmlStatus (*)()>("nvmlInit_v2");
    count_ = symbol<NvmlStatus (*)(unsigned*)>("nvmlDeviceGetCount_v2");
    by_index_ = symbol<NvmlStatus (*)(unsigned, NvmlHandle*)>("nvmlDeviceGetHandleByIndex_v2");
    name_ = symbol<NvmlStatus (*)(NvmlHandle, char*, unsigned)>("nvmlDeviceGetName");
    uuid_ = symbol<NvmlStatus (*)(NvmlHandle, char*, unsigned)>("nvmlDeviceGetUUID");
    memory_ = symbol<NvmlStatus (*)(NvmlHandle, NvmlMemory*)>("nvmlDeviceGetMemoryInfo");
    memory_v2_ = symbol<NvmlStatus (*)(NvmlHandle, NvmlMemoryV2*)>("nvmlDeviceGetMemoryInfo_v2");
    utilization_ =
        symbol<NvmlStatus (*)(NvmlHandle, NvmlUtilization*)>("nvmlDeviceGetUtilizationRates");
    power_ = symbol<NvmlStatus (*)(NvmlHandle, unsigned*)>("nvmlDeviceGetPowerUsage");
    temperature_ = symbol<NvmlStatus (*)(NvmlHandle, int, unsigned*)>("nvmlDeviceGetTemperature");
    capability_ =
        symbol<NvmlStatus (*)(NvmlHandle, int*, int*)>("nvmlDeviceGetCudaComputeCapability");
    processes_ = symbol<NvmlStatus (*)(NvmlHandle, unsigned*, NvmlProcess*)>(
        "nvmlDeviceGetComputeRunningProcesses_v3");
    if (processes_ == nullptr) {
      processes_ = symbol<NvmlStatus (*)(NvmlHandle, unsigned*, NvmlProcess*)>(
          "nvmlDeviceGetComputeRunningProcesses_v2");
    }
    usable_ = init != nullptr && count_ != nullptr && by_index_ != nullptr && memory_ != nullptr &&
              init() == kSuccess;
  }

  std::vector<NvmlDevice> query() {
    std::vector<NvmlDevice> devices;
    unsigned count = 0;
    if (!usable_ || count_(&count) != kSuccess) {
      return devices;
    }
    std::vector<NvmlHandle> all;
    for (unsigned i = 0; i < count; ++i) {
      NvmlHandle device = nullptr;
      if (by_index_(i, &device) == kSuccess) {
        all.push_back(device);
      }
    }
    for (const NvmlHandle device : visible(all)) {
      devices.push_back(describe(device, static_cast<int>(devices.size())));
    }
    return devices;
  }

 private:
  template <class Function>
  Function symbol(const char* name) const {
    return reinterpret_cast<Function>(dlsym(handle_, name));
  }

  std::string uuid(NvmlHandle device) const {
    std::array<char, 96> text{};
    if (uuid_ == nullptr || uuid_(device, text.data(), text.size()) != kSuccess) {
      return {};
    }
    return text.data();
  }

  // CUDA_VISIBLE_DEVICES as CUDA reads it: indices or prefixes of UUIDs; the list ends at the first
  // entry that names no device.
  std::vector<NvmlHandle> visible(const std::vector<NvmlHandle>& all) const {
    const char* variable = std::getenv("CUDA_VISIBLE_DEVICES");
    if (variable == nullptr) {
      return all;
    }
    std::vector<NvmlHandle> chosen;
    std::string_view rest = variable;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      std::string_view entry = rest.substr(0, comma);
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
      while (!entry.empty() && entry.front() == ' ') {
        entry.remove_prefix(1);
      }
      while (!entry.empty() && entry.back() == ' ') {
        entry.remove_suffix(1);
      }
      NvmlHandle found = nullptr;
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), index);
      if (error == std::errc{} && end == entry.data() + entry.size()) {
        found = index < all.size() ? all[index] : nullptr;
      } else if (entry.substr(0, 4) == "GPU-") {
        const auto it = std::find_if(all.begin(), all.end(), [&](NvmlHandle device) {
          return uuid(device).compare(0, entry.size(), entry) == 0;
        });
        found = it == all.end() ? nullptr : *it;
      }
      if (found == nullptr) {
        break;
      }
      chosen.push_back(found);
    }
    return chosen;
  }

  NvmlDevice describe(NvmlHandle device, int index) const {
    NvmlDevice info;
    info.index = index;
    std::array<char, 128> text{};
    if (name_ != nullptr && name_(device, text.data(), text.size()) == kSuccess) {
      info.name = text.data();
    }
    info.uuid = uuid(device);
    take_memory(device, info);
    NvmlUtilization utilization{};
    if (utilization_ != nullptr && utilization_(device, &utilization) == kSuccess) {
      info.utilisation = utilization.gpu / 100.0;
    }
    unsigned milliwatts = 0;
    if (power_ != nullptr && power_(device, &milliwatts) == kSuccess) {
      info.power_watts = milliwatts / 1000.0;
    }
    unsigned celsius = 0;
    if (temperature_ != nullptr && temperature_(device, kTemperatureGpu, &celsius) == kSuccess) {
      info.temperature_celsius = celsius;
    }
    int major = 0;
    int minor = 0;
    if (capability_ != nullptr && capability_(device, &major, &minor) == kSuccess) {
      info.compute_capability = std::to_string(major) + "." + std::to_string(minor);
    }
    info.process_bytes = process_bytes(device);
    return info;
  }

  void take_memory(NvmlHandle device, NvmlDevice& info) const {
    const auto take = [&info](const auto& memory) {
      info.total_bytes = static_cast<std::int64_t>(memory.total);
      info.used_bytes = static_cast<std::int64_t>(memory.used);
      info.free_bytes = static_cast<std::int64_t>(memory.free);
    };
    NvmlMemoryV2 memory{};
    memory.version = kMemoryVersion2;
    NvmlMemory older{};
    if (memory_v2_ != nullptr && memory_v2_(device, &memory) == kSuccess) {
      take(memory);
    } else if (memory_(device, &older) == kSuccess) {
      take(older);  // drivers before 510: the reserve counts as used
    }
  }

  std::optional<std::int64_t> process_bytes(NvmlHandle device) const {
    if (processes_ == nullptr) {
      return std::nullopt;
    }
    std::vector<NvmlProcess> processes(64);
    unsigned count = static_cast<unsigned>(processes.size());
    NvmlStatus status = processes_(device, &count, processes.data());
    if (status == kInsufficientSize && count < 65536) {
      processes.resize(count + 16);  // room for those that start in between
      count = static_cast<unsigned>(processes.size());
      status = processes_(device, &count, processes.data());
    }
    if (status != kSuccess) {
      return std::nullopt;
    }
    const auto pid = static_cast<unsigned>(getpid());
    for (unsigned i = 0; i < std::min<std::size_t>(count, processes.size()); ++i) {
      if (processes[i].pid == pid && processes[i].used_gpu_memory != kNotAvailable) {
        return static_cast<std::int64_t>(processes[i].used_gpu_memory);
      }
    }
    // In a container the driver lists the host's process numbers, so absence proves nothing.
    return std::nullopt;
  }

  void* handle_ = nullptr;
  bool usable_ = false;
  NvmlStatus (*count_)(unsigned*) = nullptr;
  NvmlStatus (*by_index_)(unsigned, NvmlHandle*) = nullptr;
  NvmlStatus (*name_)(NvmlHandle, char*, unsigned) = nullptr;
  NvmlStatus (*uuid_)(NvmlHandle, char*, unsigned) = nullptr;
  NvmlStatus (*memory_)(NvmlHandle, NvmlMemory*) = nullptr;
  NvmlStatus (*memory_v2_)(NvmlHandle, NvmlMemoryV2*) = nullptr;
  NvmlStatus (*utilization_)(NvmlHandle, NvmlUtilization*) = nullptr;
  NvmlStatus (*power_)(NvmlHandle, unsigned*) = nullptr;
  NvmlStatus (*temperature_)(NvmlHandle, int, unsigned*) = nullptr;
  NvmlStatus (*capability_)(NvmlHandle, int*, int*) = nullptr;
  NvmlStatus (*processes_)(NvmlHandle, unsigned*, NvmlProcess*) = nullptr;
};

}  // namespace

std::vector<NvmlDevice> query_nvml() {
  static std::mutex mutex;
  static Library library;
  const std::lock_guard lock(mutex);
  return library.query();
}

}  // namespace mxscope::engine
