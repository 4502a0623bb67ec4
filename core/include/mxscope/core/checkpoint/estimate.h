// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "mxscope/core/checkpoint/inventory.h"

namespace mxscope {

// Bytes that the weights of a model take, by where they are placed.
struct WeightBytes {
  int64_t embeddings = 0;       // tokens, and positions where they are learned
  std::vector<int64_t> blocks;  // [layers]
  int64_t final_norm = 0;
  int64_t head = 0;  // without the weight when it is tied to the embedding

  [[nodiscard]] int64_t total() const;
  [[nodiscard]] int64_t largest_block() const;
  bool operator==(const WeightBytes&) const = default;
};

// With `bytes_per_element` of the compute type (4: float32, 2: bfloat16 and float16). From the
// headers alone; any thread.
[[nodiscard]] WeightBytes weight_bytes(const ModelInventory& inventory, int bytes_per_element);

}  // namespace mxscope
