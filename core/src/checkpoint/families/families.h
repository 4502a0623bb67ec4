// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../config_reader.h"
#include "../rope.h"

namespace mxscope::families {

// One function per family: the spec that its config describes. What all families share (model type,
// special tokens, options that none implements) is done by decoder_spec_from_config.
[[nodiscard]] DecoderSpec gemma2(const ConfigReader& config);
[[nodiscard]] DecoderSpec gpt2(const ConfigReader& config);
[[nodiscard]] DecoderSpec gpt_neo(const ConfigReader& config);
[[nodiscard]] DecoderSpec gpt_neox(const ConfigReader& config);
[[nodiscard]] DecoderSpec llama(const ConfigReader& config);
[[nodiscard]] DecoderSpec mistral(const ConfigReader& config);
[[nodiscard]] DecoderSpec mixtral(const ConfigReader& config);
[[nodiscard]] DecoderSpec mpt(const ConfigReader& config);
[[nodiscard]] DecoderSpec opt(const ConfigReader& config);
[[nodiscard]] DecoderSpec phi(const ConfigReader& config);
[[nodiscard]] DecoderSpec phi3(const ConfigReader& config);
[[nodiscard]] DecoderSpec qwen2(const ConfigReader& config);
[[nodiscard]] DecoderSpec qwen3(const ConfigReader& config);

// Names of the fields that hold the sizes of a model.
struct SizeNames {
  const char* hidden = "hidden_size";
  const char* layers = "num_hidden_layers";
  const char* heads = "num_attention_heads";
  const char* max_positions = "max_position_embeddings";
};

// Sets hidden_size, layers, heads, vocab_size, max_positions, head_dim (hidden / heads, which has
// to divide, unless the config may name `head_dim` and does), kv_heads = heads, attention_scale =
// head_dim^-1/2 and no attention windows.
void read_sizes(DecoderSpec& spec, const ConfigReader& config, const SizeNames& names = {},
                bool head_dim_allowed = false);

// Grouped queries: `num_key_value_heads`, which has to divide the heads; absent: as many as heads.
void read_kv_heads(DecoderSpec& spec, const ConfigReader& config);

// `layer_types` of newer configs; empty when absent. Checked for length and for the two known
// names.
[[nodiscard]] std::vector<std::string> read_layer_types(const DecoderSpec& spec,
                                                        const ConfigReader& config);

// A decoder of the llama shape: RMS norms, rotary positions, gated SiLU MLP, separate projections
// and the names that most families took over. Sizes, rope and biases are set from the config.
struct LlamaDefaults {
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  bool tied_head = false;
};
[[nodiscard]] DecoderSpec llama_like(const ConfigReader& config, const LlamaDefaults& defaults);

// The newer qwen rule for windows: `layer_types`, or the blocks from `max_window_layers` on when
// `use_sliding_window` is set.
void read_qwen_windows(DecoderSpec& spec, const ConfigReader& config);

}  // namespace mxscope::families
