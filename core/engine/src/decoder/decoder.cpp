// SPDX-License-Identifier: Apache-2.0
#include "decoder/decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "decoder/attention.h"
#include "mxscope/core/base/error.h"
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

}  // namespace

// Applies the linears of one step. An input that several linears read in the same format (q, k and
// v; gate and up) is quantised once.
struct Decoder::Apply {
  const Model& model;
  const StepContext& context;
  // Quantised inputs of this step: source tensor, operand, result.
  struct Quantised {
    at::Tensor source;
    int operand;
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

  // The one operand in which all of `readers` take their input, or 0 where they differ or take it
  // as it is: then whoever makes the input may quantise it on the way.
  [[nodiscard]] int common_operand(std::initializer_list<int> readers) const {
    int common = -1;
    for (int linear : readers) {
      if (linear < 0) {
        continue;
      }
      const int operand = ops(linear).activation;
      if (common >= 0 && operand != common) {
        return 0;
      }
      common = operand;
    }
    return std::max(common, 0);
  }
  [[nodiscard]] const OperandSpec* operand(int index) const {
    return index == 0 ? nullptr : &context.operands[static_cast<std::size_t>(index)];
  }
  // Says that `x` is already quantised in that operand.
  void already(const at::Tensor& x, int operand) {
    if (operand != 0) {
      inputs.push_back({x, operand, x});
    }
  }

  at::Tensor input(const at::Tensor& x, int operand) {
    if (operand == 0) {
      return x;
    }
    for (const Quantised& q : inputs) {
      if (q.operand == operand && q.source.is_same(x)) {
        return q.result;
      }
    }
    inputs.push_back(
        {x, operand, quantise(x, context.operands[static_cast<std::size_t>(operand)])});
    return inputs.back().result;
  }

  // `rows`: the rows of x that reach the linear (experts); undefined: all.
  at::Tensor linear(int index, const at::Tensor& x, const at::Tensor& rows = {}) {
    const LinearOps& o = ops(index);
    at::Tensor in = input(x, o.activation);
    if (rows.defined()) {
      in = in.index_select(0, rows);
    }
    const LinearWeights& l = model.linears[static_cast<std::size_t>(index)];
    at::Tensor out = at::linear(in, context.weights.weight(index, o.weight), l.bias);
    if (o.output != 0) {
      quantise_(out, context.operands[static_cast<std::size_t>(o.output)]);
    }
    return out;
  }
};

Decoder::Decoder(std::shared_ptr<const Model> model, std::int64_t max_length)
    : model_(std::move(model)), steps_(decoder_steps(model_->inventory)) {
  const DecoderSpec& spec = model_->spec();
  const c10::Device device = model_->device;
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

at::Tensor Decoder::norm(const at::Tensor& x, const NormWeights& w,
                         const OperandSpec* quantised) const {
  return apply_norm(x, w.weight, w.bias, model_->spec().norm, model_->spec().norm_eps,
                    model_->spec().norm_unit_offset, quantised);
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
  const int for_attention = s.kind == StepKind::kAttention
                                ? apply.common_operand({names.q, names.k, names.v, names.qkv})
                                : 0;
  if (s.kind == StepKind::kParallel) {
    const at::Tensor normed = norm(hidden, block.attention_norm);
    const at::Tensor for_mlp =
        block.mlp_norm.weight.defined() ? norm(hidden, block.mlp_norm) : normed;
    at::Tensor out = attention(block, s.block, normed, batch, apply);
    out.add_(mlp(block, for_mlp, apply));
    return out.add_(hidden);
  }
  const bool is_attention = s.kind == StepKind::kAttention;
  const int operand =
      is_attention
          ? for_attention
          : (block.router.defined() ? 0
                                    : apply.common_operand({names.gate, names.up, names.gate_up}));
  const at::Tensor normed =
      norm(hidden, is_attention ? block.attention_norm : block.mlp_norm, apply.operand(operand));
  apply.already(normed, operand);
  at::Tensor out =
      is_attention ? attention(block, s.block, normed, batch, apply) : mlp(block, normed, apply);
  const NormWeights& after = is_attention ? block.post_attention_norm : block.post_mlp_norm;
  if (after.weight.defined()) {
    out = norm(out, after);
  }
  return out.add_(hidden);
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
                              const at::Tensor& input, const MicroBatch& batch,
                              Apply& apply) const {
  const DecoderSpec& spec = model_->spec();
  const BlockLinears& names = block.linears;
  const std::int64_t rows = input.size(0);
  const std::int64_t size = spec.head_dim;
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
  if (spec.qkv_layout == QkvLayout::kSeparate) {
    q = apply.linear(names.q, input).view({rows, spec.heads, size});
    k = apply.linear(names.k, input).view({rows, spec.kv_heads, size});
    v = apply.linear(names.v, input).view({rows, spec.kv_heads, size});
  } else {
    const at::Tensor fused = apply.linear(names.qkv, input);
    if (spec.qkv_layout == QkvLayout::kPerHead) {
      const at::Tensor heads = fused.view({rows, spec.heads, 3, size});
      q = heads.select(2, 0);
      k = heads.select(2, 1);
      v = heads.select(2, 2);
    } else {
      const auto parts = fused.split_with_sizes(
          {spec.heads * size, spec.kv_heads * size, spec.kv_heads * size}, 1);
      q = parts[0].reshape({rows, spec.heads, size});
      k = parts[1].reshape({rows, spec.kv_heads, size});
      v = parts[2].reshape({rows, spec.kv_heads, size});
    }
  }
  if (spec.clip_qkv) {
    for (at::Tensor* x : {&q, &k, &v}) {
      *x = x->clamp(-*spec.clip_qkv, *spec.clip_qkv);
    }
  }
  if (block.q_norm.weight.defined()) {
    q = norm(q, block.q_norm);
    k = norm(k, block.k_norm);
  }
  if (spec.position == PositionKind::kRope) {
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

  bool uniform = true;
  for (std::int64_t w = 0; w < batch.windows(); ++w) {
    uniform = uniform && batch.length(w) == batch.length(0) &&
              batch.valid[static_cast<std::size_t>(w)] == batch.length(w);
  }
  at::Tensor mixed;
  if (uniform) {
    const std::int64_t windows = batch.windows();
    const auto by_window = [&](const at::Tensor& x) {
      return x.reshape({windows, batch.length(0), x.size(1), size}).transpose(1, 2);
    };
    mixed = causal_attention(by_window(q), by_window(k), by_window(v), options)
                .transpose(1, 2)
                .reshape({rows, spec.heads * size});
  } else {
    mixed = at::empty({rows, spec.heads * size}, q.options());
    for (std::int64_t w = 0; w < batch.windows(); ++w) {
      const std::int64_t begin = batch.offsets[static_cast<std::size_t>(w)];
      const std::int64_t length = batch.length(w);
      const auto one = [&](const at::Tensor& x) {
        return x.narrow(0, begin, length).unsqueeze(0).transpose(1, 2);
      };
      const at::Tensor out = padded_attention(one(q), one(k), one(v),
                                              batch.valid[static_cast<std::size_t>(w)], options);
      mixed.narrow(0, begin, length)
          .copy_(out.transpose(1, 2).reshape({length, spec.heads * size}));
    }
  }
  return apply.linear(names.o, mixed.to(stored));
}

at::Tensor Decoder::mlp(const BlockWeights& block, const at::Tensor& input, Apply& apply) const {
  const DecoderSpec& spec = model_->spec();
  if (spec.experts.count > 0) {
    return experts(block, input, apply);
  }
  const BlockLinears& names = block.linears;
  const int operand = apply.ops(names.down).activation;
  at::Tensor gate;
  at::Tensor up;
  if (!spec.gated) {
    gate = apply.linear(names.up, input);
  } else if (names.gate_up >= 0) {
    const auto parts = apply.linear(names.gate_up, input).chunk(2, 1);
    gate = parts[0];
    up = parts[1];
  } else {
    gate = apply.linear(names.gate, input);
    up = apply.linear(names.up, input);
  }
  const at::Tensor inner = apply_gate(gate, up, spec.activation, apply.operand(operand));
  apply.already(inner, operand);
  return apply.linear(names.down, inner);
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
        apply.linear(names.down, apply_gate(gate, up, model_->spec().activation, nullptr)) * share;
    out.index_add_(0, rows, mixed.to(out.scalar_type()));
  }
  return out;
}

at::Tensor Decoder::logits(const at::Tensor& normed, const StepContext& context) const {
  Apply apply{*model_, context, {}};
  at::Tensor out = apply.linear(model_->head, normed);
  if (const auto cap = model_->spec().logit_soft_cap) {
    out.div_(*cap).tanh_().mul_(*cap);
  }
  return out;
}

}  // namespace mxscope::engine
