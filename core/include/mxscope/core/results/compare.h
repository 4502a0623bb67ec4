// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results.h"

namespace mxscope {

// One folder of results with the name shown for it.
struct NamedResults {
  std::string name;
  Results results;
};

// Why two jobs may not be subtracted, e.g. "protocol context 512 instead of 2048", "other data",
// "other tokenizer", "other tokens"; empty when they may.
[[nodiscard]] std::vector<std::string> incomparable_reasons(const Job& a, const Job& b);

struct ComparedRun {
  std::string source;  // NamedResults::name
  const Run* run = nullptr;
  bool reference = false;            // the run that all are compared with
  std::optional<Delta> delta;        // to the reference; from windows where both have them
  std::vector<std::string> reasons;  // why there is no delta: shown as "≠ reason"
};

struct Comparison {
  std::string reference;  // "source: model / variant"
  std::vector<ComparedRun> runs;
};

// Compares every run with one reference: `baseline` names it as "variant", "model/variant" or
// "source:model/variant"; empty: the first baseline of each model. Deltas are paired over windows
// and computed only where protocol, data, tokenizer and tokens are the same and both runs are
// complete; otherwise `reasons` says why. The result points into `results`, which must outlive it.
// Throws Error kNotFound when `baseline` names no run, kInvalidInput when it names several.
[[nodiscard]] Comparison compare_results(const std::vector<NamedResults>& results,
                                         std::string_view baseline,
                                         const IntervalOptions& options = {});

[[nodiscard]] std::string comparison_table(const Comparison& comparison,
                                           const TableOptions& options = {});
[[nodiscard]] nlohmann::ordered_json to_json(const Comparison& comparison);

}  // namespace mxscope
