// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "data/expect_error.h"
#include "data/temporary_folder.h"
#include "store/sample_record.h"

namespace mxscope::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace test;

constexpr OpenMode kWrite = OpenMode::kReadWrite;

TEST(Store, KeepsWhatAJobWrites) {
  const TemporaryFolder folder;
  JobHandle job;
  {
    Store store = Store::open(folder.path(), kWrite);
    const std::int64_t experiment =
        store.add_experiment("tiers", "{\"a\": 1}", "{\"host\": \"x\"}");
    job = store.begin_job(experiment, sample_job(), two_runs(), false);
    EXPECT_FALSE(job.resumed);
    RunPanel panel = sample_panel(job.runs[1], 0, 3);
    panel.histogram = std::string("a\0b\xff", 4);
    store.commit_panel(job.id, 0, 3, {sample_panel(job.runs[0], 0, 3, 2.5), panel});
    store.append_log(job.id, "warning", "a sentence");
    store.finish_run(job.runs[0], Status::kDone);
    JobOutcome outcome;
    outcome.status = Status::kFailed;
    outcome.placement = "split";
    outcome.memory_json = "{\"weights_bytes\": 3}";
    outcome.load_seconds = 1.5;
    outcome.total_seconds = 9;
    outcome.error = "out of memory";
    store.finish_job(job.id, outcome);
  }
  const Store store = Store::open(folder.path(), OpenMode::kReadOnly);
  EXPECT_TRUE(store.read_only());
  EXPECT_FALSE(store.newer());
  store.check();

  const std::vector<ExperimentRecord> experiments = store.experiments();
  ASSERT_EQ(experiments.size(), 1u);
  EXPECT_EQ(experiments[0].name, "tiers");
  EXPECT_EQ(experiments[0].experiment_json, "{\"a\": 1}");
  EXPECT_EQ(experiments[0].environment_json, "{\"host\": \"x\"}");
  EXPECT_EQ(experiments[0].created.size(), 20u);

  const std::vector<JobRecord> jobs = store.jobs();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].key(), sample_job().key());
  EXPECT_EQ(jobs[0].id, job.id);
  EXPECT_EQ(jobs[0].experiment, experiments[0].id);
  EXPECT_EQ(jobs[0].status, Status::kFailed);
  EXPECT_EQ(jobs[0].placement, "split");
  EXPECT_EQ(jobs[0].memory_json, "{\"weights_bytes\": 3}");
  EXPECT_EQ(jobs[0].load_seconds, 1.5);
  EXPECT_EQ(jobs[0].total_seconds, 9);
  EXPECT_EQ(jobs[0].error, "out of memory");
  EXPECT_EQ(store.jobs(experiments[0].id).size(), 1u);
  EXPECT_TRUE(store.jobs(experiments[0].id + 1).empty());

  const std::vector<RunRecord> runs = store.runs(job.id);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].variant, "baseline");
  EXPECT_TRUE(runs[0].baseline);
  EXPECT_EQ(runs[0].status, Status::kDone);
  EXPECT_EQ(runs[0].seconds, 0.5);
  EXPECT_EQ(runs[0].finished_windows, 4);
  EXPECT_EQ(runs[1].layers, 12);
  EXPECT_EQ(runs[1].status, Status::kFailed) << "it was running when the job ended";
  EXPECT_EQ(runs[1].error, "out of memory");

  EXPECT_EQ(store.window_sums(job.runs[1]), sample_panel(0, 0, 3).windows);
  EXPECT_EQ(store.window_sums(job.runs[0]), sample_panel(0, 0, 3, 2.5).windows);
  const std::vector<PanelBlob> blobs = store.histograms(job.runs[1]);
  ASSERT_EQ(blobs.size(), 1u);
  EXPECT_EQ(blobs[0].last, 3);
  EXPECT_EQ(blobs[0].bytes, std::string("a\0b\xff", 4));
  const std::vector<LogLine> log = store.log(job.id);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].level, "warning");
  EXPECT_EQ(log[0].text, "a sentence");
}

TEST(Store, KeepsNumbersThatAreNotFinite) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  const JobHandle job =
      store.begin_job(store.add_experiment("", "{}", "{}"), sample_job(), two_runs(), false);
  RunPanel panel = sample_panel(job.runs[0], 0, 0);
  panel.windows[0].nll_sum_nats = std::numeric_limits<double>::quiet_NaN();
  panel.windows[0].kl_sum_nats = std::numeric_limits<double>::infinity();
  panel.windows[0].kl_max = std::numeric_limits<double>::denorm_min();
  store.commit_panel(job.id, 0, 0, {panel});
  const WindowSums sums = store.window_sums(job.runs[0]).at(0);
  EXPECT_TRUE(std::isnan(sums.nll_sum_nats));
  EXPECT_EQ(sums.kl_sum_nats, std::numeric_limits<double>::infinity());
  EXPECT_EQ(sums.kl_max, std::numeric_limits<double>::denorm_min());
}

TEST(Store, ResumesTheLatestJobOfTheSameKey) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  const std::int64_t first = store.add_experiment("one", "{}", "{}");
  const JobHandle old = store.begin_job(first, sample_job(), two_runs(), false);
  const JobHandle job = store.begin_job(first, sample_job(), two_runs(), true);
  EXPECT_TRUE(job.resumed);
  EXPECT_EQ(job.id, old.id);
  EXPECT_EQ(job.runs, old.runs);
  store.commit_panel(job.id, 2, 4,
                     {sample_panel(job.runs[0], 2, 4), sample_panel(job.runs[1], 2, 3)});
  std::vector<bool> expected(10, false);
  expected[2] = expected[3] = true;
  EXPECT_EQ(store.finished_windows(job.id, job.runs), expected);
  expected[4] = true;
  EXPECT_EQ(store.finished_windows(job.id, {job.runs[0]}), expected);
  EXPECT_EQ(store.finished_windows(job.id, {}), std::vector<bool>(10, true));
  EXPECT_EQ(store.finished_windows(job.id, {job.runs[0], 999}), std::vector<bool>(10, false));

  // Another seed of the same job starts anew; another window count is another job.
  EXPECT_NE(store.begin_job(first, sample_job(), two_runs(), false).id, job.id);
  EXPECT_FALSE(store.begin_job(first, sample_job(11), two_runs(), true).resumed);
}

TEST(Store, ResumedJobsKeepTheRunsThatDidNotChange) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  const JobHandle old =
      store.begin_job(store.add_experiment("one", "{}", "{}"), sample_job(), two_runs(), false);
  store.commit_panel(old.id, 0, 1,
                     {sample_panel(old.runs[0], 0, 1), sample_panel(old.runs[1], 0, 1)});
  JobOutcome done;
  done.total_seconds = 4;
  store.finish_job(old.id, done);

  const std::int64_t second = store.add_experiment("two", "{}", "{}");
  const JobHandle job = store.begin_job(
      second, sample_job(), {sample_run("fp6"), sample_run("baseline"), sample_run("fp4", "other")},
      true);
  EXPECT_TRUE(job.resumed);
  ASSERT_EQ(job.runs.size(), 3u);
  EXPECT_EQ(job.runs[1], old.runs[0]);
  EXPECT_NE(job.runs[2], old.runs[1]) << "the same name, another configuration";
  const std::vector<RunRecord> runs = store.runs(job.id);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].variant, "fp6");
  EXPECT_EQ(runs[0].finished_windows, 0);
  EXPECT_EQ(runs[1].finished_windows, 2);
  EXPECT_EQ(runs[1].status, Status::kRunning);
  EXPECT_EQ(runs[2].finished_windows, 0);
  const std::vector<RunRecord> all = store.runs(job.id, true);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_FALSE(all[3].current);
  EXPECT_EQ(all[3].status, Status::kDone);
  EXPECT_EQ(all[3].finished_windows, 2);
  store.finish_job(job.id, done);
  const JobRecord record = store.jobs(second).at(0);
  EXPECT_EQ(record.total_seconds, 8) << "both sessions count";
  EXPECT_EQ(record.status, Status::kDone);
}

TEST(Store, KeyDependsOnEveryField) {
  const std::string key = sample_job().key();
  EXPECT_EQ(key, sample_job().key());
  std::vector<JobDescription> others(8, sample_job());
  others[0].model += "x";
  others[1].model_fingerprint += "x";
  others[2].protocol_json += "x";
  others[3].data_sha256 += "x";
  others[4].tokenizer_sha256 += "x";
  others[5].token_ids_sha256 += "x";
  others[6].numerics_json += "x";
  others[7].windows += 1;
  for (const JobDescription& other : others) {
    EXPECT_NE(other.key(), key);
  }
  // Text that moves between neighbouring fields makes another key.
  JobDescription moved = sample_job();
  moved.data_sha256 += moved.tokenizer_sha256;
  moved.tokenizer_sha256.clear();
  EXPECT_NE(moved.key(), key);
}

TEST(Store, ReplacesAPanelThatIsRepeated) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  const JobHandle job =
      store.begin_job(store.add_experiment("", "{}", "{}"), sample_job(), two_runs(), false);
  RunPanel panel = sample_panel(job.runs[0], 0, 4);
  panel.histogram = "first";
  store.commit_panel(job.id, 0, 4, {panel});
  panel = sample_panel(job.runs[0], 5, 7);
  panel.histogram = "second";
  store.commit_panel(job.id, 5, 7, {panel});
  panel = sample_panel(job.runs[0], 3, 4, 9.9);
  panel.histogram = "third";
  store.commit_panel(job.id, 3, 4, {panel});
  const std::vector<PanelBlob> blobs = store.histograms(job.runs[0]);
  ASSERT_EQ(blobs.size(), 2u);
  EXPECT_EQ(blobs[0].bytes, "third");
  EXPECT_EQ(blobs[1].bytes, "second");
  const std::vector<WindowSums> sums = store.window_sums(job.runs[0]);
  ASSERT_EQ(sums.size(), 8u);
  EXPECT_EQ(sums[2], sample_sums(2, 1.7));
  EXPECT_EQ(sums[3], sample_sums(3, 9.9));
}

TEST(Store, RefusesAPanelThatIsNotTheJobsAndKeepsNothingOfIt) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  const std::int64_t experiment = store.add_experiment("", "{}", "{}");
  const JobHandle job = store.begin_job(experiment, sample_job(), two_runs(), false);
  const JobHandle other = store.begin_job(experiment, sample_job(3), two_runs(), false);
  const auto fails = [&](std::int64_t id, std::int64_t first, std::int64_t last,
                         const std::vector<RunPanel>& panels) {
    return error_of(ErrorCode::kInternal, [&] { store.commit_panel(id, first, last, panels); });
  };
  EXPECT_THAT(fails(job.id, 8, 10, {}),
              HasSubstr("windows 8 to 10 was to be stored for a job of 10"));
  fails(job.id, -1, 2, {});
  fails(job.id, 3, 2, {});
  fails(job.id, 0, 1, {sample_panel(job.runs[0], 0, 2)});
  fails(job.id, 0, 1, {sample_panel(job.runs[0], 0, 1), sample_panel(other.runs[1], 0, 1)});
  EXPECT_THAT(error_of(ErrorCode::kNotFound, [&] { store.commit_panel(999, 0, 0, {}); }),
              HasSubstr("has no job 999"));
  EXPECT_TRUE(store.window_sums(job.runs[0]).empty());
  EXPECT_TRUE(store.window_sums(other.runs[1]).empty());
}

TEST(Store, KeepsTheTailOfTheLog) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  const std::int64_t experiment = store.add_experiment("", "{}", "{}");
  const JobHandle job = store.begin_job(experiment, sample_job(), {}, false);
  const JobHandle other = store.begin_job(experiment, sample_job(), {}, false);
  store.append_log(other.id, "info", "other");
  for (int i = 0; i < 1005; ++i) {
    store.append_log(job.id, "info", std::to_string(i));
  }
  const std::vector<LogLine> log = store.log(job.id);
  ASSERT_EQ(log.size(), 1000u);
  EXPECT_EQ(log.front().text, "5");
  EXPECT_EQ(log.back().text, "1004");
  EXPECT_EQ(store.log(other.id).size(), 1u);
}

TEST(Store, KeepsTheQueueInOrder) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  EXPECT_TRUE(store.queue().empty());
  store.save_queue({{"b", "{}"}, {"a", "{\"x\": 1}"}, {"c", ""}});
  EXPECT_THAT(store.queue(), ElementsAre(QueueEntry{"b", "{}"}, QueueEntry{"a", "{\"x\": 1}"},
                                         QueueEntry{"c", ""}));
  store.save_queue({{"c", "{}"}});
  EXPECT_THAT(store.queue(), ElementsAre(QueueEntry{"c", "{}"}));
  error_of(ErrorCode::kInvalidInput, [&] { store.save_queue({{"d", ""}, {"d", ""}}); });
  EXPECT_THAT(store.queue(), ElementsAre(QueueEntry{"c", "{}"}));
}

TEST(Store, ServesManyThreads) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path(), kWrite);
  const JobHandle job =
      store.begin_job(store.add_experiment("", "{}", "{}"), sample_job(40), two_runs(), false);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::int64_t i = 10 * t; i < 10 * (t + 1); ++i) {
          store.commit_panel(job.id, i, i,
                             {sample_panel(job.runs[0], i, i), sample_panel(job.runs[1], i, i)});
        }
      });
    }
  }
  EXPECT_EQ(store.finished_windows(job.id, job.runs), std::vector<bool>(40, true));
}

}  // namespace
}  // namespace mxscope::store
