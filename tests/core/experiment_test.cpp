// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/experiment/experiment.h"

#include <gtest/gtest.h>

#include <string>

#include "core/core_support.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope {
namespace {

constexpr std::string_view kEverything = R"({
  "format": "mxscope-experiment",
  "version": 1,
  "name": "everything",
  "notes": "# Why",
  "tags": ["a", "b"],
  "models": [
    {"name": "m", "source": "org/m", "revision": "r1", "dtype": "bfloat16", "tokenizer": "tok.json",
     "max_memory_gib": 12.5, "batch": 2, "placement": "split"},
    {"source": "other/path/"}
  ],
  "data": {"source": ["a.txt", "wikitext2"], "rows": "lines", "field": "content", "max_samples": 10,
           "fallback": "b.txt"},
  "protocol": {"name": "sliding", "context": 1024, "stride": 512, "bos": "none", "join": "\n\n",
               "max_windows": 7},
  "variants": [
    {"name": "mixed", "rules": [
      {"match": ["@mlp"], "except": ["re:layers\\.0\\."],
       "weight": {"format": "nvfp4", "flavour": "vllm", "tensor_scale": false},
       "activation": {"format": "mxfp8_e4m3", "block": 16, "scale": "rceil", "rounding": "nearest"},
       "output": "bf16", "block": 64, "scale": "even", "rounding": "half_down"},
      {"match": ["*"]}], "preset": "quark"},
    {"tier": "B", "format": ["mxfp4_e2m1", "mxint8"], "block": [16, 0], "scale": "mse",
     "rounding": "floor", "outputs": true},
    {"stage": "bf16"},
    {"tier": "A", "block": 128}
  ],
  "sweep": {"over": "linear", "formats": ["mxfp4_e2m1"], "block": 16, "scale": "ceil",
            "rounding": "nearest", "match": ["@attention"]},
  "devices": ["cuda:0", "cuda:1"],
  "compute": {"batch": 8, "placement": "stream", "max_memory_gib": 20.0, "min_free": 0.25,
              "threads": 3, "noise_floor": true},
  "statistics": {"interval": "bootstrap", "draws": 5000, "seed": -3}
})";

TEST(ExperimentJson, EveryKeyIsReadAndWrittenBack) {
  Issues issues;
  const Experiment experiment = experiment_from_json(kEverything, issues);
  EXPECT_EQ(format_issues(issues), "");
  EXPECT_EQ(to_json(experiment), nlohmann::ordered_json::parse(kEverything));
  EXPECT_EQ(experiment.models[0].placement, PlacementMode::kSplit);
  EXPECT_EQ(experiment.data.sources.size(), 2U);
  EXPECT_EQ(experiment.protocol.join, "\n\n");
  EXPECT_EQ(experiment.variants[0].rules->at(0).weight->flavour, Flavour::kVllm);
  EXPECT_TRUE(experiment.variants[1].blocks_listed);
  EXPECT_FALSE(experiment.variants[3].blocks_listed);
  EXPECT_EQ(experiment.sweep->scale, ScaleRule::kCeil);
  EXPECT_EQ(experiment.statistics.seed, -3);
}

TEST(ExperimentJson, DefaultsAreThoseOfTheSchema) {
  Issues issues;
  const Experiment experiment = experiment_from_json(
      R"({"format":"mxscope-experiment","version":1.0,"models":[{"source":"m"}],"data":{"source":"t"}})",
      issues);
  EXPECT_EQ(format_issues(issues), "");
  Experiment expected = test::small_experiment();
  expected.models.front().source = "m";
  expected.data.sources = {"t"};
  EXPECT_EQ(experiment, expected);
  EXPECT_EQ(to_json_text(experiment),
            "{\n  \"format\": \"mxscope-experiment\",\n  \"version\": 1,\n  \"models\": [\n    {\n"
            "      \"source\": \"m\"\n    }\n  ],\n  \"data\": {\n    \"source\": \"t\"\n  }\n}\n");
}

TEST(ExperimentJson, AFieldThatIsWrongKeepsTheRest) {
  Issues issues;
  const Experiment experiment = experiment_from_json(
      R"({"format":"mxscope-experiment","version":1,"name":"kept","models":[{"source":"m","dtype":3}],
          "data":{"source":"t"},"protocol":{"name":"nope","context":64}})",
      issues);
  EXPECT_EQ(issues.size(), 2U);
  EXPECT_EQ(experiment.name, "kept");
  EXPECT_EQ(experiment.models.at(0).dtype, ModelDtype::kAuto);
  EXPECT_EQ(experiment.protocol.context, 64);
}

TEST(Experiment, ModelsAreCalledByTheLastPartOfTheirSource) {
  Experiment experiment;
  for (const char* source : {"org/gpt2", "/models/llama/", "plain", "a/b"}) {
    experiment.models.push_back({});
    experiment.models.back().source = source;
  }
  experiment.models.back().name = "own";
  EXPECT_EQ(model_names(experiment), (std::vector<std::string>{"gpt2", "llama", "plain", "own"}));
}

}  // namespace
}  // namespace mxscope
