// SPDX-License-Identifier: Apache-2.0
#pragma once

// Attention in float32, compiled once per instruction set. Lanes are queries: a block of them meets
// one key after the other, so maxima and sums of the softmax need no step across lanes, and heads
// of any size fill the vectors. Keys come in blocks whose scores stay in the first cache; maxima,
// sums and results are carried from block to block and rescaled where a maximum grows.

#include "cpu/exp_simd.h"
#include "cpu/simd.h"
#include "mxscope/kernels/attention.h"

namespace mxscope::kernels::MXSCOPE_ISA {

constexpr int kQueryVectors = 2;
constexpr int kQueryBlock = kQueryVectors * kLanes;
constexpr int kKeyBlock = 64;
// Sums are made of sums of so many products, which halves their error: what follows is often
// quantised, where the last bits decide roundings.
constexpr int kSumBlock = 16;
// Rows of a tile of products: as many sums as the registers hold.
#if defined(MXSCOPE_SIMD_AVX512)
constexpr int kTileRows = 8;
#else
constexpr int kTileRows = 4;
#endif

struct AttentionScratch {
  alignas(64) float queries[kLargestAttentionHead * kQueryBlock];  // [size][query]
  alignas(64) float sums[kLargestAttentionHead * kQueryBlock];     // [size][query]
  alignas(64) float scores[kKeyBlock * kQueryBlock];               // [key][query]
};

// Keys or values of a head, or the queries of one.
struct HeadRows {
  const float* data;
  std::int64_t stride;
};

// sums[m][lane] = sum over k < count of a[m * a_row + k * a_step] * b[k][lane].
template <int kRows>
MXSCOPE_INLINE void tile_products(const float* a, std::int64_t a_row, std::int64_t a_step,
                                  const float* b, std::int64_t count,
                                  Floats (&sums)[kRows][kQueryVectors]) {
  for (int m = 0; m < kRows; ++m) {
    for (int n = 0; n < kQueryVectors; ++n) {
      sums[m][n] = Floats{};
    }
  }
  for (std::int64_t first = 0; first < count; first += kSumBlock) {
    const std::int64_t end = count - first < kSumBlock ? count : first + kSumBlock;
    Floats parts[kRows][kQueryVectors] = {};
    for (std::int64_t k = first; k < end; ++k) {
      Floats lanes[kQueryVectors];
      for (int n = 0; n < kQueryVectors; ++n) {
        lanes[n] = load_floats(b + k * kQueryBlock + n * kLanes);
      }
      for (int m = 0; m < kRows; ++m) {
        const Floats factor = splat(a[m * a_row + k * a_step]);
        for (int n = 0; n < kQueryVectors; ++n) {
          parts[m][n] = fused(factor, lanes[n], parts[m][n]);
        }
      }
    }
    for (int m = 0; m < kRows; ++m) {
      for (int n = 0; n < kQueryVectors; ++n) {
        sums[m][n] += parts[m][n];
      }
    }
  }
}

// Calls tile(row, constant) for tiles that cover `count` rows.
template <int kRows, class Tile>
MXSCOPE_INLINE void for_tiles(std::int64_t row, std::int64_t count, const Tile& tile) {
  for (; row + kRows <= count; row += kRows) {
    tile(row, std::integral_constant<int, kRows>{});
  }
  if constexpr (kRows > 1) {
    if (row < count) {
      for_tiles<kRows / 2>(row, count, tile);
    }
  }
}

MXSCOPE_INLINE void score_keys(const HeadRows& keys, std::int64_t first, std::int64_t count,
                               std::int64_t size, AttentionScratch& scratch) {
  for_tiles<kTileRows>(0, count, [&](std::int64_t row, auto rows) {
    Floats sums[rows.value][kQueryVectors];
    tile_products<rows.value>(keys.data + (first + row) * keys.stride, keys.stride, 1,
                              scratch.queries, size, sums);
    for (int m = 0; m < rows.value; ++m) {
      for (int n = 0; n < kQueryVectors; ++n) {
        store_floats(scratch.scores + (row + m) * kQueryBlock + n * kLanes, sums[m][n]);
      }
    }
  });
}

// sums = sums * rescale + weights x values.
MXSCOPE_INLINE void add_values(const HeadRows& values, std::int64_t first, std::int64_t count,
                               std::int64_t size, const Floats (&rescale)[kQueryVectors],
                               AttentionScratch& scratch) {
  for_tiles<kTileRows>(0, size, [&](std::int64_t row, auto rows) {
    Floats sums[rows.value][kQueryVectors];
    tile_products<rows.value>(values.data + first * values.stride + row, 1, values.stride,
                              scratch.scores, count, sums);
    for (int m = 0; m < rows.value; ++m) {
      for (int n = 0; n < kQueryVectors; ++n) {
        float* sum = scratch.sums + (row + m) * kQueryBlock + n * kLanes;
        store_floats(sum, fused(load_floats(sum), rescale[n], sums[m][n]));
      }
    }
  });
}

// What the queries of one block see: lane i, at position `begin` + i, the keys from
// begin + i - window + 1 (where there is a window) up to begin + i, below `valid`.
struct Sight {
  std::int64_t begin;
  std::int64_t window;
  std::int64_t valid;

  // Scores of a key that some lanes do not see, with those at minus infinity.
  [[nodiscard]] Floats hide(Floats score, std::int64_t key, int vector) const {
    const Ints distance = lane_numbers() + static_cast<std::int32_t>(begin + vector * kLanes - key);
    const Floats hidden = splat(-__builtin_inff());
    Floats seen = distance < 0 ? hidden : score;
    if (window > 0) {
      const auto reach = static_cast<std::int32_t>(window < INT32_MAX ? window : INT32_MAX);
      seen = distance >= reach ? hidden : seen;
    }
    return seen;
  }
  // Whether every lane up to position `last` sees a key.
  [[nodiscard]] bool all_see(std::int64_t key, std::int64_t last) const {
    return key <= begin && (window <= 0 || last - key < window);
  }
};

// Queries [begin, begin + count) of a window: rows of `queries` from `begin` on.
inline void attend_block(const HeadRows& queries, const HeadRows& keys, const HeadRows& values,
                         const Sight& sight, std::int64_t count, std::int64_t size, float scale,
                         float* out, std::int64_t out_stride, AttentionScratch& scratch) {
  for (std::int64_t d = 0; d < size; ++d) {
    for (int i = 0; i < kQueryBlock; ++i) {
      // The lanes behind the last query repeat it.
      const std::int64_t row = sight.begin + (i < count ? i : count - 1);
      scratch.queries[d * kQueryBlock + i] = queries.data[row * queries.stride + d];
    }
  }
  for (std::int64_t i = 0; i < size * kQueryBlock; i += kLanes) {
    store_floats(scratch.sums + i, Floats{});
  }
  const std::int64_t last_query = sight.begin + count - 1;
  const std::int64_t end = last_query + 1 < sight.valid ? last_query + 1 : sight.valid;
  std::int64_t first = 0;
  if (sight.window > 0 && sight.begin - sight.window + 1 > 0) {
    first = sight.begin - sight.window + 1;
  }
  Floats largest[kQueryVectors];
  Floats total[kQueryVectors];
  for (int n = 0; n < kQueryVectors; ++n) {
    largest[n] = splat(-__builtin_inff());
    total[n] = Floats{};
  }
  for (; first < end; first += kKeyBlock) {
    const std::int64_t block = end - first < kKeyBlock ? end - first : kKeyBlock;
    score_keys(keys, first, block, size, scratch);
    Floats rescale[kQueryVectors];
    for (int n = 0; n < kQueryVectors; ++n) {
      Floats top = largest[n];
      float* scores = scratch.scores + n * kLanes;
      for (std::int64_t j = 0; j < block; ++j) {
        Floats score = load_floats(scores + j * kQueryBlock);
        if (!sight.all_see(first + j, last_query)) {
          score = sight.hide(score, first + j, n);
          store_floats(scores + j * kQueryBlock, score);
        }
        top = max_of(score, top);
      }
      // A lane that has seen no key yet keeps minus infinity; 0 stands for it, since the difference
      // of two infinities is no number.
      const Floats base = (top == -__builtin_inff() ? Floats{} : top) * scale;
      rescale[n] = fused_exp_of_negative(fused(largest[n], splat(scale), -base));
      largest[n] = top;
      Floats sum = {};
      for (std::int64_t begin = 0; begin < block; begin += kSumBlock) {
        const std::int64_t stop = block - begin < kSumBlock ? block : begin + kSumBlock;
        Floats part = {};
        for (std::int64_t j = begin; j < stop; ++j) {
          const Floats score = load_floats(scores + j * kQueryBlock);
          const Floats weight = fused_exp_of_negative(fused(score, splat(scale), -base));
          store_floats(scores + j * kQueryBlock, weight);
          part += weight;
        }
        sum += part;
      }
      total[n] = fused(total[n], rescale[n], sum);
    }
    add_values(values, first, block, size, rescale, scratch);
  }
  for (std::int64_t d = 0; d < size; ++d) {
    for (int n = 0; n < kQueryVectors; ++n) {
      float* sum = scratch.sums + d * kQueryBlock + n * kLanes;
      store_floats(sum, load_floats(sum) / total[n]);
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t query = sight.begin + i;
    const std::int64_t seen_from = sight.window > 0 ? query - sight.window + 1 : 0;
    const bool sees = (seen_from > 0 ? seen_from : 0) < sight.valid;
    for (std::int64_t d = 0; d < size; ++d) {
      out[query * out_stride + d] = sees ? scratch.sums[d * kQueryBlock + i] : 0.0F;
    }
  }
}

inline void attention(const AttentionArguments& a) {
  AttentionScratch scratch;
  const std::int64_t group = a.heads / a.kv_heads;
  const std::int64_t out_stride = a.heads * a.size;
  const auto rows_of = [](const HeadsView& x, std::int64_t row, std::int64_t head) {
    return HeadRows{x.data + row * x.row_stride + head * x.head_stride, x.row_stride};
  };
  for (std::int64_t w = 0; w < a.windows; ++w) {
    const std::int64_t row = a.offsets[w];
    const std::int64_t length = a.offsets[w + 1] - row;
    for (std::int64_t head = 0; head < a.heads; ++head) {
      const HeadRows keys = rows_of(a.k, row, head / group);
      const HeadRows values = rows_of(a.v, row, head / group);
      for (std::int64_t begin = 0; begin < length; begin += kQueryBlock) {
        const std::int64_t rest = length - begin;
        attend_block(rows_of(a.q, row, head), keys, values, {begin, a.window, a.valid[w]},
                     rest < kQueryBlock ? rest : kQueryBlock, a.size, a.scale,
                     a.out + row * out_stride + head * a.size, out_stride, scratch);
      }
    }
  }
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
