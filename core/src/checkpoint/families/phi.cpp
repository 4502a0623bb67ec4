// SPDX-License-Identifier: Apache-2.0
#include "families.h"

namespace mxscope::families {

DecoderSpec phi(const ConfigReader& config) {
  DecoderSpec spec;
  read_sizes(spec, config);
  read_kv_heads(spec, config);
  config.accept_only("qk_layernorm", false);
  spec.intermediate_size = config.size_or("intermediate_size", 4 * spec.hidden_size);
  spec.norm = NormKind::kLayerNorm;
  spec.norm_bias = true;
  spec.norm_eps = config.number_or("layer_norm_eps", 1e-5, 0.0);
  spec.activation = config.activation("hidden_act", "gelu_new");
  spec.gated = false;
  spec.parallel_residual = true;
  spec.position = PositionKind::kRope;
  spec.rope = read_rope(config, {.head_dim = spec.head_dim,
                                 .max_positions = spec.max_positions,
                                 .rotary_share = 0.5,
                                 .partial = true});
  spec.qkv_bias = spec.o_bias = spec.mlp_bias = spec.head_bias = true;
  spec.tied_head = config.flag_or("tie_word_embeddings", false);
  spec.base_prefix = "model.";
  spec.embedding = "model.embed_tokens";
  spec.final_norm_name = "model.final_layernorm";
  spec.head = "lm_head";
  spec.block_prefix = "model.layers.{}.";
  // One norm feeds attention and MLP.
  spec.names.attention_norm = "input_layernorm";
  spec.names.q = "self_attn.q_proj";
  spec.names.k = "self_attn.k_proj";
  spec.names.v = "self_attn.v_proj";
  spec.names.o = "self_attn.dense";
  spec.names.up = "mlp.fc1";
  spec.names.down = "mlp.fc2";
  return spec;
}

}  // namespace mxscope::families
