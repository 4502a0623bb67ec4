// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mxscope/kernels/element_format.h"

// What one position's logits say: probabilities, entropy, and how a variant differs from the
// baseline. Natural logarithms. A soft cap on logits is applied by the caller beforehand.
//
// Two calls per chunk of positions: token_stats for the baseline, then token_stats_against for each
// variant, which reads the variant's logits and the baseline's once each. Identical logits of
// baseline and variant give kl = 0, same_argmax = 1 and p_target_change = 0 exactly. Rows do not
// influence each other, so any split into chunks gives the same bits.
//
// A row with a NaN or an infinity gets finite = 0, argmax = -1 and NaN elsewhere (as compared row
// also when only the baseline's row is not finite). No function throws; any thread may call.
namespace mxscope::kernels {

// Logits [rows, vocab], vocab contiguous, row stride in elements (>= vocab). 1 <= vocab < 2^31.
struct LogitsView {
  const void* data = nullptr;
  DType dtype = DType::kFloat32;
  std::int64_t rows = 0;
  std::int64_t vocab = 0;
  std::int64_t row_stride = 0;
};

// Arrays of [rows] owned by the caller, all to be written; none may be null.
struct TokenStats {
  float* logp_target = nullptr;    // log p(target), nats; NaN without a target
  float* entropy = nullptr;        // -sum p log p, nats
  float* logsumexp = nullptr;      // log sum exp(logit)
  float* max_logp = nullptr;       // log of the largest probability
  std::int32_t* argmax = nullptr;  // index of the largest logit; the lowest of equals
  std::uint8_t* finite = nullptr;  // 1 when every logit of the row is finite
};

struct TokenComparison {
  float* kl = nullptr;                  // KL(baseline || variant), nats, >= 0
  float* p_target_change = nullptr;     // p(target) of the variant - of the baseline; NaN without
  std::uint8_t* same_argmax = nullptr;  // 1 when the argmax equals the baseline's
};

// `targets` [rows]: token id in 0..vocab-1, or -1 for a position without a target.
// The reference versions are plain float64 code; the fast ones meet them within the tolerances of
// tests/support/tolerances.h, and agree in argmax, finite and same_argmax.
void token_stats_reference(const LogitsView& logits, const std::int64_t* targets,
                           const TokenStats& out) noexcept;
void token_stats_cpu(const LogitsView& logits, const std::int64_t* targets,
                     const TokenStats& out) noexcept;

// Statistics of the variant's rows (as token_stats) and their comparison with the baseline's.
// `baseline_stats` is what token_stats of the same version gave for `baseline`; both views have the
// same rows and vocab, their dtypes may differ.
void token_stats_against_reference(const LogitsView& baseline, const TokenStats& baseline_stats,
                                   const LogitsView& variant, const std::int64_t* targets,
                                   const TokenStats& out, const TokenComparison& against) noexcept;
void token_stats_against_cpu(const LogitsView& baseline, const TokenStats& baseline_stats,
                             const LogitsView& variant, const std::int64_t* targets,
                             const TokenStats& out, const TokenComparison& against) noexcept;

}  // namespace mxscope::kernels
