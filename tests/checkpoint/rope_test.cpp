// SPDX-License-Identifier: Apache-2.0
// Rotary frequencies against those that transformers computes (make_rope_golden.py).
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>

#include "checkpoint/config_fixture.h"

namespace mxscope {
namespace {

using nlohmann::json;

// PyTorch's own powf differs from the C library's, and from itself between CPUs, by this much.
constexpr int kMaxUlps = 1;

int ulps(float a, float b) { return std::abs(std::bit_cast<int>(a) - std::bit_cast<int>(b)); }

void expect_near(const std::vector<float>& ours, const json& theirs, const std::string& what) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_LE(ulps(ours[i], theirs[i].get<float>()), kMaxUlps)
        << what << " [" << i << "] is " << ours[i] << " instead of " << theirs[i];
  }
}

TEST(Rope, EqualsTransformers) {
  const json cases = read_json_file(std::string(MXSCOPE_TEST_DATA) + "/checkpoint/rope.json");
  ASSERT_GE(cases.size(), 20U);
  std::size_t compared = 0;
  std::size_t equal = 0;
  for (const json& one : cases) {
    const auto name = one["name"].get<std::string>();
    const RopeSpec rope = test::spec_of(one["config"]).rope;
    expect_near(rope.inv_freq, one["inv_freq"], name);
    expect_near(rope.inv_freq_long, one["inv_freq_long"], name + ", long");
    EXPECT_EQ(rope.attention_scaling, static_cast<float>(one["attention_scaling"].get<double>()))
        << name;
    EXPECT_EQ(static_cast<std::size_t>(rope.rotary_dim), 2 * rope.inv_freq.size()) << name;
    for (std::size_t i = 0; i < rope.inv_freq.size(); ++i) {
      ++compared;
      equal += rope.inv_freq[i] == one["inv_freq"][i].get<float>() ? 1 : 0;
    }
  }
  EXPECT_GT(equal, compared * 9 / 10) << "nearly all are equal to the bit";
}

}  // namespace
}  // namespace mxscope
