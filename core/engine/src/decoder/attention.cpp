// SPDX-License-Identifier: Apache-2.0
#include "decoder/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace mxscope::engine {
namespace {

// Scores that exist at one time where they are formed in the open, over all windows and heads.
constexpr std::int64_t kOpenScores = 1 << 20;

at::Tensor repeat_heads(const at::Tensor& x, std::int64_t heads) {
  const std::int64_t groups = heads / x.size(1);
  if (groups == 1) {
    return x;
  }
  return x.unsqueeze(2)
      .expand({x.size(0), x.size(1), groups, x.size(2), x.size(3)})
      .reshape({x.size(0), heads, x.size(2), x.size(3)});
}

// Scores in the open for queries [begin, end) against keys [first, last). The softmax is float32;
// on the CPU a float32 model's is float64, since what follows is often quantised, where the last
// bits of a softmax decide roundings (0.03 % of perplexity on a small ALiBi model in FP4).
at::Tensor open_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          std::int64_t begin, std::int64_t end, std::int64_t first,
                          std::int64_t last, const AttentionOptions& options) {
  const bool exact = q.is_cpu() && q.scalar_type() == at::kFloat;
  const at::ScalarType type = exact ? at::kDouble : q.scalar_type();
  const at::ScalarType wide = exact ? at::kDouble : at::kFloat;
  const at::Tensor queries = q.slice(2, begin, end).to(type);
  const at::Tensor keys = k.slice(2, first, last).to(type);
  const at::Tensor values = v.slice(2, first, last).to(type);
  at::Tensor scores = at::matmul(queries, keys.transpose(2, 3)).to(wide).mul_(options.scale);
  if (options.soft_cap) {
    scores.div_(*options.soft_cap).tanh_().mul_(*options.soft_cap);
  }
  const auto whole = at::TensorOptions().dtype(at::kLong).device(q.device());
  const at::Tensor query_index = at::arange(begin, end, whole).unsqueeze(1);
  const at::Tensor key_index = at::arange(first, last, whole).unsqueeze(0);
  const at::Tensor distance = query_index - key_index;
  if (options.alibi_slopes.defined()) {
    scores.sub_(options.alibi_slopes.to(wide).view({-1, 1, 1}) * distance.to(wide));
  }
  at::Tensor hidden = distance.lt(0);
  if (options.window > 0) {
    hidden.logical_or_(distance.ge(options.window));
  }
  scores.masked_fill_(hidden, -std::numeric_limits<float>::infinity());
  return at::matmul(at::softmax(scores, -1).to(type), values).to(q.scalar_type());
}

}  // namespace

std::int64_t open_attention_queries(std::int64_t windows, std::int64_t heads, std::int64_t time) {
  const std::int64_t per_query = std::max<std::int64_t>(1, windows * heads * time);
  return std::min(time, std::max<std::int64_t>(16, kOpenScores / per_query));
}

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options) {
  const std::int64_t heads = q.size(1);
  const std::int64_t time = q.size(2);
  const bool windowed = options.window > 0 && options.window < time;
  const at::Tensor keys = repeat_heads(k, heads);
  const at::Tensor values = repeat_heads(v, heads);
  if (!options.soft_cap && !windowed && !options.alibi_slopes.defined()) {
    return at::scaled_dot_product_attention(q, keys, values, {}, 0.0, /*is_causal=*/true,
                                            options.scale);
  }
  const std::int64_t chunk = open_attention_queries(q.size(0), heads, time);
  std::vector<at::Tensor> pieces;
  for (std::int64_t begin = 0; begin < time; begin += chunk) {
    const std::int64_t end = std::min(time, begin + chunk);
    const std::int64_t first = windowed ? std::max<std::int64_t>(0, begin - options.window + 1) : 0;
    pieces.push_back(open_attention(q, keys, values, begin, end, first, end, options));
  }
  return pieces.size() == 1 ? pieces.front() : at::cat(pieces, 2);
}

at::Tensor padded_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::int64_t valid, const AttentionOptions& options) {
  const std::int64_t time = q.size(2);
  if (valid >= time) {
    return causal_attention(q, k, v, options);
  }
  std::vector<at::Tensor> pieces;
  if (valid > 0) {
    pieces.push_back(causal_attention(q.slice(2, 0, valid), k.slice(2, 0, valid),
                                      v.slice(2, 0, valid), options));
  }
  const at::Tensor keys = repeat_heads(k, q.size(1));
  const at::Tensor values = repeat_heads(v, q.size(1));
  const std::int64_t chunk = open_attention_queries(q.size(0), q.size(1), time);
  for (std::int64_t begin = valid; begin < time; begin += chunk) {
    const std::int64_t end = std::min(time, begin + chunk);
    // With a sliding window the last padded positions may see no key at all.
    std::int64_t seeing = end;
    if (options.window > 0) {
      seeing = std::clamp(valid + options.window - 1, begin, end);
    }
    if (valid == 0) {
      seeing = begin;
    }
    if (seeing > begin) {
      pieces.push_back(open_attention(q, keys, values, begin, seeing, 0, valid, options));
    }
    if (end > seeing) {
      pieces.push_back(at::zeros({q.size(0), q.size(1), end - seeing, q.size(3)}, q.options()));
    }
  }
  return at::cat(pieces, 2);
}

}  // namespace mxscope::engine
