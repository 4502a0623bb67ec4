// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/inventory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/model_config.h"

namespace mxscope {
namespace {

// 2^50: three thousand times the largest open model.
constexpr int64_t kMaxParameters = int64_t{1} << 50;
constexpr std::size_t kListedProblems = 5;

std::vector<Linear> planned_linears(const DecoderSpec& spec) {
  std::vector<Linear> linears;
  const auto add = [&](const std::string& name, int64_t block, Role role, int64_t in, int64_t out,
                       bool bias) {
    linears.push_back({name, block, role, in, out, bias, name + ".weight",
                       bias ? name + ".bias" : std::string()});
  };
  const BlockNames& names = spec.names;
  const int64_t q_size = spec.heads * spec.head_dim;
  const int64_t kv_size = spec.kv_heads * spec.head_dim;
  for (int64_t block = 0; block < spec.layers; ++block) {
    const std::string prefix = numbered(spec.block_prefix, block);
    const auto attention = [&](const std::string& name, int64_t in, int64_t out, bool bias) {
      if (!name.empty()) {
        add(prefix + name, block, Role::kAttention, in, out, bias);
      }
    };
    attention(names.q, spec.hidden_size, q_size, spec.qkv_bias);
    attention(names.k, spec.hidden_size, kv_size, spec.qkv_bias);
    attention(names.v, spec.hidden_size, kv_size, spec.qkv_bias);
    attention(names.qkv, spec.hidden_size, q_size + 2 * kv_size, spec.qkv_bias);
    attention(names.o, q_size, spec.hidden_size, spec.o_bias);

    const auto mlp = [&](const std::string& mlp_prefix, Role role) {
      const auto one = [&](const std::string& name, int64_t in, int64_t out) {
        if (!name.empty()) {
          add(mlp_prefix + name, block, role, in, out, spec.mlp_bias);
        }
      };
      one(names.gate, spec.hidden_size, spec.intermediate_size);
      one(names.up, spec.hidden_size, spec.intermediate_size);
      one(names.gate_up, spec.hidden_size, 2 * spec.intermediate_size);
      one(names.down, spec.intermediate_size, spec.hidden_size);
    };
    if (spec.experts.count == 0) {
      mlp(prefix, Role::kMlp);
    }
    for (int64_t expert = 0; expert < spec.experts.count; ++expert) {
      mlp(prefix + numbered(names.expert_prefix, expert), Role::kExpert);
    }
  }
  add(spec.head, -1, Role::kHead, spec.hidden_size, spec.vocab_size, spec.head_bias);
  return linears;
}

void check_count(const DecoderSpec& spec) {
  // At most 4 attention and 6 MLP linears with biases, and 8 norms, a block.
  const int64_t a_block = 40 + 8 * spec.experts.count;
  if (spec.layers > static_cast<int64_t>(kMaxTensors) / a_block) {
    throw Error(ErrorCode::kInvalidInput,
                "The config describes " + std::to_string(spec.layers) + " blocks with " +
                    std::to_string(spec.experts.count) + " experts each; models of at most about " +
                    std::to_string(kMaxTensors) + " tensors are accepted.");
  }
}

std::vector<int64_t> weight_shape(const DecoderSpec& spec, const Linear& linear) {
  // Conv1D stores [in, out]; the head is no Conv1D.
  return spec.linear_weights_transposed && linear.block >= 0
             ? std::vector{linear.in_features, linear.out_features}
             : std::vector{linear.out_features, linear.in_features};
}

std::vector<PlannedTensor> plan(const DecoderSpec& spec, const std::vector<Linear>& linears) {
  std::vector<PlannedTensor> tensors;
  const auto add = [&](const std::string& name, int64_t block, std::vector<int64_t> shape) {
    tensors.push_back({name, block, std::move(shape)});
  };
  const auto norm = [&](const std::string& prefix, const std::string& name, int64_t block,
                        int64_t size) {
    if (!name.empty()) {
      add(prefix + name + ".weight", block, {size});
      if (spec.norm_bias) {
        add(prefix + name + ".bias", block, {size});
      }
    }
  };
  add(spec.embedding + ".weight", -1, {spec.vocab_size, spec.hidden_size});
  if (spec.position == PositionKind::kLearned) {
    add(spec.position_embedding + ".weight", -1,
        {spec.max_positions + spec.position_offset, spec.hidden_size});
  }
  std::size_t next = 0;
  for (int64_t block = 0; block < spec.layers; ++block) {
    const std::string prefix = numbered(spec.block_prefix, block);
    norm(prefix, spec.names.attention_norm, block, spec.hidden_size);
    norm(prefix, spec.names.q_norm, block, spec.head_dim);
    norm(prefix, spec.names.k_norm, block, spec.head_dim);
    norm(prefix, spec.names.post_attention_norm, block, spec.hidden_size);
    norm(prefix, spec.names.mlp_norm, block, spec.hidden_size);
    norm(prefix, spec.names.post_mlp_norm, block, spec.hidden_size);
    if (!spec.names.router.empty()) {
      add(prefix + spec.names.router + ".weight", block, {spec.experts.count, spec.hidden_size});
    }
    for (; next < linears.size() && linears[next].block == block; ++next) {
      add(linears[next].weight_tensor, block, weight_shape(spec, linears[next]));
      if (linears[next].has_bias) {
        add(linears[next].bias_tensor, block, {linears[next].out_features});
      }
    }
  }
  if (spec.final_norm) {
    norm("", spec.final_norm_name, -1, spec.hidden_size);
  }
  const Linear& head = linears.back();
  if (!spec.tied_head) {
    add(head.weight_tensor, -1, weight_shape(spec, head));
  }
  if (head.has_bias) {
    add(head.bias_tensor, -1, {head.out_features});
  }
  return tensors;
}

const TensorInfo* find_stored(const Checkpoint& checkpoint, const DecoderSpec& spec,
                              std::string_view name) {
  if (const TensorInfo* found = checkpoint.find(name)) {
    return found;
  }
  return name.starts_with(spec.base_prefix) ? checkpoint.find(name.substr(spec.base_prefix.size()))
                                            : nullptr;
}

const TensorInfo* find_tensor(const Checkpoint& checkpoint, const DecoderSpec& spec,
                              std::string_view name) {
  const std::string head = spec.head + ".weight";
  const std::string embedding = spec.embedding + ".weight";
  if (spec.tied_head && (name == head || name == embedding)) {
    const TensorInfo* found = find_stored(checkpoint, spec, embedding);
    return found != nullptr ? found : find_stored(checkpoint, spec, head);
  }
  return find_stored(checkpoint, spec, name);
}

// Tables and masks that older versions of transformers saved with the weights.
bool is_known_buffer(std::string_view name) {
  constexpr std::array<std::string_view, 6> kBuffers{
      "rotary_emb.inv_freq",   "attn.bias",
      "attn.masked_bias",      "attention.bias",
      "attention.masked_bias", "embeddings.position_ids"};
  return std::any_of(kBuffers.begin(), kBuffers.end(),
                     [&](std::string_view buffer) { return name.ends_with(buffer); });
}

std::string shape_text(const std::vector<int64_t>& shape) {
  TensorInfo info;
  info.shape = shape;
  return info.shape_text();
}

// A tied head may be stored beside the embedding. Where the two differ, the config is wrong.
bool head_differs(const Checkpoint& checkpoint, const DecoderSpec& spec) {
  const TensorInfo* head = find_stored(checkpoint, spec, spec.head + ".weight");
  const TensorInfo* embedding = find_stored(checkpoint, spec, spec.embedding + ".weight");
  if (head == nullptr || embedding == nullptr) {
    return false;
  }
  if (head->type != embedding->type || head->shape != embedding->shape) {
    return true;
  }
  const auto a = checkpoint.data(*head);
  const auto b = checkpoint.data(*embedding);
  return std::memcmp(a.data(), b.data(), a.size()) != 0;
}

}  // namespace

int64_t ModelInventory::stored_bytes_of_type(std::string_view dtype) const {
  const TensorType type = dtype == "bfloat16"  ? TensorType::kBF16
                          : dtype == "float16" ? TensorType::kF16
                                               : TensorType::kF32;
  const auto found = bytes_by_type.find(type);
  return found == bytes_by_type.end() ? 0 : found->second;
}

std::string numbered(std::string_view pattern, int64_t index) {
  const std::size_t place = pattern.find("{}");
  if (place == std::string_view::npos) {
    return std::string(pattern);
  }
  return std::string(pattern.substr(0, place)) + std::to_string(index) +
         std::string(pattern.substr(place + 2));
}

const TensorInfo& resolve_tensor(const Checkpoint& checkpoint, const DecoderSpec& spec,
                                 std::string_view name) {
  const TensorInfo* found = find_tensor(checkpoint, spec, name);
  if (found == nullptr) {
    throw Error(ErrorCode::kInvalidInput,
                checkpoint.folder().string() + ": tensor " + in_quotes(name) + " is missing.");
  }
  return *found;
}

bool has_tensor(const Checkpoint& checkpoint, const DecoderSpec& spec, std::string_view name) {
  return find_tensor(checkpoint, spec, name) != nullptr;
}

std::vector<PlannedTensor> planned_tensors(const DecoderSpec& spec) {
  check_count(spec);
  return plan(spec, planned_linears(spec));
}

ModelInventory plan_inventory(const DecoderSpec& spec, TensorType type) {
  check_count(spec);
  ModelInventory inventory;
  inventory.spec = spec;
  inventory.linears = planned_linears(spec);
  inventory.stored_type = type;
  for (const PlannedTensor& tensor : plan(spec, inventory.linears)) {
    // Sizes are at most 2^33 and ranks at most 2, so that a product fits; the sum is checked.
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) {
      if (__builtin_mul_overflow(elements, size, &elements)) {
        elements = kMaxParameters + 1;
        break;
      }
    }
    if (elements > kMaxParameters - inventory.parameters) {
      throw Error(ErrorCode::kInvalidInput,
                  "The config describes more than " + std::to_string(kMaxParameters) +
                      " parameters (tensor " + in_quotes(tensor.name) + " alone has the shape " +
                      shape_text(tensor.shape) + ").");
    }
    inventory.parameters += elements;
  }
  inventory.total_bytes = inventory.parameters * tensor_type_bits(type) / 8;
  inventory.bytes_by_type[type] = inventory.total_bytes;
  return inventory;
}

ModelInventory take_inventory(const Checkpoint& checkpoint) {
  ModelInventory inventory;
  DecoderSpec& spec = inventory.spec;
  spec = decoder_spec_from_config(checkpoint.config(), checkpoint.config_file());
  check_count(spec);
  if (spec.tied_head && head_differs(checkpoint, spec)) {
    spec.tied_head = false;
  }
  inventory.linears = planned_linears(spec);
  inventory.tokenizer = checkpoint.tokenizer_file();

  std::unordered_set<const TensorInfo*> used;
  std::vector<std::string> problems;
  std::size_t problem_count = 0;
  const auto problem = [&](const std::string& text) {
    if (++problem_count <= kListedProblems) {
      problems.push_back(text);
    }
  };
  for (const PlannedTensor& planned : plan(spec, inventory.linears)) {
    const TensorInfo* tensor = find_tensor(checkpoint, spec, planned.name);
    if (tensor == nullptr) {
      problem(in_quotes(planned.name) + " of shape " + shape_text(planned.shape) + " is missing");
      continue;
    }
    if (tensor->shape != planned.shape) {
      problem(in_quotes(tensor->name) + " has the shape " + tensor->shape_text() + " instead of " +
              shape_text(planned.shape));
      continue;
    }
    if (tensor->type != TensorType::kF32 && tensor->type != TensorType::kBF16 &&
        tensor->type != TensorType::kF16) {
      throw Error(ErrorCode::kUnsupported, checkpoint.folder().string() + ": tensor " +
                                               in_quotes(tensor->name) + " is " +
                                               std::string(to_string(tensor->type)) +
                                               "; weights in F32, F16 and BF16 are read.");
    }
    if (used.insert(tensor).second) {
      inventory.parameters += tensor->elements();
      inventory.total_bytes += static_cast<int64_t>(tensor->bytes);
      inventory.bytes_by_type[tensor->type] += static_cast<int64_t>(tensor->bytes);
    }
  }
  if (problem_count > 0) {
    std::string text = checkpoint.folder().string() + ": " + std::to_string(problem_count) +
                       (problem_count == 1 ? " tensor does" : " tensors do") +
                       " not fit the config: ";
    for (std::size_t i = 0; i < problems.size(); ++i) {
      text += (i == 0 ? "" : "; ") + problems[i];
    }
    throw Error(ErrorCode::kInvalidInput,
                text + (problem_count > problems.size() ? "; and others." : "."));
  }

  for (Linear& linear : inventory.linears) {
    linear.weight_tensor = resolve_tensor(checkpoint, spec, linear.weight_tensor).name;
    if (linear.has_bias) {
      linear.bias_tensor = resolve_tensor(checkpoint, spec, linear.bias_tensor).name;
    }
  }
  const std::string head = spec.head + ".weight";
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    if (used.contains(&tensor) || is_known_buffer(tensor.name) || tensor.name == head) {
      continue;
    }
    // A bias beside a weight that is used would change the product.
    if (tensor.name.ends_with(".bias")) {
      const std::string weight =
          tensor.name.substr(0, tensor.name.size() - std::string_view("bias").size()) + "weight";
      const TensorInfo* owner = checkpoint.find(weight);
      if ((owner != nullptr && used.contains(owner)) || weight == head) {
        throw Error(ErrorCode::kUnsupported,
                    checkpoint.folder().string() + ": tensor " + in_quotes(tensor.name) +
                        " stands in the checkpoint, but a " + spec.model_type +
                        " with these options in config.json has no such bias.");
      }
    }
    inventory.unused_tensors.push_back(tensor.name);
  }
  const auto most =
      std::max_element(inventory.bytes_by_type.begin(), inventory.bytes_by_type.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  inventory.stored_type = most->first;
  return inventory;
}

}  // namespace mxscope
