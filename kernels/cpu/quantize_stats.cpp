// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "detail/quantize_math.h"
#include "detail/quantize_plan.h"
#include "mxscope/kernels/mx_quantize.h"
#include "reference/float_types.h"

namespace mxscope::kernels {
namespace {

using detail::ExponentRule;
using detail::QuantizePlan;

std::int32_t exponent_of(const QuantizePlan& plan, const float* block, std::int64_t length,
                         float largest) {
  const std::int32_t middle = detail::block_exponent(plan, plan.rule, detail::bits_of(largest));
  if (plan.rule != ExponentRule::kMse) {
    return middle;
  }
  std::int32_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int offset = -1; offset <= 1; ++offset) {
    const std::int32_t candidate = detail::clamp_exponent(middle + offset);
    const float inverse = detail::power_of_two(-candidate);
    const double unit = std::ldexp(1.0, candidate - detail::clamp_exponent(middle));
    double error = 0;
    for (std::int64_t i = 0; i < length; ++i) {
      error += detail::squared_error<false>(plan, block[i] * inverse, unit);
    }
    if (error < least) {
      least = error;
      best = candidate;
    }
  }
  return best;
}

void add_block(QuantizeStats& stats, const QuantizePlan& plan, const float* before,
               const float* after, std::int64_t length) {
  float largest = 0;
  bool finite = true;
  for (std::int64_t i = 0; i < length; ++i) {
    finite = finite && std::isfinite(before[i]);
    largest = std::max(largest, std::fabs(before[i]));
  }
  ++stats.blocks;
  if (!finite) {
    ++stats.nonfinite_blocks;
    return;
  }
  if (plan.path == detail::Path::kBlocks && largest > 0) {
    const std::int32_t exponent = exponent_of(plan, before, length, largest);
    stats.saturated_blocks += largest * detail::power_of_two(-exponent) > plan.max ? 1 : 0;
  }
  for (std::int64_t i = 0; i < length; ++i) {
    const double x = before[i];
    const double error = static_cast<double>(after[i]) - x;
    stats.signal += x * x;
    stats.noise += error * error;
  }
}

}  // namespace

QuantizeStats& QuantizeStats::operator+=(const QuantizeStats& other) noexcept {
  blocks += other.blocks;
  saturated_blocks += other.saturated_blocks;
  nonfinite_blocks += other.nonfinite_blocks;
  signal += other.signal;
  noise += other.noise;
  return *this;
}

QuantizeStats quantize_stats(const QuantizeSpec& spec, DType dtype, const void* in,
                             std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride) {
  QuantizeStats stats;
  if (rows <= 0 || cols <= 0) {
    return stats;
  }
  const QuantizePlan plan = detail::make_plan(spec, cols);
  const auto length = static_cast<std::size_t>(cols);
  std::vector<char> quantized(length * static_cast<std::size_t>(size_of(dtype)));
  std::vector<float> before(length);
  std::vector<float> after(length);
  for (std::int64_t row = 0; row < rows; ++row) {
    const void* source = static_cast<const char*>(in) + row * in_row_stride * size_of(dtype);
    quantize_cpu(spec, dtype, source, quantized.data(), 1, cols, cols, cols);
    for (std::int64_t i = 0; i < cols; ++i) {
      before[static_cast<std::size_t>(i)] = reference::load(dtype, source, i);
      after[static_cast<std::size_t>(i)] = reference::load(dtype, quantized.data(), i);
    }
    for (std::int64_t begin = 0; begin < cols; begin += plan.block) {
      add_block(stats, plan, before.data() + begin, after.data() + begin,
                std::min(plan.block, cols - begin));
    }
  }
  return stats;
}

}  // namespace mxscope::kernels
