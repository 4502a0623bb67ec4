// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "families.h"
#include "mxscope/core/base/input.h"

namespace mxscope::families {

void read_sizes(DecoderSpec& spec, const ConfigReader& config, const SizeNames& names,
                bool head_dim_allowed) {
  spec.hidden_size = config.size(names.hidden);
  spec.layers = config.size(names.layers, kMaxBlocks);
  spec.heads = config.size(names.heads, kMaxHeads);
  spec.kv_heads = spec.heads;
  spec.vocab_size = config.size("vocab_size");
  spec.max_positions = config.size(names.max_positions);
  if (head_dim_allowed && config.has("head_dim")) {
    spec.head_dim = config.size("head_dim", kMaxHeadDim);
  } else {
    if (spec.hidden_size % spec.heads != 0) {
      config.invalid(names.heads, "is " + std::to_string(spec.heads) +
                                      ", which does not divide the hidden size, " +
                                      std::to_string(spec.hidden_size));
    }
    spec.head_dim = spec.hidden_size / spec.heads;
    if (spec.head_dim > kMaxHeadDim) {
      config.invalid(names.heads, "makes heads of " + std::to_string(spec.head_dim) +
                                      " features; at most " + std::to_string(kMaxHeadDim) +
                                      " are accepted");
    }
    if (config.has("head_dim") && config.size("head_dim", kMaxHeadDim) != spec.head_dim) {
      config.unsupported("head_dim", "is " + shown(*config.value("head_dim")) +
                                         "; this model type has heads of hidden size / heads, " +
                                         std::to_string(spec.head_dim));
    }
  }
  spec.attention_scale = 1.0 / std::sqrt(static_cast<double>(spec.head_dim));
  spec.attention_window.assign(static_cast<std::size_t>(spec.layers), 0);
}

void read_kv_heads(DecoderSpec& spec, const ConfigReader& config) {
  spec.kv_heads = config.size_or("num_key_value_heads", spec.heads, kMaxHeads);
  if (spec.heads % spec.kv_heads != 0) {
    config.invalid("num_key_value_heads", "is " + std::to_string(spec.kv_heads) +
                                              ", which does not divide the heads, " +
                                              std::to_string(spec.heads));
  }
}

std::vector<std::string> read_layer_types(const DecoderSpec& spec, const ConfigReader& config) {
  const auto types = config.texts("layer_types", static_cast<std::size_t>(kMaxBlocks));
  if (!types) {
    return {};
  }
  if (static_cast<int64_t>(types->size()) != spec.layers) {
    config.invalid("layer_types", "has " + std::to_string(types->size()) + " entries for " +
                                      std::to_string(spec.layers) + " blocks");
  }
  for (const std::string& type : *types) {
    if (type != "full_attention" && type != "sliding_attention") {
      config.unsupported(
          "layer_types",
          "holds " + in_quotes(type) + "; full_attention and sliding_attention are implemented");
    }
  }
  return *types;
}

DecoderSpec llama_like(const ConfigReader& config, const LlamaDefaults& defaults) {
  DecoderSpec spec;
  read_sizes(spec, config, {}, true);
  read_kv_heads(spec, config);
  spec.intermediate_size = config.size("intermediate_size");
  spec.norm = NormKind::kRmsNorm;
  spec.norm_eps = config.number_or("rms_norm_eps", defaults.rms_norm_eps, 0.0);
  spec.activation = config.activation("hidden_act", "silu");
  spec.gated = true;
  spec.position = PositionKind::kRope;
  spec.rope = read_rope(config, {.head_dim = spec.head_dim,
                                 .max_positions = spec.max_positions,
                                 .theta = defaults.rope_theta});
  spec.tied_head = config.flag_or("tie_word_embeddings", defaults.tied_head);
  spec.base_prefix = "model.";
  spec.embedding = "model.embed_tokens";
  spec.final_norm_name = "model.norm";
  spec.head = "lm_head";
  spec.block_prefix = "model.layers.{}.";
  spec.names.attention_norm = "input_layernorm";
  spec.names.mlp_norm = "post_attention_layernorm";
  spec.names.q = "self_attn.q_proj";
  spec.names.k = "self_attn.k_proj";
  spec.names.v = "self_attn.v_proj";
  spec.names.o = "self_attn.o_proj";
  spec.names.gate = "mlp.gate_proj";
  spec.names.up = "mlp.up_proj";
  spec.names.down = "mlp.down_proj";
  return spec;
}

void read_qwen_windows(DecoderSpec& spec, const ConfigReader& config) {
  const bool windows = config.flag_or("use_sliding_window", false);
  // As in transformers: a null window switches them off, an absent one is 4096.
  const bool is_null = config.object().contains("sliding_window") && !config.has("sliding_window");
  const int64_t window = windows && !is_null ? config.size_or("sliding_window", 4096) : 0;
  const std::vector<std::string> types = read_layer_types(spec, config);
  const int64_t first =
      config.has("max_window_layers") && *config.value("max_window_layers") == nlohmann::json(0)
          ? 0
          : config.size_or("max_window_layers", 28);
  for (int64_t block = 0; block < spec.layers; ++block) {
    const auto i = static_cast<std::size_t>(block);
    const bool sliding =
        types.empty() ? window > 0 && block >= first : types[i] == "sliding_attention";
    if (sliding && window == 0) {
      config.invalid("layer_types",
                     "has sliding_attention, but use_sliding_window or sliding_window is not set");
    }
    spec.attention_window[i] = sliding ? window : 0;
  }
}

}  // namespace mxscope::families
