// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace mxscope::cli {

// Writes all of `text` to standard output. A reader that went away (`| head`) is no error: the rest
// is dropped and false returned. Throws Error kIo for anything else, a full disk above all.
bool write_stdout(std::string_view text);

// The same for standard error, whose faults are ignored: there is nowhere left to report them.
void write_stderr(std::string_view text) noexcept;

// `value` with two blanks of indentation and a final newline on standard output. Text that is not
// UTF-8 (a file name) is written with replacement characters.
bool write_json(const nlohmann::ordered_json& value);

// Writes `text` to `path`, or to standard output for "-" and for an empty path. The file appears
// whole or not at all. Throws Error kIo naming the file and the reason.
void write_text(const std::filesystem::path& path, std::string_view text);

// Whole content of a text file. Throws Error kNotFound, kIo, or kInvalidInput above `limit` bytes.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path, std::size_t limit);

// Is the stream a terminal, how wide is it, and does it show UTF-8 and colours?
struct Terminal {
  bool interactive = false;
  bool unicode = false;
  bool colour = false;
  std::size_t width = 80;
};
[[nodiscard]] Terminal inspect_terminal(int descriptor);

}  // namespace mxscope::cli
