// SPDX-License-Identifier: Apache-2.0
// Configs that make no sense or ask for what is not implemented, each with the message that it
// gets.
#include <gtest/gtest.h>

#include "checkpoint/config_fixture.h"
#include "data/expect_error.h"

namespace mxscope {
namespace {

using nlohmann::json;
using test::changed_config;
using test::error_of;
using test::spec_of;

constexpr ErrorCode kInvalid = ErrorCode::kInvalidInput;
constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;

struct HostileConfig {
  const char* name;
  const char* model;
  const char* changes;  // merged into the config of the reference checkpoint
  ErrorCode code;
  const char* message;  // after "config.json: "
};

void PrintTo(const HostileConfig& config, std::ostream* out) { *out << config.name; }

class HostileConfigs : public testing::TestWithParam<HostileConfig> {};

TEST_P(HostileConfigs, GetTheirMessage) {
  const json config = changed_config(GetParam().model, json::parse(GetParam().changes));
  EXPECT_EQ(error_of(GetParam().code, [&] { (void)spec_of(config); }),
            std::string("config.json: ") + GetParam().message);
}

const HostileConfig kConfigs[] = {
    {"UnknownType", "llama3", R"({"model_type":"mamba"})", kUnsupported,
     "'model_type' is 'mamba'; implemented are gemma2, gpt2, gpt_neo, gpt_neox, llama, mistral, "
     "mixtral, mpt, opt, phi, phi3, qwen2, qwen3."},
    {"NoType", "llama3", R"({"model_type":null})", kInvalid,
     "'model_type' is missing; one of gemma2, gpt2, gpt_neo, gpt_neox, llama, mistral, mixtral, "
     "mpt, opt, phi, phi3, qwen2, qwen3 is needed."},
    {"TypeIsANumber", "llama3", R"({"model_type":3})", kInvalid,
     "'model_type' is 3; a string is accepted."},
    {"Quantised", "llama3", R"({"quantization_config":{"quant_method":"gptq"}})", kUnsupported,
     "'quantization_config' is set: the weights are quantised already; only checkpoints in "
     "float32, bfloat16 or float16 are read."},
    {"TwoTypesDisagree", "llama3", R"({"torch_dtype":"bfloat16"})", kInvalid,
     "'dtype' is \"float32\" but 'torch_dtype' is \"bfloat16\"; they mean the same and have to "
     "agree."},
    {"OddType", "llama3", R"({"dtype":"float8_e4m3fn"})", kUnsupported,
     "'dtype' is 'float8_e4m3fn'; float32, bfloat16 and float16 are read."},
    {"EncoderDecoder", "llama3", R"({"is_encoder_decoder":true})", kUnsupported,
     "'is_encoder_decoder' is true; only false is implemented."},
    {"CrossAttention", "gpt2", R"({"add_cross_attention":true})", kUnsupported,
     "'add_cross_attention' is true; only false is implemented."},
    {"PrunedHeads", "gpt2", R"({"pruned_heads":{"0":[1]}})", kUnsupported,
     "'pruned_heads' is set; pruned heads are not implemented."},

    {"NoHiddenSize", "llama3", R"({"hidden_size":null})", kInvalid,
     "'hidden_size' is missing; a whole number from 1 to 2147483648 is needed."},
    {"ZeroHiddenSize", "llama3", R"({"hidden_size":0})", kInvalid,
     "'hidden_size' is 0; whole numbers from 1 to 2147483648 are accepted."},
    {"NegativeVocabulary", "llama3", R"({"vocab_size":-5})", kInvalid,
     "'vocab_size' is -5; whole numbers from 1 to 2147483648 are accepted."},
    {"FractionIntermediate", "llama3", R"({"intermediate_size":176.0})", kInvalid,
     "'intermediate_size' is 176.0; whole numbers from 1 to 2147483648 are accepted."},
    {"HugeHiddenSize", "llama3", R"({"hidden_size":2147483649})", kInvalid,
     "'hidden_size' is 2147483649; whole numbers from 1 to 2147483648 are accepted."},
    {"BeyondInt64", "llama3", R"({"vocab_size":18446744073709551615})", kInvalid,
     "'vocab_size' is 18446744073709551615; whole numbers from 1 to 2147483648 are accepted."},
    {"TextForANumber", "llama3", R"({"num_attention_heads":"4"})", kInvalid,
     "'num_attention_heads' is \"4\"; whole numbers from 1 to 65536 are accepted."},
    {"TooManyBlocks", "llama3", R"({"num_hidden_layers":2000000000})", kInvalid,
     "'num_hidden_layers' is 2000000000; whole numbers from 1 to 100000 are accepted."},
    {"HeadsThatDoNotDivide", "gpt2", R"({"n_head":5})", kInvalid,
     "'n_head' is 5, which does not divide the hidden size, 48."},
    {"KeyHeadsThatDoNotDivide", "llama3", R"({"num_key_value_heads":3})", kInvalid,
     "'num_key_value_heads' is 3, which does not divide the heads, 4."},
    {"MoreKeyHeadsThanHeads", "llama3", R"({"num_key_value_heads":8})", kInvalid,
     "'num_key_value_heads' is 8, which does not divide the heads, 4."},
    {"HugeHeadSize", "llama3", R"({"head_dim":1000000})", kInvalid,
     "'head_dim' is 1000000; whole numbers from 1 to 65536 are accepted."},
    {"OddHeadSize", "llama3", R"({"head_dim":21})", kInvalid,
     "'rope_parameters.partial_rotary_factor' rotates 21 of 21 features of a head; an even number "
     "from 2 is accepted."},
    {"HugeHeadsOfAWideModel", "gpt2", R"({"n_embd":1048576,"n_head":1})", kInvalid,
     "'n_head' makes heads of 1048576 features; at most 65536 are accepted."},
    {"HeadSizeOfAFamilyWithout", "phi", R"({"head_dim":32})", kUnsupported,
     "'head_dim' is 32; this model type has heads of hidden size / heads, 24."},
    {"NormEpsIsText", "llama3", R"({"rms_norm_eps":"1e-6"})", kInvalid,
     "'rms_norm_eps' is \"1e-6\"; numbers above 0.0 are accepted."},
    {"NormEpsIsNegative", "gpt2", R"({"layer_norm_epsilon":-1e-5})", kInvalid,
     "'layer_norm_epsilon' is -1e-05; numbers above 0.0 are accepted."},
    {"FlagIsANumber", "llama3", R"({"tie_word_embeddings":1})", kInvalid,
     "'tie_word_embeddings' is 1; true and false are accepted."},
    {"UnknownActivation", "llama3", R"({"hidden_act":"relu2"})", kUnsupported,
     "'hidden_act' is 'relu2'; silu, swish, relu, gelu, gelu_new, gelu_fast and "
     "gelu_pytorch_tanh are implemented."},
    {"TokenIsText", "llama3", R"({"eos_token_id":"</s>"})", kInvalid,
     "'eos_token_id' is \"</s>\"; the id of a token or a list of them is accepted."},

    {"UnknownRope", "llama3", R"({"rope_parameters":{"rope_type":"mrope"}})", kUnsupported,
     "'rope_parameters.rope_type' is 'mrope'; default, linear, dynamic, llama3, yarn and longrope "
     "are implemented."},
    {"UnknownRopeOption", "llama3", R"({"rope_parameters":{"mrope_section":[1]}})", kUnsupported,
     "'rope_parameters.mrope_section' is a rotary option that is not implemented."},
    {"RopePerLayerType", "gemma2",
     R"({"rope_parameters":{"sliding_attention":{"rope_type":"default"}}})", kUnsupported,
     "'rope_parameters.sliding_attention' is a rotary option that is not implemented."},
    {"TwoThetasDisagree", "llama3", R"({"rope_theta":10000.0})", kInvalid,
     "'rope_theta' is 10000.0, but 'rope_parameters' says 500000.0; they mean the same and have to "
     "agree."},
    {"TwoScalingsDisagree", "llama3", R"({"rope_scaling":{"rope_type":"llama3","factor":4.0}})",
     kInvalid,
     "'rope_scaling.factor' is 4.0, but elsewhere 8.0; they mean the same and have to agree."},
    {"ScalingInOneGenerationOnly", "llama_tied_bias",
     R"({"rope_scaling":{"rope_type":"default","factor":4.0}})", kInvalid,
     "'rope_scaling.factor' is 4.0, but 'rope_parameters' stands too and does not say so."},
    {"TwoSharesDisagree", "phi", R"({"partial_rotary_factor":0.25})", kInvalid,
     "'partial_rotary_factor' is 0.25, but 'rope_parameters' says 0.5; they mean the same and have "
     "to agree."},
    {"TwoRopeTypesDisagree", "phi3_longrope", R"({"rope_parameters":{"type":"linear"}})", kInvalid,
     "'rope_parameters.type' is \"linear\", but elsewhere \"longrope\"; they mean the same and "
     "have to agree."},
    {"ShareOfAFamilyWithout", "llama3", R"({"partial_rotary_factor":0.5})", kUnsupported,
     "'rope_parameters.partial_rotary_factor' is 0.5; this model type rotates whole heads."},
    {"ShareAboveOne", "phi3", R"({"rope_parameters":{"partial_rotary_factor":1.5}})", kInvalid,
     "'rope_parameters.partial_rotary_factor' is 1.5; numbers above 0 up to 1 are accepted."},
    {"ZeroTheta", "llama_tied_bias", R"({"rope_parameters":{"rope_theta":0}})", kInvalid,
     "'rope_parameters.rope_theta' is 0; numbers above 1.0 are accepted."},
    {"LinearWithoutFactor", "llama_tied_bias", R"({"rope_parameters":{"rope_type":"linear"}})",
     kInvalid, "'rope_parameters.factor' is missing; the rope type linear needs it."},
    {"Llama3WithoutLow", "llama3", R"({"rope_parameters":{"low_freq_factor":null}})", kInvalid,
     "'rope_parameters.low_freq_factor' is missing; the rope type llama3 needs it."},
    {"Llama3EqualFactors", "llama3", R"({"rope_parameters":{"high_freq_factor":1.0}})", kInvalid,
     "'rope_parameters.high_freq_factor' is 1.0; a number above low_freq_factor, 1.0, is "
     "accepted."},
    {"LongropeShortList", "phi3_longrope", R"({"rope_parameters":{"short_factor":[1.0]}})",
     kInvalid, "'rope_parameters.short_factor' is [1.0]; a list of 16 numbers is accepted."},
    {"LongropeText", "phi3_longrope",
     R"({"rope_parameters":{"long_factor":["a",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}})", kInvalid,
     "'rope_parameters.long_factor' holds \"a\"; numbers above 0 are accepted."},
    {"LongropeOriginalsDisagree", "phi3_longrope", R"({"original_max_position_embeddings":64})",
     kInvalid,
     "'original_max_position_embeddings' is 64, but 'rope_parameters' says 32; they mean the same "
     "and have to agree."},
    {"RopeIsAList", "llama3", R"({"rope_parameters":[1]})", kInvalid,
     "'rope_parameters' is [1]; an object is accepted."},

    {"Gpt2InverseLayer", "gpt2", R"({"scale_attn_by_inverse_layer_idx":true})", kUnsupported,
     "'scale_attn_by_inverse_layer_idx' is true; only false is implemented."},
    {"Gpt2NamesDisagree", "gpt2", R"({"hidden_size":96})", kInvalid,
     "'n_embd' is 48 but 'hidden_size' is 96; they mean the same and have to agree."},
    {"PhiQkNorm", "phi", R"({"qk_layernorm":true})", kUnsupported,
     "'qk_layernorm' is true; only false is implemented."},
    {"OptNarrowEmbedding", "opt", R"({"word_embed_proj_dim":30})", kUnsupported,
     "'word_embed_proj_dim' is 30; embeddings narrower or wider than the hidden size, 60, are not "
     "implemented."},
    {"OptNormAfter", "opt", R"({"do_layer_norm_before":false})", kUnsupported,
     "'do_layer_norm_before' is false; only true is implemented."},
    {"OptWithoutFinalNorm", "opt", R"({"_remove_final_layer_norm":true})", kUnsupported,
     "'_remove_final_layer_norm' is true; only false is implemented."},
    {"OptNormsWithoutWeights", "opt", R"({"layer_norm_elementwise_affine":false})", kUnsupported,
     "'layer_norm_elementwise_affine' is false; only true is implemented."},
    {"MptMultiQuery", "mpt", R"({"attn_config":{"attn_type":"multiquery_attention"}})",
     kUnsupported,
     "'attn_config.attn_type' is \"multiquery_attention\"; only \"multihead_attention\" is "
     "implemented."},
    {"MptQkNorm", "mpt", R"({"attn_config":{"qk_ln":true}})", kUnsupported,
     "'attn_config.qk_ln' is true; only false is implemented."},
    {"MptPrefix", "mpt", R"({"attn_config":{"prefix_lm":true}})", kUnsupported,
     "'attn_config.prefix_lm' is true; only false is implemented."},
    {"MptLearnedPositions", "mpt", R"({"attn_config":{"alibi":false}})", kUnsupported,
     "'attn_config.alibi' is false; only true is implemented."},
    {"MptBias", "mpt", R"({"no_bias":false})", kUnsupported,
     "'no_bias' is false; only true is implemented."},
    {"MptLogitScale", "mpt", R"({"logit_scale":"inv_sqrt_d_model"})", kUnsupported,
     "'logit_scale' is not implemented."},
    {"MptNorm", "mpt", R"({"norm_type":"rmsnorm"})", kUnsupported,
     "'norm_type' is \"rmsnorm\"; low_precision_layernorm and layernorm are implemented."},
    {"MptConfigIsText", "mpt", R"({"attn_config":"x"})", kInvalid,
     "'attn_config' is \"x\"; an object is accepted."},
    {"GptNeoTooManyTypes", "gpt_neo", R"({"attention_types":[[["global"],18446744073709551615]]})",
     kInvalid,
     "'attention_types' is [[[\"global\"],18446744073709551615]]; a list of [[\"global\", "
     "\"local\"], COUNT] that makes one entry for each of the 4 blocks is accepted."},
    {"GptNeoTooFewTypes", "gpt_neo",
     R"({"attention_types":[[["global"],3]],"attention_layers":null})", kInvalid,
     "'attention_types' makes 3 entries for 4 blocks."},
    {"GptNeoUnknownType", "gpt_neo",
     R"({"attention_types":[[["global","dense"],2]],"attention_layers":null})", kUnsupported,
     "'attention_types' holds 'dense'; global and local are implemented."},
    {"GptNeoListsDisagree", "gpt_neo", R"({"attention_types":[[["global"],4]]})", kInvalid,
     "'attention_layers' is not what 'attention_types' says; they have to agree."},
    {"GptNeoNonsense", "gpt_neo", R"({"attention_types":[1]})", kInvalid,
     "'attention_types' is [1]; a list of [[\"global\", \"local\"], COUNT] that makes one entry "
     "for each of the 4 blocks is accepted."},
    {"QwenLayerTypesTooShort", "qwen2", R"({"layer_types":["full_attention"]})", kInvalid,
     "'layer_types' has 1 entries for 2 blocks."},
    {"QwenUnknownLayerType", "qwen2", R"({"layer_types":["full_attention","chunked_attention"]})",
     kUnsupported,
     "'layer_types' holds 'chunked_attention'; full_attention and sliding_attention are "
     "implemented."},
    {"QwenWindowWithoutSize", "qwen2", R"({"layer_types":["full_attention","sliding_attention"]})",
     kInvalid,
     "'layer_types' has sliding_attention, but use_sliding_window or sliding_window is not set."},
    {"MistralMixedLayers", "mistral", R"({"layer_types":["sliding_attention","full_attention"]})",
     kUnsupported,
     "'layer_types' does not follow sliding_window, which holds for all blocks of a mistral."},
    {"MixtralTooFewExperts", "mixtral", R"({"num_experts_per_tok":5})", kInvalid,
     "'num_experts_per_tok' is 5, more than the experts, 4."},
    {"MixtralBias", "mixtral", R"({"attention_bias":true})", kUnsupported,
     "'attention_bias' is true; only false is implemented."},
    {"Qwen3WithoutHeadSize", "qwen3", R"({"head_dim":null})", kInvalid,
     "'head_dim' is missing; in a qwen3 it does not follow from the hidden size."},
    {"Gemma2BothDirections", "gemma2", R"({"use_bidirectional_attention":true})", kUnsupported,
     "'use_bidirectional_attention' is true; only false is implemented."},
    {"Gemma2WindowWithoutSize", "gemma2", R"({"sliding_window":null})", kInvalid,
     "'sliding_window' is missing; a whole number from 1 to 2147483648 is needed."},
    {"Gemma2ActivationsDisagree", "gemma2", R"({"hidden_act":"gelu"})", kInvalid,
     "'hidden_activation' is \"gelu_pytorch_tanh\" but 'hidden_act' is \"gelu\"; they mean the "
     "same and have to agree."},
    {"Gemma2ZeroCap", "gemma2", R"({"attn_logit_softcapping":0})", kInvalid,
     "'attn_logit_softcapping' is 0; numbers above 0.0 are accepted."},
};

INSTANTIATE_TEST_SUITE_P(All, HostileConfigs, testing::ValuesIn(kConfigs),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HostileConfig, IsNoObject) {
  EXPECT_EQ(error_of(kInvalid, [] { (void)spec_of(json::array()); }),
            "config.json: a JSON object is expected, not array.");
}

}  // namespace
}  // namespace mxscope
