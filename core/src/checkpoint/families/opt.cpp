// SPDX-License-Identifier: Apache-2.0
#include "families.h"

namespace mxscope::families {

DecoderSpec opt(const ConfigReader& config) {
  DecoderSpec spec;
  read_sizes(spec, config);
  config.accept_only("do_layer_norm_before", true);
  config.accept_only("_remove_final_layer_norm", false);
  config.accept_only("layer_norm_elementwise_affine", true);
  if (config.size_or("word_embed_proj_dim", spec.hidden_size) != spec.hidden_size) {
    config.unsupported("word_embed_proj_dim",
                       "is " + shown(*config.value("word_embed_proj_dim")) +
                           "; embeddings narrower or wider than the hidden size, " +
                           std::to_string(spec.hidden_size) + ", are not implemented");
  }
  spec.intermediate_size = config.size("ffn_dim");
  spec.norm = NormKind::kLayerNorm;
  spec.norm_bias = true;
  spec.norm_eps = 1e-5;  // PyTorch's default; the family has no option for it
  spec.activation = config.activation("activation_function", "relu");
  spec.gated = false;
  spec.position = PositionKind::kLearned;
  spec.position_offset = 2;
  spec.positions_from_mask = true;
  const bool bias = config.flag_or("enable_bias", true);
  spec.qkv_bias = spec.o_bias = spec.mlp_bias = bias;
  spec.tied_head = config.flag_or("tie_word_embeddings", true);
  spec.base_prefix = "model.";
  spec.embedding = "model.decoder.embed_tokens";
  spec.position_embedding = "model.decoder.embed_positions";
  spec.final_norm_name = "model.decoder.final_layer_norm";
  spec.head = "lm_head";
  spec.block_prefix = "model.decoder.layers.{}.";
  spec.names.attention_norm = "self_attn_layer_norm";
  spec.names.mlp_norm = "final_layer_norm";
  spec.names.q = "self_attn.q_proj";
  spec.names.k = "self_attn.k_proj";
  spec.names.v = "self_attn.v_proj";
  spec.names.o = "self_attn.out_proj";
  spec.names.up = "fc1";
  spec.names.down = "fc2";
  return spec;
}

}  // namespace mxscope::families
