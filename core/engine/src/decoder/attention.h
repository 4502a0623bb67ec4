// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace mxscope::engine {

struct AttentionOptions {
  double scale = 1.0;
  std::optional<double> soft_cap;
  std::int64_t window = 0;  // keys a position sees at most, itself included; 0: all before it
  at::Tensor alibi_slopes;  // [heads] float32, or undefined
};

// Bounds of the windows that are packed one after the other.
struct PackedWindows {
  const std::vector<std::int64_t>& offsets;  // [windows + 1], first row of each
  const std::vector<std::int64_t>& valid;    // tokens before the padding of each
  at::Tensor device_offsets;                 // offsets as int32 on the device, or undefined (CPU)
};

// Causal attention of packed windows. q [rows, heads, size], k and v [rows, kv heads, size], the
// last axis contiguous; returns [rows, heads * size]. Padding of a window is never seen as a key; a
// position without any key yields zero. Memory grows with the rows, not with the windows' squares:
// what no fused attention can do (soft caps, and on the CPU ALiBi and local windows in 16 bits) is
// computed for some queries at a time.
at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedWindows& windows, const AttentionOptions& options);

// Whether float32 attention on the CPU is the project's kernel (mxscope/kernels/attention.h).
bool has_attention_kernel(std::int64_t head_size, bool soft_cap, bool alibi);

// Scores that are formed in the open at one time, over all windows and heads.
std::int64_t open_attention_scores(bool on_gpu);
// Queries of the pieces in which that is done for windows of `time` tokens.
std::int64_t open_attention_queries(std::int64_t windows, std::int64_t heads, std::int64_t time,
                                    bool on_gpu);

}  // namespace mxscope::engine
