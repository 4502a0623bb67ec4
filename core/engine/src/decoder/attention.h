// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace mxscope::engine {

struct AttentionOptions {
  double scale = 1.0;
  std::optional<double> soft_cap;
  std::int64_t window = 0;  // keys a position sees at most, itself included; 0: all before it
  at::Tensor alibi_slopes;  // [heads] float32, or undefined
};

// Causal attention of windows of equal length. q [windows, heads, time, size], k and v [windows,
// kv heads, time, size]; returns [windows, heads, time, size]. Memory grows with the time, not with
// its square: what fused attention cannot do is computed for a few hundred queries at a time.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options);

// Queries of the pieces in which scores are formed in the open, for windows of `time` tokens.
std::int64_t open_attention_queries(std::int64_t windows, std::int64_t heads, std::int64_t time);

// The same for one window [1, ...] whose tokens from `valid` on are padding, which no position sees
// as a key; a position without any key yields zero.
at::Tensor padded_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::int64_t valid, const AttentionOptions& options);

}  // namespace mxscope::engine
