// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mxscope::engine {

// What NVML tells of one GPU; a figure that the board does not offer is empty.
struct NvmlDevice {
  int index = 0;  // CUDA's index: position among the visible devices
  std::string name;
  std::string uuid;                // "GPU-..."; empty where NVML does not tell
  std::string compute_capability;  // "9.0"
  std::int64_t total_bytes = 0;
  std::int64_t used_bytes = 0;
  std::int64_t free_bytes = 0;
  std::optional<std::int64_t> process_bytes;  // of this process, when the driver lists it
  std::optional<double> utilisation;          // 0..1
  std::optional<double> power_watts;
  std::optional<double> temperature_celsius;
};

// The GPUs that CUDA would show this process, without a CUDA context. Empty where there is no
// driver. Any thread; the library is loaded once and stays loaded.
std::vector<NvmlDevice> query_nvml();

}  // namespace mxscope::engine
