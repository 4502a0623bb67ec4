// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/experiment/rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/core_support.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/variants.h"

namespace mxscope {
namespace {

bool matches(std::string_view selector, std::string_view name,
             LinearRole role = LinearRole::kOther) {
  return Selector(selector).matches({std::string(name), 0, role, 8, 8});
}

constexpr std::string_view kUp = "model.layers.13.mlp.up_proj";

TEST(Selectors, PlainTextIsASubstringWhateverTheCase) {
  EXPECT_TRUE(matches("UP_proj", kUp));
  EXPECT_TRUE(matches("layers.1", kUp));
  EXPECT_FALSE(matches("down", kUp));
  EXPECT_TRUE(matches("wqkv", "transformer.blocks.0.attn.Wqkv"));
}

TEST(Selectors, GlobsCoverTheWholeNameAndCrossDots) {
  EXPECT_TRUE(matches("*.MLP.*", kUp));
  EXPECT_TRUE(matches("model.layers.1?.mlp.up_proj", kUp));
  EXPECT_TRUE(matches("*", kUp));
  EXPECT_TRUE(matches("model*up_proj", kUp));
  EXPECT_FALSE(matches("mlp.*", kUp));
  EXPECT_FALSE(matches("model.layers.?.mlp.up_proj", kUp));
  EXPECT_FALSE(matches("*mlp", kUp));
  EXPECT_TRUE(matches("*a*b", "xaxbxaxb"));
}

TEST(Selectors, RegularExpressionsSearchAndMindTheCase) {
  EXPECT_TRUE(matches("re:layers\\.1[0-5]\\.", kUp));
  EXPECT_TRUE(matches("re:^model.*proj$", kUp));
  EXPECT_FALSE(matches("re:MLP", kUp));
  EXPECT_FALSE(matches("re:layers\\.3\\.", kUp));
}

TEST(Selectors, RolesNest) {
  const std::vector<LinearRole> roles = {LinearRole::kAttention, LinearRole::kMlp,
                                         LinearRole::kExperts, LinearRole::kHead,
                                         LinearRole::kOther};
  const auto row = [&](std::string_view selector) {
    std::string found;
    for (const LinearRole role : roles) {
      found += matches(selector, "x", role) ? '1' : '0';
    }
    return found;
  };
  EXPECT_EQ(row("@attention"), "10000");
  EXPECT_EQ(row("@mlp"), "01100");
  EXPECT_EQ(row("@experts"), "00100");
  EXPECT_EQ(row("@lm_head"), "00010");
  EXPECT_EQ(row("@ALL"), "11111");
}

TEST(Selectors, HostilePatternsEndSoon) {
  const std::string name(5000, 'a');
  std::string glob;
  for (int i = 0; i < 1000; ++i) {
    glob += "*a";
  }
  EXPECT_FALSE(matches(glob + "b", name));
  EXPECT_FALSE(matches("re:(a*)*(a*)*(a*)*b", name));
  EXPECT_NE(check_selector("re:" + std::string(3000, '(') + std::string(3000, ')')), "");
  EXPECT_NE(check_selector("re:((a{100}){100}){100}"), "");
  EXPECT_EQ(check_selector(std::string(5000, 'x')),
            "A selector has at most 4096 bytes; this one has 5000.");
  EXPECT_EQ(check_selector("re:"), "The pattern after 're:' is empty.");
  EXPECT_EQ(check_selector("*.mlp.*"), "");
}

ResolvedRule rule(std::vector<std::string> match, Format format,
                  std::vector<std::string> except = {}) {
  return {std::move(match), std::move(except), make_operand(format), make_operand(format), {}};
}

TEST(Rules, TheFirstThatMatchesDecides) {
  const std::vector<LinearInfo> linears = test::llama_like(2);
  const RuleMatcher matcher({rule({"layers.0.mlp"}, Format::kNone),
                             rule({"@mlp", "q_proj"}, Format::kMxfp4E2m1, {"down_proj"}),
                             rule({"proj"}, Format::kMxfp8E4m3)});
  const MatchReport report = matcher.match(linears);
  ASSERT_EQ(report.linears.size(), linears.size());
  EXPECT_EQ(report.decided, (std::vector<std::int64_t>{3, 4, 7}));
  EXPECT_EQ(report.matched, (std::vector<std::int64_t>{3, 6, 14}));
  EXPECT_EQ(report.layers, 11);
  EXPECT_TRUE(report.warnings.empty());
  for (std::size_t i = 0; i < linears.size(); ++i) {
    EXPECT_EQ(report.linears[i].rule, matcher.first_match(linears[i]));
  }
  EXPECT_EQ(report.linears.back().rule, -1);
  EXPECT_FALSE(report.linears.back().quantised());
}

TEST(Rules, OnesWithoutEffectAreWarnedOf) {
  const MatchReport report =
      match_rules({"x",
                   Stage::kRules,
                   Stage::kRules,
                   {rule({"@all"}, Format::kMxint8), rule({"up_proj"}, Format::kMxint4),
                    rule({"no_such", "*.none"}, Format::kMxint4)},
                   {}},
                  test::llama_like(2));
  ASSERT_EQ(report.warnings.size(), 2U);
  EXPECT_EQ(report.warnings[0].path, "rules[1]");
  EXPECT_EQ(report.warnings[0].message,
            "The rule 'up_proj' decides nothing: earlier rules match all 2 linears that it "
            "matches.");
  EXPECT_EQ(report.warnings[1].message,
            "The rule 'no_such *.none' matches none of the 15 linears of the model.");
  EXPECT_FALSE(has_errors(report.warnings));
}

std::int64_t tier_layers(Tier tier, const std::vector<LinearInfo>& linears,
                         std::vector<Format> formats = {}) {
  Experiment experiment = test::small_experiment();
  VariantEntry variant;
  variant.tier = tier;
  variant.formats = std::move(formats);
  experiment.variants = {variant};
  return match_rules(expand_variants(experiment).at(0), linears).layers;
}

// NUMERICS section 5 states these counts for tier A.
TEST(Tiers, CountsAreThoseOfTheStudy) {
  const auto gpt_neo = test::with_blocks(4, "transformer.h.",
                                         {"attn.attention.k_proj", "attn.attention.v_proj",
                                          "attn.attention.q_proj", "attn.attention.out_proj"},
                                         {"mlp.c_fc", "mlp.c_proj"});
  EXPECT_EQ(tier_layers(Tier::kA, gpt_neo), 8);
  EXPECT_EQ(tier_layers(Tier::kB, gpt_neo), 24);
  const auto phi = test::with_blocks(
      24, "model.layers.",
      {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.dense"},
      {"mlp.fc1", "mlp.fc2"});
  EXPECT_EQ(tier_layers(Tier::kA, phi), 48);
  EXPECT_EQ(tier_layers(Tier::kB, phi), 144);
  EXPECT_EQ(tier_layers(Tier::kA, test::llama_like(32)), 96);
  EXPECT_EQ(tier_layers(Tier::kB, test::llama_like(32)), 224);
  EXPECT_EQ(tier_layers(Tier::kA, test::llama_like(48)), 144);
  EXPECT_EQ(tier_layers(Tier::kAll, test::llama_like(32), {Format::kMxint8}), 225);
}

TEST(Tiers, TheMlpGroupWinsOverTheAttentionGroup) {
  // "c_proj" is an attention pattern, "mlp.c_proj" an MLP one; "dense" is part of both of
  // gpt_neox'.
  const std::vector<LinearInfo> linears = {
      {"transformer.h.0.attn.c_proj", 0, LinearRole::kAttention, 8, 8},
      {"transformer.h.0.mlp.c_proj", 0, LinearRole::kMlp, 8, 8},
      {"gpt_neox.layers.0.mlp.dense_4h_to_h", 0, LinearRole::kMlp, 8, 8},
      {"gpt_neox.layers.0.attention.dense", 0, LinearRole::kAttention, 8, 8},
      {"gpt_neox.layers.0.attention.query_key_value", 0, LinearRole::kAttention, 8, 8},
      {"transformer.blocks.0.attn.Wqkv", 0, LinearRole::kAttention, 8, 8},
      {"model.layers.0.mlp.gate_up_proj", 0, LinearRole::kMlp, 8, 8},
      {"model.layers.0.self_attn.qkv_proj", 0, LinearRole::kAttention, 8, 8},
      {"lm_head", -1, LinearRole::kHead, 8, 8}};
  Experiment experiment = test::small_experiment();
  VariantEntry variant;
  variant.tier = Tier::kD;
  experiment.variants = {variant};
  const MatchReport report = match_rules(expand_variants(experiment).at(0), linears);
  std::vector<int> rules;
  for (const LinearDecision& decision : report.linears) {
    rules.push_back(decision.rule);
  }
  EXPECT_EQ(rules, (std::vector<int>{1, 0, 0, 1, 1, 1, 0, 1, -1}));
  EXPECT_EQ(report.linears[0].weight.label(), "mxfp6_e3m2/32");
  EXPECT_EQ(report.linears[1].activation.label(), "mxfp4_e2m1/32");
}

}  // namespace
}  // namespace mxscope
