// SPDX-License-Identifier: Apache-2.0
#include "decoder/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "mxscope/kernels/attention.h"

namespace mxscope::engine {
namespace {

// A core wants a piece's scores near its caches; a GPU wants few launches.
constexpr std::int64_t kOpenScoresCpu = 1 << 20;
constexpr std::int64_t kOpenScoresGpu = 1 << 25;

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

// Windows of equal length: q [windows, heads, time, size], k and v with their own heads.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options) {
  const std::int64_t heads = q.size(1);
  const std::int64_t time = q.size(2);
  const bool windowed = options.window > 0 && options.window < time;
  if (!options.soft_cap && !windowed && !options.alibi_slopes.defined()) {
    // On a GPU the 16-bit attentions read shared heads in place; that for float32 does not.
    const bool grouped = q.is_cuda() && q.scalar_type() != at::kFloat;
    return at::scaled_dot_product_attention(q, grouped ? k : repeat_heads(k, heads),
                                            grouped ? v : repeat_heads(v, heads), {}, 0.0,
                                            /*is_causal=*/true, options.scale, grouped);
  }
  const at::Tensor keys = repeat_heads(k, heads);
  const at::Tensor values = repeat_heads(v, heads);
  const std::int64_t chunk = open_attention_queries(q.size(0), heads, time, q.is_cuda());
  std::vector<at::Tensor> pieces;
  for (std::int64_t begin = 0; begin < time; begin += chunk) {
    const std::int64_t end = std::min(time, begin + chunk);
    const std::int64_t first = windowed ? std::max<std::int64_t>(0, begin - options.window + 1) : 0;
    pieces.push_back(open_attention(q, keys, values, begin, end, first, end, options));
  }
  return pieces.size() == 1 ? pieces.front() : at::cat(pieces, 2);
}

// The same for one window [1, ...] whose tokens from `valid` on are padding.
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
  const std::int64_t chunk = open_attention_queries(q.size(0), q.size(1), time, q.is_cuda());
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

#if MXSCOPE_HAS_CUDA
// Windows of any lengths in one launch, by the kernels beneath scaled_dot_product_attention, which
// know more than it offers: unequal lengths, local windows, and in 16 bits ALiBi. Undefined where
// they do not take the shape.
at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const PackedWindows& windows, std::int64_t longest,
                           const AttentionOptions& options) {
  const bool in_16_bits = q.scalar_type() != at::kFloat;
  const std::int64_t size = q.size(2);
  if (options.soft_cap || size > 256 || size % (in_16_bits ? 8 : 4) != 0 ||
      (options.alibi_slopes.defined() && !in_16_bits)) {
    return {};
  }
  if (in_16_bits) {
    std::optional<c10::SymInt> before;
    std::optional<c10::SymInt> after;
    if (options.window > 0 && options.window < longest) {
      before = options.window - 1;
      after = 0;
    }
    std::optional<at::Tensor> slopes;
    if (options.alibi_slopes.defined()) {
      slopes = options.alibi_slopes;
    }
    return std::get<0>(at::_flash_attention_forward_symint(
        q, k, v, windows.device_offsets, windows.device_offsets, longest, longest, 0.0,
        /*is_causal=*/true, /*return_debug_mask=*/false, options.scale, before, after, {}, slopes));
  }
  std::optional<std::int64_t> window;
  if (options.window > 0 && options.window < longest) {
    window = options.window;
  }
  const auto repeated = [&](const at::Tensor& x) {
    return repeat_heads(x.transpose(0, 1).unsqueeze(0), q.size(1)).transpose(1, 2);
  };
  constexpr std::int64_t kCausalFromTopLeft = 1;
  return std::get<0>(at::_efficient_attention_forward(
                         q.unsqueeze(0), repeated(k), repeated(v), {}, windows.device_offsets,
                         windows.device_offsets, longest, longest, 0.0, kCausalFromTopLeft,
                         /*compute_log_sumexp=*/false, options.scale, {}, window))
      .squeeze(0);
}
#endif

at::Tensor attention_on_cpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedWindows& windows, const AttentionOptions& options) {
  const auto view = [](const at::Tensor& x) {
    return kernels::HeadsView{x.const_data_ptr<float>(), x.stride(0), x.stride(1)};
  };
  at::Tensor mixed = at::empty({q.size(0), q.size(1) * q.size(2)}, q.options());
  kernels::AttentionArguments arguments;
  arguments.q = view(q);
  arguments.k = view(k);
  arguments.v = view(v);
  arguments.out = mixed.mutable_data_ptr<float>();
  arguments.heads = q.size(1);
  arguments.kv_heads = k.size(1);
  arguments.size = q.size(2);
  arguments.scale = static_cast<float>(options.scale);
  arguments.window = options.window;
  arguments.windows = static_cast<std::int64_t>(windows.valid.size());
  arguments.offsets = windows.offsets.data();
  arguments.valid = windows.valid.data();
  kernels::attention_cpu(arguments);
  return mixed;
}

}  // namespace

bool has_attention_kernel(std::int64_t head_size, bool soft_cap, bool alibi) {
  return !soft_cap && !alibi && head_size <= kernels::kLargestAttentionHead;
}

std::int64_t open_attention_scores(bool on_gpu) { return on_gpu ? kOpenScoresGpu : kOpenScoresCpu; }

std::int64_t open_attention_queries(std::int64_t windows, std::int64_t heads, std::int64_t time,
                                    bool on_gpu) {
  const std::int64_t per_query = std::max<std::int64_t>(1, windows * heads * time);
  return std::min(time, std::max<std::int64_t>(16, open_attention_scores(on_gpu) / per_query));
}

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedWindows& windows, const AttentionOptions& options) {
  const std::int64_t rows = q.size(0);
  const std::int64_t width = q.size(1) * q.size(2);
  if (q.is_cpu() && q.scalar_type() == at::kFloat && options.scale > 0 &&
      has_attention_kernel(q.size(2), options.soft_cap.has_value(),
                           options.alibi_slopes.defined())) {
    return attention_on_cpu(q, k, v, windows, options);
  }
  const auto count = static_cast<std::int64_t>(windows.valid.size());
  const auto length = [&](std::int64_t w) {
    return windows.offsets[static_cast<std::size_t>(w) + 1] -
           windows.offsets[static_cast<std::size_t>(w)];
  };
  bool padded = false;
  bool equal = true;
  std::int64_t longest = 0;
  for (std::int64_t w = 0; w < count; ++w) {
    padded = padded || windows.valid[static_cast<std::size_t>(w)] < length(w);
    equal = equal && length(w) == length(0);
    longest = std::max(longest, length(w));
  }
#if MXSCOPE_HAS_CUDA
  const bool local = options.window > 0 && options.window < longest;
  if (q.is_cuda() && !padded && (!equal || local || options.alibi_slopes.defined())) {
    const at::Tensor mixed = fused_attention(q, k, v, windows, longest, options);
    if (mixed.defined()) {
      return mixed.reshape({rows, width});
    }
  }
#endif
  if (equal && !padded) {
    const auto by_window = [&](const at::Tensor& x) {
      return x.reshape({count, longest, x.size(1), x.size(2)}).transpose(1, 2);
    };
    return causal_attention(by_window(q), by_window(k), by_window(v), options)
        .transpose(1, 2)
        .reshape({rows, width});
  }
  at::Tensor mixed = at::empty({rows, width}, q.options());
  for (std::int64_t w = 0; w < count; ++w) {
    const std::int64_t begin = windows.offsets[static_cast<std::size_t>(w)];
    const auto one = [&](const at::Tensor& x) {
      return x.narrow(0, begin, length(w)).unsqueeze(0).transpose(1, 2);
    };
    const at::Tensor out = padded_attention(one(q), one(k), one(v),
                                            windows.valid[static_cast<std::size_t>(w)], options);
    mixed.narrow(0, begin, length(w)).copy_(out.transpose(1, 2).reshape({length(w), width}));
  }
  return mixed;
}

}  // namespace mxscope::engine
