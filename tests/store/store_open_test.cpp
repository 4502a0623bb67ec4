// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "data/expect_error.h"
#include "data/temporary_folder.h"
#include "mxscope/core/store/store.h"
#include "store/sample_record.h"
#include "store/schema.h"

namespace mxscope::store {
namespace {

using ::testing::HasSubstr;
using namespace test;
using namespace std::chrono_literals;

// Runs SQL on the file behind the store's back.
void tamper(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
  sqlite3_free(message);
  sqlite3_close(handle);
}

std::filesystem::path make_store(const TemporaryFolder& folder) {
  Store store = Store::open(folder.path(), OpenMode::kReadWrite);
  const JobHandle job =
      store.begin_job(store.add_experiment("e", "{}", "{}"), sample_job(), two_runs(), false);
  store.commit_panel(job.id, 0, 1, {sample_panel(job.runs[0], 0, 1)});
  return store.path();
}

TEST(StoreOpen, MakesTheFolderAndTheFile) {
  const TemporaryFolder folder;
  const std::filesystem::path deep = folder.path() / "a" / "b";
  EXPECT_FALSE(Store::exists(deep));
  const Store store = Store::open(deep, OpenMode::kReadWrite);
  EXPECT_TRUE(Store::exists(deep));
  EXPECT_EQ(store.path(), deep / "store.sqlite");
  EXPECT_FALSE(store.read_only());
}

TEST(StoreOpen, ReadingNeedsAStore) {
  const TemporaryFolder folder;
  EXPECT_EQ(
      error_of(ErrorCode::kNotFound,
               [&] { return Store::open(folder.path(), OpenMode::kReadOnly); }),
      "Folder '" + folder.path().string() + "' holds no record: there is no store.sqlite in it.");
}

TEST(StoreOpen, AFolderThatCannotBeMadeIsNamed) {
  const TemporaryFolder folder;
  folder.write("file", "x");
  EXPECT_THAT(
      error_of(ErrorCode::kIo,
               [&] { return Store::open(folder.path() / "file" / "out", OpenMode::kReadWrite); }),
      HasSubstr("cannot be made: Not a directory."));
}

TEST(StoreOpen, ReadOnlyStoresAreNotWritten) {
  const TemporaryFolder folder;
  const std::filesystem::path file = make_store(folder);
  Store store = Store::open(folder.path(), OpenMode::kReadOnly);
  EXPECT_EQ(error_of(ErrorCode::kUnsupported, [&] { store.add_experiment("", "{}", "{}"); }),
            "Store '" + file.string() + "' was opened for reading and is not written.");
  EXPECT_EQ(store.jobs().size(), 1u);
}

TEST(StoreOpen, NewerFilesOpenForReading) {
  const TemporaryFolder folder;
  const std::filesystem::path file = make_store(folder);
  tamper(file, "ALTER TABLE runs ADD COLUMN later TEXT; PRAGMA user_version = " +
                   std::to_string(schema_version() + 1));
  Store store = Store::open(folder.path(), OpenMode::kReadWrite);
  EXPECT_TRUE(store.read_only());
  EXPECT_TRUE(store.newer());
  EXPECT_EQ(store.jobs().size(), 1u);
  EXPECT_EQ(store.runs(store.jobs()[0].id).size(), 2u);
  EXPECT_EQ(
      error_of(ErrorCode::kUnsupported, [&] { store.save_queue({}); }),
      "Store '" + file.string() + "' was written by a newer version of MXScope and is only read.");
}

TEST(StoreOpen, OlderFilesAreBroughtForward) {
  const TemporaryFolder folder;
  const std::filesystem::path file = make_store(folder);
  Database database(file, Database::Access::kCreate, 1s);
  std::vector<const char*> steps(migrations().begin(), migrations().end());
  steps.push_back("ALTER TABLE jobs ADD COLUMN later TEXT NOT NULL DEFAULT 'x'");
  migrate(database, steps);
  EXPECT_EQ(database.integer("PRAGMA user_version"), schema_version() + 1);
  EXPECT_EQ(database.text("SELECT later FROM jobs"), "x");
  migrate(database, steps);
  // A step that fails leaves the file as it was.
  steps.push_back("CREATE TABLE half(a); CREATE TABLE jobs(a)");
  error_of(ErrorCode::kInvalidInput, [&] { migrate(database, steps); });
  EXPECT_EQ(database.integer("PRAGMA user_version"), schema_version() + 1);
  EXPECT_EQ(database.integer("SELECT count(*) FROM sqlite_master WHERE name = 'half'"), 0);
}

TEST(StoreOpen, OtherProgramsFilesAreLeftAlone) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "store.sqlite";
  tamper(file, "CREATE TABLE bookmarks(a); PRAGMA user_version = 1");
  const std::string message = "Store '" + file.string() + "' belongs to another program.";
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] { return Store::open(folder.path(), OpenMode::kReadWrite); }),
            message);
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] { return Store::open(folder.path(), OpenMode::kReadOnly); }),
            message);
  folder.write("store.sqlite",
               "This is a text of another kind, long enough for a header to be read "
               "from it and then some more, so that it is not taken for a new file.");
  EXPECT_EQ(error_of(ErrorCode::kInvalidInput,
                     [&] { return Store::open(folder.path(), OpenMode::kReadWrite); }),
            "Store '" + file.string() + "' is damaged: file is not a database.");
}

TEST(StoreOpen, FilesWithViewsOrTriggersAreRefused) {
  for (const char* sql :
       {"CREATE TRIGGER t AFTER INSERT ON jobs BEGIN DELETE FROM runs; END",
        "DROP TABLE queue; CREATE VIEW queue AS WITH RECURSIVE r(id) AS (VALUES(1) UNION ALL "
        "SELECT id + 1 FROM r) SELECT id, 'x' AS state, 1 AS position FROM r"}) {
    const TemporaryFolder folder;
    tamper(make_store(folder), sql);
    for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly}) {
      EXPECT_THAT(
          error_of(ErrorCode::kInvalidInput, [&] { return Store::open(folder.path(), mode); }),
          HasSubstr("holds views or triggers, which no store has; it is not opened."));
    }
  }
}

TEST(StoreOpen, NonsenseWindowCountsAreRefused) {
  for (const char* windows : {"-1", "9223372036854775807", "'many'"}) {
    const TemporaryFolder folder;
    tamper(make_store(folder), std::string("UPDATE jobs SET windows = ") + windows);
    const Store store = Store::open(folder.path(), OpenMode::kReadOnly);
    const std::int64_t job = store.jobs().at(0).id;
    if (std::string(windows) == "'many'") {
      EXPECT_TRUE(store.finished_windows(job, {}).empty());
    } else {
      EXPECT_THAT(
          error_of(ErrorCode::kInvalidInput, [&] { return store.finished_windows(job, {1}); }),
          HasSubstr(std::string("has ") + windows + " windows."));
    }
  }
}

TEST(StoreOpen, WindowsOutsideTheJobDoNotCount) {
  const TemporaryFolder folder;
  tamper(make_store(folder), "UPDATE window_sums SET window_index = window_index + 1000000");
  const Store store = Store::open(folder.path(), OpenMode::kReadOnly);
  const std::int64_t job = store.jobs().at(0).id;
  EXPECT_EQ(store.finished_windows(job, {store.runs(job)[0].id}), std::vector<bool>(10, false));
}

TEST(StoreOpen, MissingTablesAreNamed) {
  const TemporaryFolder folder;
  tamper(make_store(folder), "DROP TABLE queue");
  const Store store = Store::open(folder.path(), OpenMode::kReadOnly);
  EXPECT_THAT(error_of(ErrorCode::kInvalidInput, [&] { return store.queue(); }),
              HasSubstr("does not have the expected tables: no such table: queue."));
}

TEST(StoreOpen, ALockedStoreIsNamedAfterPatience) {
  const TemporaryFolder folder;
  const std::filesystem::path file = make_store(folder);
  Store store = Store::open(folder.path(), OpenMode::kReadWrite, 50ms);
  Database other(file, Database::Access::kCreate, 1s);
  const Transaction lock(other);
  EXPECT_EQ(error_of(ErrorCode::kIo, [&] { store.add_experiment("", "{}", "{}"); }),
            "Store '" + file.string() + "' is locked by another program.");
  EXPECT_EQ(store.experiments().size(), 1u) << "readers do not wait for a writer";
}

}  // namespace
}  // namespace mxscope::store
