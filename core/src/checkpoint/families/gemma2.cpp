// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "families.h"

namespace mxscope::families {

DecoderSpec gemma2(const ConfigReader& config) {
  if (!config.has("head_dim")) {
    config.invalid("head_dim", "is missing; in a gemma2 it does not follow from the hidden size");
  }
  DecoderSpec spec = llama_like(config, {.tied_head = true});
  // Older configs name the activation twice.
  spec.activation = config.activation("hidden_activation|hidden_act", "gelu_pytorch_tanh");
  config.accept_only("use_bidirectional_attention", false);
  spec.qkv_bias = spec.o_bias = config.flag_or("attention_bias", false);
  spec.norm_unit_offset = true;
  spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden_size));
  spec.attention_scale = 1.0 / std::sqrt(config.number_or("query_pre_attn_scalar", 256.0, 0.0));
  // As in transformers: null switches a cap off, an absent one has the family's value.
  const auto cap = [&](const char* name, double fallback) -> std::optional<double> {
    return config.has(name) || !config.object().contains(name)
               ? std::optional(config.number_or(name, fallback, 0.0))
               : std::nullopt;
  };
  spec.attention_soft_cap = cap("attn_logit_softcapping", 50.0);
  spec.logit_soft_cap = cap("final_logit_softcapping", 30.0);

  spec.names.post_attention_norm = "post_attention_layernorm";
  spec.names.mlp_norm = "pre_feedforward_layernorm";
  spec.names.post_mlp_norm = "post_feedforward_layernorm";

  const std::vector<std::string> types = read_layer_types(spec, config);
  for (std::size_t block = 0; block < spec.attention_window.size(); ++block) {
    // Configs without the list let every other block see the whole window, from the second on.
    if (types.empty() ? block % 2 == 0 : types[block] == "sliding_attention") {
      spec.attention_window[block] = config.size("sliding_window");
    }
  }
  return spec;
}

}  // namespace mxscope::families
