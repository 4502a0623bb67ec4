// SPDX-License-Identifier: Apache-2.0
#include "families.h"

namespace mxscope::families {

DecoderSpec gpt_neox(const ConfigReader& config) {
  DecoderSpec spec;
  read_sizes(spec, config);
  spec.intermediate_size = config.size("intermediate_size");
  spec.norm = NormKind::kLayerNorm;
  spec.norm_bias = true;
  spec.norm_eps = config.number_or("layer_norm_eps", 1e-5, 0.0);
  spec.activation = config.activation("hidden_act", "gelu");
  spec.gated = false;
  spec.parallel_residual = config.flag_or("use_parallel_residual", true);
  spec.position = PositionKind::kRope;
  spec.rope = read_rope(config, {.head_dim = spec.head_dim,
                                 .max_positions = spec.max_positions,
                                 .rotary_share = 0.25,
                                 .partial = true,
                                 .theta_names = "rotary_emb_base|rope_theta",
                                 .share_names = "rotary_pct|partial_rotary_factor"});
  spec.qkv_bias = spec.o_bias = config.flag_or("attention_bias", true);
  spec.mlp_bias = true;
  spec.tied_head = config.flag_or("tie_word_embeddings", false);
  spec.qkv_layout = QkvLayout::kPerHead;
  spec.base_prefix = "gpt_neox.";
  spec.embedding = "gpt_neox.embed_in";
  spec.final_norm_name = "gpt_neox.final_layer_norm";
  spec.head = "embed_out";
  spec.block_prefix = "gpt_neox.layers.{}.";
  spec.names.attention_norm = "input_layernorm";
  spec.names.mlp_norm = "post_attention_layernorm";
  spec.names.qkv = "attention.query_key_value";
  spec.names.o = "attention.dense";
  spec.names.up = "mlp.dense_h_to_4h";
  spec.names.down = "mlp.dense_4h_to_h";
  return spec;
}

}  // namespace mxscope::families
