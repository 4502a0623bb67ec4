// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/model_config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/config_fixture.h"

namespace mxscope {
namespace {

using nlohmann::json;
using test::changed_config;
using test::reference_config;
using test::spec_of;

DecoderSpec reference(const std::string& name) { return spec_of(reference_config(name)); }

// hidden, intermediate, layers, heads, kv heads, head size, vocabulary, positions
std::vector<int64_t> sizes(const DecoderSpec& spec) {
  return {spec.hidden_size, spec.intermediate_size, spec.layers,     spec.heads,
          spec.kv_heads,    spec.head_dim,          spec.vocab_size, spec.max_positions};
}

using Windows = std::vector<int64_t>;

TEST(ModelConfig, KnowsThirteenFamilies) {
  EXPECT_EQ(
      supported_model_types(),
      (std::vector<std::string_view>{"gemma2", "gpt2", "gpt_neo", "gpt_neox", "llama", "mistral",
                                     "mixtral", "mpt", "opt", "phi", "phi3", "qwen2", "qwen3"}));
}

TEST(ModelConfig, Llama) {
  const DecoderSpec spec = reference("llama3");
  EXPECT_EQ(spec.model_type, "llama");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{80, 176, 2, 4, 2, 20, 389, 256}));
  EXPECT_EQ(spec.norm, NormKind::kRmsNorm);
  EXPECT_EQ(spec.norm_eps, 1e-6);
  EXPECT_FALSE(spec.norm_unit_offset);
  EXPECT_FALSE(spec.norm_bias);
  EXPECT_EQ(spec.activation, Activation::kSilu);
  EXPECT_TRUE(spec.gated);
  EXPECT_FALSE(spec.parallel_residual);
  EXPECT_EQ(spec.position, PositionKind::kRope);
  EXPECT_EQ(spec.rope.rotary_dim, 20);
  EXPECT_EQ(spec.rope.attention_scaling, 1.0F);
  EXPECT_EQ(spec.qkv_layout, QkvLayout::kSeparate);
  EXPECT_EQ(spec.attention_scale, 1.0 / std::sqrt(20.0));
  EXPECT_EQ(spec.attention_window, (Windows{0, 0}));
  EXPECT_FALSE(spec.qkv_bias || spec.o_bias || spec.mlp_bias || spec.head_bias);
  EXPECT_FALSE(spec.tied_head);
  EXPECT_EQ(spec.block_prefix + spec.names.gate, "model.layers.{}.mlp.gate_proj");
  EXPECT_EQ(spec.bos_token, 1);
  EXPECT_EQ(spec.eos_token, 2);
  EXPECT_EQ(spec.pad_token, -1);
}

TEST(ModelConfig, LlamaWithBiasesAndTiedHead) {
  const DecoderSpec spec = reference("llama_tied_bias");
  EXPECT_TRUE(spec.qkv_bias && spec.o_bias && spec.mlp_bias);
  EXPECT_FALSE(spec.head_bias);
  EXPECT_TRUE(spec.tied_head);
}

TEST(ModelConfig, HeadSizeAndHeadsOfKeysFollowFromOthersWhereTheConfigIsSilent) {
  const DecoderSpec spec =
      spec_of(changed_config("llama3", {{"head_dim", nullptr}, {"num_key_value_heads", nullptr}}));
  EXPECT_EQ(spec.head_dim, 20);
  EXPECT_EQ(spec.kv_heads, 4);
  EXPECT_EQ(spec_of(changed_config("llama3", {{"head_dim", 32}})).head_dim, 32);
}

TEST(ModelConfig, Mistral) {
  const DecoderSpec spec = reference("mistral");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{96, 176, 2, 4, 2, 24, 411, 256}));
  EXPECT_EQ(spec.attention_window, (Windows{11, 11}));
  json config = reference_config("mistral");
  config["sliding_window"] = nullptr;
  EXPECT_EQ(spec_of(config).attention_window, (Windows{0, 0})) << "null switches the window off";
  config.erase("sliding_window");
  EXPECT_EQ(spec_of(config).attention_window, (Windows{4096, 4096})) << "absent: the default";
}

TEST(ModelConfig, Mixtral) {
  const DecoderSpec spec = reference("mixtral");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{96, 168, 2, 4, 2, 24, 389, 256}));
  EXPECT_EQ(spec.experts, (ExpertSpec{4, 2, true}));
  EXPECT_EQ(spec.norm_eps, 1e-5);
  EXPECT_EQ(spec.attention_window, (Windows{0, 0}));
  EXPECT_EQ(spec.names.router, "block_sparse_moe.gate");
  EXPECT_EQ(spec.names.expert_prefix + spec.names.down, "block_sparse_moe.experts.{}.w2");
  EXPECT_EQ(spec_of(changed_config("mixtral", {{"sliding_window", 7}})).attention_window,
            (Windows{7, 7}));
}

TEST(ModelConfig, Qwen2) {
  const DecoderSpec spec = reference("qwen2");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{64, 176, 2, 4, 2, 16, 389, 256}));
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_FALSE(spec.o_bias || spec.mlp_bias);
  EXPECT_TRUE(spec.tied_head);
  EXPECT_EQ(spec.bos_token, -1);
}

TEST(ModelConfig, QwenWindowsBeginAtTheirLayer) {
  const json on = {{"use_sliding_window", true}, {"sliding_window", 9}, {"layer_types", nullptr}};
  json config = changed_config("qwen2", on);
  EXPECT_EQ(spec_of(config).attention_window, (Windows{0, 0})) << "max_window_layers is 28";
  config["max_window_layers"] = 1;
  EXPECT_EQ(spec_of(config).attention_window, (Windows{0, 9}));
  config["max_window_layers"] = 0;
  EXPECT_EQ(spec_of(config).attention_window, (Windows{9, 9}));
  config["use_sliding_window"] = false;
  EXPECT_EQ(spec_of(config).attention_window, (Windows{0, 0}));
  config["use_sliding_window"] = true;
  config["layer_types"] = {"sliding_attention", "full_attention"};
  EXPECT_EQ(spec_of(config).attention_window, (Windows{9, 0})) << "the list decides";
}

TEST(ModelConfig, Qwen3) {
  const DecoderSpec spec = reference("qwen3");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{96, 176, 2, 4, 2, 32, 307, 256}));
  EXPECT_FALSE(spec.qkv_bias);
  EXPECT_EQ(spec.names.q_norm, "self_attn.q_norm");
  EXPECT_EQ(spec.names.k_norm, "self_attn.k_norm");
  EXPECT_FALSE(spec.tied_head);
}

TEST(ModelConfig, Phi) {
  const DecoderSpec spec = reference("phi");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{96, 176, 2, 4, 2, 24, 307, 256}));
  EXPECT_EQ(spec.norm, NormKind::kLayerNorm);
  EXPECT_TRUE(spec.norm_bias);
  EXPECT_TRUE(spec.parallel_residual);
  EXPECT_EQ(spec.names.mlp_norm, "") << "one norm feeds attention and MLP";
  EXPECT_EQ(spec.rope.rotary_dim, 12);
  EXPECT_EQ(spec.activation, Activation::kGeluTanh);
  EXPECT_FALSE(spec.gated);
  EXPECT_TRUE(spec.qkv_bias && spec.o_bias && spec.mlp_bias && spec.head_bias);
}

TEST(ModelConfig, Phi3) {
  const DecoderSpec spec = reference("phi3");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{128, 168, 2, 4, 1, 32, 411, 256}));
  EXPECT_EQ(spec.qkv_layout, QkvLayout::kConcatenated);
  EXPECT_EQ(spec.names.gate_up, "mlp.gate_up_proj");
  EXPECT_TRUE(spec.names.gate.empty() && spec.names.up.empty());
  EXPECT_EQ(spec.rope.original_max_positions, 0);
  EXPECT_EQ(spec.eos_token, -1) << "32000 lies outside the vocabulary of 411";
}

TEST(ModelConfig, Phi3Longrope) {
  const DecoderSpec spec = reference("phi3_longrope");
  EXPECT_EQ(spec.rope.original_max_positions, 32);
  ASSERT_EQ(spec.rope.inv_freq_long.size(), 16U);
  EXPECT_EQ(spec.rope.attention_scaling,
            static_cast<float>(std::sqrt(1 + std::log(256.0 / 32) / std::log(32.0))));
  for (const char* old_name : {"su", "yarn"}) {
    json config = reference_config("phi3_longrope");
    config["rope_parameters"]["type"] = config["rope_parameters"]["rope_type"] = old_name;
    EXPECT_EQ(spec_of(config), spec) << old_name;
  }
}

TEST(ModelConfig, Gpt2) {
  const DecoderSpec spec = reference("gpt2");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{48, 136, 2, 3, 3, 16, 307, 128}));
  EXPECT_TRUE(spec.linear_weights_transposed);
  EXPECT_EQ(spec.position, PositionKind::kLearned);
  EXPECT_EQ(spec.position_offset, 0);
  EXPECT_EQ(spec.qkv_layout, QkvLayout::kConcatenated);
  EXPECT_TRUE(spec.tied_head);
  EXPECT_TRUE(spec.qkv_bias && spec.o_bias && spec.mlp_bias);
  EXPECT_EQ(spec.bos_token, -1) << "50256 lies outside the vocabulary of 307";
  EXPECT_EQ(spec.attention_scale, 0.25);
  EXPECT_EQ(spec_of(changed_config("gpt2", {{"scale_attn_weights", false}})).attention_scale, 1.0);
  EXPECT_EQ(spec_of(changed_config("gpt2", {{"n_inner", nullptr}})).intermediate_size, 192);
  EXPECT_EQ(spec_of(changed_config("gpt2", {{"reorder_and_upcast_attn", true}})), spec);
}

TEST(ModelConfig, GptNeo) {
  const DecoderSpec spec = reference("gpt_neo");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{72, 176, 4, 3, 3, 24, 411, 128}));
  EXPECT_EQ(spec.attention_scale, 1.0);
  EXPECT_TRUE(spec.attention_float32);
  EXPECT_EQ(spec.attention_window, (Windows{0, 9, 0, 9}));
  EXPECT_FALSE(spec.qkv_bias);
  EXPECT_TRUE(spec.o_bias && spec.mlp_bias);
  EXPECT_EQ(spec.names.q, "attn.attention.q_proj");
  EXPECT_EQ(spec_of(changed_config("gpt_neo", {{"attention_types", nullptr}})), spec)
      << "attention_layers alone says the same";
}

TEST(ModelConfig, GptNeox) {
  const DecoderSpec spec = reference("gpt_neox");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{48, 176, 2, 3, 3, 16, 307, 128}));
  EXPECT_EQ(spec.qkv_layout, QkvLayout::kPerHead);
  EXPECT_TRUE(spec.parallel_residual);
  EXPECT_EQ(spec.names.mlp_norm, "post_attention_layernorm");
  EXPECT_EQ(spec.rope.rotary_dim, 4);
  EXPECT_EQ(spec.activation, Activation::kGelu);
  EXPECT_EQ(spec.head, "embed_out");
  EXPECT_FALSE(
      spec_of(changed_config("gpt_neox", {{"use_parallel_residual", false}})).parallel_residual);
  const DecoderSpec without = spec_of(changed_config("gpt_neox", {{"attention_bias", false}}));
  EXPECT_FALSE(without.qkv_bias || without.o_bias);
  EXPECT_TRUE(without.mlp_bias);
}

TEST(ModelConfig, Opt) {
  const DecoderSpec spec = reference("opt");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{60, 168, 2, 3, 3, 20, 389, 128}));
  EXPECT_EQ(spec.position_offset, 2);
  EXPECT_TRUE(spec.positions_from_mask);
  EXPECT_EQ(spec.activation, Activation::kRelu);
  EXPECT_EQ(spec.norm_eps, 1e-5);
  EXPECT_EQ(spec.base_prefix, "model.");
  EXPECT_EQ(spec.embedding, "model.decoder.embed_tokens");
  EXPECT_EQ(spec.names.mlp_norm, "final_layer_norm");
  EXPECT_EQ(spec.pad_token, 1);
}

TEST(ModelConfig, Mpt) {
  const DecoderSpec spec = reference("mpt");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{64, 256, 2, 4, 4, 16, 389, 128}))
      << "the MLP is four times as wide whatever expansion_ratio says";
  EXPECT_EQ(spec.position, PositionKind::kAlibi);
  EXPECT_EQ(spec.alibi_slopes, (std::vector<float>{0.25F, 0.0625F, 0.015625F, 0.00390625F}));
  EXPECT_FALSE(spec.norm_bias || spec.qkv_bias || spec.o_bias || spec.mlp_bias);
  EXPECT_EQ(spec.attention_scale, 0.25);
  EXPECT_FALSE(spec.clip_qkv.has_value());
  EXPECT_TRUE(spec.tied_head);

  const DecoderSpec other = spec_of(changed_config(
      "mpt", {{"attn_config", {{"softmax_scale", 0.5}, {"clip_qkv", 6}, {"alibi_bias_max", 16}}}}));
  EXPECT_EQ(other.attention_scale, 0.5);
  EXPECT_EQ(other.clip_qkv, 6.0);
  EXPECT_EQ(other.alibi_slopes, (std::vector<float>{0.0625F, 0x1p-8F, 0x1p-12F, 0x1p-16F}));
  EXPECT_FALSE(
      spec_of(changed_config("mpt", {{"attn_config", {{"clip_qkv", 0}}}})).clip_qkv.has_value());
}

TEST(ModelConfig, MptSlopesOfHeadsThatAreNoPowerOfTwo) {
  // build_mpt_alibi_tensor(6, 1): slopes of 8 heads; the 2nd, 4th, ... come first.
  const DecoderSpec spec = spec_of(changed_config("mpt", {{"n_heads", 6}, {"d_model", 96}}));
  EXPECT_EQ(spec.alibi_slopes,
            (std::vector<float>{0x1p-2F, 0x1p-4F, 0x1p-6F, 0x1p-8F, 0x1p-1F, 0x1p-3F}));
}

TEST(ModelConfig, Gemma2) {
  const DecoderSpec spec = reference("gemma2");
  EXPECT_EQ(sizes(spec), (std::vector<int64_t>{64, 176, 2, 4, 2, 16, 411, 256}));
  EXPECT_TRUE(spec.norm_unit_offset);
  EXPECT_EQ(spec.embedding_scale, 8.0);
  EXPECT_EQ(spec.attention_scale, 0.25);
  EXPECT_EQ(spec.attention_soft_cap, 50.0);
  EXPECT_EQ(spec.logit_soft_cap, 30.0);
  EXPECT_EQ(spec.activation, Activation::kGeluTanh);
  EXPECT_EQ(spec.names.mlp_norm, "pre_feedforward_layernorm");
  EXPECT_EQ(spec.names.post_attention_norm, "post_attention_layernorm");
  EXPECT_EQ(spec.names.post_mlp_norm, "post_feedforward_layernorm");
  EXPECT_EQ(spec.attention_window, (Windows{11, 0}));
  EXPECT_TRUE(spec.tied_head);

  json config = reference_config("gemma2");
  config.erase("layer_types");
  config["num_hidden_layers"] = 5;
  EXPECT_EQ(spec_of(config).attention_window, (Windows{11, 0, 11, 0, 11}));
  config["attn_logit_softcapping"] = nullptr;
  config.erase("final_logit_softcapping");
  EXPECT_FALSE(spec_of(config).attention_soft_cap.has_value()) << "null switches the cap off";
  EXPECT_EQ(spec_of(config).logit_soft_cap, 30.0) << "absent: the default";
}

// Both generations of keys give the same spec.
TEST(ModelConfig, OldAndNewRotaryKeysMeanTheSame) {
  json config = reference_config("llama3");
  const json parameters = config["rope_parameters"];
  config.erase("rope_parameters");
  config["rope_theta"] = parameters["rope_theta"];
  config["rope_scaling"] = parameters;
  config["rope_scaling"].erase("rope_theta");
  EXPECT_EQ(spec_of(config), reference("llama3"));
  config["rope_parameters"] = parameters;
  EXPECT_EQ(spec_of(config), reference("llama3")) << "both, and they agree";
  config["rope_scaling"]["type"] = "llama3";
  EXPECT_EQ(spec_of(config), reference("llama3")) << "two names of the type, and they agree";
}

TEST(ModelConfig, NumbersThatAgreeMayBeWrittenDifferently) {
  EXPECT_EQ(spec_of(changed_config("llama_tied_bias", {{"rope_theta", 10000}})),
            reference("llama_tied_bias"));
}

TEST(ModelConfig, ActivationsHaveSynonyms) {
  const auto activation = [](const char* name) {
    return spec_of(changed_config("phi", {{"hidden_act", name}})).activation;
  };
  EXPECT_EQ(activation("silu"), Activation::kSilu);
  EXPECT_EQ(activation("swish"), Activation::kSilu);
  EXPECT_EQ(activation("relu"), Activation::kRelu);
  EXPECT_EQ(activation("gelu"), Activation::kGelu);
  EXPECT_EQ(activation("gelu_new"), Activation::kGeluTanh);
  EXPECT_EQ(activation("gelu_fast"), Activation::kGeluTanh);
  EXPECT_EQ(activation("gelu_pytorch_tanh"), Activation::kGeluTanh);
}

TEST(ModelConfig, TheFirstOfSeveralEndTokensCounts) {
  EXPECT_EQ(spec_of(changed_config("llama3", {{"eos_token_id", {7, 8}}})).eos_token, 7);
  EXPECT_EQ(spec_of(changed_config("llama3", {{"eos_token_id", json::array()}})).eos_token, -1);
  EXPECT_EQ(spec_of(changed_config("llama3", {{"eos_token_id", -1}})).eos_token, -1);
}

}  // namespace
}  // namespace mxscope
