// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mxscope/core/results/results.h"

// What earlier runs left in a folder, without a run. Any thread.
namespace mxscope::engine {

// One experiment of a store. A run that was killed counts as cancelled and has the windows that all
// runs of its job finished.
struct RecordedExperiment {
  std::int64_t id = 0;
  std::string name;
  std::string created;  // UTC, ISO 8601
  Results results;      // bits_per_value is not in the store
};

// Experiments of FOLDER/store.sqlite, oldest first; `only` picks one by its id. Throws Error
// kNotFound (no store, no such experiment), kIo, kInvalidInput.
[[nodiscard]] std::vector<RecordedExperiment> read_store(const std::filesystem::path& folder,
                                                         std::optional<std::int64_t> only = {});

// Results of a folder that a run wrote, per-window sums included: its results.json and windows.csv,
// or, where there are none because the run was killed, the latest experiment of its store. Throws
// Error kNotFound for a folder without results, kInvalidInput naming what is damaged.
[[nodiscard]] Results read_results(const std::filesystem::path& folder);

}  // namespace mxscope::engine
