// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/checkpoint/estimate.h"

#include <algorithm>
#include <numeric>

namespace mxscope {

int64_t WeightBytes::total() const {
  return std::accumulate(blocks.begin(), blocks.end(), embeddings + final_norm + head);
}

int64_t WeightBytes::largest_block() const {
  return blocks.empty() ? 0 : *std::max_element(blocks.begin(), blocks.end());
}

WeightBytes weight_bytes(const ModelInventory& inventory, int bytes_per_element) {
  const DecoderSpec& spec = inventory.spec;
  WeightBytes result;
  result.blocks.assign(static_cast<std::size_t>(spec.layers), 0);
  for (const PlannedTensor& tensor : planned_tensors(spec)) {
    int64_t bytes = bytes_per_element;
    for (const int64_t size : tensor.shape) {
      bytes *= size;
    }
    if (tensor.block >= 0) {
      result.blocks[static_cast<std::size_t>(tensor.block)] += bytes;
    } else if (tensor.name.starts_with(spec.final_norm_name + ".")) {
      result.final_norm += bytes;
    } else if (tensor.name.starts_with(spec.head + ".")) {
      result.head += bytes;
    } else {
      result.embeddings += bytes;
    }
  }
  return result;
}

}  // namespace mxscope
