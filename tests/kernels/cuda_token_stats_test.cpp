// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda_support.h"
#include "kernels/token_stats_support.h"
#include "mxscope/kernels/token_stats_cuda.h"

namespace mxscope::test {
namespace {

class CudaTokenStats : public GpuTest {};

// StatsArrays whose arrays lie on the device.
class DeviceStats {
 public:
  explicit DeviceStats(std::int64_t rows)
      : floats_(6 * static_cast<std::size_t>(rows) * sizeof(float)),
        argmax_(static_cast<std::size_t>(rows) * sizeof(std::int32_t)),
        flags_(2 * static_cast<std::size_t>(rows)),
        rows_(rows) {}

  [[nodiscard]] TokenStats stats() const {
    return {floats(0),
            floats(1),
            floats(2),
            floats(3),
            reinterpret_cast<std::int32_t*>(argmax_.data()),
            reinterpret_cast<std::uint8_t*>(flags_.data())};
  }
  [[nodiscard]] TokenComparison comparison() const {
    return {floats(4), floats(5), reinterpret_cast<std::uint8_t*>(flags_.data()) + rows_};
  }
  [[nodiscard]] StatsArrays to_host() const {
    StatsArrays host(rows_);
    int index = 0;
    for (auto* array : {&host.logp_target, &host.entropy, &host.logsumexp, &host.max_logp, &host.kl,
                        &host.p_target_change}) {
      copy(array->data(), floats(index++), array->size() * sizeof(float));
    }
    argmax_.copy_to(host.argmax.data());
    copy(host.finite.data(), flags_.data(), host.finite.size());
    copy(host.same_argmax.data(), flags_.data() + rows_, host.same_argmax.size());
    return host;
  }

 private:
  [[nodiscard]] float* floats(int index) const {
    return reinterpret_cast<float*>(floats_.data()) + index * rows_;
  }
  static void copy(void* to, const void* from, std::size_t bytes) {
    check_cuda(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "copy to the host");
  }

  DeviceBuffer floats_;
  DeviceBuffer argmax_;
  DeviceBuffer flags_;
  std::int64_t rows_;
};

struct Pair {
  StatsArrays baseline;
  StatsArrays variant;
};

Pair device_of(const LogitsPair& logits) {
  const DeviceBuffer baseline(logits.baseline.bytes.data(), logits.baseline.bytes.size());
  const DeviceBuffer variant(logits.variant.bytes.data(), logits.variant.bytes.size());
  const DeviceBuffer targets(logits.targets.data(), logits.targets.size() * sizeof(std::int64_t));
  LogitsView baseline_view = view_of(logits.baseline);
  LogitsView variant_view = view_of(logits.variant);
  baseline_view.data = baseline.data();
  variant_view.data = variant.data();
  const auto* device_targets = reinterpret_cast<const std::int64_t*>(targets.data());
  const DeviceStats baseline_stats(logits.baseline.rows);
  const DeviceStats variant_stats(logits.baseline.rows);
  check_cuda(
      kernels::token_stats_cuda(baseline_view, device_targets, baseline_stats.stats(), nullptr),
      "token_stats_cuda");
  check_cuda(kernels::token_stats_against_cuda(baseline_view, baseline_stats.stats(), variant_view,
                                               device_targets, variant_stats.stats(),
                                               variant_stats.comparison(), nullptr),
             "token_stats_against_cuda");
  check_cuda(cudaDeviceSynchronize(), "token statistics");
  return {baseline_stats.to_host(), variant_stats.to_host()};
}

void expect_equal_to_reference(const LogitsPair& logits) {
  StatsArrays baseline(logits.baseline.rows);
  StatsArrays variant(logits.baseline.rows);
  kernels::token_stats_reference(view_of(logits.baseline), logits.targets.data(), baseline.stats());
  kernels::token_stats_against_reference(view_of(logits.baseline), baseline.stats(),
                                         view_of(logits.variant), logits.targets.data(),
                                         variant.stats(), variant.comparison());
  const Pair actual = device_of(logits);
  expect_same_statistics(baseline, actual.baseline, kTokenStatsCuda);
  expect_same_statistics(variant, actual.variant, kTokenStatsCuda);
  expect_close(variant.kl, actual.variant.kl, kTokenKlCuda, "KL");
  expect_close(variant.p_target_change, actual.variant.p_target_change, kTokenStatsCuda,
               "p(target) change");
  EXPECT_EQ(variant.same_argmax, actual.variant.same_argmax);
}

TEST_F(CudaTokenStats, MeetsTheReference) {
  std::mt19937_64 generator(50);
  for (const std::int64_t vocab : {1, 2, 31, 512, 1023, 4096, 50257, 131072}) {
    for (int type = 0; type < 9; ++type) {
      SCOPED_TRACE("vocab " + std::to_string(vocab) + ", types " + std::to_string(type));
      // Strides that keep rows aligned, and strides that do not.
      const std::int64_t stride = type % 2 == 0 ? (vocab + 7) / 8 * 8 : vocab + 1;
      LogitsPair logits =
          make_logits(generator(), static_cast<DType>(type % 3), static_cast<DType>(type / 3),
                      vocab > 10000 ? 2 : 6, vocab, stride, type % 2 == 0 ? 0.01F : 1.0F);
      expect_equal_to_reference(logits);
    }
  }
}

TEST_F(CudaTokenStats, IdenticalLogitsDifferByExactlyNothing) {
  std::mt19937_64 generator(51);
  for (int type = 0; type < 3; ++type) {
    const auto dtype = static_cast<DType>(type);
    for (const std::int64_t stride : {32000, 32001}) {
      LogitsPair logits = make_logits(generator(), dtype, dtype, 50, 32000, stride, 0.0F);
      logits.variant = logits.baseline;
      const Pair result = device_of(logits);
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

TEST_F(CudaTokenStats, RowsThatAreNotFiniteAreMarkedAndLeaveOthersAlone) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    LogitsPair logits = make_logits(52, DType::kFloat32, DType::kFloat32, 4, 100, 100, 0.1F);
    logits.baseline.set(0, 17, bad);
    logits.variant.set(1, 99, bad);
    expect_equal_to_reference(logits);
  }
}

}  // namespace
}  // namespace mxscope::test
