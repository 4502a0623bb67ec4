// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mxscope/kernels/attention.h"

namespace mxscope::kernels {

void attention_reference(const AttentionArguments& a) noexcept {
  const auto at = [](const HeadsView& x, std::int64_t row, std::int64_t head) {
    return x.data + row * x.row_stride + head * x.head_stride;
  };
  std::vector<double> weights;
  std::vector<double> sum(static_cast<std::size_t>(a.size));
  for (std::int64_t w = 0; w < a.windows; ++w) {
    const std::int64_t begin = a.offsets[w];
    for (std::int64_t i = 0; i < a.offsets[w + 1] - begin; ++i) {
      const std::int64_t last = std::min(i + 1, a.valid[w]);
      const std::int64_t first = a.window > 0 ? std::max<std::int64_t>(0, i - a.window + 1) : 0;
      for (std::int64_t head = 0; head < a.heads; ++head) {
        const std::int64_t shared = head / (a.heads / a.kv_heads);
        const float* query = at(a.q, begin + i, head);
        weights.clear();
        double largest = -std::numeric_limits<double>::infinity();
        for (std::int64_t j = first; j < last; ++j) {
          const float* key = at(a.k, begin + j, shared);
          double score = 0;
          for (std::int64_t d = 0; d < a.size; ++d) {
            score += static_cast<double>(query[d]) * static_cast<double>(key[d]);
          }
          weights.push_back(score * static_cast<double>(a.scale));
          largest = std::max(largest, weights.back());
        }
        double total = 0;
        std::fill(sum.begin(), sum.end(), 0.0);
        for (std::int64_t j = first; j < last; ++j) {
          const double weight = std::exp(weights[static_cast<std::size_t>(j - first)] - largest);
          const float* value = at(a.v, begin + j, shared);
          total += weight;
          for (std::int64_t d = 0; d < a.size; ++d) {
            sum[static_cast<std::size_t>(d)] += weight * static_cast<double>(value[d]);
          }
        }
        float* out = a.out + ((begin + i) * a.heads + head) * a.size;
        for (std::int64_t d = 0; d < a.size; ++d) {
          out[d] = last > first ? static_cast<float>(sum[static_cast<std::size_t>(d)] / total) : 0;
        }
      }
    }
  }
}

}  // namespace mxscope::kernels
