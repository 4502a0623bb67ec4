// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "families.h"

namespace mxscope::families {
namespace {

// build_mpt_alibi_tensor of transformers: slopes of the next power of two; when that is more than
// there are heads, every second one from the second on comes first.
std::vector<float> alibi_slopes(int64_t heads, double bias_max) {
  int64_t power = 1;
  while (power < heads) {
    power *= 2;
  }
  const auto step = static_cast<float>(bias_max / static_cast<double>(power));
  const auto slope = [&](int64_t i) {
    return 1.0F / std::pow(2.0F, static_cast<float>(i + 1) * step);
  };
  std::vector<float> slopes;
  if (power == heads) {
    for (int64_t i = 0; i < power; ++i) {
      slopes.push_back(slope(i));
    }
    return slopes;
  }
  for (const int64_t first : {int64_t{1}, int64_t{0}}) {
    for (int64_t i = first; i < power && static_cast<int64_t>(slopes.size()) < heads; i += 2) {
      slopes.push_back(slope(i));
    }
  }
  return slopes;
}

}  // namespace

DecoderSpec mpt(const ConfigReader& config) {
  DecoderSpec spec;
  read_sizes(spec, config,
             {.hidden = "d_model|hidden_size",
              .layers = "n_layers|num_hidden_layers",
              .heads = "n_heads|num_attention_heads",
              .max_positions = "max_seq_len"});
  config.accept_only("no_bias", true);
  if (config.has("logit_scale")) {
    config.unsupported("logit_scale", "is not implemented");
  }
  const std::string norm = config.text_or("norm_type", "low_precision_layernorm");
  if (norm != "low_precision_layernorm" && norm != "layernorm") {
    config.unsupported("norm_type", "is " + shown(norm) +
                                        "; low_precision_layernorm and layernorm are implemented");
  }
  spec.alibi_bias_max = 8.0;
  if (const auto attention = config.child("attn_config")) {
    attention->accept_only("attn_type", "multihead_attention");
    attention->accept_only("alibi", true);
    attention->accept_only("prefix_lm", false);
    attention->accept_only("qk_ln", false);
    attention->accept_only("qk_gn", false);
    attention->accept_only("rope", false);
    attention->accept_only("attn_uses_sequence_id", false);
    attention->accept_only("sliding_window_size", -1);
    attention->accept_only("kv_n_heads", spec.heads);
    spec.attention_scale = attention->number_or("softmax_scale", spec.attention_scale, 0.0);
    spec.alibi_bias_max = attention->number_or("alibi_bias_max", spec.alibi_bias_max, 0.0);
    // Zero switches the clamp off, as null does.
    if (attention->number_or("clip_qkv", 0.0, -1.0) != 0.0) {
      spec.clip_qkv = attention->number("clip_qkv", 0.0);
    }
  }
  if (const auto ffn = config.child("ffn_config")) {
    ffn->accept_only("ffn_type", "mptmlp");
  }
  // `expansion_ratio` is not read: the family's MLP is four times as wide whatever it says.
  spec.intermediate_size = 4 * spec.hidden_size;
  spec.norm = NormKind::kLayerNorm;
  spec.norm_bias = false;
  spec.norm_eps = config.number_or("layer_norm_epsilon", 1e-5, 0.0);
  spec.activation = Activation::kGelu;
  spec.gated = false;
  spec.position = PositionKind::kAlibi;
  spec.alibi_slopes = alibi_slopes(spec.heads, spec.alibi_bias_max);
  spec.tied_head = config.flag_or("tie_word_embeddings", true);
  spec.qkv_layout = QkvLayout::kConcatenated;
  spec.base_prefix = "transformer.";
  spec.embedding = "transformer.wte";
  spec.final_norm_name = "transformer.norm_f";
  spec.head = "lm_head";
  spec.block_prefix = "transformer.blocks.{}.";
  spec.names.attention_norm = "norm_1";
  spec.names.mlp_norm = "norm_2";
  spec.names.qkv = "attn.Wqkv";
  spec.names.o = "attn.out_proj";
  spec.names.up = "ffn.up_proj";
  spec.names.down = "ffn.down_proj";
  return spec;
}

}  // namespace mxscope::families
