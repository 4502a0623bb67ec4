// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

#include <array>
#include <string>

#include "mxscope/core/base/error.h"

namespace mxscope::store {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta(
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE experiments(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  experiment TEXT NOT NULL,
  environment TEXT NOT NULL,
  created TEXT NOT NULL);
CREATE TABLE jobs(
  id INTEGER PRIMARY KEY,
  experiment_id INTEGER NOT NULL REFERENCES experiments(id),
  key TEXT NOT NULL,
  model TEXT NOT NULL,
  model_fingerprint TEXT NOT NULL,
  protocol TEXT NOT NULL,
  data_sha256 TEXT NOT NULL,
  tokenizer_sha256 TEXT NOT NULL,
  token_ids_sha256 TEXT NOT NULL,
  numerics TEXT NOT NULL,
  windows INTEGER NOT NULL,
  status TEXT NOT NULL,
  placement TEXT NOT NULL DEFAULT '',
  memory TEXT NOT NULL DEFAULT '{}',
  load_seconds REAL NOT NULL DEFAULT 0,
  total_seconds REAL NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  created TEXT NOT NULL,
  updated TEXT NOT NULL);
CREATE INDEX jobs_by_key ON jobs(key);
CREATE INDEX jobs_by_experiment ON jobs(experiment_id);
CREATE TABLE runs(
  id INTEGER PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES jobs(id),
  position INTEGER NOT NULL,
  current INTEGER NOT NULL,
  variant TEXT NOT NULL,
  baseline INTEGER NOT NULL,
  config_hash TEXT NOT NULL,
  layers INTEGER NOT NULL,
  contract TEXT NOT NULL,
  linears TEXT NOT NULL,
  sweep TEXT NOT NULL,
  status TEXT NOT NULL,
  seconds REAL NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  UNIQUE(job_id, variant, config_hash));
-- A sum that is NaN is NULL.
CREATE TABLE window_sums(
  run_id INTEGER NOT NULL REFERENCES runs(id),
  window_index INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  nll_sum_nats REAL,
  entropy_sum_nats REAL,
  kl_sum_nats REAL,
  top1_count INTEGER NOT NULL,
  argmax_positions INTEGER NOT NULL,
  argmax_xent_sum_nats REAL,
  argmax_entropy_sum_nats REAL,
  non_finite INTEGER NOT NULL,
  p_change_sum REAL,
  p_change_sq_sum REAL,
  kl_max REAL,
  weight REAL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(run_id, window_index)) WITHOUT ROWID;
CREATE TABLE histograms(
  run_id INTEGER NOT NULL REFERENCES runs(id),
  first_window INTEGER NOT NULL,
  last_window INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY(run_id, first_window)) WITHOUT ROWID;
CREATE TABLE log(
  id INTEGER PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES jobs(id),
  time TEXT NOT NULL,
  level TEXT NOT NULL,
  text TEXT NOT NULL);
CREATE INDEX log_by_job ON log(job_id);
CREATE TABLE queue(
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL);
)sql";

constexpr std::array<const char*, 1> kMigrations = {kVersion1};

}  // namespace

std::span<const char* const> migrations() noexcept { return kMigrations; }

std::int64_t schema_version() noexcept { return static_cast<std::int64_t>(kMigrations.size()); }

void check_owner(Database& database) {
  const std::string file = "Store '" + database.path().string() + "' ";
  // In this order: a program that makes the store meanwhile has signed it by the time that its
  // tables are seen.
  const std::int64_t objects = database.integer("SELECT count(*) FROM sqlite_master");
  const std::int64_t owner = database.integer("PRAGMA application_id");
  if (owner != kApplicationId && (owner != 0 || objects != 0)) {
    throw Error(ErrorCode::kInvalidInput, file + "belongs to another program.");
  }
  if (database.integer("SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')") !=
      0) {
    throw Error(ErrorCode::kInvalidInput,
                file + "holds views or triggers, which no store has; it is not opened.");
  }
}

void migrate(Database& database, std::span<const char* const> steps) {
  const auto last = static_cast<std::int64_t>(steps.size());
  if (database.integer("PRAGMA user_version") >= last) {
    return;
  }
  Transaction transaction(database);
  // Another program may have been faster.
  check_owner(database);
  const std::int64_t version = database.integer("PRAGMA user_version");
  if (version < 0) {
    throw Error(ErrorCode::kInvalidInput, "Store '" + database.path().string() +
                                              "' is damaged: its schema version is " +
                                              std::to_string(version) + ".");
  }
  for (std::int64_t step = version; step < last; ++step) {
    database.run(steps[static_cast<std::size_t>(step)]);
  }
  database.run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
  if (version < last) {
    database.run(("PRAGMA user_version = " + std::to_string(last)).c_str());
  }
  transaction.commit();
}

}  // namespace mxscope::store
