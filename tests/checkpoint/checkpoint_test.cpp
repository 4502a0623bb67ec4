// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include "checkpoint/raw_safetensors.h"
#include "data/expect_error.h"
#include "data/temporary_folder.h"

namespace mxscope {
namespace {

using test::error_of;
using test::raw_safetensors;
using test::TemporaryFolder;

std::string one_byte(const std::string& name) {
  return raw_safetensors("{\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
}

constexpr const char* kIndex = "model.safetensors.index.json";

TEST(Checkpoint, OpensAFolderWithOneFile) {
  const TemporaryFolder folder;
  folder.write("config.json", R"({"model_type":"llama"})");
  folder.write("model.safetensors", one_byte("a"));
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.config()["model_type"], "llama");
  EXPECT_EQ(checkpoint.folder(), folder.path());
  EXPECT_FALSE(checkpoint.tokenizer_file().has_value());
  ASSERT_NE(checkpoint.find("a"), nullptr);
  EXPECT_EQ(checkpoint.data(*checkpoint.find("a")).size(), 1U);
  folder.write("tokenizer.json", "{}");
  EXPECT_EQ(checkpoint.tokenizer_file(), folder.path() / "tokenizer.json");
}

TEST(Checkpoint, OpensShardsByTheirIndex) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("m-1.safetensors", one_byte("a"));
  folder.write("m-2.safetensors", one_byte("b"));
  folder.write(kIndex, R"({"metadata":{},"weight_map":{"b":"m-2.safetensors",)"
                       R"("a":"m-1.safetensors"}})");
  for (const auto& path : {folder.path(), folder.path() / kIndex}) {
    const Checkpoint checkpoint = Checkpoint::open(path);
    ASSERT_EQ(checkpoint.files().size(), 2U);
    EXPECT_EQ(checkpoint.find("a")->file, 0);
    EXPECT_EQ(checkpoint.find("b")->file, 1);
    EXPECT_EQ(checkpoint.data(*checkpoint.find("b")).size(), 1U);
    checkpoint.will_need(*checkpoint.find("b"));
    checkpoint.done_with(*checkpoint.find("b"));
  }
  const Checkpoint single = Checkpoint::open(folder.path() / "m-2.safetensors");
  EXPECT_EQ(single.find("a"), nullptr);
  EXPECT_NE(single.find("b"), nullptr);
}

TEST(Checkpoint, NamesWhatIsMissing) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string();
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)Checkpoint::open(path + "/no"); }),
            path + "/no does not exist.");
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)Checkpoint::open(path); }),
            path + "/config.json does not exist.");
  folder.write("config.json", "{}");
  EXPECT_EQ(error_of(ErrorCode::kNotFound, [&] { (void)Checkpoint::open(path); }),
            path + " holds neither model.safetensors nor model.safetensors.index.json.");
  folder.write("pytorch_model.bin", "");
  EXPECT_EQ(error_of(ErrorCode::kUnsupported, [&] { (void)Checkpoint::open(path); }),
            path +
                " holds its weights as pytorch_model.bin; only safetensors are read. Convert "
                "them, for example with transformers: AutoModelForCausalLM.from_pretrained("
                "FOLDER).save_pretrained(FOLDER).");
  EXPECT_EQ(
      error_of(ErrorCode::kInvalidInput, [&] { (void)Checkpoint::open(path + "/config.json"); }),
      path + "/config.json is neither a model folder nor a *.safetensors file.");
}

struct HostileIndex {
  const char* name;
  const char* index;
  ErrorCode code;
  const char* message;  // after the folder's path
};

class HostileIndexes : public testing::TestWithParam<HostileIndex> {};

TEST_P(HostileIndexes, GetItsMessage) {
  const TemporaryFolder folder;
  folder.write("inner/config.json", "{}");
  folder.write("inner/m-1.safetensors", one_byte("a"));
  folder.write("inner/m-2.safetensors", one_byte("a"));
  folder.write("outside.safetensors", one_byte("b"));
  folder.write(std::string("inner/") + kIndex, GetParam().index);
  const std::string inner = (folder.path() / "inner").string();
  EXPECT_EQ(error_of(GetParam().code, [&] { (void)Checkpoint::open(inner); }),
            inner + GetParam().message);
}

constexpr ErrorCode kInvalid = ErrorCode::kInvalidInput;
INSTANTIATE_TEST_SUITE_P(
    All, HostileIndexes,
    testing::Values(
        HostileIndex{"NotJson", "x", kInvalid,
                     "/model.safetensors.index.json: it is not valid JSON: line 1, column 1: "
                     "syntax error while parsing value - invalid literal."},
        HostileIndex{"AList", "[]", kInvalid,
                     "/model.safetensors.index.json: 'weight_map' has to be an object that names "
                     "a file for each tensor."},
        HostileIndex{"EmptyMap", R"({"weight_map":{}})", kInvalid,
                     "/model.safetensors.index.json: 'weight_map' has to be an object that names "
                     "a file for each tensor."},
        HostileIndex{"Number", R"({"weight_map":{"a":1}})", kInvalid,
                     "/model.safetensors.index.json: 'weight_map' gives '1' for tensor 'a' instead "
                     "of the name of a file."},
        HostileIndex{"Outside", R"({"weight_map":{"b":"../outside.safetensors"}})", kInvalid,
                     "/model.safetensors.index.json: tensor 'b' lies in '../outside.safetensors'; "
                     "only names of files in the same folder are accepted."},
        HostileIndex{"Absolute", R"({"weight_map":{"b":"/etc/passwd"}})", kInvalid,
                     "/model.safetensors.index.json: tensor 'b' lies in '/etc/passwd'; only names "
                     "of files in the same folder are accepted."},
        HostileIndex{"ParentFolder", R"({"weight_map":{"b":".."}})", kInvalid,
                     "/model.safetensors.index.json: tensor 'b' lies in '..'; only names of files "
                     "in the same folder are accepted."},
        HostileIndex{"EmptyName", R"({"weight_map":{"b":""}})", kInvalid,
                     "/model.safetensors.index.json: tensor 'b' lies in ''; only names of files "
                     "in the same folder are accepted."},
        HostileIndex{"ZeroByte", R"({"weight_map":{"b":"m-1.safetensors\u0000x"}})", kInvalid,
                     "/model.safetensors.index.json: tensor 'b' lies in 'm-1.safetensors?x'; only "
                     "names of files in the same folder are accepted."},
        HostileIndex{"TwiceTheSameTensor", R"({"weight_map":{"a":"m-1.safetensors","a":"x"}})",
                     kInvalid,
                     "/model.safetensors.index.json: the key 'a' stands twice in one object."},
        HostileIndex{"MissingShard", R"({"weight_map":{"a":"m-9.safetensors"}})",
                     ErrorCode::kNotFound,
                     "/m-9.safetensors does not exist, but the index puts 1 tensors there."},
        HostileIndex{"MissingTensor", R"({"weight_map":{"c":"m-1.safetensors"}})", kInvalid,
                     "/m-1.safetensors: tensor 'c' is missing, although the index puts it there."},
        HostileIndex{"SameTensorInTwoShards",
                     R"({"weight_map":{"a":"m-1.safetensors","a2":"m-2.safetensors"}})", kInvalid,
                     "/m-2.safetensors: tensor 'a2' is missing, although the index puts it "
                     "there."}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Checkpoint, RefusesATensorInTwoShards) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("m-1.safetensors", one_byte("a"));
  folder.write("m-2.safetensors",
               raw_safetensors(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                               R"("b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                               1));
  folder.write(kIndex, R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  EXPECT_EQ(
      error_of(kInvalid, [&] { (void)Checkpoint::open(folder.path()); }),
      (folder.path() / "m-2.safetensors").string() + ": tensor 'a' stands in m-1.safetensors too.");
}

}  // namespace
}  // namespace mxscope
