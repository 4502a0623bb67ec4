// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/checkpoint/inventory.h"
#include "mxscope/core/experiment/rules.h"
#include "mxscope/core/experiment/variants.h"
#include "mxscope/engine/engine.h"

// What commands print with --json and `serve` replies: the same documents. Any thread.
namespace mxscope::cli {

// One model's headers, and what variants do to its linears.
struct Inspection {
  std::string source;
  std::filesystem::path folder;
  ModelInventory inventory;
  std::vector<LinearInfo> linears;  // parallel to inventory.linears
  std::vector<ResolvedVariant> variants;
  std::vector<MatchReport> reports;  // parallel to variants
};

// Reads the headers of `source` and matches `variants` (an array as in an experiment, or null).
// Throws Error for a model that cannot be read, InvalidInput for variants with problems.
[[nodiscard]] Inspection inspect_model(const std::string& source,
                                       const std::filesystem::path& base_dir,
                                       const std::string& revision,
                                       const nlohmann::ordered_json& variants);

[[nodiscard]] nlohmann::ordered_json inspection_json(const Inspection& inspection);

// {"jobs": [...], "seconds": ...}
[[nodiscard]] nlohmann::ordered_json estimate_json(const std::vector<engine::JobEstimate>& jobs);

// Entries of a folder for a file chooser: folders first, by name; model folders and experiment
// files are marked. At most 10,000 entries. Throws Error kNotFound, kIo.
[[nodiscard]] nlohmann::ordered_json browse_json(const std::string& folder);

}  // namespace mxscope::cli
