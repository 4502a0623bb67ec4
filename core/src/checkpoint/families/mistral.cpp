// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "families.h"

namespace mxscope::families {

DecoderSpec mistral(const ConfigReader& config) {
  DecoderSpec spec = llama_like(config, {});
  config.accept_only("attention_bias", false);
  // As in transformers: null switches the window off, an absent one is 4096.
  if (config.has("sliding_window") || !config.object().contains("sliding_window")) {
    const int64_t window = config.size_or("sliding_window", 4096);
    std::fill(spec.attention_window.begin(), spec.attention_window.end(), window);
  }
  for (const std::string& type : read_layer_types(spec, config)) {
    if ((type == "sliding_attention") != (spec.attention_window[0] > 0)) {
      config.unsupported("layer_types",
                         "does not follow sliding_window, which holds for all blocks of a mistral");
    }
  }
  return spec;
}

}  // namespace mxscope::families
