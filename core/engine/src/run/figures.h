// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/results/results.h"
#include "mxscope/core/stats/metrics.h"
#include "mxscope/core/store/store.h"

namespace mxscope::engine {

// Both histograms of a run's panel as bytes for the store, and back.
[[nodiscard]] std::string to_blob(const RunHistograms& histograms);
void merge_blob(RunHistograms& histograms, const std::string& bytes);

[[nodiscard]] store::WindowSums to_store(std::int64_t window, const WindowSums& sums);
[[nodiscard]] WindowSums from_store(const store::WindowSums& row);

// Computes metrics and deltas of a job's runs from what the store has of them; `runs` are in the
// order of the handle's, the baseline first.
void fill_figures(const store::Store& store, const store::JobHandle& handle,
                  const Experiment& experiment, RunStatus status, std::vector<Run>& runs,
                  std::vector<RunWindows>& windows);

}  // namespace mxscope::engine
