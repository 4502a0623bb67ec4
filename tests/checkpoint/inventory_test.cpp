// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/inventory.h"

#include <gtest/gtest.h>

#include <functional>
#include <list>
#include <map>

#include "checkpoint/config_fixture.h"
#include "data/expect_error.h"
#include "data/temporary_folder.h"
#include "mxscope/core/checkpoint/estimate.h"

namespace mxscope {
namespace {

using nlohmann::json;
using test::error_of;
using test::model_folder;
using test::TemporaryFolder;

constexpr ErrorCode kInvalid = ErrorCode::kInvalidInput;

ModelInventory inventory_of(const std::string& path) {
  return take_inventory(Checkpoint::open(path));
}

std::vector<std::string> names_of(const ModelInventory& inventory, int64_t block) {
  std::vector<std::string> names;
  for (const Linear& linear : inventory.linears) {
    if (linear.block == block) {
      names.push_back(linear.name);
    }
  }
  return names;
}

// A reference checkpoint copied tensor by tensor, so that a test can change it on the way.
class Copy {
 public:
  explicit Copy(const std::string& model)
      : source_(SafetensorsFile::open(model_folder(model) + "/model.safetensors")),
        config(test::reference_config(model)) {
    for (const TensorInfo& info : source_.tensors()) {
      tensors[info.name] = {info.name, info.type, info.shape, source_.data(info)};
    }
  }

  // Bytes for a tensor that the source does not have.
  std::span<const std::byte> zeros(std::size_t count) {
    owned_.emplace_back(count);
    return owned_.back();
  }

  std::string write() {
    std::vector<TensorToWrite> list;
    for (auto& [name, tensor] : tensors) {
      tensor.name = name;
      list.push_back(tensor);
    }
    folder_.write("config.json", config.dump());
    write_safetensors(folder_.path() / "model.safetensors", list);
    return folder_.path().string();
  }

 private:
  SafetensorsFile source_;
  std::list<std::vector<std::byte>> owned_;
  TemporaryFolder folder_;

 public:
  json config;
  std::map<std::string, TensorToWrite> tensors;
};

TEST(Inventory, ListsLinearsInTheOrderOfExecution) {
  const ModelInventory llama = inventory_of(model_folder("llama3"));
  EXPECT_EQ(names_of(llama, 1),
            (std::vector<std::string>{
                "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.k_proj",
                "model.layers.1.self_attn.v_proj", "model.layers.1.self_attn.o_proj",
                "model.layers.1.mlp.gate_proj", "model.layers.1.mlp.up_proj",
                "model.layers.1.mlp.down_proj"}));
  EXPECT_EQ(llama.linears.back(),
            (Linear{"lm_head", -1, Role::kHead, 80, 389, false, "lm_head.weight", ""}));
  EXPECT_EQ(llama.linears[1], (Linear{"model.layers.0.self_attn.k_proj", 0, Role::kAttention, 80,
                                      40, false, "model.layers.0.self_attn.k_proj.weight", ""}));
  EXPECT_EQ(llama.linears[6].role, Role::kMlp);
  EXPECT_EQ(llama.linears[6].in_features, 176);
}

TEST(Inventory, KeepsFusedLinearsUnderTheirNames) {
  EXPECT_EQ(names_of(inventory_of(model_folder("phi3")), 0),
            (std::vector<std::string>{
                "model.layers.0.self_attn.qkv_proj", "model.layers.0.self_attn.o_proj",
                "model.layers.0.mlp.gate_up_proj", "model.layers.0.mlp.down_proj"}));
  const ModelInventory mpt = inventory_of(model_folder("mpt"));
  EXPECT_EQ(names_of(mpt, 1),
            (std::vector<std::string>{
                "transformer.blocks.1.attn.Wqkv", "transformer.blocks.1.attn.out_proj",
                "transformer.blocks.1.ffn.up_proj", "transformer.blocks.1.ffn.down_proj"}));
}

TEST(Inventory, EveryExpertMatrixIsALinearAndTheRouterIsNone) {
  const ModelInventory inventory = inventory_of(model_folder("mixtral"));
  EXPECT_EQ(inventory.linears.size(), 2U * (4 + 4 * 3) + 1);
  const std::vector<std::string> names = names_of(inventory, 0);
  EXPECT_EQ(names[4], "model.layers.0.block_sparse_moe.experts.0.w1");
  EXPECT_EQ(names[5], "model.layers.0.block_sparse_moe.experts.0.w3");
  EXPECT_EQ(names[6], "model.layers.0.block_sparse_moe.experts.0.w2");
  EXPECT_EQ(inventory.linears[4].role, Role::kExpert);
  for (const std::string& name : names) {
    EXPECT_EQ(name.find("gate"), std::string::npos) << name;
  }
}

TEST(Inventory, ConvolutionsOfGpt2AreLinears) {
  const ModelInventory inventory = inventory_of(model_folder("gpt2"));
  EXPECT_EQ(inventory.linears[0],
            (Linear{"transformer.h.0.attn.c_attn", 0, Role::kAttention, 48, 144, true,
                    "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_attn.bias"}));
  EXPECT_EQ(inventory.linears[3].in_features, 136);
  EXPECT_EQ(inventory.linears.back(),
            (Linear{"lm_head", -1, Role::kHead, 48, 307, false, "transformer.wte.weight", ""}));
}

// Known counts of NUMERICS 5 belong to larger models; here: each reference checkpoint.
TEST(Inventory, CountsParametersOnce) {
  struct Row {
    const char* model;
    std::size_t linears;
  };
  for (const Row& row :
       {Row{"gemma2", 15}, Row{"gpt2", 9}, Row{"gpt_neo", 25}, Row{"gpt_neox", 9},
        Row{"llama3", 15}, Row{"llama_tied_bias", 15}, Row{"mistral", 15}, Row{"mixtral", 33},
        Row{"mpt", 9}, Row{"opt", 13}, Row{"phi", 13}, Row{"phi3", 9}, Row{"phi3_longrope", 9},
        Row{"qwen2", 15}, Row{"qwen3", 15}}) {
    const Checkpoint checkpoint = Checkpoint::open(model_folder(row.model));
    const ModelInventory inventory = take_inventory(checkpoint);
    EXPECT_EQ(inventory.linears.size(), row.linears) << row.model;
    EXPECT_TRUE(inventory.unused_tensors.empty()) << row.model;
    int64_t bytes = 0;
    for (const TensorInfo& tensor : checkpoint.tensors()) {
      bytes += static_cast<int64_t>(tensor.bytes);
    }
    EXPECT_EQ(inventory.total_bytes, bytes) << row.model << ": every stored tensor is used";
    EXPECT_EQ(inventory.parameters, bytes / 4) << row.model;
    EXPECT_EQ(inventory.stored_type, TensorType::kF32);
    EXPECT_EQ(inventory.stored_bytes_of_type("float32"), bytes);
    EXPECT_EQ(inventory.stored_bytes_of_type("bfloat16"), 0);
    const WeightBytes weights = weight_bytes(inventory, 2);
    EXPECT_EQ(weights.total(), bytes / 2) << row.model;
    EXPECT_EQ(weights.blocks.size(), static_cast<std::size_t>(inventory.spec.layers));
    EXPECT_EQ(weights.largest_block(), weights.blocks[0]) << row.model;

    const ModelInventory planned = plan_inventory(inventory.spec, TensorType::kF32);
    EXPECT_EQ(planned.parameters, inventory.parameters) << row.model;
    EXPECT_EQ(planned.total_bytes, inventory.total_bytes) << row.model;
    EXPECT_EQ(planned.linears.size(), inventory.linears.size()) << row.model;
  }
}

TEST(Inventory, ATiedHeadMayBeStoredUnderEitherName) {
  Copy copy("qwen2");
  auto embedding = copy.tensors.extract("model.embed_tokens.weight");
  embedding.key() = "lm_head.weight";
  copy.tensors.insert(std::move(embedding));
  const Checkpoint checkpoint = Checkpoint::open(copy.write());
  const ModelInventory inventory = take_inventory(checkpoint);
  EXPECT_TRUE(inventory.spec.tied_head);
  EXPECT_EQ(inventory.linears.back().weight_tensor, "lm_head.weight");
  EXPECT_EQ(resolve_tensor(checkpoint, inventory.spec, "model.embed_tokens.weight").name,
            "lm_head.weight");
  EXPECT_EQ(inventory.parameters, inventory_of(model_folder("qwen2")).parameters);
}

TEST(Inventory, ATiedHeadStoredTwiceCountsOnceUnlessItDiffers) {
  Copy copy("qwen2");
  const int64_t parameters = inventory_of(model_folder("qwen2")).parameters;
  copy.tensors["lm_head.weight"] = copy.tensors["model.embed_tokens.weight"];
  const ModelInventory same = inventory_of(copy.write());
  EXPECT_TRUE(same.spec.tied_head);
  EXPECT_EQ(same.parameters, parameters);
  EXPECT_TRUE(same.unused_tensors.empty());

  TensorToWrite& head = copy.tensors["lm_head.weight"];
  head.data = copy.zeros(head.data.size());
  const ModelInventory different = inventory_of(copy.write());
  EXPECT_FALSE(different.spec.tied_head) << "the checkpoint is right, not the config";
  EXPECT_EQ(different.linears.back().weight_tensor, "lm_head.weight");
  EXPECT_EQ(different.parameters, parameters + 389 * 64);
}

TEST(Inventory, TheBasePrefixMayBeMissing) {
  for (const auto& [model, prefix] :
       std::map<std::string, std::string>{{"gpt2", "transformer."},
                                          {"llama3", "model."},
                                          {"opt", "model."},
                                          {"gpt_neox", "gpt_neox."}}) {
    Copy copy(model);
    std::map<std::string, TensorToWrite> bare;
    for (const auto& [name, tensor] : copy.tensors) {
      bare[name.starts_with(prefix) ? name.substr(prefix.size()) : name] = tensor;
    }
    copy.tensors = bare;
    const Checkpoint checkpoint = Checkpoint::open(copy.write());
    const ModelInventory inventory = take_inventory(checkpoint);
    const ModelInventory original = inventory_of(model_folder(model));
    EXPECT_EQ(inventory.linears[0].name, original.linears[0].name) << "the name stays canonical";
    EXPECT_EQ(prefix + inventory.linears[0].weight_tensor, original.linears[0].weight_tensor);
    EXPECT_EQ(inventory.parameters, original.parameters);
    EXPECT_TRUE(has_tensor(checkpoint, inventory.spec, original.linears[0].weight_tensor));
    EXPECT_TRUE(has_tensor(checkpoint, inventory.spec, inventory.linears[0].weight_tensor));
  }
}

TEST(Inventory, ToleratesBuffersAndNamesOtherTensors) {
  Copy copy("gpt2");
  copy.tensors["transformer.h.0.attn.bias"] = {"", TensorType::kF32, {1, 1, 2, 2}, copy.zeros(16)};
  copy.tensors["transformer.h.0.attn.masked_bias"] = {"", TensorType::kF32, {}, copy.zeros(4)};
  copy.tensors["classifier.weight"] = {"", TensorType::kF32, {1}, copy.zeros(4)};
  const ModelInventory inventory = inventory_of(copy.write());
  EXPECT_EQ(inventory.unused_tensors, (std::vector<std::string>{"classifier.weight"}));
  EXPECT_EQ(inventory.parameters, inventory_of(model_folder("gpt2")).parameters);
}

struct HostileTensors {
  const char* name;
  const char* model;
  std::function<void(Copy&)> change;
  ErrorCode code;
  const char* message;  // after the folder's path
};

void PrintTo(const HostileTensors& tensors, std::ostream* out) { *out << tensors.name; }

class HostileTensorTest : public testing::TestWithParam<HostileTensors> {};

TEST_P(HostileTensorTest, GetsItsMessage) {
  Copy copy(GetParam().model);
  GetParam().change(copy);
  const std::string folder = copy.write();
  EXPECT_EQ(error_of(GetParam().code, [&] { (void)inventory_of(folder); }),
            folder + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileTensorTest,
    testing::Values(
        HostileTensors{"MissingTensor", "llama3",
                       [](Copy& c) { c.tensors.erase("model.norm.weight"); }, kInvalid,
                       ": 1 tensor does not fit the config: 'model.norm.weight' of shape [80] is "
                       "missing."},
        HostileTensors{"MissingHead", "llama3", [](Copy& c) { c.tensors.erase("lm_head.weight"); },
                       kInvalid,
                       ": 1 tensor does not fit the config: 'lm_head.weight' of shape [389, 80] "
                       "is missing."},
        HostileTensors{"WrongShape", "llama3", [](Copy& c) { c.config["vocab_size"] = 390; },
                       kInvalid,
                       ": 2 tensors do not fit the config: 'model.embed_tokens.weight' has the "
                       "shape [389, 80] instead of [390, 80]; 'lm_head.weight' has the shape [389, "
                       "80] instead of [390, 80]."},
        HostileTensors{"SwappedShape", "gpt2",
                       [](Copy& c) {
                         std::swap(c.tensors["transformer.h.0.mlp.c_fc.weight"].shape[0],
                                   c.tensors["transformer.h.0.mlp.c_fc.weight"].shape[1]);
                       },
                       kInvalid,
                       ": 1 tensor does not fit the config: 'transformer.h.0.mlp.c_fc.weight' has "
                       "the shape [136, 48] instead of [48, 136]."},
        HostileTensors{"ManyMissing", "llama3",
                       [](Copy& c) { c.config["num_hidden_layers"] = 20000; }, kInvalid,
                       ": 179982 tensors do not fit the config: "
                       "'model.layers.2.input_layernorm.weight' of shape [80] is missing; "
                       "'model.layers.2.post_attention_layernorm.weight' of shape [80] is missing; "
                       "'model.layers.2.self_attn.q_proj.weight' of shape [80, 80] is missing; "
                       "'model.layers.2.self_attn.k_proj.weight' of shape [40, 80] is missing; "
                       "'model.layers.2.self_attn.v_proj.weight' of shape [40, 80] is missing; and "
                       "others."},
        HostileTensors{
            "WrongType", "llama3",
            [](Copy& c) {
              c.tensors["model.norm.weight"] = {"", TensorType::kF64, {80}, c.zeros(640)};
            },
            ErrorCode::kUnsupported,
            ": tensor 'model.norm.weight' is F64; weights in F32, F16 and BF16 are "
            "read."},
        HostileTensors{"BiasThatTheConfigDenies", "llama_tied_bias",
                       [](Copy& c) { c.config["mlp_bias"] = false; }, ErrorCode::kUnsupported,
                       ": tensor 'model.layers.0.mlp.down_proj.bias' stands in the checkpoint, "
                       "but a llama with these options in config.json has no such bias."},
        HostileTensors{"BiasOfATiedHead", "gpt2",
                       [](Copy& c) {
                         c.tensors["lm_head.bias"] = {"", TensorType::kF32, {307}, c.zeros(1228)};
                       },
                       ErrorCode::kUnsupported,
                       ": tensor 'lm_head.bias' stands in the checkpoint, but a gpt2 with these "
                       "options in config.json has no such bias."},
        HostileTensors{"BiasThatIsMissing", "llama3",
                       [](Copy& c) {
                         c.config["attention_bias"] = true;
                         c.config["num_hidden_layers"] = 1;
                       },
                       kInvalid,
                       ": 4 tensors do not fit the config: 'model.layers.0.self_attn.q_proj.bias' "
                       "of shape [80] is missing; 'model.layers.0.self_attn.k_proj.bias' of shape "
                       "[40] is missing; 'model.layers.0.self_attn.v_proj.bias' of shape [40] is "
                       "missing; 'model.layers.0.self_attn.o_proj.bias' of shape [80] is "
                       "missing."}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Inventory, RefusesMoreTensorsOrParametersThanAnyModelHas) {
  DecoderSpec spec = test::spec_of(test::reference_config("mixtral"));
  spec.layers = 100'000;
  spec.experts.count = 65'536;
  EXPECT_EQ(error_of(kInvalid, [&] { (void)plan_inventory(spec, TensorType::kF32); }),
            "The config describes 100000 blocks with 65536 experts each; models of at most about "
            "1000000 tensors are accepted.");
  spec = test::spec_of(test::reference_config("llama3"));
  spec.intermediate_size = int64_t{1} << 31;
  spec.hidden_size = int64_t{1} << 31;
  EXPECT_EQ(error_of(kInvalid, [&] { (void)plan_inventory(spec, TensorType::kF32); }),
            "The config describes more than 1125899906842624 parameters (tensor "
            "'model.layers.0.mlp.gate_proj.weight' alone has the shape [2147483648, 2147483648]).");
}

TEST(Inventory, NamesATensorThatIsMissing) {
  const Checkpoint checkpoint = Checkpoint::open(model_folder("llama3"));
  const DecoderSpec spec = take_inventory(checkpoint).spec;
  EXPECT_FALSE(has_tensor(checkpoint, spec, "x"));
  EXPECT_EQ(error_of(kInvalid, [&] { (void)resolve_tensor(checkpoint, spec, "x"); }),
            model_folder("llama3") + ": tensor 'x' is missing.");
}

TEST(Numbered, PutsTheIndexInItsPlace) {
  EXPECT_EQ(numbered("model.layers.{}.", 12), "model.layers.12.");
  EXPECT_EQ(numbered("none", 12), "none");
}

}  // namespace
}  // namespace mxscope
