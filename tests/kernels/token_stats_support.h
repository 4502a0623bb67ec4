// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/quantize_support.h"
#include "mxscope/kernels/token_stats.h"
#include "support/tolerances.h"

namespace mxscope::test {

using kernels::LogitsView;
using kernels::TokenComparison;
using kernels::TokenStats;

inline LogitsView view_of(const Matrix& matrix) {
  return {matrix.bytes.data(), matrix.dtype, matrix.rows, matrix.cols, matrix.stride};
}

// Storage behind TokenStats and TokenComparison.
struct StatsArrays {
  std::vector<float> logp_target, entropy, logsumexp, max_logp, kl, p_target_change;
  std::vector<std::int32_t> argmax;
  std::vector<std::uint8_t> finite, same_argmax;

  explicit StatsArrays(std::int64_t rows) {
    const auto count = static_cast<std::size_t>(rows);
    for (auto* array : {&logp_target, &entropy, &logsumexp, &max_logp, &kl, &p_target_change}) {
      array->resize(count);
    }
    argmax.resize(count);
    finite.resize(count);
    same_argmax.resize(count);
  }
  TokenStats stats() {
    return {logp_target.data(), entropy.data(), logsumexp.data(),
            max_logp.data(),    argmax.data(),  finite.data()};
  }
  TokenComparison comparison() { return {kl.data(), p_target_change.data(), same_argmax.data()}; }
};

inline void expect_close(const std::vector<float>& expected, const std::vector<float>& actual,
                         const Tolerance& tolerance, const char* what) {
  ASSERT_EQ(expected.size(), actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double wanted = expected[i];
    const double got = actual[i];
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(got)) << what << " row " << i;
    } else {
      EXPECT_LE(std::fabs(got - wanted),
                tolerance.absolute + tolerance.relative * std::fabs(wanted))
          << what << " row " << i << ": expected " << wanted << ", got " << got;
    }
  }
}

inline void expect_same_statistics(const StatsArrays& expected, const StatsArrays& actual,
                                   const Tolerance& tolerance) {
  expect_close(expected.logp_target, actual.logp_target, tolerance, "log p(target)");
  expect_close(expected.entropy, actual.entropy, tolerance, "entropy");
  expect_close(expected.logsumexp, actual.logsumexp, tolerance, "logsumexp");
  expect_close(expected.max_logp, actual.max_logp, tolerance, "log max p");
  EXPECT_EQ(expected.argmax, actual.argmax);
  EXPECT_EQ(expected.finite, actual.finite);
}

// Logits of a baseline and of a variant that differs by `noise`, with targets; some rows flat, some
// peaked, some with equal maxima, one without a target.
struct LogitsPair {
  Matrix baseline;
  Matrix variant;
  std::vector<std::int64_t> targets;
};

inline LogitsPair make_logits(std::uint64_t seed, DType baseline_type, DType variant_type,
                              std::int64_t rows, std::int64_t vocab, std::int64_t stride,
                              float noise) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> normal;
  LogitsPair pair{Matrix(baseline_type, rows, vocab, stride),
                  Matrix(variant_type, rows, vocab, stride + 1),
                  {}};
  for (std::int64_t row = 0; row < rows; ++row) {
    const float spread = std::ldexp(1.0F, static_cast<int>(generator() % 6) - 1);
    const float offset = normal(generator) * 20.0F;
    for (std::int64_t col = 0; col < vocab; ++col) {
      const float value = offset + spread * normal(generator);
      pair.baseline.set(row, col, value);
      pair.variant.set(row, col, pair.baseline.at(row, col) + noise * normal(generator));
    }
    const auto size = static_cast<std::uint64_t>(vocab);
    pair.targets.push_back(static_cast<std::int64_t>(generator() % size));
    if (row % 5 == 1) {
      // Two equal largest logits: the first counts.
      const auto first = static_cast<std::int64_t>(generator() % size);
      const auto second = static_cast<std::int64_t>(generator() % size);
      for (Matrix* matrix : {&pair.baseline, &pair.variant}) {
        matrix->set(row, first, offset + 8 * spread);
        matrix->set(row, second, offset + 8 * spread);
      }
    }
    if (row % 5 == 2) {
      pair.targets.back() = -1;
    }
  }
  return pair;
}

}  // namespace mxscope::test
