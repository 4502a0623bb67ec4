// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "families.h"

namespace mxscope::families {

DecoderSpec mixtral(const ConfigReader& config) {
  DecoderSpec spec = llama_like(config, {.rms_norm_eps = 1e-5, .rope_theta = 1e6});
  config.accept_only("attention_bias", false);
  if (config.has("sliding_window")) {
    std::fill(spec.attention_window.begin(), spec.attention_window.end(),
              config.size("sliding_window"));
  }
  spec.experts.count = config.size_or("num_local_experts|num_experts", 8, kMaxHeads);
  spec.experts.per_token = config.size_or("num_experts_per_tok", 2, kMaxHeads);
  if (spec.experts.per_token > spec.experts.count) {
    config.invalid("num_experts_per_tok", "is " + std::to_string(spec.experts.per_token) +
                                              ", more than the experts, " +
                                              std::to_string(spec.experts.count));
  }
  spec.experts.renormalise = true;
  spec.names.router = "block_sparse_moe.gate";
  spec.names.expert_prefix = "block_sparse_moe.experts.{}.";
  spec.names.gate = "w1";
  spec.names.up = "w3";
  spec.names.down = "w2";
  return spec;
}

}  // namespace mxscope::families
