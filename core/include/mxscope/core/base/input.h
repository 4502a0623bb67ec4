// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace mxscope {

// Reading what comes from outside (configs, indexes, experiments, messages) without trusting it.
// All functions may be called from any thread.

struct InputLimits {
  std::size_t max_bytes = std::size_t{8} << 20;  // longer input is refused before it is read
  int max_depth = 64;                            // nested objects and arrays
};

// `text` between single quotes for a message: control characters and broken UTF-8 are shown as
// '?', and what goes beyond `max_bytes` is cut and marked by "...".
[[nodiscard]] std::string in_quotes(std::string_view text, std::size_t max_bytes = 80);

// The whole of a regular file. Throws Error kNotFound, kIo, or kInvalidInput when it is no regular
// file or longer than `max_bytes`; a pipe or device is refused, not waited for.
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::size_t max_bytes);

// Parses strict JSON in UTF-8. `name` stands in messages. Throws Error kInvalidInput, naming line
// and column, when the text is not JSON, nests too deep, is too long, or names a key twice.
[[nodiscard]] nlohmann::json parse_json(std::string_view text, const std::string& name,
                                        const InputLimits& limits = {});

// read_file and parse_json.
[[nodiscard]] nlohmann::json read_json_file(const std::filesystem::path& path,
                                            const InputLimits& limits = {});

// Removes the library's own prefix and the echo of the input from nlohmann's message.
[[nodiscard]] std::string json_problem(std::string_view library_message);

// `message` of nlohmann's parser in the words that every version of it (3.11.2 and later) shares.
[[nodiscard]] std::string common_json_message(std::string_view message);

}  // namespace mxscope
