// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/results/compare.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/results_support.h"
#include "mxscope/core/base/error.h"

namespace mxscope {
namespace {

TEST(Compare, RunsOfOneFolderKeepTheirDeltas) {
  const std::vector<NamedResults> results = {{"a", test::make_results()}};
  const Comparison comparison = compare_results(results, "");
  EXPECT_EQ(comparison.reference, "a: llama / baseline");
  ASSERT_EQ(comparison.runs.size(), 6U);
  EXPECT_TRUE(comparison.runs[0].reference);
  for (std::size_t i = 1; i < 6; ++i) {
    EXPECT_TRUE(comparison.runs[i].reasons.empty());
    EXPECT_EQ(comparison.runs[i].delta, results[0].results.runs[i].delta);
  }
}

TEST(Compare, AnotherReferenceIsPairedOverWindows) {
  const std::vector<NamedResults> results = {{"a", test::make_results()}};
  const Comparison comparison = compare_results(results, "fp4 mxfp4_e2m1/32");
  EXPECT_TRUE(comparison.runs[3].reference);
  ASSERT_TRUE(comparison.runs[0].delta);
  const Delta& there = *comparison.runs[0].delta;
  const Delta& back = *results[0].results.runs[3].delta;
  EXPECT_DOUBLE_EQ(*there.nll, -*back.nll);
  EXPECT_DOUBLE_EQ(*there.nll_se, *back.nll_se);
}

TEST(Compare, AcrossFoldersNeedsTheSameTokens) {
  Results other = test::make_results("llama", 2);
  const std::vector<NamedResults> results = {{"a", test::make_results()}, {"b", other}};
  const Comparison same = compare_results(results, "");
  ASSERT_EQ(same.runs.size(), 12U);
  EXPECT_EQ(same.runs[6].delta->nll, 0.0);
  EXPECT_GT(*same.runs[7].delta->nll, *same.runs[1].delta->nll);

  std::vector<NamedResults> changed = results;
  changed[1].results.jobs[0].protocol["context"] = 512;
  changed[1].results.jobs[0].tokenizer_sha256 = "x";
  const Comparison different = compare_results(changed, "");
  EXPECT_FALSE(different.runs[7].delta);
  EXPECT_EQ(different.runs[7].reasons,
            (std::vector<std::string>{"context 512 instead of 256", "other tokenizer"}));
  const std::string table = comparison_table(different);
  EXPECT_NE(table.find("≠ context 512 instead of 256"), std::string::npos) << table;
  EXPECT_EQ(to_json(different)["runs"][7]["delta"].dump(), "null");

  changed = results;
  changed[1].results.jobs[0].data_sha256 = "x";
  EXPECT_EQ(compare_results(changed, "").runs[7].reasons, std::vector<std::string>{"other data"});
  changed = results;
  changed[1].results.jobs[0].token_ids_sha256 = "x";
  EXPECT_EQ(compare_results(changed, "").runs[7].reasons, std::vector<std::string>{"other tokens"});
  changed = results;
  changed[1].results.jobs[0].protocol["name"] = "sliding";
  EXPECT_EQ(compare_results(changed, "").runs[7].reasons,
            std::vector<std::string>{"protocol sliding instead of windows"});
}

TEST(Compare, APartOfTheWindowsIsNotSubtracted) {
  std::vector<NamedResults> results = {{"a", test::make_results()}};
  results[0].results.windows[1].windows.pop_back();
  results[0].results.windows[1].indices.pop_back();
  const Comparison comparison = compare_results(results, "");
  EXPECT_EQ(comparison.runs[1].reasons, std::vector<std::string>{"11 windows instead of 12"});
  results[0].results.windows.clear();
  EXPECT_TRUE(compare_results(results, "").runs[1].delta);
  EXPECT_EQ(compare_results(results, "D").runs[2].reasons,
            std::vector<std::string>{"no sums per window"});
}

TEST(Compare, TheReferenceMustBeOneRun) {
  const std::vector<NamedResults> results = {{"a", test::make_results()},
                                             {"b", test::make_results()}};
  try {
    static_cast<void>(compare_results(results, "no such"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_TRUE(std::string(error.what()).starts_with("No run is called 'no such'. There are: "));
  }
  try {
    static_cast<void>(compare_results(results, "D"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidInput);
    EXPECT_STREQ(error.what(),
                 "'D' names 2 runs, a: llama / D and b: llama / D among them; write "
                 "'folder:model/variant'.");
  }
  EXPECT_EQ(compare_results(results, "b:llama/D").reference, "b: llama / D");
}

}  // namespace
}  // namespace mxscope
