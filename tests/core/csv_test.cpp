// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <clocale>
#include <limits>
#include <string>
#include <vector>

#include "core/results_support.h"
#include "mxscope/core/results/export.h"

namespace mxscope {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find("\r\n", at);
    EXPECT_NE(end, std::string::npos) << "every line ends with CR LF";
    lines.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  return lines;
}

std::size_t commas(const std::string& line) {
  std::size_t count = 0;
  bool quoted = false;
  for (const char c : line) {
    quoted = quoted != (c == '"');
    count += c == ',' && !quoted ? 1U : 0U;
  }
  return count;
}

TEST(Csv, WindowsFileHasTheHeaderOfTheDesign) {
  const Results results = test::make_results();
  const auto lines = lines_of(windows_csv(results.windows));
  EXPECT_EQ(lines[0],
            "model,variant,window,tokens,nll_sum_nats,entropy_sum_nats,kl_sum_nats,top1_count,"
            "argmax_positions,argmax_xent_sum_nats,argmax_entropy_sum_nats");
  EXPECT_EQ(lines.size(), 1 + 6 * 12U);
  EXPECT_TRUE(lines[1].starts_with("llama,baseline,0,255,")) << lines[1];
}

TEST(Csv, WindowsComeBackBitForBit) {
  Results results = test::make_results();
  results.windows[2].variant = "odd, \"name\"\r\nwith lines";
  results.windows[3].windows[4].tokens = 0;
  results.windows[3].windows[4].weight = 0;
  results.windows[3].windows[4].nll_sum = 0;
  results.windows[3].windows[4].entropy_sum = 0;
  results.windows[3].windows[4].kl_sum = 0;
  const std::string text = windows_csv(results.windows);
  Issues issues;
  const auto again = windows_from_csv(text, issues);
  EXPECT_TRUE(issues.empty());
  EXPECT_EQ(windows_csv(again), text);
  ASSERT_EQ(again.size(), results.windows.size());
  EXPECT_EQ(again[2].variant, results.windows[2].variant);
  EXPECT_EQ(again[1].windows[3].nll_sum, results.windows[1].windows[3].nll_sum);
  EXPECT_EQ(again[3].windows[4].weight, 0);
}

TEST(Csv, NumbersThatDoNotExistAreEmpty) {
  WindowSums sums;
  sums.weight = 0;
  sums.argmax_positions = 512;
  sums.argmax_xent_sum = 0.1;
  const std::vector<RunWindows> runs = {{"m", "v", {7}, {sums}}};
  EXPECT_EQ(lines_of(windows_csv(runs))[1], "m,v,7,0,,,,0,512,0.10000000000000001,0");
}

TEST(Csv, MalformedRowsAreNamedByTheirLine) {
  const std::string header = lines_of(windows_csv({}))[0];
  Issues issues;
  const auto runs = windows_from_csv(
      header +
          "\r\nm,v,0,1,1,1,1,1,1,1,1\r\nm,v,0\nm,v,x,1,1,1,1,1,1,1,1\n\"m\",v,1,-1,1,1,1,1,1,1,1",
      issues);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].windows.size(), 1U);
  ASSERT_EQ(issues.size(), 3U);
  EXPECT_EQ(issues[0].path, "line 3");
  EXPECT_EQ(issues[0].message, "Expected 11 fields, found 3.");
  EXPECT_EQ(issues[1].path, "line 4");
  EXPECT_EQ(issues[2].path, "line 5");
  issues.clear();
  EXPECT_TRUE(windows_from_csv("a,b\n1,2\n", issues).empty());
  EXPECT_EQ(issues.at(0).path, "line 1");
  issues.clear();
  EXPECT_TRUE(windows_from_csv("", issues).empty());
  EXPECT_EQ(issues.size(), 1U);
}

TEST(Csv, ResultsHaveOneRowPerRunWithUnitsInTheHeader) {
  Results results = test::make_results();
  results.runs[1].variant = "with, comma";
  const auto lines = lines_of(results_csv(results));
  ASSERT_EQ(lines.size(), 1 + results.runs.size());
  EXPECT_TRUE(
      lines[0].starts_with("model,variant,baseline,status,layers,windows,tokens,nll_nats,"));
  for (const std::string& line : lines) {
    EXPECT_EQ(commas(line), commas(lines[0])) << line;
  }
  EXPECT_TRUE(lines[1].starts_with("llama,baseline,true,done,0,12,3060,")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("llama,\"with, comma\",false,done,14,12,3060,")) << lines[2];
  EXPECT_NE(lines[2].find(",t,"), std::string::npos);
  EXPECT_NE(lines[5].find(",block,model.layers.0,mxint8,"), std::string::npos);
}

TEST(Csv, LongFormHasOneRowPerWindowAndMetric) {
  const Results results = test::make_results();
  const auto lines = lines_of(long_csv(results));
  EXPECT_EQ(lines[0], "model,variant,config_hash,window,tokens,metric,unit,value");
  EXPECT_EQ(lines.size(), 1 + 12 * (6 * 6U + 5U));
}

TEST(Csv, DoesNotDependOnTheLocale) {
  const Results results = test::make_results();
  const std::string before = results_csv(results) + windows_csv(results.windows) +
                             long_csv(results) + markdown_table(results) + terminal_table(results);
  const std::string old = std::setlocale(LC_ALL, nullptr);
  // Where no locale with a decimal comma is installed, the test still checks the rest.
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C"}) {
    if (std::setlocale(LC_ALL, name) != nullptr) {
      break;
    }
  }
  const std::string after = results_csv(results) + windows_csv(results.windows) +
                            long_csv(results) + markdown_table(results) + terminal_table(results);
  std::setlocale(LC_ALL, old.c_str());
  EXPECT_EQ(after, before);
}

TEST(Csv, SeventeenDigitsTellAnyTwoDoublesApart) {
  EXPECT_EQ(format_csv_number(0.1), "0.10000000000000001");
  EXPECT_EQ(format_csv_number(3.0), "3");
  EXPECT_EQ(format_csv_number(-1e-300), "-1e-300");
  EXPECT_EQ(format_csv_number(std::nullopt), "");
  EXPECT_EQ(format_csv_number(std::numeric_limits<double>::infinity()), "");
}

}  // namespace
}  // namespace mxscope
