// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/results/results.h"

namespace mxscope {

inline constexpr std::size_t kMaxResultsBytes = std::size_t{1} << 30U;

// results.json: keys in the order of DESIGN section 6, `null` for what does not exist, doubles in
// the digits that read back to the same value.
[[nodiscard]] nlohmann::ordered_json to_json(const Results& results);
[[nodiscard]] nlohmann::ordered_json to_json(const Run& run);
[[nodiscard]] nlohmann::ordered_json to_json(const Job& job);
[[nodiscard]] nlohmann::ordered_json to_json(const Metrics& metrics);
[[nodiscard]] nlohmann::ordered_json to_json(const Delta& delta);
// Text of the file, one blank of indent, final line break. Invalid UTF-8 is replaced.
[[nodiscard]] std::string to_json_text(const Results& results);

// Reads what to_json() writes. Keys that are not known are ignored, since later versions may add
// some; a missing or wrong one is an issue with its path and leaves the default. Never throws for
// bad input. Writing the result again gives the same bytes.
[[nodiscard]] Results results_from_json(std::string_view text, Issues& issues);
[[nodiscard]] Run run_from_json(const nlohmann::ordered_json& value, const std::string& path,
                                Issues& issues);

}  // namespace mxscope
