// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/store/store.h"

#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "mxscope/core/base/error.h"
#include "store/schema.h"
#include "store/state.h"

namespace mxscope::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "store.sqlite";
constexpr std::int64_t kLogLines = 1000;

#define MXSCOPE_NOW "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"

// WAL keeps its index in shared memory, which these file systems do not share between machines
// (https://www.sqlite.org/wal.html). Numbers: statfs(2) and the file systems' own headers.
bool is_network_folder(const fs::path& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) {
    return false;
  }
  constexpr std::array<std::uint32_t, 10> kNetwork = {
      0x6969,      // NFS
      0x517b,      // SMB
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB 2
      0x01021997,  // 9p
      0x65735546,  // FUSE: sshfs, gluster and others
      0x0bd00bd0,  // Lustre
      0x47504653,  // GPFS
      0x00c36400,  // Ceph
      0x19830326,  // BeeGFS
  };
  for (const std::uint32_t magic : kNetwork) {
    if (static_cast<std::uint32_t>(info.f_type) == magic) {
      return true;
    }
  }
  return false;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kIo,
                "Folder '" + folder.string() + "' cannot be made: " + error.message() + ".");
  }
}

std::unique_ptr<Database> open_for_reading(const fs::path& path,
                                           std::chrono::milliseconds patience) {
  const auto open = [&](Database::Access access) {
    auto database = std::make_unique<Database>(path, access, patience);
    check_owner(*database);
    return database;
  };
  try {
    return open(Database::Access::kRead);
  } catch (const Error& error) {
    // On a medium that cannot be written, WAL's index cannot be made. Without a log beside it the
    // file is complete and may be read as it is.
    std::error_code ignored;
    const fs::path log = path.string() + "-wal";
    const bool logged = fs::exists(log, ignored) && fs::file_size(log, ignored) > 0;
    const bool writable = ::access(path.parent_path().c_str(), W_OK) == 0;
    if (error.code() != ErrorCode::kIo || logged || writable) {
      throw;
    }
  }
  return open(Database::Access::kImmutable);
}

}  // namespace

void Store::State::require_writable() const {
  if (read_only) {
    throw Error(ErrorCode::kUnsupported,
                "Store '" + database->path().string() + "' " +
                    (newer ? "was written by a newer version of MXScope and is only read."
                           : "was opened for reading and is not written."));
  }
}

std::int64_t Store::State::windows_of(std::int64_t job) const {
  Statement select(*database, "SELECT windows FROM jobs WHERE id = ?");
  if (!select.bind(job).step()) {
    throw Error(ErrorCode::kNotFound, "Store '" + database->path().string() + "' has no job " +
                                          std::to_string(job) + ".");
  }
  const std::int64_t windows = select.integer(0);
  if (windows < 0 || windows > kMaxWindows) {
    throw Error(ErrorCode::kInvalidInput, "Store '" + database->path().string() +
                                              "' is damaged: job " + std::to_string(job) + " has " +
                                              std::to_string(windows) + " windows.");
  }
  return windows;
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

bool Store::exists(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / kFileName, ignored);
}

Store Store::open(const fs::path& given, OpenMode mode, std::chrono::milliseconds patience) {
  const fs::path folder = given.empty() ? fs::path(".") : given;
  const fs::path path = folder / kFileName;
  auto state = std::make_unique<State>();
  const auto read_only = [&] {
    state->database = open_for_reading(path, patience);
    state->read_only = true;
    state->newer = state->database->integer("PRAGMA user_version") > schema_version();
  };
  if (mode == OpenMode::kReadOnly) {
    if (!exists(folder)) {
      throw Error(
          ErrorCode::kNotFound,
          "Folder '" + folder.string() + "' holds no record: there is no " + kFileName + " in it.");
    }
    read_only();
    return Store(std::move(state));
  }
  make_folder(folder);
  state->database = std::make_unique<Database>(path, Database::Access::kCreate, patience);
  Database& database = *state->database;
  check_owner(database);
  if (database.integer("PRAGMA user_version") > schema_version()) {
    read_only();
    return Store(std::move(state));
  }
  if (database.write_protected()) {
    database.fail(SQLITE_READONLY);
  }
  if (!is_network_folder(folder)) {
    // Where WAL cannot be had, SQLite stays with its rollback journal. Programs that open a new
    // store at once meet here, and SQLite tells all but one at once that it is busy.
    database.run_patiently("PRAGMA journal_mode = WAL", patience);
  }
  database.run("PRAGMA synchronous = FULL");
  migrate(database);
  database.run("PRAGMA foreign_keys = ON");
  return Store(std::move(state));
}

const fs::path& Store::path() const noexcept { return state_->database->path(); }
bool Store::read_only() const noexcept { return state_->read_only; }
bool Store::newer() const noexcept { return state_->newer; }

void Store::check() const {
  const std::lock_guard lock(state_->mutex);
  const std::string report = state_->database->text("PRAGMA integrity_check(1)");
  if (report != "ok") {
    throw Error(ErrorCode::kInvalidInput,
                "Store '" + path().string() + "' is damaged: " + report + ".");
  }
}

std::int64_t Store::add_experiment(const std::string& name, const std::string& experiment_json,
                                   const std::string& environment_json) {
  const std::lock_guard lock(state_->mutex);
  state_->require_writable();
  Database& database = *state_->database;
  Transaction transaction(database);
  Statement(database,
            "INSERT INTO experiments(name, experiment, environment, created) "
            "VALUES(?, ?, ?, " MXSCOPE_NOW ")")
      .bind(name, experiment_json, environment_json)
      .execute();
  const std::int64_t id = sqlite3_last_insert_rowid(database.handle());
  transaction.commit();
  return id;
}

JobHandle Store::begin_job(std::int64_t experiment, const JobDescription& job,
                           const std::vector<RunDescription>& runs, bool resume) {
  const std::lock_guard lock(state_->mutex);
  state_->require_writable();
  if (job.windows < 0 || job.windows > kMaxWindows) {
    throw Error(ErrorCode::kInvalidInput, "A job has " + std::to_string(job.windows) +
                                              " windows; at most " + std::to_string(kMaxWindows) +
                                              " are accepted.");
  }
  Database& database = *state_->database;
  Transaction transaction(database);
  JobHandle handle;
  handle.experiment = experiment;
  const std::string key = job.key();
  if (resume) {
    Statement find(database, "SELECT id FROM jobs WHERE key = ? ORDER BY id DESC LIMIT 1");
    if (find.bind(key).step()) {
      handle.id = find.integer(0);
      handle.resumed = true;
    }
  }
  if (handle.resumed) {
    Statement(database,
              "UPDATE jobs SET experiment_id = ?, status = 'running', error = '', "
              "updated = " MXSCOPE_NOW " WHERE id = ?")
        .bind(experiment, handle.id)
        .execute();
    Statement(database, "UPDATE runs SET current = 0 WHERE job_id = ?").bind(handle.id).execute();
  } else {
    Statement(database,
              "INSERT INTO jobs(experiment_id, key, model, model_fingerprint, protocol, "
              "data_sha256, tokenizer_sha256, token_ids_sha256, numerics, windows, status, "
              "created, updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', " MXSCOPE_NOW
              ", " MXSCOPE_NOW ")")
        .bind(experiment, key, job.model, job.model_fingerprint, job.protocol_json, job.data_sha256,
              job.tokenizer_sha256, job.token_ids_sha256, job.numerics_json, job.windows)
        .execute();
    handle.id = sqlite3_last_insert_rowid(database.handle());
  }
  Statement upsert(
      database,
      "INSERT INTO runs(job_id, position, current, variant, baseline, config_hash, layers, "
      "contract, linears, sweep, status) VALUES(?, ?, 1, ?, ?, ?, ?, ?, ?, ?, 'running') "
      "ON CONFLICT(job_id, variant, config_hash) DO UPDATE SET position = excluded.position, "
      "current = 1, baseline = excluded.baseline, layers = excluded.layers, "
      "contract = excluded.contract, linears = excluded.linears, sweep = excluded.sweep, "
      "status = 'running', error = '' RETURNING id");
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunDescription& run = runs[i];
    upsert.bind(handle.id, static_cast<std::int64_t>(i), run.variant,
                std::int64_t{run.baseline ? 1 : 0}, run.config_hash, run.layers, run.contract_json,
                run.linears_json, run.sweep_json);
    upsert.step();
    handle.runs.push_back(upsert.integer(0));
    upsert.execute();
  }
  transaction.commit();
  return handle;
}

void Store::commit_panel(std::int64_t job, std::int64_t first, std::int64_t last,
                         const std::vector<RunPanel>& runs) {
  const std::lock_guard lock(state_->mutex);
  state_->require_writable();
  Database& database = *state_->database;
  Transaction transaction(database);
  const std::int64_t windows = state_->windows_of(job);
  if (first < 0 || last < first || last >= windows) {
    throw Error(ErrorCode::kInternal, "A panel of windows " + std::to_string(first) + " to " +
                                          std::to_string(last) + " was to be stored for a job of " +
                                          std::to_string(windows) + " windows.");
  }
  Statement owner(database, "SELECT count(*) FROM runs WHERE id = ? AND job_id = ?");
  Statement sums(database,
                 "INSERT OR REPLACE INTO window_sums VALUES"
                 "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  Statement overlapping(
      database,
      "DELETE FROM histograms WHERE run_id = ? AND first_window <= ? AND last_window >= ?");
  Statement histogram(database, "INSERT INTO histograms VALUES(?, ?, ?, ?)");
  Statement seconds(database, "UPDATE runs SET seconds = seconds + ? WHERE id = ?");
  for (const RunPanel& panel : runs) {
    owner.bind(panel.run, job).step();
    const bool owned = owner.integer(0) == 1;
    owner.reset();
    if (!owned) {
      throw Error(ErrorCode::kInternal, "Run " + std::to_string(panel.run) +
                                            " does not belong to job " + std::to_string(job) + ".");
    }
    for (const WindowSums& w : panel.windows) {
      if (w.window < first || w.window > last) {
        throw Error(ErrorCode::kInternal, "Window " + std::to_string(w.window) +
                                              " lies outside its panel, " + std::to_string(first) +
                                              " to " + std::to_string(last) + ".");
      }
      sums.bind(panel.run, w.window, w.tokens, w.nll_sum_nats, w.entropy_sum_nats, w.kl_sum_nats,
                w.top1_count, w.argmax_positions, w.argmax_xent_sum_nats, w.argmax_entropy_sum_nats,
                w.non_finite, w.p_change_sum, w.p_change_sq_sum, w.kl_max, w.weight, w.bytes);
      sums.execute();
    }
    overlapping.bind(panel.run, last, first).execute();
    if (!panel.histogram.empty()) {
      histogram.bind(panel.run, first, last, Blob{panel.histogram}).execute();
    }
    seconds.bind(panel.seconds, panel.run).execute();
  }
  Statement(database, "UPDATE jobs SET updated = " MXSCOPE_NOW " WHERE id = ?").bind(job).execute();
  transaction.commit();
}

void Store::finish_run(std::int64_t run, Status status, const std::string& error) {
  const std::lock_guard lock(state_->mutex);
  state_->require_writable();
  Transaction transaction(*state_->database);
  Statement(*state_->database, "UPDATE runs SET status = ?, error = ? WHERE id = ?")
      .bind(to_string(status), error, run)
      .execute();
  transaction.commit();
}

void Store::finish_job(std::int64_t job, const JobOutcome& outcome) {
  const std::lock_guard lock(state_->mutex);
  state_->require_writable();
  Database& database = *state_->database;
  Transaction transaction(database);
  Statement(database,
            "UPDATE jobs SET status = ?, placement = ?, memory = ?, "
            "load_seconds = load_seconds + ?, total_seconds = total_seconds + ?, error = ?, "
            "updated = " MXSCOPE_NOW " WHERE id = ?")
      .bind(to_string(outcome.status), outcome.placement, outcome.memory_json, outcome.load_seconds,
            outcome.total_seconds, outcome.error, job)
      .execute();
  Statement(database,
            "UPDATE runs SET status = ?, error = ? "
            "WHERE job_id = ? AND current = 1 AND status = 'running'")
      .bind(to_string(outcome.status), outcome.error, job)
      .execute();
  transaction.commit();
}

void Store::append_log(std::int64_t job, const std::string& level, const std::string& text) {
  const std::lock_guard lock(state_->mutex);
  state_->require_writable();
  Database& database = *state_->database;
  Transaction transaction(database);
  Statement(database, "INSERT INTO log(job_id, time, level, text) VALUES(?, " MXSCOPE_NOW ", ?, ?)")
      .bind(job, level, text)
      .execute();
  Statement(database,
            "DELETE FROM log WHERE job_id = ?1 AND id <= "
            "(SELECT id FROM log WHERE job_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)")
      .bind(job, kLogLines)
      .execute();
  transaction.commit();
}

void Store::save_queue(const std::vector<QueueEntry>& queue) {
  const std::lock_guard lock(state_->mutex);
  state_->require_writable();
  Database& database = *state_->database;
  Transaction transaction(database);
  database.run("DELETE FROM queue");
  Statement insert(database, "INSERT INTO queue(position, id, state) VALUES(?, ?, ?)");
  for (std::size_t i = 0; i < queue.size(); ++i) {
    insert.bind(static_cast<std::int64_t>(i), queue[i].id, queue[i].state_json).execute();
  }
  transaction.commit();
}

}  // namespace mxscope::store
