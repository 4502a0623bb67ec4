// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "families.h"

namespace mxscope::families {

DecoderSpec phi3(const ConfigReader& config) {
  DecoderSpec spec;
  read_sizes(spec, config);
  read_kv_heads(spec, config);
  config.accept_only("attention_bias", false);
  spec.intermediate_size = config.size("intermediate_size");
  spec.norm = NormKind::kRmsNorm;
  spec.norm_eps = config.number_or("rms_norm_eps", 1e-5, 0.0);
  spec.activation = config.activation("hidden_act", "silu");
  spec.gated = true;
  spec.position = PositionKind::kRope;
  spec.rope = read_rope(config, {.head_dim = spec.head_dim,
                                 .max_positions = spec.max_positions,
                                 .partial = true,
                                 .phi3 = true});
  if (config.has("sliding_window")) {
    std::fill(spec.attention_window.begin(), spec.attention_window.end(),
              config.size("sliding_window"));
  }
  spec.tied_head = config.flag_or("tie_word_embeddings", false);
  spec.qkv_layout = QkvLayout::kConcatenated;
  spec.base_prefix = "model.";
  spec.embedding = "model.embed_tokens";
  spec.final_norm_name = "model.norm";
  spec.head = "lm_head";
  spec.block_prefix = "model.layers.{}.";
  spec.names.attention_norm = "input_layernorm";
  spec.names.mlp_norm = "post_attention_layernorm";
  spec.names.qkv = "self_attn.qkv_proj";
  spec.names.o = "self_attn.o_proj";
  spec.names.down = "mlp.down_proj";
  spec.names.gate_up = "mlp.gate_up_proj";
  return spec;
}

}  // namespace mxscope::families
