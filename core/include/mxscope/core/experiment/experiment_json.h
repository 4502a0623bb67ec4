// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/experiment/experiment.h"

namespace mxscope {

// Limits for text from outside: larger or deeper documents are refused before they are parsed.
inline constexpr std::size_t kMaxExperimentBytes = 16U << 20U;
inline constexpr int kMaxJsonDepth = 64;

// Parses JSON (UTF-8, duplicate keys refused, at most kMaxJsonDepth deep and `max_bytes` long). On
// failure adds one issue with line and column (from 1, columns in bytes) and returns nothing. Any
// thread.
[[nodiscard]] std::optional<nlohmann::ordered_json> parse_json(
    std::string_view text, Issues& issues, std::size_t max_bytes = kMaxExperimentBytes);

// Reads an experiment and checks it with validate(). Every problem found is added to `issues`; a
// field that is wrong keeps its default, so that a form can show the rest. The result may be run
// only when has_errors(issues) is false. Never throws for bad input.
[[nodiscard]] Experiment experiment_from_json(std::string_view text, Issues& issues);
[[nodiscard]] Experiment experiment_from_json(const nlohmann::ordered_json& document,
                                              Issues& issues);
// JSON values are made from texts implicitly, which would leave the choice open.
[[nodiscard]] inline Experiment experiment_from_json(const std::string& text, Issues& issues) {
  return experiment_from_json(std::string_view(text), issues);
}
[[nodiscard]] inline Experiment experiment_from_json(const char* text, Issues& issues) {
  return experiment_from_json(std::string_view(text), issues);
}

// Problems that need neither files nor models: ranges, names, selectors that do not compile, keys
// that exclude each other, lists that make the same variant twice. Paths are those of the file,
// e.g. "variants[1].rules[0].match[2]".
[[nodiscard]] Issues validate(const Experiment& experiment);

// Keys in the order of the schema; what equals its default is left out. Reading it back gives an
// equal Experiment.
[[nodiscard]] nlohmann::ordered_json to_json(const Experiment& experiment);
// to_json() with two blanks of indent and a final line break: what is written to a file.
[[nodiscard]] std::string to_json_text(const Experiment& experiment);

// "variants[0].rules: sentence", "warning: ..." for terminals and logs, one line per issue.
[[nodiscard]] std::string format_issues(const Issues& issues);

}  // namespace mxscope
