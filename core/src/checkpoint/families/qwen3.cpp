// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "families.h"

namespace mxscope::families {

DecoderSpec qwen3(const ConfigReader& config) {
  if (!config.has("head_dim")) {
    config.invalid("head_dim", "is missing; in a qwen3 it does not follow from the hidden size");
  }
  DecoderSpec spec = llama_like(config, {});
  spec.qkv_bias = spec.o_bias = config.flag_or("attention_bias", false);
  spec.names.q_norm = "self_attn.q_norm";
  spec.names.k_norm = "self_attn.k_norm";
  read_qwen_windows(spec, config);
  return spec;
}

}  // namespace mxscope::families
