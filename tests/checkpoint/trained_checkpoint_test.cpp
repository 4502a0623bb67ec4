// SPDX-License-Identifier: Apache-2.0
// Checkpoints beside the project: the trained ones, saved with the older generation of config keys,
// and a real one.
#include <gtest/gtest.h>

#include <filesystem>

#include "mxscope/core/checkpoint/inventory.h"

namespace mxscope {
namespace {

const std::filesystem::path kShared = MXSCOPE_SHARED_DIR;

struct Row {
  const char* folder;
  std::size_t linears;
  TensorType type;
  bool tied;
};

class SharedCheckpoint : public testing::TestWithParam<Row> {};

TEST_P(SharedCheckpoint, IsUnderstoodToTheLastTensor) {
  const std::filesystem::path folder = kShared / GetParam().folder;
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << folder << " is absent";
  }
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const ModelInventory inventory = take_inventory(checkpoint);
  EXPECT_EQ(inventory.linears.size(), GetParam().linears);
  EXPECT_EQ(inventory.stored_type, GetParam().type);
  EXPECT_EQ(inventory.spec.tied_head, GetParam().tied);
  EXPECT_TRUE(inventory.unused_tensors.empty());
  EXPECT_TRUE(inventory.tokenizer.has_value());
}

INSTANTIATE_TEST_SUITE_P(
    All, SharedCheckpoint,
    testing::Values(Row{"reference/trained/gpt2", 17, TensorType::kBF16, true},
                    Row{"reference/trained/gpt_neo", 25, TensorType::kBF16, true},
                    Row{"reference/trained/llama", 29, TensorType::kBF16, false},
                    Row{"reference/trained/mixtral", 65, TensorType::kBF16, false},
                    Row{"reference/trained/mpt", 17, TensorType::kBF16, true},
                    Row{"reference/trained/phi", 25, TensorType::kBF16, false},
                    Row{"reference/trained/phi3", 17, TensorType::kBF16, false},
                    Row{"reference/trained/qwen2", 29, TensorType::kBF16, true},
                    Row{"data/stories260K", 36, TensorType::kF32, true}));

}  // namespace
}  // namespace mxscope
