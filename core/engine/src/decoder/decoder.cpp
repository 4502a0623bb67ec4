// SPDX-License-Identifier: Apache-2.0
#include "decoder/decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "decoder/attention.h"
#include "mxscope/core/base/error.h"
#include "tensor/fused_product.h"
#include "tensor/linear_product.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

at::Tensor angle_table(const std::vector<float>& inv_freq, std::int64_t length, float scaling,
                       bool cosine, c10::Device device) {
  // Angles are float32 whatever the compute type, as transformers has them before its cast.
  const at::Tensor frequencies =
      at::from_blob(const_cast<float*>(inv_freq.data()),
                    {static_cast<std::int64_t>(inv_freq.size())}, at::kFloat);
  const at::Tensor angles = at::arange(length, at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);
  return (cosine ? at::cos(angles) : at::sin(angles)).mul(scaling).to(device);
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   at::ScalarType type) {
  if (x.scalar_type() == type) {
    return linear_product(x, weight, bias);
  }
  at::Tensor out = at::mm(x, weight.t(), type);
  return bias.defined() ? out.add_(bias) : out;
}

// The parts of x [rows, n] behind each other, in the order that pairs those of the other operand:
// [rows, 6 n].
enum class Side { kInput, kWeight };
at::Tensor parts_of(const at::Tensor& x, Side side) {
  const at::Tensor first = x.to(at::kBFloat16);
  const at::Tensor rest = x - first;
  const at::Tensor second = rest.to(at::kBFloat16);
  const at::Tensor third = (rest - second).to(at::kBFloat16);
  return side == Side::kInput ? at::cat({first, third, second, first, second, first}, 1)
                              : at::cat({third, first, second, second, first, first}, 1);
}

// Rows whose parts are made at one time.
constexpr std::int64_t kSplitRows = 4096;
// A larger head keeps to float32's own product, for the memory that its parts would take.
constexpr std::int64_t kLargestSplitHead = std::int64_t{1} << 30;

}  // namespace

std::int64_t split_head_bytes(const ModelInventory& inventory) {
  const Linear& head = inventory.linears.back();
  return (head.out_features + 7) / 8 * 8 * head.in_features * 6 * 2;
}

bool splits_head(const ModelInventory& inventory, at::ScalarType dtype, bool on_gpu) {
  return on_gpu && dtype == at::kFloat && split_head_bytes(inventory) <= kLargestSplitHead;
}

bool is_narrow(const Model& model, const std::vector<OperandSpec>& operands, const LinearOps& ops) {
  return model.device.is_cuda() && model.dtype == at::kFloat && ops.weight != 0 &&
         ops.activation != 0 && fits_bf16(operands[static_cast<std::size_t>(ops.weight)]) &&
         fits_bf16(operands[static_cast<std::size_t>(ops.activation)]);
}

at::Tensor joined_rows(const std::vector<at::Tensor>& parts) {
  std::int64_t rows = 0;
  const at::Tensor& first = parts.front();
  for (const at::Tensor& part : parts) {
    if (!part.defined() || !part.is_contiguous() || !part.is_alias_of(first) ||
        part.scalar_type() != first.scalar_type() || part.dim() != first.dim() ||
        part.size(-1) != first.size(-1) ||
        part.storage_offset() != first.storage_offset() + rows * first.stride(0)) {
      return {};
    }
    rows += part.size(0);
  }
  std::vector<std::int64_t> sizes = first.sizes().vec();
  sizes.front() = rows;
  return first.as_strided(sizes, first.strides());
}

// Applies the linears of one step. An input that several linears read in the same format (q, k and
// v; gate and up) is quantised once.
struct Decoder::Apply {
  const Model& model;
  const StepContext& context;
  // How a linear takes its input.
  struct Form {
    int operand = 0;
    bool narrow = false;
    bool operator==(const Form&) const = default;
  };
  // Quantised inputs of this step: source tensor, form, result.
  struct Quantised {
    at::Tensor source;
    Form form;
    at::Tensor result;
  };
  std::vector<Quantised> inputs;

  [[nodiscard]] const LinearOps& ops(int linear) const {
    for (std::size_t i = 0; i < context.linears.size(); ++i) {
      if (context.linears[i] == linear) {
        return context.ops[i];
      }
    }
    throw Error(ErrorCode::kInternal, "a linear was applied outside of its step");
  }

  [[nodiscard]] Form form(int linear) const {
    const LinearOps& o = ops(linear);
    return {o.activation, is_narrow(model, context.operands, o)};
  }
  // The one form in which all of `readers` take their input, or none where they differ: then
  // whoever makes the input may quantise it on the way.
  [[nodiscard]] Form common_form(std::initializer_list<int> readers) const {
    std::optional<Form> common;
    for (int linear : readers) {
      if (linear < 0) {
        continue;
      }
      const Form f = form(linear);
      if (common && *common != f) {
        return {};
      }
      common = f;
    }
    return common.value_or(Form{});
  }
  [[nodiscard]] const OperandSpec* operand(int index) const {
    return index == 0 ? nullptr : &context.operands[static_cast<std::size_t>(index)];
  }
  // Says that `x` is already in that form.
  void already(const at::Tensor& x, Form f) {
    if (f.operand != 0) {
      inputs.push_back({x, f, x});
    }
  }

  at::Tensor input(const at::Tensor& x, Form f) {
    if (f.operand == 0) {
      return x;
    }
    for (const Quantised& q : inputs) {
      if (q.form == f && q.source.is_same(x)) {
        return q.result;
      }
    }
    inputs.push_back(
        {x, f, quantise(x, context.operands[static_cast<std::size_t>(f.operand)], f.narrow)});
    return inputs.back().result;
  }
  [[nodiscard]] at::Tensor weight(int index) const {
    return context.weights.weight(index, ops(index).weight, form(index).narrow);
  }

  // `rows`: the rows of x that reach the linear (experts); undefined: all.
  at::Tensor linear(int index, const at::Tensor& x, const at::Tensor& rows = {}) {
    const LinearOps& o = ops(index);
    at::Tensor in = input(x, form(index));
    if (rows.defined()) {
      in = in.index_select(0, rows);
    }
    const LinearWeights& l = model.linears[static_cast<std::size_t>(index)];
    at::Tensor out = product(in, weight(index), l.bias, model.dtype);
    if (o.output != 0) {
      quantise_(out, context.operands[static_cast<std::size_t>(o.output)]);
    }
    return out;
  }

  // Linears of one input as one: their weights where these lie together on a GPU and nothing tells
  // their inputs and outputs apart, else undefined.
  [[nodiscard]] at::Tensor joint_weight(const std::vector<int>& indices,
                                        const at::Tensor& x) const {
    std::vector<at::Tensor> weights;
    for (int index : indices) {
      if (!x.is_cuda() || form(index) != form(indices.front()) || ops(index).output != 0) {
        return {};
      }
      weights.push_back(weight(index));
    }
    return joined_rows(weights);
  }
  std::vector<at::Tensor> linears(const std::vector<int>& indices, const at::Tensor& x) {
    const at::Tensor joint = joint_weight(indices, x);
    std::vector<at::Tensor> biases;
    std::vector<std::int64_t> sizes;
    for (int index : indices) {
      const LinearWeights& l = model.linears[static_cast<std::size_t>(index)];
      biases.push_back(l.bias);
      sizes.push_back(model.inventory.linears[static_cast<std::size_t>(index)].out_features);
    }
    const at::Tensor bias =
        joint.defined() && biases.front().defined() ? joined_rows(biases) : at::Tensor();
    if (!joint.defined() || bias.defined() != biases.front().defined()) {
      std::vector<at::Tensor> out;
      for (int index : indices) {
        out.push_back(linear(index, x));
      }
      return out;
    }
    return product(input(x, form(indices.front())), joint, bias, model.dtype)
        .split_with_sizes(sizes, 1);
  }

  // The same, and what follows it, as one kernel; undefined where there is none.
  at::Tensor rotated(const std::vector<int>& indices, const at::Tensor& x, const MicroBatch& batch,
                     const at::Tensor& cos, const at::Tensor& sin, std::int64_t columns) {
    const at::Tensor weight = weight_of_fused(indices, x);
    return weight.defined() ? rotated_product(input(x, form(indices.front())), weight,
                                              batch.positions, cos, sin, columns)
                            : weight;
  }
  at::Tensor gated(const std::vector<int>& indices, const at::Tensor& x, Activation activation,
                   int result) {
    const at::Tensor weight = weight_of_fused(indices, x);
    return weight.defined()
               ? gated_product(input(x, form(indices.front())), weight, activation, operand(result))
               : weight;
  }
  // Fused kernels add no bias and write the type that they read.
  [[nodiscard]] at::Tensor weight_of_fused(const std::vector<int>& indices,
                                           const at::Tensor& x) const {
    const bool has_bias = std::any_of(indices.begin(), indices.end(), [&](int index) {
      return model.linears[static_cast<std::size_t>(index)].bias.defined();
    });
    return has_bias || form(indices.front()).narrow ? at::Tensor() : joint_weight(indices, x);
  }

  // The linear's output, with `residual` added to it. On a GPU the product adds it, which spares a
  // pass over memory.
  at::Tensor linear_onto(int index, const at::Tensor& x, const at::Tensor* residual) {
    if (residual == nullptr) {
      return linear(index, x);
    }
    const LinearWeights& l = model.linears[static_cast<std::size_t>(index)];
    if (!x.is_cuda() || l.bias.defined() || ops(index).output != 0 || form(index).narrow) {
      return linear(index, x).add_(*residual);
    }
    at::Tensor out = context.consume ? *residual : residual->clone();
    return out.addmm_(input(x, form(index)), weight(index).t());
  }
};

Decoder::Decoder(std::shared_ptr<const Model> model, std::int64_t max_length)
    : model_(std::move(model)), steps_(decoder_steps(model_->inventory)) {
  const DecoderSpec& spec = model_->spec();
  const c10::Device device = model_->device;
  const at::Tensor& head = model_->linears[static_cast<std::size_t>(model_->head)].weight;
  if (head.defined() && splits_head(model_->inventory, model_->dtype, device.is_cuda())) {
    const std::int64_t rows = head.size(0);
    head_parts_ =
        at::zeros({(rows + 7) / 8 * 8, 6 * head.size(1)}, head.options().dtype(at::kBFloat16));
    for (std::int64_t begin = 0; begin < rows; begin += kSplitRows) {
      const std::int64_t count = std::min(kSplitRows, rows - begin);
      head_parts_.narrow(0, begin, count)
          .copy_(parts_of(head.narrow(0, begin, count), Side::kWeight));
    }
  }
  if (spec.position == PositionKind::kRope) {
    const RopeSpec& rope = spec.rope;
    cos_ = angle_table(rope.inv_freq, max_length, rope.attention_scaling, true, device);
    sin_ = angle_table(rope.inv_freq, max_length, rope.attention_scaling, false, device);
    if (!rope.inv_freq_long.empty()) {
      cos_long_ = angle_table(rope.inv_freq_long, max_length, rope.attention_scaling, true, device);
      sin_long_ =
          angle_table(rope.inv_freq_long, max_length, rope.attention_scaling, false, device);
    }
  } else if (spec.position == PositionKind::kAlibi) {
    alibi_slopes_ =
        at::from_blob(const_cast<float*>(spec.alibi_slopes.data()), {spec.heads}, at::kFloat)
            .clone()
            .to(device);
  }
}

at::Tensor Decoder::head_product(const at::Tensor& normed) const {
  const LinearWeights& head = model_->linears[static_cast<std::size_t>(model_->head)];
  const at::Tensor out = at::mm(parts_of(normed, Side::kInput), head_parts_.t(), at::kFloat)
                             .narrow(1, 0, head.weight.size(0));
  return head.bias.defined() ? out.add_(head.bias) : out;
}

at::Tensor Decoder::embed(const MicroBatch& batch) const {
  const DecoderSpec& spec = model_->spec();
  at::Tensor hidden = at::embedding(model_->embedding, batch.ids);
  if (spec.embedding_scale != 1.0) {
    // transformers rounds the factor to the compute type before it multiplies.
    hidden.mul_(at::scalar_tensor(spec.embedding_scale, model_->dtype).item());
  }
  if (spec.position == PositionKind::kLearned) {
    hidden.add_(at::embedding(model_->position_embedding, batch.positions));
  }
  return hidden;
}

at::Tensor Decoder::norm(const at::Tensor& x, const NormWeights& w, const OperandSpec* quantised,
                         bool narrow) const {
  return apply_norm(x, w.weight, w.bias, model_->spec().norm, model_->spec().norm_eps,
                    model_->spec().norm_unit_offset, quantised, narrow);
}

at::Tensor Decoder::final_norm(const at::Tensor& rows) const {
  return model_->spec().final_norm ? norm(rows, model_->final_norm) : rows;
}

at::Tensor Decoder::run_step(std::size_t step, const at::Tensor& hidden, const MicroBatch& batch,
                             const StepContext& context) const {
  const Step& s = steps_[step];
  const BlockWeights& block = model_->blocks[static_cast<std::size_t>(s.block)];
  Apply apply{*model_, context, {}};
  const BlockLinears& names = block.linears;
  if (s.kind == StepKind::kParallel) {
    const at::Tensor normed = norm(hidden, block.attention_norm);
    const at::Tensor for_mlp =
        block.mlp_norm.weight.defined() ? norm(hidden, block.mlp_norm) : normed;
    at::Tensor out = attention(block, s.block, normed, batch, apply, nullptr);
    out.add_(mlp(block, for_mlp, apply, nullptr));
    return out.add_(hidden);
  }
  const bool is_attention = s.kind == StepKind::kAttention;
  Apply::Form form;
  if (is_attention) {
    form = apply.common_form({names.q, names.k, names.v, names.qkv});
  } else if (!block.router.defined()) {
    form = apply.common_form({names.gate, names.up, names.gate_up});
  }
  const at::Tensor normed = norm(hidden, is_attention ? block.attention_norm : block.mlp_norm,
                                 apply.operand(form.operand), form.narrow);
  apply.already(normed, form);
  const NormWeights& after = is_attention ? block.post_attention_norm : block.post_mlp_norm;
  const at::Tensor* residual = after.weight.defined() ? nullptr : &hidden;
  const at::Tensor out = is_attention ? attention(block, s.block, normed, batch, apply, residual)
                                      : mlp(block, normed, apply, residual);
  return after.weight.defined() ? norm(out, after).add_(hidden) : out;
}

void Decoder::rotate(const at::Tensor& x, const MicroBatch& batch) const {
  const RopeSpec& rope = model_->spec().rope;
  if (!cos_long_.defined()) {
    rotate_heads(x, batch.positions, cos_, sin_);
    return;
  }
  // The factors follow each window's own length.
  for (std::int64_t w = 0; w < batch.windows(); ++w) {
    const bool is_long = batch.length(w) > rope.original_max_positions;
    const std::int64_t begin = batch.offsets[static_cast<std::size_t>(w)];
    rotate_heads(x.narrow(0, begin, batch.length(w)),
                 batch.positions.narrow(0, begin, batch.length(w)), is_long ? cos_long_ : cos_,
                 is_long ? sin_long_ : sin_);
  }
}

at::Tensor Decoder::attention(const BlockWeights& block, std::int64_t index,
                              const at::Tensor& input, const MicroBatch& batch, Apply& apply,
                              const at::Tensor* residual) const {
  const DecoderSpec& spec = model_->spec();
  const BlockLinears& names = block.linears;
  const std::int64_t rows = input.size(0);
  const std::int64_t size = spec.head_dim;
  const std::vector<int> linears = spec.qkv_layout == QkvLayout::kSeparate
                                       ? std::vector<int>{names.q, names.k, names.v}
                                       : std::vector<int>{names.qkv};
  const std::vector<std::int64_t> widths{spec.heads * size, spec.kv_heads * size,
                                         spec.kv_heads * size};
  std::vector<at::Tensor> parts;
  // Nothing stands between product and rotation, and all features of a head turn by one table.
  const bool turns_at_once = spec.position == PositionKind::kRope && !cos_long_.defined() &&
                             spec.qkv_layout != QkvLayout::kPerHead && !spec.clip_qkv &&
                             !block.q_norm.weight.defined() && 2 * cos_.size(1) == size;
  const at::Tensor turned =
      turns_at_once ? apply.rotated(linears, input, batch, cos_, sin_, widths[0] + widths[1])
                    : at::Tensor();
  if (turned.defined()) {
    parts = turned.split_with_sizes(widths, 1);
  } else if (spec.qkv_layout == QkvLayout::kSeparate) {
    parts = apply.linears(linears, input);
  } else if (spec.qkv_layout == QkvLayout::kConcatenated) {
    parts = apply.linear(names.qkv, input).split_with_sizes(widths, 1);
  } else {
    const at::Tensor heads = apply.linear(names.qkv, input).view({rows, spec.heads, 3, size});
    parts = {heads.select(2, 0), heads.select(2, 1), heads.select(2, 2)};
  }
  at::Tensor q = parts[0].view({rows, spec.heads, size});
  at::Tensor k = parts[1].view({rows, spec.kv_heads, size});
  at::Tensor v = parts[2].view({rows, spec.kv_heads, size});
  if (spec.clip_qkv) {
    for (at::Tensor* x : {&q, &k, &v}) {
      *x = x->clamp(-*spec.clip_qkv, *spec.clip_qkv);
    }
  }
  if (block.q_norm.weight.defined()) {
    q = norm(q, block.q_norm);
    k = norm(k, block.k_norm);
  }
  if (spec.position == PositionKind::kRope && !turned.defined()) {
    rotate(q, batch);
    rotate(k, batch);
  }
  const at::ScalarType stored = q.scalar_type();
  if (spec.attention_float32) {
    for (at::Tensor* x : {&q, &k, &v}) {
      *x = x->to(at::kFloat);
    }
  }
  AttentionOptions options;
  options.scale = spec.attention_scale;
  options.soft_cap = spec.attention_soft_cap;
  options.window = spec.attention_window[static_cast<std::size_t>(index)];
  options.alibi_slopes = alibi_slopes_;

  const at::Tensor mixed =
      packed_attention(q, k, v, {batch.offsets, batch.valid, batch.device_offsets}, options);
  return apply.linear_onto(names.o, mixed.to(stored), residual);
}

at::Tensor Decoder::mlp(const BlockWeights& block, const at::Tensor& input, Apply& apply,
                        const at::Tensor* residual) const {
  const DecoderSpec& spec = model_->spec();
  if (spec.experts.count > 0) {
    at::Tensor out = experts(block, input, apply);
    return residual != nullptr ? out.add_(*residual) : out;
  }
  const BlockLinears& names = block.linears;
  const Apply::Form form = apply.form(names.down);
  const std::vector<int> both =
      names.gate_up >= 0 ? std::vector<int>{names.gate_up} : std::vector<int>{names.gate, names.up};
  at::Tensor inner =
      spec.gated ? apply.gated(both, input, spec.activation, form.operand) : at::Tensor();
  if (!inner.defined()) {
    std::vector<at::Tensor> parts;
    if (!spec.gated) {
      parts = {apply.linear(names.up, input), at::Tensor()};
    } else if (names.gate_up >= 0) {
      parts = apply.linear(names.gate_up, input).chunk(2, 1);
    } else {
      parts = apply.linears(both, input);
    }
    inner =
        apply_gate(parts[0], parts[1], spec.activation, apply.operand(form.operand), form.narrow);
  }
  apply.already(inner, form);
  return apply.linear_onto(names.down, inner, residual);
}

at::Tensor Decoder::experts(const BlockWeights& block, const at::Tensor& input,
                            Apply& apply) const {
  const ExpertSpec& spec = model_->spec().experts;
  const at::Tensor probabilities = at::softmax(at::linear(input, block.router).to(at::kFloat), -1);
  auto [weights, chosen] = at::topk(probabilities, spec.per_token, -1);
  if (spec.renormalise) {
    weights = weights / weights.sum(-1, /*keepdim=*/true);
  }
  at::Tensor out = at::zeros_like(input);
  // Experts add up in the order of their index, so that no result depends on the routing's order.
  for (std::int64_t e = 0; e < spec.count; ++e) {
    const at::Tensor hits = chosen.eq(e).nonzero();
    if (hits.size(0) == 0) {
      continue;
    }
    const at::Tensor rows = hits.select(1, 0);
    const at::Tensor share = weights.index({rows, hits.select(1, 1)}).unsqueeze(1);
    const ExpertLinears& names = block.linears.experts[static_cast<std::size_t>(e)];
    const at::Tensor gate = apply.linear(names.gate, input, rows);
    const at::Tensor up = apply.linear(names.up, input, rows);
    const at::Tensor mixed =
        apply.linear(names.down, apply_gate(gate, up, model_->spec().activation)) * share;
    out.index_add_(0, rows, mixed.to(out.scalar_type()));
  }
  return out;
}

at::Tensor Decoder::logits(const at::Tensor& normed, const StepContext& context) const {
  Apply apply{*model_, context, {}};
  at::Tensor out = head_parts_.defined() && !apply.ops(model_->head).any()
                       ? head_product(normed)
                       : apply.linear(model_->head, normed);
  if (const auto cap = model_->spec().logit_soft_cap) {
    out.div_(*cap).tanh_().mul_(*cap);
  }
  return out;
}

}  // namespace mxscope::engine
