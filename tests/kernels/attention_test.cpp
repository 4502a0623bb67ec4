// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/attention.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "cpu/cpu_kernels.h"
#include "support/tolerances.h"

namespace mxscope::test {
namespace {

using kernels::AttentionArguments;
using kernels::CpuKernels;

// Packed windows with their heads in one matrix of q, k and v, as fused projections leave them.
struct Packed {
  std::int64_t heads = 1;
  std::int64_t kv_heads = 1;
  std::int64_t size = 1;
  std::int64_t gap = 0;  // numbers between the rows that belong to nobody
  std::int64_t window = 0;
  float scale = 1;
  std::vector<std::int64_t> offsets = {0};
  std::vector<std::int64_t> valid;
  std::vector<float> numbers;

  [[nodiscard]] std::int64_t rows() const { return offsets.back(); }
  [[nodiscard]] std::int64_t stride() const { return (heads + 2 * kv_heads) * size + gap; }
  [[nodiscard]] float* key(std::int64_t row) {
    return numbers.data() + row * stride() + heads * size;
  }
  [[nodiscard]] float* value(std::int64_t row) { return key(row) + kv_heads * size; }

  void add_window(std::int64_t length, std::int64_t seen) {
    offsets.push_back(offsets.back() + length);
    valid.push_back(seen);
  }
  void fill(std::uint64_t seed) {
    std::mt19937_64 generator(seed);
    std::normal_distribution<float> normal;
    numbers.resize(static_cast<std::size_t>(rows() * stride()));
    for (float& x : numbers) {
      x = normal(generator);
    }
  }
  [[nodiscard]] AttentionArguments arguments(std::vector<float>& out) const {
    AttentionArguments a;
    a.q = {numbers.data(), stride(), size};
    a.k = {numbers.data() + heads * size, stride(), size};
    a.v = {numbers.data() + (heads + kv_heads) * size, stride(), size};
    out.assign(static_cast<std::size_t>(rows() * heads * size), 77.0F);
    a.out = out.data();
    a.heads = heads;
    a.kv_heads = kv_heads;
    a.size = size;
    a.scale = scale;
    a.window = window;
    a.windows = static_cast<std::int64_t>(valid.size());
    a.offsets = offsets.data();
    a.valid = valid.data();
    return a;
  }
  [[nodiscard]] std::vector<float> reference() const {
    std::vector<float> out;
    kernels::attention_reference(arguments(out));
    return out;
  }
  [[nodiscard]] std::vector<float> by(const CpuKernels& version) const {
    std::vector<float> out;
    version.attention(arguments(out));
    return out;
  }
};

std::vector<const CpuKernels*> versions() {
  std::vector<const CpuKernels*> found;
  for (const auto* version = kernels::runnable_cpu_kernels(); *version != nullptr; ++version) {
    found.push_back(*version);
  }
  return found;
}

Packed any_packed() {
  Packed x;
  x.kv_heads = *rc::gen::inRange<std::int64_t>(1, 4);
  x.heads = x.kv_heads * *rc::gen::inRange<std::int64_t>(1, 4);
  x.size = *rc::gen::weightedOneOf<std::int64_t>(
      {{3, rc::gen::elementOf(std::vector<std::int64_t>{8, 16, 32, 64, 80, 96, 128, 256})},
       {1, rc::gen::inRange<std::int64_t>(1, 257)}});
  x.gap = *rc::gen::inRange<std::int64_t>(0, 3);
  x.scale = 1.0F / std::sqrt(static_cast<float>(x.size));
  x.window = *rc::gen::weightedOneOf<std::int64_t>(
      {{1, rc::gen::just<std::int64_t>(0)}, {1, rc::gen::inRange<std::int64_t>(1, 150)}});
  const auto windows = *rc::gen::inRange(1, 4);
  for (int w = 0; w < windows; ++w) {
    const auto length = *rc::gen::inRange<std::int64_t>(0, 200);
    x.add_window(length, *rc::gen::weightedOneOf<std::int64_t>(
                             {{2, rc::gen::just(length)},
                              {1, rc::gen::inRange<std::int64_t>(0, length + 1)}}));
  }
  x.fill(*rc::gen::arbitrary<std::uint64_t>());
  return x;
}

TEST(Attention, EveryCpuVersionMeetsTheReference) {
  EXPECT_TRUE(rc::check("cpu meets the reference", [] {
    const Packed x = any_packed();
    const std::vector<float> expected = x.reference();
    for (const CpuKernels* version : versions()) {
      const std::vector<float> actual = x.by(*version);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        if (!(std::abs(actual[i] - expected[i]) <= kAttentionCpu.absolute)) {
          RC_FAIL(std::string(version->name) + ", element " + std::to_string(i) + ": " +
                  std::to_string(actual[i]) + " instead of " + std::to_string(expected[i]));
        }
      }
    }
  }));
}

TEST(Attention, AWindowAloneGetsTheBitsItGetsAmongOthers) {
  EXPECT_TRUE(rc::check("windows are independent", [] {
    const Packed x = any_packed();
    const std::int64_t width = x.heads * x.size;
    for (const CpuKernels* version : versions()) {
      const std::vector<float> together = x.by(*version);
      for (std::size_t w = 0; w < x.valid.size(); ++w) {
        Packed one = x;
        one.offsets = {0, x.offsets[w + 1] - x.offsets[w]};
        one.valid = {x.valid[w]};
        one.numbers.assign(x.numbers.begin() + x.offsets[w] * x.stride(),
                           x.numbers.begin() + x.offsets[w + 1] * x.stride());
        const std::vector<float> alone = one.by(*version);
        RC_ASSERT(std::equal(alone.begin(), alone.end(), together.begin() + x.offsets[w] * width));
      }
    }
  }));
}

TEST(Attention, TokensToComeChangeNoBit) {
  Packed x;
  x.heads = 2;
  x.size = 24;
  x.add_window(130, 130);
  x.fill(5);
  Packed changed = x;
  constexpr std::int64_t kFirstChanged = 70;
  for (std::int64_t row = kFirstChanged; row < x.rows(); ++row) {
    for (std::int64_t i = 0; i < x.stride(); ++i) {
      changed.numbers[static_cast<std::size_t>(row * x.stride() + i)] *= -3.0F;
    }
  }
  for (const CpuKernels* version : versions()) {
    const std::vector<float> before = x.by(*version);
    const std::vector<float> after = changed.by(*version);
    const auto same = static_cast<std::ptrdiff_t>(kFirstChanged * x.heads * x.size);
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + same, after.begin())) << version->name;
    EXPECT_FALSE(std::equal(before.begin() + same, before.end(), after.begin() + same));
  }
}

TEST(Attention, AKeyFarAboveTheOthersGivesItsValue) {
  Packed x;
  x.size = 8;
  x.add_window(100, 100);
  x.fill(6);
  for (std::int64_t row = 0; row < x.rows(); ++row) {
    float* query = x.numbers.data() + row * x.stride();
    std::fill_n(query, x.size, 100.0F);
    std::fill_n(x.key(row), x.size, row == 3 ? 1e4F : -1e4F);
  }
  for (const CpuKernels* version : versions()) {
    const std::vector<float> out = x.by(*version);
    for (std::int64_t row = 3; row < x.rows(); ++row) {
      for (std::int64_t d = 0; d < x.size; ++d) {
        EXPECT_EQ(out[static_cast<std::size_t>(row * x.size + d)], x.value(3)[d]) << version->name;
      }
    }
  }
}

TEST(Attention, AQueryThatSeesNoNumberGetsNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, infinity}) {
    Packed x;
    x.size = 8;
    x.add_window(100, 100);
    x.fill(7);
    constexpr std::int64_t kBad = 40;
    x.key(kBad)[2] = bad;
    x.numbers[static_cast<std::size_t>(kBad * x.stride() + 2)] = 1.0F;
    for (const CpuKernels* version : versions()) {
      const std::vector<float> out = x.by(*version);
      for (std::int64_t d = 0; d < x.size; ++d) {
        EXPECT_TRUE(std::isnan(out[static_cast<std::size_t>(kBad * x.size + d)])) << version->name;
        EXPECT_TRUE(std::isfinite(out[static_cast<std::size_t>((kBad - 1) * x.size + d)]))
            << version->name;
      }
    }
  }
}

}  // namespace
}  // namespace mxscope::test
