// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mxscope/core/base/error.h"
#include "mxscope/core/store/store.h"
#include "store/state.h"

namespace mxscope::store {
namespace {

// A text of the file; one that this version does not know counts as failed.
Status parse_status(const std::string& text) {
  for (const Status status :
       {Status::kRunning, Status::kDone, Status::kCancelled, Status::kFailed, Status::kPaused}) {
    if (to_string(status) == text) {
      return status;
    }
  }
  return Status::kFailed;
}

// One record for each row that a statement gives for these parameters.
template <typename Record, typename Read, typename... Values>
std::vector<Record> read_rows(Database& database, const char* sql, const Read& read,
                              const Values&... values) {
  Statement select(database, sql);
  select.bind(values...);
  std::vector<Record> records;
  while (select.step()) {
    read(select, records.emplace_back());
  }
  return records;
}

}  // namespace

std::vector<ExperimentRecord> Store::experiments() const {
  const std::lock_guard lock(state_->mutex);
  return read_rows<ExperimentRecord>(
      *state_->database,
      "SELECT id, name, experiment, environment, created FROM experiments ORDER BY id",
      [](const Statement& select, ExperimentRecord& record) {
        record.id = select.integer(0);
        record.name = select.text(1);
        record.experiment_json = select.text(2);
        record.environment_json = select.text(3);
        record.created = select.text(4);
      });
}

std::vector<JobRecord> Store::jobs(std::optional<std::int64_t> experiment) const {
  const std::lock_guard lock(state_->mutex);
  return read_rows<JobRecord>(
      *state_->database,
      "SELECT id, experiment_id, model, model_fingerprint, protocol, data_sha256, "
      "tokenizer_sha256, token_ids_sha256, numerics, windows, status, placement, "
      "memory, load_seconds, total_seconds, error, created, updated FROM jobs "
      "WHERE ?1 OR experiment_id = ?2 ORDER BY id",
      [](const Statement& select, JobRecord& record) {
        record.id = select.integer(0);
        record.experiment = select.integer(1);
        record.model = select.text(2);
        record.model_fingerprint = select.text(3);
        record.protocol_json = select.text(4);
        record.data_sha256 = select.text(5);
        record.tokenizer_sha256 = select.text(6);
        record.token_ids_sha256 = select.text(7);
        record.numerics_json = select.text(8);
        record.windows = select.integer(9);
        record.status = parse_status(select.text(10));
        record.placement = select.text(11);
        record.memory_json = select.text(12);
        record.load_seconds = select.real(13);
        record.total_seconds = select.real(14);
        record.error = select.text(15);
        record.created = select.text(16);
        record.updated = select.text(17);
      },
      std::int64_t{experiment ? 0 : 1}, experiment.value_or(0));
}

std::vector<RunRecord> Store::runs(std::int64_t job, bool all) const {
  const std::lock_guard lock(state_->mutex);
  return read_rows<RunRecord>(
      *state_->database,
      "SELECT id, job_id, position, current, variant, baseline, config_hash, layers, "
      "contract, linears, sweep, status, seconds, error, "
      "(SELECT count(*) FROM window_sums WHERE run_id = runs.id) FROM runs "
      "WHERE job_id = ?1 AND (?2 OR current) ORDER BY current DESC, position, id",
      [](const Statement& select, RunRecord& record) {
        record.id = select.integer(0);
        record.job = select.integer(1);
        record.position = select.integer(2);
        record.current = select.integer(3) != 0;
        record.variant = select.text(4);
        record.baseline = select.integer(5) != 0;
        record.config_hash = select.text(6);
        record.layers = select.integer(7);
        record.contract_json = select.text(8);
        record.linears_json = select.text(9);
        record.sweep_json = select.text(10);
        record.status = parse_status(select.text(11));
        record.seconds = select.real(12);
        record.error = select.text(13);
        record.finished_windows = select.integer(14);
      },
      job, std::int64_t{all ? 1 : 0});
}

std::vector<WindowSums> Store::window_sums(std::int64_t run) const {
  const std::lock_guard lock(state_->mutex);
  return read_rows<WindowSums>(
      *state_->database,
      "SELECT window_index, tokens, nll_sum_nats, entropy_sum_nats, kl_sum_nats, "
      "top1_count, argmax_positions, argmax_xent_sum_nats, argmax_entropy_sum_nats, "
      "non_finite, p_change_sum, p_change_sq_sum, kl_max, weight, bytes "
      "FROM window_sums WHERE run_id = ? ORDER BY window_index",
      [](const Statement& select, WindowSums& w) {
        w.window = select.integer(0);
        w.tokens = select.integer(1);
        w.nll_sum_nats = select.real(2);
        w.entropy_sum_nats = select.real(3);
        w.kl_sum_nats = select.real(4);
        w.top1_count = select.integer(5);
        w.argmax_positions = select.integer(6);
        w.argmax_xent_sum_nats = select.real(7);
        w.argmax_entropy_sum_nats = select.real(8);
        w.non_finite = select.integer(9);
        w.p_change_sum = select.real(10);
        w.p_change_sq_sum = select.real(11);
        w.kl_max = select.real(12);
        w.weight = select.real(13);
        w.bytes = select.integer(14);
      },
      run);
}

std::vector<bool> Store::finished_windows(std::int64_t job,
                                          const std::vector<std::int64_t>& runs) const {
  const std::lock_guard lock(state_->mutex);
  const auto windows = static_cast<std::size_t>(state_->windows_of(job));
  std::vector<bool> finished(windows, true);
  Statement select(*state_->database,
                   "SELECT window_index FROM window_sums WHERE run_id = ? "
                   "AND window_index >= 0 AND window_index < ?");
  for (const std::int64_t run : runs) {
    std::vector<bool> present(windows, false);
    select.bind(run, static_cast<std::int64_t>(windows));
    while (select.step()) {
      // The condition is checked again: a damaged index may give rows that do not meet it.
      const auto window = static_cast<std::uint64_t>(select.integer(0));
      if (window < windows) {
        present[window] = true;
      }
    }
    select.reset();
    for (std::size_t i = 0; i < windows; ++i) {
      finished[i] = finished[i] && present[i];
    }
  }
  return finished;
}

std::vector<PanelBlob> Store::histograms(std::int64_t run) const {
  const std::lock_guard lock(state_->mutex);
  return read_rows<PanelBlob>(
      *state_->database,
      "SELECT first_window, last_window, data FROM histograms WHERE run_id = ? "
      "ORDER BY first_window",
      [](const Statement& select, PanelBlob& blob) {
        blob = {select.integer(0), select.integer(1), select.text(2)};
      },
      run);
}

std::vector<LogLine> Store::log(std::int64_t job) const {
  const std::lock_guard lock(state_->mutex);
  return read_rows<LogLine>(
      *state_->database, "SELECT time, level, text FROM log WHERE job_id = ? ORDER BY id",
      [](const Statement& select, LogLine& line) {
        line = {select.text(0), select.text(1), select.text(2)};
      },
      job);
}

std::vector<QueueEntry> Store::queue() const {
  const std::lock_guard lock(state_->mutex);
  return read_rows<QueueEntry>(*state_->database, "SELECT id, state FROM queue ORDER BY position",
                               [](const Statement& select, QueueEntry& entry) {
                                 entry = {select.text(0), select.text(1)};
                               });
}

}  // namespace mxscope::store
