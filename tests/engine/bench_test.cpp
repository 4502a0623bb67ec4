// SPDX-License-Identifier: Apache-2.0
#include "mxscope/engine/bench.h"

#include <gtest/gtest.h>

#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::engine {
namespace {

BenchRequest small(const std::filesystem::path& model) {
  BenchRequest request;
  request.model = model;
  request.device = "cpu";
  request.context = 16;
  request.batch = 2;
  request.steps = 2;
  request.panels = 3;
  Issues issues;
  request.variants = experiment_from_json(
      R"({"format": "mxscope-experiment", "version": 1, "models": [{"source": "model"}],
          "data": {"source": "text"},
          "variants": [{"name": "fp4", "rules": [{"match": ["@all"], "weight": "mxfp4_e2m1",
                                                  "activation": "mxfp4_e2m1"}]}]})",
      issues);
  EXPECT_FALSE(has_errors(issues));
  return request;
}

const std::filesystem::path kModel = std::filesystem::path(MXSCOPE_TEST_DATA) / "models" / "llama3";

void expect_report(const BenchReport& report) {
  ASSERT_EQ(report.steps.size(), 2U);
  EXPECT_EQ(report.steps[0].name, "baseline");
  EXPECT_EQ(report.steps[1].name, "fp4");
  EXPECT_GT(report.steps[0].step.least, 0);
  EXPECT_LE(report.steps[0].step.least, report.steps[0].step.median);
  EXPECT_LE(report.steps[0].step.median, report.steps[0].step.most);
  EXPECT_DOUBLE_EQ(report.steps[0].of_baseline, 1);
  EXPECT_NEAR(report.steps[0].of_products, report.steps[0].step.median / report.products.median,
              1e-12);
  EXPECT_NEAR(report.steps[0].tokens_per_second, 32 / (report.steps[0].step.median / 1e3), 1e-6);
  // One operand, and the statistics of baseline and variant.
  ASSERT_EQ(report.kernels.size(), 3U);
  for (const BenchReport::Kernel& kernel : report.kernels) {
    EXPECT_GT(kernel.bytes_per_second, 0) << kernel.name;
    EXPECT_NEAR(kernel.of_copy, kernel.bytes_per_second / report.copy_bytes_per_second, 1e-12);
  }
}

TEST(Bench, TimesACheckpoint) {
  std::vector<std::string> told;
  const BenchReport report = run_bench(small(kModel), [&](const std::string& what) {
    told.push_back(what);
    return true;
  });
  expect_report(report);
  EXPECT_TRUE(report.load_bytes_per_second.has_value());
  EXPECT_EQ(told.front(), "reading weights");
}

TEST(Bench, TimesAShapeWithoutWeights) {
  const BenchReport report = run_bench(small(kModel / "config.json"), {});
  expect_report(report);
  EXPECT_FALSE(report.load_bytes_per_second.has_value());
}

TEST(Bench, StopsWhenToldSo) {
  try {
    (void)run_bench(small(kModel), [](const std::string&) { return false; });
    FAIL() << "was not cancelled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCancelled);
  }
}

TEST(Bench, RefusesAContextLongerThanTheModels) {
  BenchRequest request = small(kModel);
  request.context = 1 << 20;
  try {
    (void)run_bench(request, {});
    FAIL() << "was not refused";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("context is 1048576"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace mxscope::engine
