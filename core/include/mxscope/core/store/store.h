// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mxscope/core/store/records.h"

namespace mxscope::store {

enum class OpenMode {
  kReadWrite,  // made where it does not exist, its folder too
  kReadOnly,
};

// A job that is being worked on.
struct JobHandle {
  std::int64_t id = 0;
  std::int64_t experiment = 0;
  bool resumed = false;            // an earlier job with the same key goes on
  std::vector<std::int64_t> runs;  // ids, in the order of the descriptions
};

// The record of one output folder: FOLDER/store.sqlite (SQLite 3; WAL where the file system allows
// it). Several experiments and several processes may use one store at a time.
//
// Every write is one transaction that is on disk when the call returns: a killed program or machine
// loses at most the panel in flight. A file written by a newer version opens for reading only.
// All members may be called from any thread; calls wait for each other.
//
// Every member throws Error naming the file and the reason: kNotFound, kIo (full disk, permission,
// locked by another program for longer than `patience`), kInvalidInput (damaged, or another
// program's file), kUnsupported (writing to a newer file). After an error the store is as before
// it.
class Store {
 public:
  [[nodiscard]] static Store open(const std::filesystem::path& folder, OpenMode mode,
                                  std::chrono::milliseconds patience = std::chrono::seconds(10));
  // FOLDER/store.sqlite exists.
  [[nodiscard]] static bool exists(const std::filesystem::path& folder);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  // Opened for reading, or written by a newer version (then `newer()`).
  [[nodiscard]] bool read_only() const noexcept;
  [[nodiscard]] bool newer() const noexcept;
  // Reads the whole file and throws Error kInvalidInput with what is damaged.
  void check() const;

  // Writing.
  std::int64_t add_experiment(const std::string& name, const std::string& experiment_json,
                              const std::string& environment_json);
  // A new job; with `resume`, the latest job of the same key instead, where there is one. Of that
  // job, a run with the same variant and config_hash keeps its windows; others start empty, and
  // runs that are no longer asked for stay in the record as not current. The job then belongs to
  // `experiment`, and it and its runs are running, finished ones too.
  [[nodiscard]] JobHandle begin_job(std::int64_t experiment, const JobDescription& job,
                                    const std::vector<RunDescription>& runs, bool resume);
  // One transaction. A window that a run already has is replaced, and the run's histograms that
  // overlap [first, last] are.
  void commit_panel(std::int64_t job, std::int64_t first, std::int64_t last,
                    const std::vector<RunPanel>& runs);
  void finish_run(std::int64_t run, Status status, const std::string& error = {});
  // Runs of the job that are still running get the same status.
  void finish_job(std::int64_t job, const JobOutcome& outcome);
  // Keeps the last 1000 lines of a job.
  void append_log(std::int64_t job, const std::string& level, const std::string& text);
  // Replaces the queue.
  void save_queue(const std::vector<QueueEntry>& queue);

  // Reading.
  [[nodiscard]] std::vector<ExperimentRecord> experiments() const;  // oldest first
  // Oldest first; of one experiment, or of all.
  [[nodiscard]] std::vector<JobRecord> jobs(std::optional<std::int64_t> experiment = {}) const;
  // In the order of the experiment; `all`: those too that are not current.
  [[nodiscard]] std::vector<RunRecord> runs(std::int64_t job, bool all = false) const;
  // In window order. A sum that is NaN comes back as NaN.
  [[nodiscard]] std::vector<WindowSums> window_sums(std::int64_t run) const;
  // [JobDescription::windows] true where every one of `runs` has the window's sums; of runs that do
  // not exist, none has.
  [[nodiscard]] std::vector<bool> finished_windows(std::int64_t job,
                                                   const std::vector<std::int64_t>& runs) const;
  [[nodiscard]] std::vector<PanelBlob> histograms(std::int64_t run) const;  // in window order
  [[nodiscard]] std::vector<LogLine> log(std::int64_t job) const;           // oldest first
  [[nodiscard]] std::vector<QueueEntry> queue() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mxscope::store
