// SPDX-License-Identifier: Apache-2.0
// Any bytes as a config.json: a spec whose inventory can be planned, or mxscope::Error.
#include <cstdint>
#include <string_view>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/inventory.h"
#include "mxscope/core/checkpoint/model_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    const auto json = mxscope::parse_json(
        std::string_view(reinterpret_cast<const char*>(data), size), "config.json");
    const mxscope::DecoderSpec spec = mxscope::decoder_spec_from_config(json, "config.json");
    // More blocks only take longer.
    if (spec.layers <= 1000) {
      (void)mxscope::plan_inventory(spec, mxscope::TensorType::kBF16);
    }
  } catch (const mxscope::Error&) {
  }
  return 0;
}
