// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope {
namespace {

// A mistake and exactly what is said about it, one line per issue.
struct Mistake {
  const char* name;
  std::string text;
  std::string expected;
};

// A valid experiment with `rest` as further keys.
std::string with(const std::string& rest) {
  return R"({"format":"mxscope-experiment","version":1,"models":[{"source":"m"}],"data":{"source":"t"})" +
         (rest.empty() ? "" : "," + rest) + "}";
}
std::string with_variant(const std::string& variant) {
  return with(R"("variants":[{)" + variant + "}]");
}
std::string with_rule(const std::string& rule) {
  return with_variant(R"("name":"x","rules":[{)" + rule + "}]");
}

const std::string kFormats =
    "none, mxfp8_e4m3, mxfp8_e5m2, mxfp6_e3m2, mxfp6_e2m3, mxfp4_e2m1, mxint8, mxint4, nvfp4, "
    "fp8_e4m3, fp8_e5m2, nvfp8emu_e4m3, nvfp8emu_e5m2, bf16 or fp16";

std::vector<Mistake> mistakes() {
  return {
      {"Empty", "",
       "Not valid JSON at line 1, column 1: syntax error while parsing value - unexpected end of "
       "input; expected '[', '{', or a literal.\n"},
      {"BrokenJson", "{\n  \"format\": \"mxscope-experiment\",\n  \"version\" 1}",
       "Not valid JSON at line 3, column 13: syntax error while parsing object separator - "
       "unexpected number literal; expected ':'.\n"},
      {"TrailingComma", "[1,]",
       "Not valid JSON at line 1, column 4: syntax error while parsing value - unexpected ']'; "
       "expected '[', '{', or a literal.\n"},
      {"NumberTooLarge", R"({"version":1e999})",
       "Not valid JSON at line 1, column 16: number overflow parsing '1e999'.\n"},
      {"NotUtf8", "{\"name\":\"\xff\"}",
       "Not valid JSON at line 1, column 10: syntax error while parsing value - invalid string: "
       "ill-formed UTF-8 byte.\n"},
      {"KeyTwice", "{\"name\":\"a\",\n \"name\":\"b\"}",
       "The key 'name' stands twice in one object, at line 2, column 2.\n"},
      {"TooDeep", std::string(65, '[') + std::string(65, ']'),
       "Nested deeper than 64 levels at line 1, column 65.\n"},
      {"NoObject", "[1]", "Expected an object, found a list.\n"},
      {"NothingRequired", "{}",
       "format: This key is required and missing.\n"
       "version: This key is required and missing.\n"
       "models: This key is required and missing.\n"
       "data: This key is required and missing.\n"},
      {"OtherFile",
       R"({"format":"mxscope-results","version":1,"models":[{"source":"m"}],"data":{"source":"t"}})",
       "format: Expected 'mxscope-experiment', found the text 'mxscope-results'.\n"},
      {"NewerVersion",
       R"({"format":"mxscope-experiment","version":2,"models":[{"source":"m"}],"data":{"source":"t"}})",
       "version: Version 2 is newer than this program reads (1).\n"},
      {"UnknownKey", with(R"("protokol":{})"),
       "protokol: Unknown key. Did you mean 'protocol'? Known here: format, version, name, notes, "
       "tags, models, data, protocol, variants, sweep, devices, compute or statistics.\n"},
      {"UnknownKeyInside", with_rule(R"("match":["@mlp"],"weights":"mxint8")"),
       "variants[0].rules[0].weights: Unknown key. Did you mean 'weight'? Known here: match, "
       "except, "
       "weight, activation, output, block, scale or rounding.\n"},
      {"NoModel",
       R"({"format":"mxscope-experiment","version":1,"models":[],"data":{"source":"t"}})",
       "models: At least one model is needed.\n"},
      {"ModelWithoutSource",
       R"({"format":"mxscope-experiment","version":1,"models":[{"name":"m"}],"data":{"source":"t"}})",
       "models[0].source: This key is required and missing.\n"},
      {"SameModelTwice",
       R"({"format":"mxscope-experiment","version":1,"models":[{"source":"a/m"},{"source":"b/m"}],"data":{"source":"t"}})",
       "models[1].name: The name 'm' is that of models[0] too; give one of them another name.\n"},
      {"UnknownDtype",
       R"({"format":"mxscope-experiment","version":1,"models":[{"source":"m","dtype":"fp32"}],"data":{"source":"t"}})",
       "models[0].dtype: Unknown dtype 'fp32'. Accepted: auto, float32, bfloat16 or float16.\n"},
      {"NoMemory",
       R"({"format":"mxscope-experiment","version":1,"models":[{"source":"m","max_memory_gib":0}],"data":{"source":"t"}})",
       "models[0].max_memory_gib: Must be above 0, not 0.0.\n"},
      {"EmptySource",
       R"({"format":"mxscope-experiment","version":1,"models":[{"source":"m"}],"data":{"source":[]}})",
       "data.source: At least one file or data set is needed.\n"},
      {"SourceOfNumbers",
       R"({"format":"mxscope-experiment","version":1,"models":[{"source":"m"}],"data":{"source":["a",3]}})",
       "data.source[1]: Expected a text, found the number 3.\n"},
      {"UnknownProtocol", with(R"("protocol":{"name":"window"})"),
       "protocol.name: Unknown protocol 'window'. Did you mean 'windows'? Accepted: windows, "
       "concat2048, sliding, lm-eval, llama.cpp, seed or documents.\n"},
      {"ContextOfOne", with(R"("protocol":{"context":1})"),
       "protocol.context: Must be at least 2, not 1.\n"},
      {"ContextAsText", with(R"("protocol":{"context":"long"})"),
       "protocol.context: Expected a whole number, found the text 'long'.\n"},
      {"HalfAWindow", with(R"("protocol":{"max_windows":0.5})"),
       "protocol.max_windows: Expected a whole number, found the number 0.5.\n"},
      {"RuleWithoutMatch", with_rule(R"("weight":"mxint8")"),
       "variants[0].rules[0].match: This key is required and missing.\n"},
      {"EmptyMatch", with_rule(R"("match":[])"),
       "variants[0].rules[0].match: At least one selector is needed, such as \"@mlp\".\n"},
      {"EmptySelector", with_rule(R"("match":["@mlp",""])"),
       "variants[0].rules[0].match[1]: A selector must not be empty.\n"},
      {"UnknownRole", with_rule(R"("match":["@atention"])"),
       "variants[0].rules[0].match[0]: Unknown role '@atention'. Did you mean '@attention'? "
       "Accepted: @mlp, @attention, @experts, @lm_head or @all.\n"},
      {"BadPattern", with_rule(R"("match":["re:layers\\.(1"])"),
       "variants[0].rules[0].match[0]: The pattern 'layers\\.(1' is no regular expression: missing "
       "): layers\\.(1.\n"},
      {"UnknownFormat", with_rule(R"("match":["@mlp"],"weight":"mxfp8_e4m4")"),
       "variants[0].rules[0].weight: Unknown format 'mxfp8_e4m4'. Did you mean 'mxfp8_e4m3'? "
       "Accepted: " +
           kFormats + ".\n"},
      {"FormatAsNumber", with_rule(R"("match":["@mlp"],"activation":8)"),
       "variants[0].rules[0].activation: Expected a format name or an object with one, found the "
       "number 8.\n"},
      {"OperandWithoutFormat", with_rule(R"("match":["@mlp"],"weight":{"block":16})"),
       "variants[0].rules[0].weight.format: This key is required and missing.\n"},
      {"NegativeBlock", with_rule(R"("match":["@mlp"],"block":-1)"),
       "variants[0].rules[0].block: A block has 1 or more values, or 0 for the whole row; -1 is "
       "neither.\n"},
      {"UnknownScale", with_rule(R"("match":["@mlp"],"scale":"flor")"),
       "variants[0].rules[0].scale: Unknown scale rule 'flor'. Did you mean 'floor'? Accepted: "
       "floor, "
       "rceil, ceil, even, vllm or mse.\n"},
      {"UnknownRounding", with_rule(R"("match":["@mlp"],"rounding":"half-down!")"),
       "variants[0].rules[0].rounding: Unknown rounding 'half-down!'. Did you mean 'half_down'? "
       "Accepted: even, nearest, floor or half_down.\n"},
      {"Nvfp4Block", with_rule(R"("match":["@mlp"],"weight":{"format":"nvfp4","block":32})"),
       "variants[0].rules[0].weight.block: nvfp4 has blocks of 16, not 32.\n"},
      {"FlavourOfOthers",
       with_rule(R"("match":["@mlp"],"weight":{"format":"mxint8","flavour":"vllm"})"),
       "variants[0].rules[0].weight.flavour: Only nvfp4 has a flavour, mxint8 has none.\n"},
      {"TensorScaleOfOthers",
       with_rule(R"("match":["@mlp"],"weight":{"format":"bf16","tensor_scale":true})"),
       "variants[0].rules[0].weight.tensor_scale: Only nvfp4 has a tensor scale, bf16 has none.\n"},
      {"EmptyVariant", with_variant(""),
       "variants[0]: A variant needs 'rules', 'tier' or a 'stage'.\n"},
      {"RulesAndTier", with_variant(R"("tier":"A","rules":[])"),
       "variants[0].tier: A variant has rules or a tier, not both.\n"},
      {"FormatWithoutTier", with_variant(R"("rules":[],"format":"mxint8")"),
       "variants[0].format: 'format' replaces the formats of a tier, and there is no 'tier'.\n"},
      {"TierAllWithoutFormat", with_variant(R"("tier":"all")"),
       "variants[0].format: The tier 'all' has no format of its own; give one.\n"},
      {"UnknownTier", with_variant(R"("tier":"E")"),
       "variants[0].tier: Unknown tier 'E'. Accepted: A, B, C, D or all.\n"},
      {"ReservedName", with_variant(R"("name":"baseline","tier":"A")"),
       "variants[0].name: 'baseline' is the name of the run without rules; choose another.\n"},
      {"SameNameTwice", with(R"("variants":[{"name":"x","tier":"A"},{"name":"x","tier":"B"}])"),
       "variants[1].name: The name 'x' is that of variants[0] too; give one of them another "
       "name.\n"},
      {"ListMeetsName",
       with(
           R"("variants":[{"name":"x","tier":"A","block":[16,32]},{"name":"x mxfp8_e4m3/16","tier":"B"}])"),
       "variants[1].name: The name 'x mxfp8_e4m3/16' is that of variants[0] too; give one of them "
       "another name.\n"},
      {"NoFormatInList", with_variant(R"("tier":"A","format":[])"),
       "variants[0].format: The list of formats is empty.\n"},
      {"BlockInList", with_variant(R"("tier":"A","block":[16,-2])"),
       "variants[0].block[1]: A block has 1 or more values, or 0 for the whole row; -2 is "
       "neither.\n"},
      {"StageWithOperand",
       with_variant(R"("stage":"int8","rules":[{"match":["@mlp"],"weight":"mxint8"}])"),
       "variants[0].rules[0].weight: The stage int8 decides the formats; its rules only select "
       "linears.\n"},
      {"Bf16WithTier", with_variant(R"("stage":"bf16","tier":"A")"),
       "variants[0].stage: The stage bf16 casts the whole model; rules, tier, format and what "
       "belongs to them have no place beside it.\n"},
      {"EmulationFormat",
       with_variant(R"("stage":"nvfp8-emulation","tier":"A","format":"mxfp8_e4m3")"),
       "variants[0].format: The stage nvfp8-emulation takes nvfp8emu_e4m3 or nvfp8emu_e5m2, not "
       "mxfp8_e4m3.\n"},
      {"GlobalWithoutFormat", with_variant(R"("stage":"global")"),
       "variants[0].format: The stage global needs an MX format.\n"},
      {"TooManyVariants",
       with_variant(R"("tier":"A","block":[)" +
                    [] {
                      std::string list = "1";
                      for (int i = 2; i <= 10001; ++i) {
                        list += "," + std::to_string(i);
                      }
                      return list;
                    }() +
                    "]"),
       "variants: The lists make more than 10000 variants.\n"},
      {"SweepWithoutPlace", with(R"("sweep":{"formats":["mxint8"]})"),
       "sweep.over: This key is required and missing.\n"},
      {"SweepWithoutFormats", with(R"("sweep":{"over":"block","formats":[]})"),
       "sweep.formats: At least one format is needed.\n"},
      {"UnknownDevice", with(R"("devices":["cpu","gpu0"])"),
       "devices[1]: Unknown device 'gpu0'. Accepted: cpu, cuda:0, cuda:1, ...\n"},
      {"DevicesAsText", with(R"("devices":"cpu")"),
       "devices: Expected 'auto', 'all' or a list such as [\"cpu\"] or [\"cuda:0\"], found the "
       "text "
       "'cpu'.\n"},
      {"NoDevice", with(R"("devices":[])"),
       "devices: The list is empty; name devices such as \"cpu\" or \"cuda:0\", or write "
       "\"auto\".\n"},
      {"MinFree", with(R"("compute":{"min_free":1.5})"),
       "compute.min_free: Must be a share between 0 and 1, not 1.5.\n"},
      {"BatchAsText", with(R"("compute":{"batch":"large"})"),
       "compute.batch: Expected 'auto' or a whole number, found the text 'large'.\n"},
      {"FewDraws", with(R"("statistics":{"interval":"bootstrap","draws":10})"),
       "statistics.draws: Must be at least 100, not 10.\n"},
      {"FlagAsText", with(R"("compute":{"noise_floor":"yes"})"),
       "compute.noise_floor: Expected true or false, found the text 'yes'.\n"},
      {"SeveralAtOnce",
       with(
           R"("protocol":{"context":0,"stride":0},"variants":[{"tier":"Z"},{"rules":[{"match":["@x"]}]}],"extra":1)"),
       "variants[0].tier: Unknown tier 'Z'. Accepted: A, B, C, D or all.\n"
       "extra: Unknown key. Known here: format, version, name, notes, tags, models, data, "
       "protocol, "
       "variants, sweep, devices, compute or statistics.\n"
       "protocol.context: Must be at least 2, not 0.\n"
       "protocol.stride: Must be at least 1, not 0.\n"
       "variants[1].rules[0].match[0]: Unknown role '@x'. Accepted: @mlp, @attention, @experts, "
       "@lm_head or @all.\n"},
  };
}

class ExperimentMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ExperimentMistake, IsNamedExactly) {
  Issues issues;
  static_cast<void>(experiment_from_json(GetParam().text, issues));
  EXPECT_TRUE(has_errors(issues));
  EXPECT_EQ(format_issues(issues), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(All, ExperimentMistake, testing::ValuesIn(mistakes()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ExperimentErrors, AreCappedInNumber) {
  std::string list;
  for (int i = 0; i < 1000; ++i) {
    list += (i > 0 ? "," : "") + std::string("3");
  }
  Issues issues;
  static_cast<void>(experiment_from_json(with("\"tags\":[" + list + "]"), issues));
  ASSERT_EQ(issues.size(), 200U);
  EXPECT_EQ(issues[198].path, "tags[198]");
  EXPECT_EQ(issues[199].message, "There are more problems; only the first 199 are listed.");
}

TEST(ExperimentErrors, RefusesTextThatIsTooLong) {
  Issues issues;
  static_cast<void>(experiment_from_json(std::string(kMaxExperimentBytes + 1, ' '), issues));
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].message, "The text has 16777217 bytes; at most 16777216 are read.");
}

TEST(ExperimentErrors, AHugeObjectIsReadInLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) {
    text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
  }
  Issues issues;
  static_cast<void>(experiment_from_json(text + "}", issues));
  EXPECT_EQ(issues.size(), 200U);
}

TEST(ExperimentErrors, NvfpBlocksOfOtherSizesAreAWarning) {
  Issues issues;
  const Experiment experiment =
      experiment_from_json(with_variant(R"("tier":"A","format":"nvfp4","block":[16,32])"), issues);
  EXPECT_FALSE(has_errors(issues));
  EXPECT_EQ(format_issues(issues),
            "warning: variants[0].block: nvfp4 has blocks of 16; other sizes are not used.\n");
  EXPECT_EQ(experiment.variants.size(), 1U);
}

}  // namespace
}  // namespace mxscope
