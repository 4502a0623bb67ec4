// SPDX-License-Identifier: Apache-2.0
#include "families.h"
#include "mxscope/core/base/input.h"

namespace mxscope::families {
namespace {

// [[["global", "local"], 12]] -> global local global local ...; stops as soon as there are more
// than `layers`.
std::vector<std::string> expand_attention_types(const ConfigReader& config, int64_t layers) {
  const nlohmann::json* types = config.value("attention_types");
  const auto fail = [&] {
    config.invalid("attention_types",
                   "is " + shown(*types) +
                       "; a list of [[\"global\", \"local\"], COUNT] that makes one entry for each "
                       "of the " +
                       std::to_string(layers) + " blocks is accepted");
  };
  std::vector<std::string> result;
  if (!types->is_array()) {
    fail();
  }
  for (const nlohmann::json& item : *types) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_array() || item[0].empty() ||
        !item[1].is_number_unsigned()) {
      fail();
    }
    for (uint64_t i = 0; i < item[1].get<uint64_t>(); ++i) {
      for (const nlohmann::json& name : item[0]) {
        if (!name.is_string() || static_cast<int64_t>(result.size()) >= layers) {
          fail();
        }
        result.push_back(name.get<std::string>());
      }
    }
  }
  return result;
}

}  // namespace

DecoderSpec gpt_neo(const ConfigReader& config) {
  DecoderSpec spec;
  read_sizes(spec, config,
             {.layers = "num_layers|num_hidden_layers", .heads = "num_heads|num_attention_heads"});
  spec.intermediate_size = config.size_or("intermediate_size", 4 * spec.hidden_size);
  spec.norm = NormKind::kLayerNorm;
  spec.norm_bias = true;
  spec.norm_eps = config.number_or("layer_norm_epsilon", 1e-5, 0.0);
  spec.activation = config.activation("activation_function", "gelu_new");
  spec.gated = false;
  spec.position = PositionKind::kLearned;
  spec.attention_scale = 1.0;
  spec.attention_float32 = true;
  spec.o_bias = spec.mlp_bias = true;
  spec.tied_head = config.flag_or("tie_word_embeddings", true);

  // `attention_layers` is the expansion of `attention_types`, saved beside it.
  const auto layers = config.texts("attention_layers", static_cast<std::size_t>(kMaxBlocks));
  std::vector<std::string> types;
  if (config.has("attention_types")) {
    types = expand_attention_types(config, spec.layers);
    if (layers && *layers != types) {
      config.invalid("attention_layers", "is not what 'attention_types' says; they have to agree");
    }
  } else if (layers) {
    types = *layers;
  } else {
    for (int64_t block = 0; block < 24; ++block) {
      types.emplace_back(block % 2 == 0 ? "global" : "local");
    }
  }
  if (static_cast<int64_t>(types.size()) != spec.layers) {
    config.invalid(config.has("attention_types") ? "attention_types" : "attention_layers",
                   "makes " + std::to_string(types.size()) + " entries for " +
                       std::to_string(spec.layers) + " blocks");
  }
  const int64_t window = config.size_or("window_size", 256);
  for (std::size_t block = 0; block < types.size(); ++block) {
    if (types[block] == "local") {
      spec.attention_window[block] = window;
    } else if (types[block] != "global") {
      config.unsupported("attention_types",
                         "holds " + in_quotes(types[block]) + "; global and local are implemented");
    }
  }

  spec.base_prefix = "transformer.";
  spec.embedding = "transformer.wte";
  spec.position_embedding = "transformer.wpe";
  spec.final_norm_name = "transformer.ln_f";
  spec.head = "lm_head";
  spec.block_prefix = "transformer.h.{}.";
  spec.names.attention_norm = "ln_1";
  spec.names.mlp_norm = "ln_2";
  spec.names.q = "attn.attention.q_proj";
  spec.names.k = "attn.attention.k_proj";
  spec.names.v = "attn.attention.v_proj";
  spec.names.o = "attn.attention.out_proj";
  spec.names.up = "mlp.c_fc";
  spec.names.down = "mlp.c_proj";
  return spec;
}

}  // namespace mxscope::families
