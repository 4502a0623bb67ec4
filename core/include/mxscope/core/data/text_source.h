// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mxscope {

// What one sample is (NUMERICS section 6).
enum class Rows {
  kAuto,      // plain text: the file; JSON and JSON lines: a record
  kFile,      // the whole file
  kLines,     // a line without its line break
  kWikitext,  // a line with its line break; a line of blanks alone is the empty sample
  kRecords,   // an element of a JSON list, or a line of a JSON lines file
};

// "auto", "file", ...; throws Error kInvalidInput naming the accepted values.
[[nodiscard]] Rows parse_rows(std::string_view name);
[[nodiscard]] std::string_view to_string(Rows rows) noexcept;

// What to read.
struct TextRequest {
  std::vector<std::string> sources;  // files, or named data sets (wikitext2, pile), read in order
  std::filesystem::path base;  // folder that relative paths start from; empty: the current one
  Rows rows = Rows::kAuto;
  // What kAuto means for plain text: a protocol defined on WikiText rows (concat2048) says so here.
  Rows auto_text_rows = Rows::kFile;
  std::string field = "text";               // text field of a record that is an object
  std::optional<std::int64_t> max_samples;  // keep only the first ones, over all sources
  std::string fallback;                     // source to use, with a warning, when one is not found
};

struct TextSamples {
  std::vector<std::string> samples;  // valid UTF-8
  std::vector<std::string> files;    // files that were read, in order
  std::string sha256;                // of the bytes of these files, one after the other
  std::int64_t bytes = 0;            // of all samples together
  std::vector<std::string> warnings;
};

// Reads plain text, JSON (a list of strings or of objects with the text field) and JSON lines. A
// file's bytes are held while it is cut into samples; JSON is read as a stream, so memory stays
// below the file plus its samples, however deep or wide the JSON is. May be called from any thread.
// Throws Error: kNotFound (no such file or data set), kIo, kUnsupported (Parquet, compressed files)
// and kInvalidInput (not UTF-8, broken JSON: with file and byte position; no samples).
[[nodiscard]] TextSamples read_text(const TextRequest& request);

// Records of JSON text `json` (`lines`: JSON lines). `name` stands for the file in messages. Stops
// after `limit` records.
[[nodiscard]] std::vector<std::string> parse_records(std::string_view json, bool lines,
                                                     const std::string& field,
                                                     const std::string& name, std::size_t limit);

// Offset of the first byte that does not continue valid UTF-8; empty where all of `text` is valid.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept;

}  // namespace mxscope
