// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mxscope/core/checkpoint/safetensors.h"

namespace mxscope {

// A Hugging Face model folder: config.json and model.safetensors, or the shards that
// model.safetensors.index.json names. Only headers are read; tensors are mapped. Const functions
// may be called from any thread.
class Checkpoint {
 public:
  // `path` is the folder, or a *.safetensors file in it (then this file alone is taken). Throws
  // Error kNotFound, kIo or kInvalidInput, naming the file, and kUnsupported for a folder that
  // holds weights in another format only.
  [[nodiscard]] static Checkpoint open(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  [[nodiscard]] const nlohmann::json& config() const noexcept { return config_; }
  [[nodiscard]] std::string config_file() const { return (folder_ / "config.json").string(); }
  // folder()/tokenizer.json where it exists.
  [[nodiscard]] std::optional<std::filesystem::path> tokenizer_file() const;

  // All tensors of all files; TensorInfo::file is an index into files().
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const noexcept { return tensors_; }
  [[nodiscard]] const std::vector<SafetensorsFile>& files() const noexcept { return files_; }
  // Null when there is no such tensor.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const noexcept;

  // As SafetensorsFile::data, will_need and done_with.
  [[nodiscard]] std::span<const std::byte> data(const TensorInfo& info) const;
  void will_need(const TensorInfo& info) const noexcept;
  void done_with(const TensorInfo& info) const noexcept;

 private:
  std::filesystem::path folder_;
  nlohmann::json config_;
  std::vector<SafetensorsFile> files_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace mxscope
