// SPDX-License-Identifier: Apache-2.0
#include "families.h"

namespace mxscope::families {

DecoderSpec llama(const ConfigReader& config) {
  DecoderSpec spec = llama_like(config, {});
  spec.qkv_bias = spec.o_bias = config.flag_or("attention_bias", false);
  spec.mlp_bias = config.flag_or("mlp_bias", false);
  return spec;
}

}  // namespace mxscope::families
