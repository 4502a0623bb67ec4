// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/model_config.h"

#include <array>

#include "config_reader.h"
#include "families/families.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"

namespace mxscope {
namespace {

struct Family {
  std::string_view model_type;
  DecoderSpec (*read)(const ConfigReader&);
};

// Every family that exists. A new one: a file in families/, a row here, a fixture in the tests.
constexpr std::array<Family, 13> kFamilies{{
    {"gemma2", families::gemma2},
    {"gpt2", families::gpt2},
    {"gpt_neo", families::gpt_neo},
    {"gpt_neox", families::gpt_neox},
    {"llama", families::llama},
    {"mistral", families::mistral},
    {"mixtral", families::mixtral},
    {"mpt", families::mpt},
    {"opt", families::opt},
    {"phi", families::phi},
    {"phi3", families::phi3},
    {"qwen2", families::qwen2},
    {"qwen3", families::qwen3},
}};

// Options of any config that change what the weights mean or compute.
void refuse_common_options(const ConfigReader& config) {
  if (config.has("quantization_config")) {
    config.unsupported("quantization_config",
                       "is set: the weights are quantised already; only checkpoints in float32, "
                       "bfloat16 or float16 are read");
  }
  config.accept_only("is_encoder_decoder", false);
  config.accept_only("add_cross_attention", false);
  if (const nlohmann::json* pruned = config.value("pruned_heads");
      pruned != nullptr && !pruned->empty()) {
    config.unsupported("pruned_heads", "is set; pruned heads are not implemented");
  }
  const std::string dtype = config.text_or("dtype|torch_dtype", "float32");
  if (dtype != "float32" && dtype != "bfloat16" && dtype != "float16") {
    config.unsupported("dtype|torch_dtype",
                       "is " + in_quotes(dtype) + "; float32, bfloat16 and float16 are read");
  }
}

}  // namespace

DecoderSpec decoder_spec_from_config(const nlohmann::json& json, const std::string& file) {
  if (!json.is_object()) {
    throw Error(ErrorCode::kInvalidInput,
                file + ": a JSON object is expected, not " + std::string(json.type_name()) + ".");
  }
  const ConfigReader config(json, file);
  const std::string model_type = config.text_or("model_type", "");
  for (const Family& family : kFamilies) {
    if (family.model_type == model_type) {
      refuse_common_options(config);
      DecoderSpec spec = family.read(config);
      spec.model_type = model_type;
      spec.bos_token = config.token("bos_token_id", spec.vocab_size);
      spec.eos_token = config.token("eos_token_id", spec.vocab_size);
      spec.pad_token = config.token("pad_token_id", spec.vocab_size);
      return spec;
    }
  }
  std::string known;
  for (const Family& family : kFamilies) {
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  if (!config.has("model_type")) {
    config.invalid("model_type", "is missing; one of " + known + " is needed");
  }
  config.unsupported("model_type", "is " + in_quotes(model_type) + "; implemented are " + known);
}

std::vector<std::string_view> supported_model_types() {
  std::vector<std::string_view> result;
  result.reserve(std::size(kFamilies));
  for (const Family& family : kFamilies) {
    result.push_back(family.model_type);
  }
  return result;
}

}  // namespace mxscope
