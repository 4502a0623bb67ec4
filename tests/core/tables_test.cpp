// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/results_support.h"
#include "mxscope/core/results/export.h"

namespace mxscope {
namespace {

TEST(Tables, NumbersCarryTheDigitsThatTheirErrorAllows) {
  EXPECT_EQ(format_with_error(1.6588, 0.0701, true), "+1.659 ± 0.070");
  EXPECT_EQ(format_with_error(-0.00012345, 0.0000321), "-0.000123 ± 0.000032");
  EXPECT_EQ(format_with_error(118.77566, 12.3), "119 ± 12");
  EXPECT_EQ(format_with_error(1.0, 0.0999), "1.00 ± 0.10");
  EXPECT_EQ(format_with_error(118.775663, std::nullopt), "118.776");
  EXPECT_EQ(format_with_error(0.0, 0.0, true), "0");
  EXPECT_EQ(format_with_error(-0.00001, 0.5, true), "0.00 ± 0.50");
  EXPECT_EQ(format_with_error(std::nan(""), 0.5), "—");
}

TEST(Tables, TheTerminalTableSaysWhatMatters) {
  const Results results = test::make_results();
  const std::string table = terminal_table(results);
  const std::string expected =
      "llama  ·  windows, context 256, stride 256, 12 windows, 3,060 tokens\n"
      "variant                   layers  bits      ppl     Δ ppl    95 % interval        KL  same "
      "top-1  tok/s\n"
      "baseline                       0     —  21.7530         —                —         0    "
      "100.00 %  1,224\n"
      "D                             14  4.75  22.4431  +3.173 %    +3.11 … +3.23    0.0100     "
      "90.20 %  1,224\n"
      "fp4 mxfp4_e2m1/16 †            6  4.50  23.6423   +8.69 %    +8.52 … +8.85    0.0267     "
      "90.20 %  1,224\n"
      "fp4 mxfp4_e2m1/32              6  4.25  22.9153   +5.34 %    +5.24 … +5.45    0.0167     "
      "90.20 %  1,224\n"
      "model.layers.0 mxint8/32       7  8.25  21.7534  +0.002 %  +0.002 … +0.002  6.67e-06     "
      "90.20 %  1,224\n"
      "model.layers.1 mxint8/32       7  8.25  21.7552  +0.010 %  +0.010 … +0.011  3.33e-05     "
      "90.20 %  1,224\n"
      "Intervals of Δ ppl (percent): paired over 12 windows, Student's t.\n"
      "† fp4 mxfp4_e2m1/16 does worse than fp4 mxfp4_e2m1/32: with scale floor a smaller block can "
      "saturate more often.\n";
  EXPECT_EQ(table, expected);
}

TEST(Tables, ColourOnlyRepeatsTheText) {
  const Results results = test::make_results();
  TableOptions options;
  options.colour = true;
  std::string coloured = terminal_table(results, options);
  EXPECT_NE(coloured.find("\x1b[31m"), std::string::npos);
  std::size_t at = 0;
  while ((at = coloured.find("\x1b[")) != std::string::npos) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  EXPECT_EQ(coloured, terminal_table(results));
}

TEST(Tables, NarrowTerminalsLoseTheLeastImportantColumns) {
  TableOptions options;
  options.width = 60;
  const std::string table = terminal_table(test::make_results(), options);
  EXPECT_EQ(table.find("tok/s"), std::string::npos);
  EXPECT_EQ(table.find("same top-1"), std::string::npos);
  EXPECT_NE(table.find("Δ ppl"), std::string::npos);
}

TEST(Tables, NamesCannotCommandTheTerminal) {
  Results results = test::make_results();
  results.runs[1].variant = "a\x1b[2Jb\nc\xc2\x9bz";
  results.runs[2].status = RunStatus::kFailed;
  results.runs[2].error = "line\nbreak";
  const std::string table = terminal_table(results);
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_NE(table.find("a?[2Jb?c?z"), std::string::npos);
  EXPECT_NE(table.find("(failed)"), std::string::npos);
  EXPECT_NE(table.find("line?break"), std::string::npos);
}

TEST(Tables, MarkdownCarriesProtocolHashesAndContracts) {
  Results results = test::make_results();
  results.runs[1].variant = "D | pipe";
  const std::string table = markdown_table(results);
  EXPECT_NE(table.find("| llama | baseline | 0 | — |"), std::string::npos) << table;
  EXPECT_NE(table.find("D \\| pipe"), std::string::npos);
  EXPECT_NE(table.find("**llama**: protocol windows, context 256, stride 256, 12 windows, 3,060 "
                       "tokens; data dddddddddddd, tokenizer eeeeeeeeeeee, tokens ffffffffffff; "
                       "95 % interval: paired over 12 windows, Student's t."),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("weight mxfp4\\_e2m1, block 16, scale floor, rounding even"),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("does worse than"), std::string::npos);
}

TEST(Tables, SelfConfidenceIsNeverCalledPerplexity) {
  Results results = test::make_results();
  for (mxscope::Run& run : results.runs) {
    run.metrics.nll.reset();
    run.metrics.ppl.reset();
  }
  EXPECT_NE(terminal_table(results).find("self-confidence ppl"), std::string::npos);
  EXPECT_NE(markdown_table(results).find("self-confidence PPL"), std::string::npos);
}

TEST(Tables, OfNothingAreEmpty) {
  EXPECT_EQ(terminal_table({}), "");
  EXPECT_NE(markdown_table({}), "");
}

}  // namespace
}  // namespace mxscope
