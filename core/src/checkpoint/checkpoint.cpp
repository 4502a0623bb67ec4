// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/checkpoint.h"

#include <map>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"

namespace mxscope {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSingleFile = "model.safetensors";
constexpr std::string_view kIndexFile = "model.safetensors.index.json";
// About 100 bytes a tensor: room for kMaxTensors.
constexpr InputLimits kIndexLimits{std::size_t{128} << 20, 8};

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The shards of an index in the order of their names, each with one tensor that it must hold for
// every entry of the map.
std::map<std::string, std::vector<std::string>> read_index(const fs::path& path) {
  const nlohmann::json index = read_json_file(path, kIndexLimits);
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorCode::kInvalidInput, path.string() + ": " + problem + ".");
  };
  const auto map = index.find("weight_map");
  if (!index.is_object() || map == index.end() || !map->is_object() || map->empty()) {
    fail("'weight_map' has to be an object that names a file for each tensor");
  }
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) {
      fail("'weight_map' gives " + in_quotes(file.dump()) + " for tensor " + in_quotes(tensor) +
           " instead of the name of a file");
    }
    const auto& name = file.get_ref<const std::string&>();
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      fail("tensor " + in_quotes(tensor) + " lies in " + in_quotes(name) +
           "; only names of files in the same folder are accepted");
    }
    shards[name].push_back(tensor);
  }
  return shards;
}

[[noreturn]] void fail_without_weights(const fs::path& folder) {
  for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5",
                            "flax_model.msgpack", "consolidated.00.pth"}) {
    if (is_there(folder / other)) {
      throw Error(ErrorCode::kUnsupported,
                  folder.string() + " holds its weights as " + other +
                      "; only safetensors are read. Convert them, for example with transformers: "
                      "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER).");
    }
  }
  throw Error(ErrorCode::kNotFound, folder.string() + " holds neither " + std::string(kSingleFile) +
                                        " nor " + std::string(kIndexFile) + ".");
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& path) {
  std::error_code ignored;
  Checkpoint checkpoint;
  const bool is_folder = fs::is_directory(path, ignored);
  if (!is_folder && !is_there(path)) {
    throw Error(ErrorCode::kNotFound, path.string() + " does not exist.");
  }
  checkpoint.folder_ = is_folder ? path : path.parent_path();
  if (checkpoint.folder_.empty()) {
    checkpoint.folder_ = ".";
  }
  checkpoint.config_ = read_json_file(checkpoint.config_file());

  std::map<std::string, std::vector<std::string>> shards;
  const std::string file_name = path.filename().string();
  if (!is_folder && file_name.ends_with(".index.json")) {
    shards = read_index(path);
  } else if (!is_folder && path.extension() != ".safetensors") {
    throw Error(ErrorCode::kInvalidInput,
                path.string() + " is neither a model folder nor a *.safetensors file.");
  } else if (!is_folder) {
    shards[file_name] = {};
  } else if (is_there(path / kSingleFile)) {
    shards[std::string(kSingleFile)] = {};
  } else if (is_there(path / kIndexFile)) {
    shards = read_index(path / kIndexFile);
  } else {
    fail_without_weights(path);
  }

  for (const auto& [name, expected] : shards) {
    const fs::path file = checkpoint.folder_ / name;
    if (!is_there(file)) {
      throw Error(ErrorCode::kNotFound, file.string() + " does not exist, but the index puts " +
                                            std::to_string(expected.size()) + " tensors there.");
    }
    checkpoint.files_.push_back(SafetensorsFile::open(file));
    const SafetensorsFile& shard = checkpoint.files_.back();
    for (const std::string& tensor : expected) {
      if (shard.find(tensor) == nullptr) {
        throw Error(ErrorCode::kInvalidInput, file.string() + ": tensor " + in_quotes(tensor) +
                                                  " is missing, although the index puts it there.");
      }
    }
    for (const TensorInfo& tensor : shard.tensors()) {
      const auto [known, is_new] =
          checkpoint.by_name_.emplace(tensor.name, checkpoint.tensors_.size());
      if (!is_new) {
        const auto other = static_cast<std::size_t>(checkpoint.tensors_[known->second].file);
        throw Error(ErrorCode::kInvalidInput,
                    file.string() + ": tensor " + in_quotes(tensor.name) + " stands in " +
                        checkpoint.files_[other].path().filename().string() + " too.");
      }
      checkpoint.tensors_.push_back(tensor);
      checkpoint.tensors_.back().file = static_cast<int>(checkpoint.files_.size()) - 1;
    }
    if (checkpoint.tensors_.size() > kMaxTensors) {
      throw Error(ErrorCode::kInvalidInput, checkpoint.folder_.string() + " holds more than " +
                                                std::to_string(kMaxTensors) + " tensors.");
    }
  }
  return checkpoint;
}

std::optional<fs::path> Checkpoint::tokenizer_file() const {
  const fs::path file = folder_ / "tokenizer.json";
  return is_there(file) ? std::optional(file) : std::nullopt;
}

const TensorInfo* Checkpoint::find(std::string_view name) const noexcept {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

std::span<const std::byte> Checkpoint::data(const TensorInfo& info) const {
  return files_.at(static_cast<std::size_t>(info.file)).data(info);
}

void Checkpoint::will_need(const TensorInfo& info) const noexcept {
  files_[static_cast<std::size_t>(info.file)].will_need(info);
}

void Checkpoint::done_with(const TensorInfo& info) const noexcept {
  files_[static_cast<std::size_t>(info.file)].done_with(info);
}

}  // namespace mxscope
