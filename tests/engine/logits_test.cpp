// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <vector>

#include "mxscope/core/checkpoint/safetensors.h"
#include "mxscope/engine/engine.h"

namespace mxscope::engine {
namespace {

namespace fs = std::filesystem;

// float32 against float64 through two to four blocks; NUMERICS section 9.
constexpr double kLogitTolerance = 1e-4;

const fs::path kModels = fs::path(MXSCOPE_TEST_DATA) / "models";

std::vector<float> floats(const SafetensorsFile& file, const std::string& name) {
  const TensorInfo* info = file.find(name);
  EXPECT_NE(info, nullptr) << name;
  if (info == nullptr) {
    return {};
  }
  const auto bytes = file.data(*info);
  std::vector<float> values(static_cast<std::size_t>(info->elements()));
  if (info->type == TensorType::kF64) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      double value;
      std::memcpy(&value, bytes.data() + i * sizeof(value), sizeof(value));
      values[i] = static_cast<float>(value);
    }
  } else {
    EXPECT_EQ(info->type, TensorType::kF32);
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

class ReferenceModel : public testing::TestWithParam<std::string> {};

void expect_logits(const fs::path& model, const fs::path& ids, const std::string& logits) {
  const fs::path output =
      fs::path(testing::TempDir()) / (model.filename().string() + "_" + logits + ".safetensors");
  write_logits(model, ids, "input_ids", "float32", "cpu", output);
  const std::vector<float> ours = floats(SafetensorsFile::open(output), "logits");
  const std::vector<float> reference =
      floats(SafetensorsFile::open(model / "reference.safetensors"), logits);
  fs::remove(output);
  ASSERT_EQ(ours.size(), reference.size());
  double largest = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(ours[i]) - reference[i]));
  }
  EXPECT_LE(largest, kLogitTolerance);
}

TEST_P(ReferenceModel, LogitsEqualTheFloat64Reference) {
  const fs::path model = kModels / GetParam();
  expect_logits(model, model / "reference.safetensors", "logits");
}

INSTANTIATE_TEST_SUITE_P(AllFamilies, ReferenceModel,
                         testing::Values("gemma2", "gpt2", "gpt_neo", "gpt_neox", "llama3",
                                         "llama_tied_bias", "mistral", "mixtral", "mpt", "opt",
                                         "phi", "phi3", "phi3_longrope", "qwen2", "qwen3"),
                         [](const auto& model) { return model.param; });

TEST(ReferenceModel, LongropeTakesTheShortFactorsForAShortWindow) {
  // The reference's short windows are the first tokens of the long ones.
  constexpr std::int64_t kShort = 20;
  const fs::path model = kModels / "phi3_longrope";
  const SafetensorsFile reference = SafetensorsFile::open(model / "reference.safetensors");
  const TensorInfo* ids = reference.find("input_ids");
  ASSERT_NE(ids, nullptr);
  std::vector<std::byte> bytes;
  const auto all = reference.data(*ids);
  const std::size_t row = static_cast<std::size_t>(ids->shape[1]) * sizeof(std::int64_t);
  for (std::int64_t r = 0; r < ids->shape[0]; ++r) {
    const auto first =
        all.subspan(static_cast<std::size_t>(r) * row, kShort * sizeof(std::int64_t));
    bytes.insert(bytes.end(), first.begin(), first.end());
  }
  const fs::path file = fs::path(testing::TempDir()) / "short_ids.safetensors";
  const TensorToWrite tensor{"input_ids", TensorType::kI64, {ids->shape[0], kShort}, bytes};
  write_safetensors(file, std::span(&tensor, 1));
  expect_logits(model, file, "logits_short");
  fs::remove(file);
}

TEST(ReferenceModel, EveryCopiedModelIsTested) {
  std::size_t models = 0;
  for (const auto& entry : fs::directory_iterator(kModels)) {
    models += entry.is_directory() ? 1 : 0;
  }
  EXPECT_EQ(models, 15U);
}

}  // namespace
}  // namespace mxscope::engine
