// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/model_config.h"

namespace mxscope::test {

// Name of a folder of the reference checkpoints, e.g. "llama3" or "phi3_longrope".
inline std::string model_folder(const std::string& name) {
  return std::string(MXSCOPE_TEST_DATA) + "/models/" + name;
}

inline nlohmann::json reference_config(const std::string& name) {
  return read_json_file(model_folder(name) + "/config.json");
}

inline DecoderSpec spec_of(const nlohmann::json& config) {
  return decoder_spec_from_config(config, "config.json");
}

// The config of a reference checkpoint with `changes` merged in (null removes a key).
inline nlohmann::json changed_config(const std::string& name, const nlohmann::json& changes) {
  nlohmann::json config = reference_config(name);
  config.merge_patch(changes);
  return config;
}

}  // namespace mxscope::test
