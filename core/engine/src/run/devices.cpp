// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <thread>

#include "mxscope/engine/engine.h"
#include "mxscope/engine/memory_monitor.h"
#include "run/nvml.h"

namespace mxscope::engine {

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices;

  const HostMemory memory = read_host_memory();
  DeviceInfo host;
  host.id = "cpu";
  host.name = processor_name();
  host.total_bytes = memory.total;
  host.free_bytes = memory.available;
  host.cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  devices.push_back(std::move(host));

#ifdef MXSCOPE_HAS_CUDA
  for (const NvmlDevice& gpu : query_nvml()) {
    DeviceInfo info;
    info.id = "cuda:" + std::to_string(gpu.index);
    info.name = gpu.name;
    info.total_bytes = gpu.total_bytes;
    info.free_bytes = gpu.free_bytes;
    info.compute_capability = gpu.compute_capability;
    devices.push_back(std::move(info));
  }
#endif
  return devices;
}

}  // namespace mxscope::engine
