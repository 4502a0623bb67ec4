// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/results/results.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>

#include "core/results_support.h"
#include "mxscope/core/results/config_hash.h"
#include "mxscope/core/results/results_json.h"

namespace mxscope {
namespace {

using Json = nlohmann::ordered_json;

std::string keys(const Json& object) {
  std::string text;
  for (const auto& item : object.items()) {
    text += (text.empty() ? "" : " ") + item.key();
  }
  return text;
}

TEST(Results, KeysStandInTheOrderOfTheDesign) {
  const Json json = to_json(test::make_results());
  EXPECT_EQ(keys(json), "format version experiment environment runs jobs");
  const Json& run = json["runs"][1];
  EXPECT_EQ(keys(run),
            "model variant baseline status layers windows tokens metrics delta seconds "
            "tokens_per_second contract config_hash sweep linears bits_per_value error");
  EXPECT_TRUE(keys(run["metrics"])
                  .starts_with("nll nll_se ppl entropy kl top1 argmax_xent argmax_ppl "
                               "argmax_entropy"));
  EXPECT_TRUE(
      keys(run["delta"])
          .starts_with("nll nll_se nll_ci95 ppl ppl_ci95 ppl_percent entropy xent_percent"));
  EXPECT_EQ(
      keys(json["jobs"][0]),
      "model protocol data_sha256 tokenizer_sha256 token_ids_sha256 memory placement seconds");
  EXPECT_EQ(json["jobs"][0]["memory"].dump(),
            R"({"weights_bytes":1234567,"peak_bytes":{"cuda:0":7654321,"cuda:1":42},)"
            R"("estimated_bytes":8000000})");
  EXPECT_EQ(json["jobs"][0]["seconds"].dump(), R"({"load":0.25,"total":12.5})");
}

TEST(Results, RunsSayWhatTheDesignSays) {
  const Json json = to_json(test::make_results());
  const Json& baseline = json["runs"][0];
  EXPECT_EQ(baseline["layers"], 0);
  EXPECT_EQ(baseline["metrics"]["kl"].dump(), "0.0");
  EXPECT_EQ(baseline["metrics"]["top1"].dump(), "1.0");
  EXPECT_TRUE(baseline["delta"].is_null());
  EXPECT_TRUE(baseline["sweep"].is_null());
  EXPECT_TRUE(baseline["bits_per_value"].is_null());
  EXPECT_EQ(baseline["linears"].dump(), "{}");
  const Json& tier = json["runs"][1];
  EXPECT_EQ(tier["variant"], "D");
  EXPECT_EQ(tier["layers"], 14);
  EXPECT_EQ(tier["windows"], 12);
  EXPECT_EQ(tier["tokens"], 12 * 255);
  EXPECT_EQ(tier["tokens_per_second"], 12 * 255 / 2.5);
  EXPECT_EQ(tier["linears"]["model.layers.0.mlp.up_proj"].dump(),
            R"({"weight":"mxfp4_e2m1/32","activation":"mxfp4_e2m1/32"})");
  EXPECT_EQ(tier["delta"]["interval"], "t");
  // MLP weights 64 x 256 in FP4, attention 64 x 64 in FP6: three and four a block.
  const double mlp = 3.0 * 64 * 256;
  const double attention = 4.0 * 64 * 64;
  EXPECT_DOUBLE_EQ(tier["bits_per_value"].get<double>(),
                   (mlp * 4.25 + attention * 6.25) / (mlp + attention));
  EXPECT_EQ(json["runs"][4]["sweep"].dump(),
            R"({"over":"block","place":"model.layers.0","format":"mxint8"})");
}

TEST(Results, ExportImportExportIsTheSameBytes) {
  Results results = test::make_results();
  results.runs[2].status = RunStatus::kFailed;
  results.runs[2].error = "Out of memory: 5 bytes \"needed\", 3 free.\n";
  results.runs[2].metrics = {};
  results.runs[2].delta.reset();
  results.runs[2].tokens_per_second.reset();
  results.runs[3].delta->method = IntervalMethod::kBootstrap;
  results.runs[3].delta->draws = 10000;
  results.runs[3].delta->seed = -4;
  results.runs[4].variant = "Ünïcode, \"quoted\"";
  const std::string text = to_json_text(results);
  Issues issues;
  const Results again = results_from_json(text, issues);
  EXPECT_EQ(format_issues(issues), "");
  EXPECT_EQ(to_json_text(again), text);
  results.windows.clear();
  EXPECT_EQ(again, results);
}

TEST(Results, EveryDoubleComesBackTheSame) {
  std::mt19937_64 random(11);
  Results results = test::make_results();
  for (int i = 0; i < 2000; ++i) {
    double value = 0;
    do {
      value = std::bit_cast<double>(random());
    } while (!std::isfinite(value));
    results.runs[0].metrics.nll = value;
    Issues issues;
    EXPECT_EQ(run_from_json(Json::parse(to_json(results.runs[0]).dump()), "", issues).metrics.nll,
              value);
  }
}

TEST(Results, NumbersThatDoNotExistAreNull) {
  Results results = test::make_results();
  results.runs[1].metrics.ppl = std::numeric_limits<double>::infinity();
  results.runs[1].metrics.nll.reset();
  results.runs[1].delta->ppl_ci95 = Interval{0, std::numeric_limits<double>::quiet_NaN()};
  const Json run = to_json(results)["runs"][1];
  EXPECT_TRUE(run["metrics"]["ppl"].is_null());
  EXPECT_TRUE(run["metrics"]["nll"].is_null());
  EXPECT_TRUE(run["delta"]["ppl_ci95"][1].is_null());
}

TEST(Results, UnderSelfConfidenceNllIsNullAndPositionsAreCounted) {
  WindowSums sums;
  sums.weight = 0;
  sums.argmax_positions = 512;
  sums.argmax_xent_sum = 700;
  sums.argmax_entropy_sum = 900;
  mxscope::Run run;
  const std::vector<WindowSums> windows = {sums, sums, sums};
  compute_run(run, windows, &windows);
  EXPECT_EQ(run.tokens, 3 * 512);
  EXPECT_FALSE(run.metrics.nll || run.metrics.ppl || run.delta->nll);
  EXPECT_DOUBLE_EQ(run.metrics.argmax_xent.value(), 700.0 / 512);
  EXPECT_EQ(run.delta->argmax_xent, 0.0);
}

TEST(Results, MistakesAreNamedAndTheRestIsKept) {
  Json json = to_json(test::make_results());
  json["version"] = 2;
  json["runs"][0].erase("layers");
  json["runs"][1]["windows"] = -3;
  json["runs"][1]["metrics"]["nll"] = "many";
  json["runs"][2]["status"] = "finished";
  json["runs"][3]["delta"]["nll_ci95"] = Json::array({1});
  json["runs"][3]["later_addition"] = 1;
  json["jobs"][0]["memory"]["peak_bytes"]["cuda:0"] = 0.5;
  Issues issues;
  const Results results = results_from_json(json.dump(), issues);
  EXPECT_EQ(format_issues(issues),
            "version: Expected 1, found the number 2.\n"
            "runs[0].layers: This key is required and missing.\n"
            "runs[1].windows: Must be at least 0, not -3.\n"
            "runs[1].metrics.nll: Expected a number, found the text 'many'.\n"
            "runs[2].status: Unknown status 'finished'. Accepted: done, cancelled or failed.\n"
            "runs[3].delta.nll_ci95: Expected two numbers, found a list.\n"
            "jobs[0].memory.peak_bytes.cuda:0: Expected a whole number, found the number 0.5.\n");
  EXPECT_EQ(results.runs.size(), 6U);
  EXPECT_EQ(results.runs[1].variant, "D");
}

TEST(Results, HostileTextNeverThrows) {
  const std::string text = to_json_text(test::make_results());
  std::mt19937 random(17);
  for (int i = 0; i < 300; ++i) {
    std::string changed = text;
    for (int k = 0; k < 3; ++k) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    Issues issues;
    EXPECT_NO_THROW(static_cast<void>(results_from_json(changed, issues)));
    EXPECT_NO_THROW(
        static_cast<void>(results_from_json(text.substr(0, random() % text.size()), issues)));
  }
  for (const char* odd : {"", "null", "3", "[]", "{}", R"({"runs":3,"jobs":[3,null,{}]})"}) {
    Issues issues;
    EXPECT_NO_THROW(static_cast<void>(results_from_json(odd, issues)));
    EXPECT_TRUE(has_errors(issues)) << odd;
  }
}

TEST(ConfigHash, IsSha256OfCanonicalJson) {
  const Json a = Json::parse(R"({"b":[1,{"z":null,"a":0.5}],"a":"x"})");
  const Json b = Json::parse(R"({"a":"x","b":[1,{"a":0.5,"z":null}]})");
  EXPECT_EQ(canonical_json(a), R"({"a":"x","b":[1,{"a":0.5,"z":null}]})");
  EXPECT_EQ(canonical_json(a), canonical_json(b));
  RunIdentity identity;
  identity.model_fingerprint = "m";
  identity.dtype = "float32";
  identity.protocol = a;
  identity.contract = Json::object();
  identity.data_sha256 = "d";
  identity.token_ids_sha256 = "t";
  // sha256sum of
  // {"contract":{},"data_sha256":"d","dtype":"float32","model":"m","protocol":{"a":"x",
  // "b":[1,{"a":0.5,"z":null}]},"token_ids_sha256":"t"} on one line.
  EXPECT_EQ(config_hash(identity),
            "389687cd261702d2f5be2dfa78589cc688ba4ca696a4d85d06fe6860e15d42d3");
  identity.protocol = b;
  const std::string same = config_hash(identity);
  EXPECT_EQ(same, "389687cd261702d2f5be2dfa78589cc688ba4ca696a4d85d06fe6860e15d42d3");
  identity.dtype = "bfloat16";
  EXPECT_NE(config_hash(identity), same);
  // Every length around the block of 64 bytes pads differently; equal hashes would be a slip.
  std::set<std::string> hashes;
  for (int length = 0; length < 130; ++length) {
    identity.dtype = std::string(static_cast<std::size_t>(length), 'x');
    hashes.insert(config_hash(identity));
  }
  EXPECT_EQ(hashes.size(), 130U);
}

}  // namespace
}  // namespace mxscope
