// SPDX-License-Identifier: Apache-2.0
#include "families.h"

namespace mxscope::families {

DecoderSpec gpt2(const ConfigReader& config) {
  DecoderSpec spec;
  read_sizes(spec, config,
             {.hidden = "n_embd|hidden_size",
              .layers = "n_layer|num_hidden_layers",
              .heads = "n_head|num_attention_heads",
              .max_positions = "n_positions|max_position_embeddings"});
  config.accept_only("scale_attn_by_inverse_layer_idx", false);
  // `reorder_and_upcast_attn` changes the order of rounding in half precision alone.
  if (!config.flag_or("scale_attn_weights", true)) {
    spec.attention_scale = 1.0;
  }
  spec.intermediate_size = config.size_or("n_inner", 4 * spec.hidden_size);
  spec.norm = NormKind::kLayerNorm;
  spec.norm_bias = true;
  spec.norm_eps = config.number_or("layer_norm_epsilon", 1e-5, 0.0);
  spec.activation = config.activation("activation_function", "gelu_new");
  spec.gated = false;
  spec.position = PositionKind::kLearned;
  spec.qkv_bias = spec.o_bias = spec.mlp_bias = true;
  spec.tied_head = config.flag_or("tie_word_embeddings", true);
  spec.qkv_layout = QkvLayout::kConcatenated;
  spec.linear_weights_transposed = true;
  spec.base_prefix = "transformer.";
  spec.embedding = "transformer.wte";
  spec.position_embedding = "transformer.wpe";
  spec.final_norm_name = "transformer.ln_f";
  spec.head = "lm_head";
  spec.block_prefix = "transformer.h.{}.";
  spec.names.attention_norm = "ln_1";
  spec.names.mlp_norm = "ln_2";
  spec.names.qkv = "attn.c_attn";
  spec.names.o = "attn.c_proj";
  spec.names.up = "mlp.c_fc";
  spec.names.down = "mlp.c_proj";
  return spec;
}

}  // namespace mxscope::families
