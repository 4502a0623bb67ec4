// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/checkpoint/checkpoint.h"
#include "mxscope/core/checkpoint/decoder_spec.h"

namespace mxscope {

enum class Role { kAttention, kMlp, kExpert, kHead };

// One weight matrix product of a model. Fused projections are one linear; a router is none; a tied
// head is the linear `lm_head` although its weight is the embedding's.
struct Linear {
  std::string name;    // Hugging Face name with base prefix, e.g. "model.layers.3.mlp.down_proj"
  int64_t block = -1;  // -1: the head
  Role role = Role::kMlp;
  int64_t in_features = 0;
  int64_t out_features = 0;
  bool has_bias = false;
  // Names of the tensors in the checkpoint; the bias is empty without one.
  std::string weight_tensor;
  std::string bias_tensor;

  bool operator==(const Linear&) const = default;
};

// What a model consists of, known from its headers.
struct ModelInventory {
  DecoderSpec spec;  // tied_head is cleared when the checkpoint holds a different head after all
  std::vector<Linear> linears;                // in the order of execution, the head last
  TensorType stored_type = TensorType::kF32;  // of most bytes
  int64_t parameters = 0;   // elements of all tensors that are used; a tied head counts once
  int64_t total_bytes = 0;  // of the same tensors as stored
  std::map<TensorType, int64_t> bytes_by_type;
  // Tensors that the architecture has no use for, apart from buffers such as masks and rotary
  // tables: a hint that the checkpoint is not quite what its config says.
  std::vector<std::string> unused_tensors;
  std::optional<std::filesystem::path> tokenizer;

  // Bytes stored as "float32", "bfloat16" or "float16".
  [[nodiscard]] int64_t stored_bytes_of_type(std::string_view dtype) const;
};

// Reads the config, derives the spec and checks that every tensor of it exists with the right shape
// as F32, F16 or BF16, and that no linear or norm has a bias that the config does not know. Throws
// Error as decoder_spec_from_config; kInvalidInput that lists the first tensors that are wrong;
// kUnsupported for other element types. Reads tensor bytes in one case only: a tied head that is
// stored twice is compared, and left untied when it differs, as transformers does. Any thread.
[[nodiscard]] ModelInventory take_inventory(const Checkpoint& checkpoint);

// The same from a spec alone, for a model of weights yet to be made. Throws Error kInvalidInput
// when the spec is larger than any model.
[[nodiscard]] ModelInventory plan_inventory(const DecoderSpec& spec, TensorType type);

// The tensor of a canonical name ("model.norm.weight"), also where the checkpoint leaves out the
// base prefix. With a tied head the embedding and the head are one tensor, stored under either
// name. A name as stored is found too. Throws Error kInvalidInput naming the tensor.
[[nodiscard]] const TensorInfo& resolve_tensor(const Checkpoint& checkpoint,
                                               const DecoderSpec& spec, std::string_view name);
[[nodiscard]] bool has_tensor(const Checkpoint& checkpoint, const DecoderSpec& spec,
                              std::string_view name);

// `pattern` with `index` in the place of "{}".
[[nodiscard]] std::string numbered(std::string_view pattern, int64_t index);

// One tensor that a spec calls for, by canonical name.
struct PlannedTensor {
  std::string name;
  int64_t block = -1;  // -1: outside the blocks
  std::vector<int64_t> shape;
};

// Every tensor of the spec in the order of execution, a tied head's weight left out. Throws Error
// kInvalidInput when there are more than kMaxTensors.
[[nodiscard]] std::vector<PlannedTensor> planned_tensors(const DecoderSpec& spec);

}  // namespace mxscope
