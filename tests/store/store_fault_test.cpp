// SPDX-License-Identifier: Apache-2.0
// What happens to a store when programs are killed, disks are full and files are damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>

#include "data/expect_error.h"
#include "data/temporary_folder.h"
#include "mxscope/core/store/store.h"
#include "store/database.h"
#include "store/sample_record.h"

namespace mxscope::store {
namespace {

using ::testing::HasSubstr;
using namespace test;
using namespace std::chrono_literals;

constexpr OpenMode kWrite = OpenMode::kReadWrite;

// Runs `work` in a child process and returns its exit status; a signal counts as 128 + its number.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 99;
    try {
      status = work();
    } catch (const std::exception&) {
      status = 98;
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

JobHandle begin(Store& store, std::int64_t windows = 10) {
  return store.begin_job(store.add_experiment("e", "{}", "{}"), sample_job(windows), two_runs(),
                         true);
}

TEST(StoreFault, AProgramKilledInsideATransactionLosesThatAlone) {
  const TemporaryFolder folder;
  const int status = in_child([&] {
    Store store = Store::open(folder.path(), kWrite);
    const JobHandle job = begin(store);
    store.commit_panel(job.id, 0, 3,
                       {sample_panel(job.runs[0], 0, 3), sample_panel(job.runs[1], 0, 3)});
    // The next panel gets half way.
    Database half(store.path(), Database::Access::kCreate, 1s);
    half.run("PRAGMA cache_size = 1");
    half.run("BEGIN IMMEDIATE");
    half.run("UPDATE window_sums SET nll_sum_nats = 0");
    half.run(
        "INSERT INTO window_sums SELECT run_id, window_index + 4, tokens, 1, 2, 3, 4, 5, 6, 7, "
        "8, 9, 10, 11, 12, 13 FROM window_sums");
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  ASSERT_EQ(status, 128 + SIGKILL);
  Store store = Store::open(folder.path(), kWrite);
  store.check();
  const JobHandle job = begin(store);
  EXPECT_TRUE(job.resumed);
  std::vector<bool> expected(10, false);
  std::fill(expected.begin(), expected.begin() + 4, true);
  EXPECT_EQ(store.finished_windows(job.id, job.runs), expected);
  EXPECT_EQ(store.window_sums(job.runs[1]), sample_panel(0, 0, 3).windows);
}

TEST(StoreFault, AProgramKilledAtAnyMomentKeepsWholePanels) {
  const TemporaryFolder folder;
  constexpr std::int64_t kWindows = 4000;
  { Store store = Store::open(folder.path(), kWrite); }
  for (int round = 0; round < 5; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        Store store = Store::open(folder.path(), kWrite);
        const JobHandle job = begin(store, kWindows);
        const std::vector<bool> finished = store.finished_windows(job.id, job.runs);
        for (std::int64_t i = 0; i < kWindows; i += 2) {
          if (!finished[static_cast<std::size_t>(i)]) {
            store.commit_panel(
                job.id, i, i + 1,
                {sample_panel(job.runs[0], i, i + 1), sample_panel(job.runs[1], i, i + 1)});
          }
        }
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(20000 + 17000 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  }
  Store store = Store::open(folder.path(), kWrite);
  store.check();
  const JobHandle job = begin(store, kWindows);
  const std::vector<bool> baseline = store.finished_windows(job.id, {job.runs[0]});
  EXPECT_EQ(baseline, store.finished_windows(job.id, {job.runs[1]}));
  for (std::size_t i = 0; i < kWindows; i += 2) {
    ASSERT_EQ(baseline[i], baseline[i + 1]) << "half a panel was kept";
  }
  // What was kept is a prefix: panels were committed in order.
  EXPECT_TRUE(std::is_partitioned(baseline.begin(), baseline.end(), [](bool b) { return b; }));
}

TEST(StoreFault, TwoProgramsShareAStore) {
  const TemporaryFolder folder;
  { Store store = Store::open(folder.path(), kWrite); }
  std::vector<pid_t> children;
  for (int c = 0; c < 2; ++c) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        Store store = Store::open(folder.path(), kWrite, 60s);
        const JobHandle job = store.begin_job(store.add_experiment(std::to_string(c), "{}", "{}"),
                                              sample_job(50 + c), two_runs(), false);
        for (std::int64_t i = 0; i < 50; ++i) {
          store.commit_panel(
              job.id, i, i,
              {sample_panel(job.runs[0], i, i, c + 1.0), sample_panel(job.runs[1], i, i, c + 1.0)});
        }
        store.finish_job(job.id, {});
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const Store store = Store::open(folder.path(), OpenMode::kReadOnly);
  store.check();
  ASSERT_EQ(store.jobs().size(), 2u);
  for (const JobRecord& job : store.jobs()) {
    EXPECT_EQ(job.status, Status::kDone);
    const double salt = static_cast<double>(job.windows - 50) + 1;
    for (const RunRecord& run : store.runs(job.id)) {
      EXPECT_EQ(store.window_sums(run.id), sample_panel(0, 0, 49, salt).windows);
    }
  }
}

TEST(StoreFault, ManyProgramsMakeOneStoreAtOnce) {
  const TemporaryFolder folder;
  std::vector<pid_t> children;
  for (int c = 0; c < 4; ++c) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        Store store = Store::open(folder.path(), kWrite, 60s);
        store.add_experiment(std::to_string(c), "{}", "{}");
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(Store::open(folder.path(), OpenMode::kReadOnly).experiments().size(), 4u);
}

// A limit on the size of files stands for a full disk: writes fail half way in the same manner.
TEST(StoreFault, AFullDiskIsNamedAndNothingCommittedIsLost) {
  const TemporaryFolder folder;
  const int status = in_child([&] {
    Store store = Store::open(folder.path(), kWrite);
    const JobHandle job = begin(store, 100000);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {256 * 1024, 256 * 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::int64_t committed = 0;
    try {
      for (; committed < 1000; ++committed) {
        store.commit_panel(job.id, committed * 50, committed * 50 + 49,
                           {sample_panel(job.runs[0], committed * 50, committed * 50 + 49)});
      }
    } catch (const Error& error) {
      const bool named = std::string(error.what()).find(store.path().string()) != std::string::npos;
      std::ofstream(folder.path() / "message") << error.what();
      return error.code() == ErrorCode::kIo && named ? static_cast<int>(committed) : 97;
    }
    return 96;
  });
  std::ifstream message_file(folder.path() / "message");
  const std::string message{std::istreambuf_iterator<char>(message_file), {}};
  ASSERT_GT(status, 0) << message;
  ASSERT_LT(status, 96) << message;
  EXPECT_THAT(message, HasSubstr("cannot be"));
  const Store store = Store::open(folder.path(), OpenMode::kReadOnly);
  store.check();
  EXPECT_EQ(store.runs(store.jobs().at(0).id).at(0).finished_windows, status * 50);
}

std::string read_all(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Uses every reading and writing member. A damaged file may give an Error; nothing else is allowed.
void use_everything(const std::filesystem::path& folder, OpenMode mode) {
  try {
    Store store = Store::open(folder, mode, 10ms);
    static_cast<void>(store.experiments());
    static_cast<void>(store.queue());
    for (const JobRecord& job : store.jobs()) {
      static_cast<void>(store.log(job.id));
      std::vector<std::int64_t> ids;
      for (const RunRecord& run : store.runs(job.id, true)) {
        ids.push_back(run.id);
        static_cast<void>(store.window_sums(run.id));
        static_cast<void>(store.histograms(run.id));
      }
      static_cast<void>(store.finished_windows(job.id, ids));
    }
    if (mode == kWrite) {
      const JobHandle job = begin(store, 400);
      store.append_log(job.id, "info", "text");
      RunPanel panel = sample_panel(job.runs[0], 200, 299);
      panel.histogram = std::string(5000, 'x');
      store.commit_panel(job.id, 200, 299, {panel});
      store.finish_job(job.id, {});
    }
    store.check();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder.string()));
  }
}

TEST(StoreFault, DamagedFilesGiveErrorsAndNothingWorse) {
  const TemporaryFolder folder;
  {
    Store store = Store::open(folder.path(), kWrite);
    const JobHandle job = begin(store, 400);
    RunPanel panel = sample_panel(job.runs[0], 0, 199);
    panel.histogram = std::string(20000, 'h');
    store.commit_panel(job.id, 0, 199, {panel, sample_panel(job.runs[1], 0, 199)});
    store.append_log(job.id, "info", std::string(3000, 'l'));
    store.save_queue({{"a", "{}"}});
  }
  const std::string good = read_all(folder.path() / "store.sqlite");
  ASSERT_GT(good.size(), 50000u);
  const unsigned seed = 20;
  std::mt19937 random(seed);
  int damaged = 0;
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    std::string bytes = good;
    if (round % 5 == 4) {
      bytes.resize(random() % bytes.size());
    } else {
      const int flips = 1 << (random() % 8);
      // Headers of pages hold what a parser trusts most, so half of the damage goes there.
      for (int i = 0; i < flips; ++i) {
        const std::size_t page = random() % (bytes.size() / 4096) * 4096;
        const std::size_t at = round % 2 == 0 ? page + random() % 64 : random() % bytes.size();
        bytes[at] = static_cast<char>(random());
      }
    }
    const TemporaryFolder copy;
    copy.write("store.sqlite", bytes);
    use_everything(copy.path(), OpenMode::kReadOnly);
    use_everything(copy.path(), kWrite);
    damaged += bytes != good;
  }
  EXPECT_GE(damaged, 140);
}

TEST(StoreFault, CheckFindsDamageInTheMiddle) {
  const TemporaryFolder folder;
  {
    Store store = Store::open(folder.path(), kWrite);
    const JobHandle job = begin(store, 4000);
    store.commit_panel(job.id, 0, 3999, {sample_panel(job.runs[0], 0, 3999)});
  }
  std::string bytes = read_all(folder.path() / "store.sqlite");
  // Clobber the headers of a run of pages in the middle of the window sums.
  for (std::size_t page = bytes.size() / 4096 / 2; page < bytes.size() / 4096 / 2 + 8; ++page) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(page * 4096), 64, '\x5a');
  }
  folder.write("store.sqlite", bytes);
  const Store store = Store::open(folder.path(), OpenMode::kReadOnly);
  EXPECT_THAT(error_of(ErrorCode::kInvalidInput, [&] { store.check(); }),
              HasSubstr("is damaged: "));
  EXPECT_THAT(
      error_of(ErrorCode::kInvalidInput, [&] { return store.window_sums(store.runs(1).at(0).id); }),
      HasSubstr("is damaged: "));
  EXPECT_EQ(store.experiments().size(), 1u) << "what is whole can still be read";
}

}  // namespace
}  // namespace mxscope::store
