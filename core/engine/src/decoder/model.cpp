// SPDX-License-Identifier: Apache-2.0
#include "decoder/model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>

#include "decoder/uploader.h"
#include "mxscope/core/base/error.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

// Elements that are looked at or converted at one time, so that loading takes little memory beyond
// the weights themselves.
constexpr std::int64_t kChunkElements = 1 << 22;

// Where the numbers of a model come from.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  // The tensor of that canonical name in the compute type on the device; `transposed`: stored
  // [in, out]. With `target` it is put there.
  virtual at::Tensor fetch(const std::string& name, bool transposed, const at::Tensor& target) = 0;
  [[nodiscard]] virtual bool has(const std::string& name) const = 0;
  virtual void finish() {}
};

class CheckpointSource : public TensorSource {
 public:
  CheckpointSource(const Checkpoint& checkpoint, Model& model,
                   const std::function<bool(std::int64_t)>& on_bytes)
      : checkpoint_(checkpoint), model_(model), on_bytes_(on_bytes) {
    if (model.device.is_cuda()) {
      uploader_ = std::make_unique<Uploader>(
          model.device, static_cast<std::int64_t>(checkpoint.tensors().size()));
      uploader_->wait_for_current_stream();
    }
  }

  at::Tensor fetch(const std::string& name, bool transposed, const at::Tensor& target) override {
    const TensorInfo& info = resolve_tensor(checkpoint_, model_.spec(), name);
    const auto cached = loaded_.find(info.name);
    if (cached != loaded_.end()) {
      return cached->second;
    }
    checkpoint_.will_need(info);
    const at::Tensor result =
        uploader_ ? to_gpu(info, transposed, target) : to_host(info, transposed);
    model_.weights_bytes += static_cast<std::int64_t>(result.nbytes());
    done_ += static_cast<std::int64_t>(info.bytes);
    if (on_bytes_ && !on_bytes_(done_)) {
      throw Error(ErrorCode::kCancelled, "loading was cancelled");
    }
    loaded_.emplace(info.name, result);
    return result;
  }

  [[nodiscard]] bool has(const std::string& name) const override {
    return has_tensor(checkpoint_, model_.spec(), name);
  }

  void finish() override {
    if (uploader_) {
      const std::int64_t bad = uploader_->first_not_finite();
      if (bad >= 0) {
        throw_not_finite(checkpoint_, *watched_[static_cast<std::size_t>(bad)]);
      }
      uploader_->block_current_stream();
    }
  }

 private:
  at::Tensor to_host(const TensorInfo& info, bool transposed) {
    const at::ScalarType stored = stored_scalar_type(info);
    const auto bytes = checkpoint_.data(info);
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
    const at::Tensor result =
        transposed ? source.t().to(model_.dtype).contiguous() : source.to(model_.dtype);
    if (!aligned || !result.is_same(source)) {
      model_.resident_bytes += static_cast<std::int64_t>(result.nbytes());
      checkpoint_.done_with(info);
    }
    return result;
  }

  at::Tensor to_gpu(const TensorInfo& info, bool transposed, const at::Tensor& target) {
    const auto watched = static_cast<std::int64_t>(watched_.size());
    watched_.push_back(&info);
    at::Tensor result = target;
    if (!result.defined()) {
      std::vector<std::int64_t> shape = info.shape;
      if (transposed) {
        std::swap(shape[0], shape[1]);
      }
      result = at::empty(shape, at::TensorOptions().dtype(model_.dtype).device(model_.device));
    }
    const at::ScalarType stored = stored_scalar_type(info);
    if (transposed) {
      uploader_->upload_transposed(checkpoint_.data(info), stored, result, watched);
    } else {
      uploader_->upload(checkpoint_.data(info), stored, result, watched);
    }
    model_.resident_bytes += static_cast<std::int64_t>(result.nbytes());
    checkpoint_.done_with(info);
    return result;
  }

  void check_finite(const at::Tensor& source, const TensorInfo& info) const {
    const at::Tensor flat = source.view({-1});
    for (std::int64_t begin = 0; begin < flat.numel(); begin += kChunkElements) {
      const std::int64_t count = std::min(kChunkElements, flat.numel() - begin);
      if (!at::isfinite(flat.narrow(0, begin, count)).all().item<bool>()) {
        throw_not_finite(checkpoint_, info);
      }
    }
  }

  const Checkpoint& checkpoint_;
  Model& model_;
  const std::function<bool(std::int64_t)>& on_bytes_;
  std::unordered_map<std::string, at::Tensor> loaded_;
  std::unique_ptr<Uploader> uploader_;
  std::vector<const TensorInfo*> watched_;
  std::int64_t done_ = 0;
};

class RandomSource : public TensorSource {
 public:
  explicit RandomSource(Model& model) : model_(model) {
    for (const PlannedTensor& tensor : planned_tensors(model.spec())) {
      shapes_.emplace(tensor.name, tensor.shape);
    }
  }

  at::Tensor fetch(const std::string& name, bool transposed, const at::Tensor& target) override {
    const auto made = made_.find(name);
    if (made != made_.end()) {
      return made->second;
    }
    const auto found = shapes_.find(name);
    const DecoderSpec& spec = model_.spec();
    if (found == shapes_.end() && spec.tied_head && name == spec.head + ".weight") {
      return fetch(spec.embedding + ".weight", false, {});
    }
    if (found == shapes_.end()) {
      throw Error(ErrorCode::kInternal, "no shape is known of tensor '" + name + "'");
    }
    std::vector<std::int64_t> shape = found->second;
    if (transposed) {
      std::swap(shape[0], shape[1]);
    }
    at::Tensor result = target;
    if (!result.defined()) {
      result = at::empty(shape, at::TensorOptions().dtype(model_.dtype).device(model_.device));
    }
    if (shape.size() > 1) {
      result.normal_(0.0, 0.02);
    } else {
      result.fill_(name.ends_with(".bias") ? 0.0 : 1.0);
    }
    model_.weights_bytes += static_cast<std::int64_t>(result.nbytes());
    model_.resident_bytes = model_.weights_bytes;
    made_.emplace(name, result);
    return result;
  }
  [[nodiscard]] bool has(const std::string& name) const override { return shapes_.contains(name); }

 private:
  Model& model_;
  std::unordered_map<std::string, std::vector<std::int64_t>> shapes_;
  std::unordered_map<std::string, at::Tensor> made_;
};

// Puts the model together from what the source gives.
class Assembler {
 public:
  Assembler(TensorSource& source, Model& model, const ModelPart& part)
      : source_(source), model_(model), part_(part) {}

  void assemble() {
    const DecoderSpec& spec = model_.spec();
    if (part_.embedding) {
      model_.embedding = load(spec.embedding + ".weight");
      if (spec.position == PositionKind::kLearned) {
        model_.position_embedding = load(spec.position_embedding + ".weight");
      }
    }
    const std::vector<BlockLinears> names = block_linears(model_.inventory);
    model_.linears.resize(model_.inventory.linears.size());
    model_.head = static_cast<int>(model_.linears.size()) - 1;
    if (model_.device.is_cuda()) {
      for (const BlockLinears& block : names) {
        place_together({block.q, block.k, block.v});
        place_together({block.gate, block.up});
      }
    }
    for (std::size_t i = 0; i < model_.linears.size(); ++i) {
      const Linear& linear = model_.inventory.linears[i];
      if (!part_.holds(linear)) {
        continue;
      }
      LinearWeights& weights = model_.linears[i];
      if (!is_streamed(static_cast<int>(i))) {
        // Only the blocks' Conv1D are stored the other way round, not the head.
        weights.weight =
            source_.fetch(linear.weight_tensor, spec.linear_weights_transposed && linear.block >= 0,
                          weights.weight);
      }
      if (!linear.bias_tensor.empty()) {
        weights.bias = source_.fetch(linear.bias_tensor, false, weights.bias);
      }
    }
    for (std::int64_t b = 0; b < spec.layers; ++b) {
      model_.blocks.push_back(part_.holds_block(b) ? block(b) : BlockWeights{});
      model_.blocks.back().linears = names[static_cast<std::size_t>(b)];
    }
    if (part_.head && spec.final_norm) {
      model_.final_norm = norm(spec.final_norm_name);
    }
    source_.finish();
    if (spec.norm_unit_offset) {
      for (BlockWeights& b : model_.blocks) {
        for (NormWeights* n : {&b.attention_norm, &b.post_attention_norm, &b.mlp_norm,
                               &b.post_mlp_norm, &b.q_norm, &b.k_norm}) {
          add_offset(*n);
        }
      }
      add_offset(model_.final_norm);
    }
  }

 private:
  at::Tensor load(const std::string& name) { return source_.fetch(name, false, {}); }

  [[nodiscard]] bool is_streamed(int linear) const {
    return !part_.streamed.empty() && part_.streamed[static_cast<std::size_t>(linear)];
  }

  // Memory of linears that read the same input, one behind the other.
  void place_together(const std::vector<int>& members) {
    std::int64_t rows = 0;
    bool biased = true;
    for (int i : members) {
      if (i < 0 || is_streamed(i) ||
          !part_.holds(model_.inventory.linears[static_cast<std::size_t>(i)])) {
        return;
      }
      const Linear& linear = model_.inventory.linears[static_cast<std::size_t>(i)];
      rows += linear.out_features;
      biased = biased && !linear.bias_tensor.empty();
    }
    const auto options = at::TensorOptions().dtype(model_.dtype).device(model_.device);
    const Linear& first = model_.inventory.linears[static_cast<std::size_t>(members.front())];
    const at::Tensor weight = at::empty({rows, first.in_features}, options);
    const at::Tensor bias = biased ? at::empty({rows}, options) : at::Tensor();
    std::int64_t begin = 0;
    for (int i : members) {
      const std::int64_t count = model_.inventory.linears[static_cast<std::size_t>(i)].out_features;
      LinearWeights& weights = model_.linears[static_cast<std::size_t>(i)];
      weights.weight = weight.narrow(0, begin, count);
      if (biased) {
        weights.bias = bias.narrow(0, begin, count);
      }
      begin += count;
    }
  }

  static void add_offset(NormWeights& norm) {
    if (norm.weight.defined()) {
      norm.weight = norm.weight.to(at::kFloat).add(1.0);
    }
  }

  NormWeights norm(const std::string& name) {
    NormWeights n;
    if (name.empty()) {
      return n;
    }
    n.weight = load(name + ".weight");
    if (source_.has(name + ".bias")) {
      n.bias = load(name + ".bias");
    }
    return n;
  }

  BlockWeights block(std::int64_t index) {
    const DecoderSpec& spec = model_.spec();
    const std::string prefix = numbered(spec.block_prefix, index);
    const auto full = [&](const std::string& name) { return name.empty() ? name : prefix + name; };
    BlockWeights b;
    b.attention_norm = norm(full(spec.names.attention_norm));
    b.post_attention_norm = norm(full(spec.names.post_attention_norm));
    b.mlp_norm = norm(full(spec.names.mlp_norm));
    b.post_mlp_norm = norm(full(spec.names.post_mlp_norm));
    b.q_norm = norm(full(spec.names.q_norm));
    b.k_norm = norm(full(spec.names.k_norm));
    if (!spec.names.router.empty()) {
      b.router = load(prefix + spec.names.router + ".weight");
    }
    return b;
  }

  TensorSource& source_;
  Model& model_;
  const ModelPart& part_;
};

}  // namespace

void throw_not_finite(const Checkpoint& checkpoint, const TensorInfo& info) {
  throw Error(ErrorCode::kInvalidInput,
              checkpoint.files()[static_cast<std::size_t>(info.file)].path().string() +
                  ": tensor '" + info.name +
                  "' holds a NaN or an infinity; weights must be finite");
}

at::ScalarType stored_scalar_type(const TensorInfo& info) {
  switch (info.type) {
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kBF16:
      return at::kBFloat16;
    case TensorType::kF16:
      return at::kHalf;
    default:
      throw Error(ErrorCode::kUnsupported, "tensor '" + info.name + "' has type " +
                                               std::string(to_string(info.type)) +
                                               "; accepted are F32, F16 and BF16");
  }
}

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
                                        const std::function<bool(std::int64_t)>& on_bytes,
                                        const ModelPart& part) {
  auto model = std::make_shared<Model>();
  model->inventory = inventory;
  model->checkpoint = checkpoint;
  model->dtype = dtype;
  model->device = device;
  CheckpointSource source(*checkpoint, *model, on_bytes);
  Assembler(source, *model, part).assemble();
  return model;
}

std::shared_ptr<const Model> random_model(const ModelInventory& inventory, at::ScalarType dtype,
                                          c10::Device device) {
  auto model = std::make_shared<Model>();
  model->inventory = inventory;
  model->dtype = dtype;
  model->device = device;
  RandomSource source(*model);
  Assembler(source, *model, {}).assemble();
  return model;
}

}  // namespace mxscope::engine
