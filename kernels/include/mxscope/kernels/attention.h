// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace mxscope::kernels {

// Heads of float32 rows: element (row, head, i) lies at row * row_stride + head * head_stride + i.
struct HeadsView {
  const float* data = nullptr;
  std::int64_t row_stride = 0;   // elements
  std::int64_t head_stride = 0;  // elements
};

// Causal attention of windows that are packed one after the other: for query i of a window
//   out = sum_j softmax_j(scale * q_i . k_j) v_j
// over the keys j <= i of the same window that lie before its padding and, where `window` is
// positive, among the last `window` positions up to i. A query that sees no key yields zeros.
// Consecutive `heads / kv_heads` heads of q share one head of k and v.
struct AttentionArguments {
  HeadsView q;           // [rows, heads, size]
  HeadsView k;           // [rows, kv_heads, size]
  HeadsView v;           // [rows, kv_heads, size]
  float* out = nullptr;  // [rows, heads, size], contiguous; none of the inputs
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t size = 0;      // of a head; 1 .. kLargestAttentionHead
  float scale = 1;            // > 0
  std::int64_t window = 0;    // keys that a query sees at most, itself included; 0: no limit
  std::int64_t windows = 0;
  const std::int64_t* offsets = nullptr;  // [windows + 1], first row of each window
  const std::int64_t* valid = nullptr;    // [windows], tokens of each before its padding
};

inline constexpr std::int64_t kLargestAttentionHead = 256;

// The reference computes in float64. The CPU version computes in float32; what a query gets depends
// on its own window alone, and, where that holds numbers only, on what the query sees alone. NaN
// and infinities that a query sees make its result NaN or infinite. Any thread; neither throws, and
// the CPU version allocates nothing.
void attention_reference(const AttentionArguments& arguments) noexcept;
void attention_cpu(const AttentionArguments& arguments) noexcept;

}  // namespace mxscope::kernels
