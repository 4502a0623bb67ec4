// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/engine/engine.h"

// Runs on the demo's model and text. What these tests hold: figures of a window do not depend on
// how the work was cut, shared, stopped or resumed.
namespace mxscope::engine {
namespace {

namespace fs = std::filesystem;

const fs::path kDemo = fs::path(MXSCOPE_SOURCE_DIR) / "resources" / "demo";

class EngineRun : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / (std::string("mxscope_run_") + info->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Experiment experiment(const std::string& variants, int windows = 14,
                               const std::string& more = "") {
    const std::string text = R"({"format": "mxscope-experiment", "version": 1,
      "models": [{"name": "demo", "source": "model", "dtype": "float32"}],
      "data": {"source": "text/heldout.txt"},
      "protocol": {"name": "windows", "context": 64, "max_windows": )" +
                             std::to_string(windows) + R"(},
      "devices": ["cpu"], "compute": {"batch": 2, "threads": 2},
      "variants": [)" + variants +
                             "]" + more + "}";
    Issues issues;
    Experiment parsed = experiment_from_json(text, issues);
    for (const Issue& issue : issues) {
      ADD_FAILURE() << issue.path << ": " << issue.message;
    }
    return parsed;
  }

  Results run(const Experiment& experiment, RunOptions options = {},
              const std::string& name = "a") {
    options.output = folder_ / name;
    options.base_dir = kDemo;
    JobControl control;
    return run_experiment(
        experiment, options, [](const Event&) {}, control);
  }

  static const RunWindows& windows(const Results& results, std::string_view variant) {
    for (const RunWindows& run : results.windows) {
      if (run.variant == variant) {
        return run;
      }
    }
    throw std::runtime_error("no windows of " + std::string(variant));
  }

  static void expect_same_bits(const Results& a, const Results& b, const std::string& variant) {
    const RunWindows& x = windows(a, variant);
    const RunWindows& y = windows(b, variant);
    EXPECT_EQ(x.indices, y.indices) << variant;
    ASSERT_EQ(x.windows.size(), y.windows.size()) << variant;
    for (std::size_t i = 0; i < x.windows.size(); ++i) {
      EXPECT_TRUE(x.windows[i] == y.windows[i]) << variant << " window " << i;
    }
  }

  fs::path folder_;
};

const std::string kTierB = R"({"name": "B", "tier": "B", "format": "mxfp8_e4m3", "block": 32})";
const std::string kFp4 = R"({"name": "fp4", "rules": [{"match": ["@all"],
    "weight": "mxfp4_e2m1", "activation": "mxfp4_e2m1", "output": "mxfp8_e4m3"}]})";
const std::string kOneBlock = R"({"name": "one", "rules": [{"match": ["re:layers\\.1\\."],
    "weight": "mxint8", "activation": "none"}]})";
const std::string kAll = kTierB + "," + kFp4 + "," + kOneBlock;

TEST_F(EngineRun, PanelSizeDoesNotChangeAWindow) {
  RunOptions small;
  small.panel_windows = 2;
  RunOptions large;
  large.panel_windows = 14;
  const Results a = run(experiment(kAll), small, "small");
  const Results b = run(experiment(kAll), large, "large");
  for (const char* variant : {"baseline", "B", "fp4", "one"}) {
    expect_same_bits(a, b, variant);
  }
}

TEST_F(EngineRun, NumberOfThreadsDoesNotChangeAWindow) {
  Experiment one = experiment(kAll);
  one.compute.threads = 1;
  Experiment five = experiment(kAll);
  five.compute.threads = 5;
  const Results a = run(one, {}, "one");
  const Results b = run(five, {}, "five");
  for (const char* variant : {"baseline", "B", "fp4", "one"}) {
    expect_same_bits(a, b, variant);
  }
}

TEST_F(EngineRun, SharingOfStatesAndOtherVariantsDoNotChangeAWindow) {
  RunOptions alone;
  alone.share_states = false;
  const Results shared = run(experiment(kAll), {}, "shared");
  const Results unshared = run(experiment(kAll), alone, "unshared");
  const Results single = run(experiment(kOneBlock), {}, "single");
  for (const char* variant : {"baseline", "B", "fp4", "one"}) {
    expect_same_bits(shared, unshared, variant);
  }
  expect_same_bits(shared, single, "baseline");
  expect_same_bits(shared, single, "one");
}

TEST_F(EngineRun, RulesThatChangeNothingGiveTheBaselineExactly) {
  const std::string nothing =
      R"({"name": "unmatched", "rules": [{"match": ["no_such_linear"], "weight": "mxfp4_e2m1"}]},
         {"name": "none", "rules": [{"match": ["@all"], "weight": "none", "activation": "none"}]})";
  for (const bool share : {true, false}) {
    RunOptions options;
    options.share_states = share;
    const Results results = run(experiment(nothing), options, share ? "shared" : "alone");
    for (const char* name : {"unmatched", "none"}) {
      const mxscope::Run* r = results.find("demo", name);
      ASSERT_NE(r, nullptr);
      EXPECT_EQ(r->layers, 0);
      EXPECT_EQ(*r->metrics.kl, 0.0);
      EXPECT_EQ(*r->metrics.top1, 1.0);
      ASSERT_TRUE(r->delta);
      EXPECT_EQ(*r->delta->nll, 0.0);
      EXPECT_EQ(*r->delta->ppl, 0.0);
      EXPECT_EQ(*r->delta->entropy, 0.0);
    }
  }
}

TEST_F(EngineRun, InterruptedAndResumedRunEqualsAnUninterruptedOne) {
  const Experiment all = experiment(kAll);
  const Results whole = run(all, {}, "whole");

  RunOptions options;
  options.output = folder_ / "parts";
  options.base_dir = kDemo;
  options.panel_windows = 4;
  JobControl control;
  int panels = 0;
  const Results part = run_experiment(
      all, options,
      [&](const Event& event) {
        if (std::holds_alternative<WindowsEvent>(event.body) && ++panels == 2) {
          control.cancel();
        }
      },
      control);
  EXPECT_EQ(part.runs.front().status, RunStatus::kCancelled);
  const std::size_t before = windows(part, "fp4").windows.size();
  EXPECT_GE(before, 8U);
  EXPECT_LT(before, 14U);

  options.resume = true;
  options.panel_windows = 6;
  JobControl again;
  std::set<std::int64_t> computed;
  const Results resumed = run_experiment(
      all, options,
      [&](const Event& event) {
        if (const auto* panel = std::get_if<WindowsEvent>(&event.body)) {
          for (const IndexedSums& w : panel->variants.front().windows) {
            computed.insert(w.window);
          }
        }
      },
      again);
  EXPECT_EQ(computed.size(), 14 - before);
  for (const char* variant : {"baseline", "B", "fp4", "one"}) {
    expect_same_bits(whole, resumed, variant);
  }
  EXPECT_EQ(whole.find("demo", "fp4")->metrics.kl_p99, resumed.find("demo", "fp4")->metrics.kl_p99);
}

TEST_F(EngineRun, PausedRunWaitsAndGoesOn) {
  const Experiment all = experiment(kAll);
  RunOptions options;
  options.output = folder_ / "paused";
  options.base_dir = kDemo;
  options.panel_windows = 2;
  JobControl control;
  std::jthread resumer;
  bool once = false;
  const Results paused = run_experiment(
      all, options,
      [&](const Event& event) {
        if (std::holds_alternative<WindowsEvent>(event.body) && !std::exchange(once, true)) {
          control.pause();
          resumer = std::jthread([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            control.resume();
          });
        }
      },
      control);
  const Results whole = run(all, {}, "whole");
  expect_same_bits(whole, paused, "fp4");
}

TEST_F(EngineRun, EventsTellTheWholeStory) {
  RunOptions options;
  options.output = folder_ / "events";
  options.base_dir = kDemo;
  options.job_id = "job-1";
  JobControl control;
  std::vector<std::string> types;
  std::int64_t last_done = 0;
  std::int64_t last_total = -1;
  std::int64_t windows_seen = 0;
  std::mutex mutex;
  const Results results = run_experiment(
      experiment(kTierB), options,
      [&](const Event& event) {
        const std::lock_guard lock(mutex);
        EXPECT_EQ(event.job, "job-1");
        types.emplace_back(type_name(event));
        if (const auto* progress = std::get_if<ProgressEvent>(&event.body)) {
          last_done = progress->done;
          last_total = progress->total;
        }
        if (const auto* panel = std::get_if<WindowsEvent>(&event.body)) {
          EXPECT_EQ(panel->variants.size(), 2U);
          windows_seen += static_cast<std::int64_t>(panel->variants.front().windows.size());
        }
      },
      control);
  EXPECT_EQ(windows_seen, 14);
  EXPECT_EQ(last_done, last_total);
  EXPECT_EQ(types.back(), "done");
  for (const char* type : {"loading", "started", "progress", "windows", "result", "done"}) {
    EXPECT_NE(std::find(types.begin(), types.end(), type), types.end()) << type;
  }
  for (const char* file : {"results.json", "results.csv", "windows.csv", "store.sqlite"}) {
    EXPECT_TRUE(fs::exists(options.output / file)) << file;
  }
}

TEST_F(EngineRun, DocumentsOfUnequalLengthGiveTheSameFiguresInAnyMicroBatch) {
  const auto documents = [&](int batch) {
    Experiment e = experiment(kTierB);
    e.data.rows = SampleRows::kLines;
    e.protocol.name = ProtocolKind::kDocuments;
    e.protocol.max_windows = 9;
    e.compute.batch = batch;
    return e;
  };
  const Results one = run(documents(1), {}, "one");
  const Results four = run(documents(4), {}, "four");
  const RunWindows& a = windows(one, "baseline");
  const RunWindows& b = windows(four, "baseline");
  ASSERT_EQ(a.windows.size(), 9U);
  for (std::size_t i = 0; i < a.windows.size(); ++i) {
    // Another number of rows may order a product's sum otherwise, no more.
    EXPECT_NEAR(a.windows[i].nll_sum, b.windows[i].nll_sum, 1e-4 * a.windows[i].tokens);
    EXPECT_EQ(a.windows[i].tokens, b.windows[i].tokens);
  }
}

TEST_F(EngineRun, APanelThatDoesNotFitIsHalvedAndGivesTheSameBits) {
  RunOptions options;
  options.panel_windows = 14;
  const Results a = run(experiment(kAll), options, "fits");
  options.out_of_memory_panels = 1;
  const Results b = run(experiment(kAll), options, "halved");
  for (const char* variant : {"baseline", "B", "fp4", "one"}) {
    expect_same_bits(a, b, variant);
  }
  EXPECT_EQ(b.runs.front().contract.at("numerics").at("batch"), 2);
  EXPECT_FALSE(b.runs.front().contract.at("numerics").contains("batch_reduced_from"));
}

TEST_F(EngineRun, AMicroBatchThatDoesNotFitIsHalvedAndTheResultSaysSo) {
  RunOptions options;
  options.panel_windows = 2;
  const Results a = run(experiment(kAll), options, "fits");
  options.out_of_memory_panels = 1;
  options.output = folder_ / "halved";
  options.base_dir = kDemo;
  JobControl control;
  std::vector<std::string> warnings;
  const Results b = run_experiment(
      experiment(kAll), options,
      [&](const Event& event) {
        if (const auto* message = std::get_if<MessageEvent>(&event.body)) {
          warnings.push_back(message->code + ": " + message->text);
        }
      },
      control);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("out-of-memory: cpu is out of memory"), std::string::npos)
      << warnings[0];
  EXPECT_NE(warnings[0].find("micro-batches of 1 windows"), std::string::npos) << warnings[0];
  for (std::size_t r = 0; r < b.runs.size(); ++r) {
    EXPECT_EQ(b.runs[r].contract.at("numerics").at("batch"), 1);
    EXPECT_EQ(b.runs[r].contract.at("numerics").at("batch_reduced_from"), 2);
    // Another shape of the products may sum in another order: float32's rounding without
    // quantised activations, and what NUMERICS 7 names as its effect on roundings with them.
    EXPECT_NEAR(*b.runs[r].metrics.nll, *a.runs[r].metrics.nll, r == 0 ? 1e-6 : 4e-4);
  }
}

TEST_F(EngineRun, WhenNothingFitsTheErrorSaysWhatIsNeededAndFree) {
  RunOptions options;
  options.out_of_memory_panels = 1000;
  try {
    (void)run(experiment(kTierB), options);
    FAIL() << "was not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kOutOfMemory);
    const std::string text = e.what();
    EXPECT_NE(text.find("the job needs about "), std::string::npos) << text;
    EXPECT_NE(text.find(" GiB on a device, free are "), std::string::npos) << text;
    EXPECT_NE(text.find("on cpu"), std::string::npos) << text;
  }
}

TEST_F(EngineRun, PlacementsThatNeedGpusAreRefusedWithoutThem) {
  for (const PlacementMode placement : {PlacementMode::kSplit, PlacementMode::kStream}) {
    Experiment e = experiment(kTierB);
    e.compute.placement = placement;
    try {
      (void)run(e);
      FAIL() << "was not refused";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(std::string(to_string(placement)) + "' needs"),
                std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace mxscope::engine
