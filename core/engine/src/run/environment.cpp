// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>
#include <torch/version.h>

#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "mxscope/engine/engine.h"
#include "mxscope/engine/memory_monitor.h"
#include "mxscope/kernels/mx_quantize.h"

namespace mxscope::engine {

nlohmann::ordered_json environment() {
  nlohmann::ordered_json json;
  json["engine_version"] = MXSCOPE_VERSION;
  json["torch_version"] = TORCH_VERSION;
#if MXSCOPE_HAS_CUDA
  json["cuda"] = true;
#else
  json["cuda"] = false;
#endif
  json["instruction_set"] = kernels::cpu_instruction_set();
  utsname system{};
  if (uname(&system) == 0) {
    json["system"] = std::string(system.sysname) + " " + system.release + " " + system.machine;
    json["host"] = system.nodename;
  }
  nlohmann::ordered_json devices = nlohmann::ordered_json::array();
  for (const DeviceInfo& device : list_devices()) {
    nlohmann::ordered_json entry;
    entry["id"] = device.id;
    entry["name"] = device.name;
    entry["total_bytes"] = device.total_bytes;
    if (device.cores > 0) {
      entry["cores"] = device.cores;
    }
    if (!device.compute_capability.empty()) {
      entry["compute_capability"] = device.compute_capability;
    }
    devices.push_back(std::move(entry));
  }
  json["devices"] = std::move(devices);
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  json["date"] = text;
  return json;
}

}  // namespace mxscope::engine
