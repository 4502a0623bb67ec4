// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "experiment/json_reader.h"
#include "mxscope/core/protocol/events.h"

namespace mxscope {

// The parts of a line that both directions share.

// Parses one line and checks size, depth, version and type. Sets `error` and returns nothing on
// failure.
[[nodiscard]] std::optional<Json> parse_line(std::string_view line, std::size_t max_bytes,
                                             std::string& error);
// One compact line.
[[nodiscard]] std::string write_line(const Json& json);
// The first problem as a sentence, "field: ...".
[[nodiscard]] std::string first_problem(const Issues& issues);

[[nodiscard]] Json to_json(const Issues& issues);
[[nodiscard]] Issues issues_from_json(const Json& value, const std::string& path, Issues& problems);

// A key whose absence is a problem.
template <typename Value>
void need(JsonReader& reader, const char* key, Value& target) {
  reader.require(key);
  reader.read(key, target);
}

// The value under `key` as it stands; null when absent.
inline void take_json(JsonReader& reader, const char* key, Json& target) {
  if (const Json* value = reader.find(key)) {
    target = *value;
  }
}

}  // namespace mxscope
