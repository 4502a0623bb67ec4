// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/experiment/variants.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/core_support.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/rules.h"

namespace mxscope {
namespace {

Experiment parse(const std::string& rest) {
  Issues issues;
  Experiment experiment = experiment_from_json(
      R"({"format":"mxscope-experiment","version":1,"models":[{"source":"m"}],"data":{"source":"t"},)" +
          rest + "}",
      issues);
  EXPECT_EQ(format_issues(issues), "");
  return experiment;
}

std::vector<ResolvedVariant> expand(const std::string& variants) {
  const Experiment experiment = parse("\"variants\":[" + variants + "]");
  std::vector<ResolvedVariant> resolved = expand_variants(experiment);
  EXPECT_EQ(count_variants(experiment), static_cast<std::int64_t>(resolved.size()));
  return resolved;
}

std::vector<std::string> names(const std::vector<ResolvedVariant>& variants) {
  std::vector<std::string> list;
  for (const ResolvedVariant& variant : variants) {
    list.push_back(variant.name);
  }
  return list;
}

using Names = std::vector<std::string>;

TEST(Variants, ListsMakeOneVariantEach) {
  EXPECT_EQ(
      names(expand(R"({"name":"B","tier":"B","format":["mxfp4_e2m1","mxint8"],"block":[16,0]})")),
      (Names{"B mxfp4_e2m1/16", "B mxfp4_e2m1/row", "B mxint8/16", "B mxint8/row"}));
  EXPECT_EQ(names(expand(R"({"name":"x","tier":"C","block":[32,64]})")),
            (Names{"x mxfp6_e3m2+mxfp8_e4m3/32", "x mxfp6_e3m2+mxfp8_e4m3/64"}));
  EXPECT_EQ(names(expand(R"({"name":"one","tier":"A","block":[64]})")),
            (Names{"one mxfp8_e4m3/64"}));
  EXPECT_EQ(names(expand(R"({"name":"one","tier":"A","block":64})")), (Names{"one"}));
  EXPECT_EQ(names(expand(R"({"name":"x","tier":"A","format":["nvfp4","bf16"],"block":[16,32]})")),
            (Names{"x nvfp4/16", "x bf16"}));
}

TEST(Variants, WithoutANameAreCalledByTheirContent) {
  EXPECT_EQ(
      names(expand(R"({"tier":"A"},{"tier":"C"},{"tier":"B","format":"mxfp4_e2m1","block":64})")),
      (Names{"A mxfp8_e4m3/32", "C mxfp6_e3m2+mxfp8_e4m3/32", "B mxfp4_e2m1/64"}));
  const std::string taken =
      "{\"tier\":\"A\"},{\"tier\":\"A\"},{\"tier\":\"A\",\"scale\":\"rceil\"},"
      "{\"name\":\"A mxfp8_e4m3/32 (2)\",\"tier\":\"B\"}";
  EXPECT_EQ(names(expand(taken)), (Names{"A mxfp8_e4m3/32", "A mxfp8_e4m3/32 (3)",
                                         "A mxfp8_e4m3/32 rceil", "A mxfp8_e4m3/32 (2)"}));
  const std::string others =
      R"({"rules":[{"match":["@all"],"weight":"mxfp4_e2m1"}]},)"
      R"({"rules":[{"match":["a","b"],"weight":"mxint8","activation":"mxint8"},)"
      R"({"match":["c"],"weight":"mxint4","activation":"mxint8"}]},)"
      R"({"rules":[]},{"stage":"bf16"},{"stage":"bfp16","tier":"A"},)"
      R"({"stage":"nvfp8-emulation","tier":"A","format":["nvfp8emu_e4m3","nvfp8emu_e5m2"]},)"
      R"({"tier":"all","format":"mxint8","preset":"torchao","outputs":true})";
  EXPECT_EQ(names(expand(others)),
            (Names{"@all W mxfp4_e2m1/32", "a,b mxint8/32 c W mxint4/32 A mxint8/32", "no rules",
                   "bf16", "bfp16 A", "nvfp8-emulation A nvfp8emu_e4m3",
                   "nvfp8-emulation A nvfp8emu_e5m2", "all mxint8/32 torchao with outputs"}));
}

TEST(Variants, TheNearestChoiceWins) {
  const auto variants =
      expand(R"({"name":"x","block":8,"scale":"ceil","rounding":"floor","preset":"torchao",
    "rules":[
      {"match":["a"],"weight":{"format":"mxfp8_e4m3","block":64,"scale":"mse","rounding":"nearest"},
       "activation":"mxfp8_e4m3","block":16,"scale":"even"},
      {"match":["b"],"weight":"mxfp8_e4m3"}]},
    {"name":"preset","preset":"torchao","rules":[{"match":["a"],"weight":"nvfp4","activation":"mxfp4_e2m1"}]},
    {"name":"modelopt","preset":"modelopt","rules":[{"match":["a"],"weight":"mxfp4_e2m1","activation":"mxfp8_e4m3"}]},
    {"name":"plain","rules":[{"match":["a"],"weight":"mxfp8_e4m3","activation":"bf16"}]})");
  const auto& rules = variants.at(0).rules;
  EXPECT_EQ(rules[0].weight,
            make_operand(Format::kMxfp8E4m3, 64, ScaleRule::kMse, Rounding::kNearest));
  EXPECT_EQ(rules[0].activation,
            make_operand(Format::kMxfp8E4m3, 16, ScaleRule::kEven, Rounding::kFloor));
  EXPECT_EQ(rules[0].output, OperandSpec{});
  EXPECT_EQ(rules[1].weight,
            make_operand(Format::kMxfp8E4m3, 8, ScaleRule::kCeil, Rounding::kFloor));
  EXPECT_EQ(variants.at(1).rules[0].weight.flavour, Flavour::kTorchao);
  EXPECT_EQ(variants.at(1).rules[0].activation,
            make_operand(Format::kMxfp4E2m1, 32, ScaleRule::kRceil));
  EXPECT_EQ(variants.at(2).rules[0].weight.rounding, Rounding::kHalfDown);
  EXPECT_EQ(variants.at(2).rules[0].activation.rounding, Rounding::kEven);
  EXPECT_EQ(variants.at(3).rules[0].weight, make_operand(Format::kMxfp8E4m3));
}

TEST(Variants, OutputsTakeTheActivationsFormat) {
  const auto variants = expand(R"({"name":"tier","tier":"A","outputs":true},
    {"name":"rules","outputs":true,"rules":[{"match":["a"],"weight":"mxint8","activation":"mxint4"},
      {"match":["b"],"activation":"mxint4","output":"bf16"}]})");
  EXPECT_EQ(variants[0].rules[0].output.label(), "mxfp8_e4m3/32");
  EXPECT_EQ(variants[1].rules[0].output.label(), "mxint4/32");
  EXPECT_EQ(variants[1].rules[1].output.label(), "bf16");
}

TEST(Variants, StagesThatAreCastsBecomeRules) {
  const auto variants = expand(R"({"stage":"bfp16","tier":"B"},
    {"stage":"nvfp8-emulation","rules":[{"match":["@mlp"],"except":["x"]}]},
    {"stage":"bfp16"}, {"stage":"bf16"}, {"stage":"int8","tier":"A"}, {"stage":"fp8"},
    {"stage":"global","format":"mxfp8_e4m3","block":64})");
  EXPECT_EQ(variants[0].stage, Stage::kRules);
  EXPECT_EQ(variants[0].declared_stage, Stage::kBfp16);
  ASSERT_EQ(variants[0].rules.size(), 2U);
  EXPECT_EQ(variants[0].rules[1].weight.label(), "bf16");
  EXPECT_EQ(variants[0].rules[1].activation.label(), "bf16");
  EXPECT_EQ(variants[1].stage, Stage::kRules);
  EXPECT_EQ(variants[1].rules[0].weight.label(), "nvfp8emu_e4m3");
  EXPECT_EQ(variants[1].rules[0].except, Names{"x"});
  EXPECT_EQ(variants[2].rules[0].match, Names{"@all"});
  EXPECT_EQ(variants[3].stage, Stage::kBf16);
  EXPECT_TRUE(variants[3].rules.empty());
  EXPECT_EQ(variants[4].stage, Stage::kInt8);
  EXPECT_FALSE(variants[4].rules[0].weight.quantised());
  EXPECT_EQ(variants[4].rules[0].match.size(), tier_mlp_patterns().size());
  EXPECT_EQ(variants[5].stage, Stage::kFp8);
  EXPECT_EQ(variants[6].stage, Stage::kGlobal);
  EXPECT_EQ(variants[6].rules[0].weight.label(), "mxfp8_e4m3/64");
}

TEST(Variants, ContractsNameEverythingThatDecidesAValue) {
  const auto variants = expand(R"({"name":"x","rules":[{"match":["@mlp"],"weight":"mxfp4_e2m1",
      "activation":{"format":"nvfp4","tensor_scale":false},"output":"bf16"}]})");
  EXPECT_EQ(
      variants[0].contract().dump(),
      R"({"stage":"rules","rules":[{"match":["@mlp"],"weight":{"format":"mxfp4_e2m1","block":32,)"
      R"("scale":"floor","rounding":"even"},"activation":{"format":"nvfp4","block":16,)"
      R"("rounding":"even","flavour":"modelopt","tensor_scale":false},"output":{"format":"bf16",)"
      R"("rounding":"even"}}],"axis":"last","padding":"zeros","saturation":"largest element",)"
      R"("non_finite":"block becomes NaN","quantiser_arithmetic":"float32"})");
}

// Linears that a variant quantises.
Names quantised(const ResolvedVariant& variant, const std::vector<LinearInfo>& linears) {
  Names found;
  const MatchReport report = match_rules(variant, linears);
  for (std::size_t i = 0; i < linears.size(); ++i) {
    if (report.linears[i].quantised()) {
      found.push_back(linears[i].name);
    }
  }
  return found;
}

std::vector<ResolvedVariant> sweep(const std::string& sweep_json,
                                   const std::vector<LinearInfo>& linears) {
  return expand_variants(parse("\"sweep\":" + sweep_json), &linears);
}

TEST(Sweep, OverBlocksQuantisesOneBlockAtATime) {
  const auto linears = test::llama_like(12);
  const auto variants =
      sweep(R"({"over":"block","formats":["mxfp4_e2m1","mxint8","mxint8"],"block":16})", linears);
  ASSERT_EQ(variants.size(), 24U);
  EXPECT_EQ(variants[2].name, "model.layers.1 mxfp4_e2m1/16");
  EXPECT_EQ(variants[2].sweep,
            (SweepPlace{SweepOver::kBlock, "model.layers.1", Format::kMxfp4E2m1}));
  const Names names = quantised(variants[2], linears);
  ASSERT_EQ(names.size(), 7U);  // block 1 and not 10 or 11
  for (const std::string& name : names) {
    EXPECT_TRUE(name.starts_with("model.layers.1.")) << name;
  }
}

TEST(Sweep, OverLinearsTakesExactlyOne) {
  const auto linears = test::llama_like(2);
  const auto all = sweep(R"({"over":"linear","formats":["mxint8"]})", linears);
  ASSERT_EQ(all.size(), linears.size());
  for (std::size_t i = 0; i < linears.size(); ++i) {
    EXPECT_EQ(quantised(all[i], linears), Names{linears[i].name});
    EXPECT_EQ(all[i].sweep->place, linears[i].name);
  }
  EXPECT_EQ(sweep(R"({"over":"linear","formats":["mxint8"],"match":["q_proj"]})", linears).size(),
            2U);
}

TEST(Sweep, OverRolesHasOneVariantForEach) {
  const auto linears = test::llama_like(2);
  const auto variants = sweep(R"({"over":"role","formats":["mxint8"]})", linears);
  EXPECT_EQ(names(variants),
            (Names{"@attention mxint8/32", "@mlp mxint8/32", "@lm_head mxint8/32"}));
  EXPECT_EQ(quantised(variants[1], linears).size(), 6U);
}

TEST(Sweep, MatchLimitsWhatIsQuantisedAtAPlace) {
  const auto linears = test::llama_like(3);
  const auto variants = sweep(
      R"({"over":"block","formats":["mxint8"],"match":["layers.2.mlp.up","layers.0.self_attn"]})",
      linears);
  ASSERT_EQ(variants.size(), 2U);
  EXPECT_EQ(quantised(variants[0], linears).size(), 4U);
  EXPECT_EQ(quantised(variants[1], linears), Names{"model.layers.2.mlp.up_proj"});
}

TEST(Sweep, IsLeftOutWithoutAModel) {
  EXPECT_TRUE(expand_variants(parse(R"("sweep":{"over":"block","formats":["mxint8"]})")).empty());
}

TEST(Variants, OfAnInvalidExperimentAreRefused) {
  Experiment experiment = test::small_experiment();
  experiment.variants.push_back({});
  try {
    static_cast<void>(expand_variants(experiment));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidInput);
    EXPECT_STREQ(error.what(),
                 "The experiment has mistakes:\nvariants[0]: A variant needs 'rules', 'tier' or a "
                 "'stage'.\n");
  }
}

}  // namespace
}  // namespace mxscope
