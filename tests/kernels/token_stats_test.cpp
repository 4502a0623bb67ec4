// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/token_stats.h"

#include <gtest/gtest.h>

#include "cpu/cpu_kernels.h"
#include "kernels/token_stats_support.h"

namespace mxscope::test {
namespace {

const std::vector<const kernels::CpuKernels*>& versions() {
  static const std::vector<const kernels::CpuKernels*> all = [] {
    std::vector<const kernels::CpuKernels*> found;
    for (const auto* version = kernels::runnable_cpu_kernels(); *version != nullptr; ++version) {
      found.push_back(*version);
    }
    return found;
  }();
  return all;
}

struct Pair {
  StatsArrays baseline;
  StatsArrays variant;
};

Pair reference_of(const LogitsPair& logits) {
  Pair result{StatsArrays(logits.baseline.rows), StatsArrays(logits.baseline.rows)};
  kernels::token_stats_reference(view_of(logits.baseline), logits.targets.data(),
                                 result.baseline.stats());
  kernels::token_stats_against_reference(view_of(logits.baseline), result.baseline.stats(),
                                         view_of(logits.variant), logits.targets.data(),
                                         result.variant.stats(), result.variant.comparison());
  return result;
}

Pair fast_of(const kernels::CpuKernels& version, const LogitsPair& logits) {
  Pair result{StatsArrays(logits.baseline.rows), StatsArrays(logits.baseline.rows)};
  version.token_stats(view_of(logits.baseline), logits.targets.data(), result.baseline.stats());
  version.token_stats_against(view_of(logits.baseline), result.baseline.stats(),
                              view_of(logits.variant), logits.targets.data(),
                              result.variant.stats(), result.variant.comparison());
  return result;
}

TEST(TokenStats, UniformLogitsHaveTheEntropyOfTheVocabulary) {
  Matrix logits(DType::kFloat32, 1, 1000, 1000);
  for (std::int64_t i = 0; i < logits.cols; ++i) {
    logits.set(0, i, 3.0F);
  }
  const std::int64_t target = 17;
  for (const kernels::CpuKernels* version : versions()) {
    StatsArrays out(1);
    version->token_stats(view_of(logits), &target, out.stats());
    const float log_size = std::log(1000.0F);
    EXPECT_FLOAT_EQ(out.entropy[0], log_size) << version->name;
    EXPECT_FLOAT_EQ(out.logp_target[0], -log_size);
    EXPECT_FLOAT_EQ(out.max_logp[0], -log_size);
    EXPECT_FLOAT_EQ(out.logsumexp[0], log_size + 3.0F);
    EXPECT_EQ(out.argmax[0], 0);
  }
}

TEST(TokenStats, FastVersionsMeetTheReference) {
  std::mt19937_64 generator(30);
  for (const std::int64_t vocab : {1, 2, 15, 16, 17, 31, 100, 512, 1023, 50257, 131072}) {
    for (int type = 0; type < 9; ++type) {
      const std::int64_t rows = vocab > 10000 ? 2 : 6;
      const LogitsPair logits =
          make_logits(generator(), static_cast<DType>(type % 3), static_cast<DType>(type / 3), rows,
                      vocab, vocab + type, type % 2 == 0 ? 0.01F : 1.0F);
      const Pair expected = reference_of(logits);
      for (const kernels::CpuKernels* version : versions()) {
        SCOPED_TRACE(std::string(version->name) + ", vocab " + std::to_string(vocab) + ", types " +
                     std::to_string(type));
        const Pair actual = fast_of(*version, logits);
        expect_same_statistics(expected.baseline, actual.baseline, kTokenStatsCpu);
        expect_same_statistics(expected.variant, actual.variant, kTokenStatsCpu);
        expect_close(expected.variant.kl, actual.variant.kl, kTokenKlCpu, "KL");
        expect_close(expected.variant.p_target_change, actual.variant.p_target_change,
                     kTokenStatsCpu, "p(target) change");
        EXPECT_EQ(expected.variant.same_argmax, actual.variant.same_argmax);
      }
    }
  }
}

TEST(TokenStats, IdenticalLogitsDifferByExactlyNothing) {
  std::mt19937_64 generator(31);
  for (int type = 0; type < 3; ++type) {
    const auto dtype = static_cast<DType>(type);
    LogitsPair logits = make_logits(generator(), dtype, dtype, 50, 1000 + type, 1003, 0.0F);
    logits.variant = logits.baseline;
    for (const kernels::CpuKernels* version : versions()) {
      const Pair result = fast_of(*version, logits);
      EXPECT_EQ(result.baseline.logp_target.size(), 50U);
      for (std::size_t row = 0; row < 50; ++row) {
        EXPECT_EQ(result.variant.kl[row], 0.0F);
        EXPECT_EQ(result.variant.same_argmax[row], 1);
        EXPECT_EQ(result.variant.entropy[row], result.baseline.entropy[row]);
        if (logits.targets[row] >= 0) {
          EXPECT_EQ(result.variant.p_target_change[row], 0.0F);
          EXPECT_EQ(result.variant.logp_target[row], result.baseline.logp_target[row]);
        }
      }
    }
  }
}

TEST(TokenStats, SmallDivergencesKeepTheirDigits) {
  const LogitsPair logits =
      make_logits(32, DType::kFloat32, DType::kFloat32, 64, 32000, 32000, 0.003F);
  const Pair expected = reference_of(logits);
  double reference_mean = 0;
  for (const float kl : expected.variant.kl) {
    reference_mean += kl / 64.0;
  }
  for (const kernels::CpuKernels* version : versions()) {
    double mean = 0;
    for (const float kl : fast_of(*version, logits).variant.kl) {
      mean += kl / 64.0;
    }
    // A hundredth of what the whole evaluation may err by.
    EXPECT_NEAR(mean, reference_mean, 1e-8) << version->name;
  }
}

TEST(TokenStats, RowsThatAreNotFiniteAreMarkedAndLeaveOthersAlone) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (const std::int64_t column : {0, 20, 99}) {
      LogitsPair logits = make_logits(33, DType::kFloat32, DType::kFloat32, 4, 100, 100, 0.1F);
      logits.baseline.set(0, column, bad);
      logits.variant.set(1, column, bad);
      const Pair expected = reference_of(logits);
      EXPECT_EQ(expected.baseline.finite, (std::vector<std::uint8_t>{0, 1, 1, 1}));
      EXPECT_EQ(expected.variant.finite, (std::vector<std::uint8_t>{1, 0, 1, 1}));
      EXPECT_TRUE(std::isnan(expected.variant.kl[0]) && std::isnan(expected.variant.kl[1]));
      for (const kernels::CpuKernels* version : versions()) {
        const Pair actual = fast_of(*version, logits);
        expect_same_statistics(expected.baseline, actual.baseline, kTokenStatsCpu);
        expect_same_statistics(expected.variant, actual.variant, kTokenStatsCpu);
        expect_close(expected.variant.kl, actual.variant.kl, kTokenKlCpu, "KL");
        EXPECT_EQ(expected.variant.same_argmax, actual.variant.same_argmax);
      }
    }
  }
}

TEST(TokenStats, ExtremeFiniteLogitsStayNumbers) {
  const float largest = std::numeric_limits<float>::max();
  Matrix baseline(DType::kFloat32, 2, 20, 20);
  Matrix variant = baseline;
  baseline.set(0, 3, largest);
  baseline.set(0, 4, -largest);
  variant.set(0, 3, -largest);
  variant.set(1, 19, -largest);
  const std::vector<std::int64_t> targets = {3, 19};
  for (const kernels::CpuKernels* version : versions()) {
    const Pair result = fast_of(*version, {baseline, variant, targets});
    for (const float value : {result.baseline.entropy[0], result.variant.entropy[0],
                              result.variant.kl[0], result.variant.kl[1]}) {
      EXPECT_FALSE(std::isnan(value)) << version->name;
    }
    EXPECT_EQ(result.baseline.argmax[0], 3);
    EXPECT_EQ(result.baseline.entropy[0], 0.0F);
  }
}

}  // namespace
}  // namespace mxscope::test
