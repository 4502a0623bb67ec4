// SPDX-License-Identifier: Apache-2.0
#include "decoder/model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>

#include "mxscope/core/base/error.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

// Elements that are looked at or converted at one time, so that loading takes little memory beyond
// the weights themselves.
constexpr std::int64_t kChunkElements = 1 << 22;

at::ScalarType scalar_type(TensorType type, const std::string& name) {
  switch (type) {
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kBF16:
      return at::kBFloat16;
    case TensorType::kF16:
      return at::kHalf;
    default:
      throw Error(ErrorCode::kUnsupported, "tensor '" + name + "' has type " +
                                               std::string(to_string(type)) +
                                               "; accepted are F32, F16 and BF16");
  }
}

class Loader {
 public:
  Loader(const Checkpoint& checkpoint, Model& model,
         const std::function<bool(std::int64_t)>& on_bytes)
      : checkpoint_(checkpoint), model_(model), on_bytes_(on_bytes) {}

  // The tensor of that canonical name in the compute type on the device; transposed: stored [in,
  // out].
  at::Tensor load(const std::string& name, bool transposed = false) {
    const TensorInfo& info = resolve_tensor(checkpoint_, model_.spec(), name);
    const auto cached = loaded_.find(info.name);
    if (cached != loaded_.end()) {
      return cached->second;
    }
    const at::ScalarType stored = scalar_type(info.type, info.name);
    const auto bytes = checkpoint_.data(info);
    checkpoint_.will_need(info);
    const std::size_t element = c10::elementSize(stored);
    const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % element == 0;
    at::Tensor source;
    if (aligned) {
      source = at::from_blob(const_cast<std::byte*>(bytes.data()), info.shape,
                             at::TensorOptions().dtype(stored));
    } else {
      source = at::empty(info.shape, at::TensorOptions().dtype(stored));
      std::memcpy(source.mutable_data_ptr(), bytes.data(), bytes.size());
    }
    check_finite(source, info);
    at::Tensor result;
    if (transposed) {
      result =
          source.t().to(at::TensorOptions().dtype(model_.dtype).device(model_.device)).contiguous();
    } else {
      result = source.to(at::TensorOptions().dtype(model_.dtype).device(model_.device));
    }
    model_.weights_bytes += static_cast<std::int64_t>(result.nbytes());
    if (!aligned || !result.is_same(source)) {
      model_.resident_bytes += static_cast<std::int64_t>(result.nbytes());
      checkpoint_.done_with(info);
    }
    done_ += static_cast<std::int64_t>(info.bytes);
    if (on_bytes_ && !on_bytes_(done_)) {
      throw Error(ErrorCode::kCancelled, "loading was cancelled");
    }
    loaded_.emplace(info.name, result);
    return result;
  }

  NormWeights norm(const std::string& name) {
    NormWeights n;
    if (name.empty()) {
      return n;
    }
    n.weight = load(name + ".weight");
    if (has_tensor(checkpoint_, model_.spec(), name + ".bias")) {
      n.bias = load(name + ".bias");
    }
    if (model_.spec().norm_unit_offset) {
      n.weight = n.weight.to(at::kFloat).add(1.0);
    }
    return n;
  }

 private:
  void check_finite(const at::Tensor& source, const TensorInfo& info) const {
    const at::Tensor flat = source.view({-1});
    for (std::int64_t begin = 0; begin < flat.numel(); begin += kChunkElements) {
      const std::int64_t count = std::min(kChunkElements, flat.numel() - begin);
      if (!at::isfinite(flat.narrow(0, begin, count)).all().item<bool>()) {
        throw Error(ErrorCode::kInvalidInput,
                    checkpoint_.files()[static_cast<std::size_t>(info.file)].path().string() +
                        ": tensor '" + info.name +
                        "' holds a NaN or an infinity; weights must be finite");
      }
    }
  }

  const Checkpoint& checkpoint_;
  Model& model_;
  const std::function<bool(std::int64_t)>& on_bytes_;
  std::unordered_map<std::string, at::Tensor> loaded_;
  std::int64_t done_ = 0;
};

}  // namespace

std::vector<BlockLinears> block_linears(const ModelInventory& inventory) {
  const DecoderSpec& spec = inventory.spec;
  std::unordered_map<std::string, int> by_name;
  for (std::size_t i = 0; i < inventory.linears.size(); ++i) {
    by_name.emplace(inventory.linears[i].name, static_cast<int>(i));
  }
  std::vector<BlockLinears> blocks;
  for (std::int64_t b = 0; b < spec.layers; ++b) {
    const std::string prefix = numbered(spec.block_prefix, b);
    const auto find = [&](const std::string& name) {
      const auto place = name.empty() ? by_name.end() : by_name.find(prefix + name);
      return place == by_name.end() ? -1 : place->second;
    };
    const BlockNames& n = spec.names;
    BlockLinears block;
    block.q = find(n.q);
    block.k = find(n.k);
    block.v = find(n.v);
    block.qkv = find(n.qkv);
    block.o = find(n.o);
    if (spec.experts.count > 0) {
      for (std::int64_t e = 0; e < spec.experts.count; ++e) {
        const std::string expert = numbered(n.expert_prefix, e);
        block.experts.push_back(
            {find(expert + n.gate), find(expert + n.up), find(expert + n.down)});
      }
    } else {
      block.gate = find(n.gate);
      block.up = find(n.up);
      block.gate_up = find(n.gate_up);
      block.down = find(n.down);
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

std::vector<Step> decoder_steps(const ModelInventory& inventory) {
  std::vector<Step> steps;
  const std::vector<BlockLinears> blocks = block_linears(inventory);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const BlockLinears& block = blocks[b];
    std::vector<int> attention;
    for (int linear : {block.q, block.k, block.v, block.qkv, block.o}) {
      if (linear >= 0) {
        attention.push_back(linear);
      }
    }
    std::vector<int> mlp;
    for (int linear : {block.gate, block.up, block.gate_up, block.down}) {
      if (linear >= 0) {
        mlp.push_back(linear);
      }
    }
    for (const ExpertLinears& expert : block.experts) {
      mlp.insert(mlp.end(), {expert.gate, expert.up, expert.down});
    }
    if (inventory.spec.parallel_residual) {
      attention.insert(attention.end(), mlp.begin(), mlp.end());
      steps.push_back({StepKind::kParallel, static_cast<int>(b), std::move(attention)});
    } else {
      steps.push_back({StepKind::kAttention, static_cast<int>(b), std::move(attention)});
      steps.push_back({StepKind::kMlp, static_cast<int>(b), std::move(mlp)});
    }
  }
  steps.push_back({StepKind::kHead, -1, {static_cast<int>(inventory.linears.size()) - 1}});
  return steps;
}

std::shared_ptr<const Model> load_model(std::shared_ptr<const Checkpoint> checkpoint,
                                        const ModelInventory& inventory, at::ScalarType dtype,
                                        c10::Device device,
                                        const std::function<bool(std::int64_t)>& on_bytes) {
  auto model = std::make_shared<Model>();
  model->inventory = inventory;
  model->checkpoint = checkpoint;
  model->dtype = dtype;
  model->device = device;
  const DecoderSpec& spec = model->spec();
  Loader loader(*checkpoint, *model, on_bytes);

  model->embedding = loader.load(spec.embedding + ".weight");
  if (spec.position == PositionKind::kLearned) {
    model->position_embedding = loader.load(spec.position_embedding + ".weight");
  }
  const std::vector<BlockLinears> linears = block_linears(inventory);
  for (const Linear& linear : inventory.linears) {
    // Only the blocks' Conv1D are stored the other way round, not the head.
    LinearWeights weights;
    weights.weight =
        loader.load(linear.weight_tensor, spec.linear_weights_transposed && linear.block >= 0);
    if (!linear.bias_tensor.empty()) {
      weights.bias = loader.load(linear.bias_tensor);
    }
    model->linears.push_back(std::move(weights));
  }
  model->head = static_cast<int>(inventory.linears.size()) - 1;
  for (std::int64_t b = 0; b < spec.layers; ++b) {
    const std::string prefix = numbered(spec.block_prefix, b);
    const auto full = [&](const std::string& name) { return name.empty() ? name : prefix + name; };
    BlockWeights block;
    block.attention_norm = loader.norm(full(spec.names.attention_norm));
    block.post_attention_norm = loader.norm(full(spec.names.post_attention_norm));
    block.mlp_norm = loader.norm(full(spec.names.mlp_norm));
    block.post_mlp_norm = loader.norm(full(spec.names.post_mlp_norm));
    block.q_norm = loader.norm(full(spec.names.q_norm));
    block.k_norm = loader.norm(full(spec.names.k_norm));
    if (!spec.names.router.empty()) {
      block.router = loader.load(prefix + spec.names.router + ".weight");
    }
    block.linears = linears[static_cast<std::size_t>(b)];
    model->blocks.push_back(std::move(block));
  }
  if (spec.final_norm) {
    model->final_norm = loader.norm(spec.final_norm_name);
  }
  return model;
}

}  // namespace mxscope::engine
