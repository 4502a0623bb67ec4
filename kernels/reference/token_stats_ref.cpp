// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "mxscope/kernels/token_stats.h"
#include "reference/float_types.h"

namespace mxscope::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

double logit(const LogitsView& view, std::int64_t row, std::int64_t column) {
  return reference::load(view.dtype, view.data, row * view.row_stride + column);
}

struct Softmax {
  bool finite = true;
  std::int64_t argmax = 0;
  double max = -std::numeric_limits<double>::infinity();
  double logsumexp = 0;
  double entropy = 0;
};

Softmax softmax_of(const LogitsView& view, std::int64_t row) {
  Softmax result;
  for (std::int64_t j = 0; j < view.vocab; ++j) {
    const double x = logit(view, row, j);
    result.finite = result.finite && std::isfinite(x);
    if (x > result.max) {
      result.max = x;
      result.argmax = j;
    }
  }
  if (!result.finite) {
    return result;
  }
  double sum = 0;
  for (std::int64_t j = 0; j < view.vocab; ++j) {
    sum += std::exp(logit(view, row, j) - result.max);
  }
  result.logsumexp = result.max + std::log(sum);
  for (std::int64_t j = 0; j < view.vocab; ++j) {
    const double logp = logit(view, row, j) - result.logsumexp;
    result.entropy -= std::exp(logp) * logp;
  }
  return result;
}

bool has_target(std::int64_t target, std::int64_t vocab) { return target >= 0 && target < vocab; }

}  // namespace

void token_stats_reference(const LogitsView& logits, const std::int64_t* targets,
                           const TokenStats& out) noexcept {
  for (std::int64_t row = 0; row < logits.rows; ++row) {
    const Softmax softmax = softmax_of(logits, row);
    out.finite[row] = softmax.finite ? 1 : 0;
    if (!softmax.finite) {
      out.argmax[row] = -1;
      out.logp_target[row] = out.entropy[row] = out.logsumexp[row] = out.max_logp[row] = kNan;
      continue;
    }
    const std::int64_t target = targets[row];
    out.argmax[row] = static_cast<std::int32_t>(softmax.argmax);
    out.entropy[row] = static_cast<float>(softmax.entropy);
    out.logsumexp[row] = static_cast<float>(softmax.logsumexp);
    out.max_logp[row] = static_cast<float>(softmax.max - softmax.logsumexp);
    out.logp_target[row] = has_target(target, logits.vocab)
                               ? static_cast<float>(logit(logits, row, target) - softmax.logsumexp)
                               : kNan;
  }
}

void token_stats_against_reference(const LogitsView& baseline, const TokenStats& baseline_stats,
                                   const LogitsView& variant, const std::int64_t* targets,
                                   const TokenStats& out, const TokenComparison& against) noexcept {
  token_stats_reference(variant, targets, out);
  for (std::int64_t row = 0; row < variant.rows; ++row) {
    if (out.finite[row] == 0 || baseline_stats.finite[row] == 0) {
      against.kl[row] = against.p_target_change[row] = kNan;
      against.same_argmax[row] = 0;
      continue;
    }
    const Softmax base = softmax_of(baseline, row);
    const Softmax other = softmax_of(variant, row);
    double kl = 0;
    for (std::int64_t j = 0; j < variant.vocab; ++j) {
      const double base_logp = logit(baseline, row, j) - base.logsumexp;
      kl += std::exp(base_logp) * (base_logp - (logit(variant, row, j) - other.logsumexp));
    }
    against.kl[row] = static_cast<float>(std::max(kl, 0.0));
    against.same_argmax[row] = base.argmax == other.argmax ? 1 : 0;
    const std::int64_t target = targets[row];
    against.p_target_change[row] =
        has_target(target, variant.vocab)
            ? static_cast<float>(std::exp(logit(variant, row, target) - other.logsumexp) -
                                 std::exp(logit(baseline, row, target) - base.logsumexp))
            : kNan;
  }
}

}  // namespace mxscope::kernels
