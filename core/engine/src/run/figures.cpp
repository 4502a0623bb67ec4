// SPDX-License-Identifier: Apache-2.0
#include "run/figures.h"

#include <cstring>

namespace mxscope::engine {

std::string to_blob(const RunHistograms& histograms) {
  const std::string kl = histograms.kl.serialize();
  const std::uint64_t size = kl.size();
  std::string bytes(sizeof(size), '\0');
  std::memcpy(bytes.data(), &size, sizeof(size));
  return bytes + kl + histograms.p_change.serialize();
}

void merge_blob(RunHistograms& histograms, const std::string& bytes) {
  std::uint64_t size = 0;
  if (bytes.size() < sizeof(size)) {
    return;
  }
  std::memcpy(&size, bytes.data(), sizeof(size));
  if (size > bytes.size() - sizeof(size)) {
    return;
  }
  const std::string_view rest(bytes.data() + sizeof(size), bytes.size() - sizeof(size));
  const auto kl = LogHistogram::deserialize(rest.substr(0, size));
  const auto p_change = LogHistogram::deserialize(rest.substr(size));
  if (kl && p_change) {
    histograms.kl.merge(*kl);
    histograms.p_change.merge(*p_change);
  }
}

store::WindowSums to_store(std::int64_t window, const WindowSums& s) {
  store::WindowSums row;
  row.window = window;
  row.tokens = s.tokens;
  row.nll_sum_nats = s.nll_sum;
  row.entropy_sum_nats = s.entropy_sum;
  row.kl_sum_nats = s.kl_sum;
  row.top1_count = s.top1_count;
  row.argmax_positions = s.argmax_positions;
  row.argmax_xent_sum_nats = s.argmax_xent_sum;
  row.argmax_entropy_sum_nats = s.argmax_entropy_sum;
  row.non_finite = s.non_finite;
  row.p_change_sum = s.p_change_sum;
  row.p_change_sq_sum = s.p_change_sq_sum;
  row.kl_max = s.kl_max;
  row.weight = s.weight;
  row.bytes = s.bytes;
  return row;
}

WindowSums from_store(const store::WindowSums& row) {
  WindowSums s;
  s.tokens = row.tokens;
  s.nll_sum = row.nll_sum_nats;
  s.entropy_sum = row.entropy_sum_nats;
  s.kl_sum = row.kl_sum_nats;
  s.top1_count = row.top1_count;
  s.argmax_positions = row.argmax_positions;
  s.argmax_xent_sum = row.argmax_xent_sum_nats;
  s.argmax_entropy_sum = row.argmax_entropy_sum_nats;
  s.non_finite = row.non_finite;
  s.p_change_sum = row.p_change_sum;
  s.p_change_sq_sum = row.p_change_sq_sum;
  s.kl_max = row.kl_max;
  s.weight = row.weight;
  s.bytes = row.bytes;
  return s;
}

void fill_figures(const store::Store& store, const store::JobHandle& handle,
                  const Experiment& experiment, RunStatus status, std::vector<Run>& runs,
                  std::vector<RunWindows>& windows) {
  IntervalOptions interval;
  interval.bootstrap = experiment.statistics.interval == IntervalKind::kBootstrap;
  interval.draws = experiment.statistics.draws;
  interval.seed = experiment.statistics.seed;
  const std::vector<store::RunRecord> records = store.runs(handle.id);
  // A cancelled run may leave windows that only some variants have; differences take those that
  // all have.
  const std::vector<bool> complete = store.finished_windows(handle.id, handle.runs);
  std::vector<WindowSums> baseline;
  windows.clear();
  for (std::size_t r = 0; r < runs.size(); ++r) {
    Run& run = runs[r];
    run.status = status;
    RunWindows own;
    own.model = run.model;
    own.variant = run.variant;
    for (const store::WindowSums& row : store.window_sums(handle.runs[r])) {
      if (complete[static_cast<std::size_t>(row.window)]) {
        own.indices.push_back(row.window);
        own.windows.push_back(from_store(row));
      }
    }
    RunHistograms histograms;
    for (const store::PanelBlob& blob : store.histograms(handle.runs[r])) {
      merge_blob(histograms, blob.bytes);
    }
    for (const store::RunRecord& record : records) {
      if (record.id == handle.runs[r]) {
        run.seconds = record.seconds;
      }
    }
    compute_run(run, own.windows, run.baseline ? nullptr : &baseline, interval,
                run.baseline ? nullptr : &histograms);
    if (run.seconds > 0) {
      run.tokens_per_second = static_cast<double>(run.tokens) / run.seconds;
    }
    if (run.baseline) {
      baseline = own.windows;
    }
    windows.push_back(std::move(own));
  }
}

}  // namespace mxscope::engine
