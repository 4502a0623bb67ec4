// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/data/text_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <limits>
#include <utility>

#include "data/file_bytes.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/base/sha256.h"

namespace mxscope {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, Rows>, 5> kRowNames = {
    {{"auto", Rows::kAuto},
     {"file", Rows::kFile},
     {"lines", Rows::kLines},
     {"wikitext", Rows::kWikitext},
     {"records", Rows::kRecords}}};

// A data set that has a name: where its files may lie, and what its samples are.
struct NamedSet {
  std::string_view name;
  Rows text_rows;
  std::array<std::string_view, 3> files;
};

constexpr std::array<NamedSet, 2> kNamedSets = {{
    {"wikitext2",
     Rows::kWikitext,
     {"wiki.test.raw", "wikitext2/wiki.test.raw", "wikitext-2-raw/wiki.test.raw"}},
    {"pile", Rows::kFile, {"pile.jsonl", "pile/test.jsonl", "pile/val.jsonl"}},
}};

enum class Kind { kText, kJsonList, kJsonLines };

constexpr std::string_view kAccepted = "plain text, .json and .jsonl are read";

fs::path data_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return fs::path(cache) / "mxscope" / "data";
  }
  const char* home = std::getenv("HOME");
  return fs::path(home == nullptr ? "" : home) / ".cache" / "mxscope" / "data";
}

struct Located {
  fs::path path;
  Rows auto_text_rows;
};

Located locate(const std::string& source, const TextRequest& request) {
  if (source.empty() || source.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kInvalidInput,
                "data.source holds an empty name; a file or a named data set is needed.");
  }
  const fs::path direct = request.base / source;
  const auto set = std::find_if(kNamedSets.begin(), kNamedSets.end(),
                                [&](const NamedSet& s) { return s.name == source; });
  std::error_code ignored;
  // A folder with a data set's name holds the data set.
  if (fs::exists(direct, ignored) &&
      (set == kNamedSets.end() || !fs::is_directory(direct, ignored))) {
    return {direct, request.auto_text_rows};
  }
  if (set == kNamedSets.end()) {
    std::string names;
    for (const NamedSet& s : kNamedSets) {
      names += (names.empty() ? "" : ", ") + std::string(s.name);
    }
    throw Error(ErrorCode::kNotFound,
                "data.source '" + source + "' is not to be found: there is no file '" +
                    direct.string() + "', and named data sets are " + names + ".");
  }
  std::string searched;
  for (const fs::path& folder : {request.base, data_cache()}) {
    for (const std::string_view file : set->files) {
      fs::path candidate = folder / file;
      if (fs::exists(candidate, ignored)) {
        return {std::move(candidate), set->text_rows};
      }
      searched += (searched.empty() ? "'" : ", '") + candidate.string() + "'";
    }
  }
  throw Error(
      ErrorCode::kNotFound,
      "data set '" + source + "' has no file on this machine; looked for " + searched + ".");
}

Kind kind_of(const fs::path& path, std::string_view bytes, Rows rows) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto refuse = [&](const std::string& kind) {
    throw Error(ErrorCode::kUnsupported, "Text file '" + path.string() + "' is " + kind + "; " +
                                             std::string(kAccepted) + ".");
  };
  if (extension == ".parquet" || bytes.starts_with("PAR1")) {
    refuse("Parquet, which is not read yet");
  }
  if (extension == ".arrow" || bytes.starts_with("ARROW1")) {
    refuse("an Arrow file");
  }
  if (bytes.starts_with("\x1f\x8b") || bytes.starts_with("PK\x03\x04") ||
      bytes.starts_with("\x28\xb5\x2f\xfd") || bytes.starts_with("BZh") ||
      bytes.starts_with("\xfd"
                        "7zXZ")) {
    refuse("compressed");
  }
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  const char opening = first == std::string_view::npos ? '\0' : bytes[first];
  if (extension == ".jsonl" || extension == ".ndjson") {
    return Kind::kJsonLines;
  }
  if (extension == ".json") {
    return opening == '{' ? Kind::kJsonLines : Kind::kJsonList;
  }
  if (rows == Rows::kRecords) {
    if (opening == '[') {
      return Kind::kJsonList;
    }
    if (opening == '{' || opening == '"') {
      return Kind::kJsonLines;
    }
    throw Error(ErrorCode::kInvalidInput, "data.rows is 'records', and '" + path.string() +
                                              "' is plain text; JSON or JSON lines is needed.");
  }
  return Kind::kText;
}

void check_utf8(const fs::path& path, std::string_view bytes) {
  if (const auto offset = find_invalid_utf8(bytes)) {
    throw Error(ErrorCode::kInvalidInput, "Text file '" + path.string() + "' is not UTF-8: byte " +
                                              std::to_string(*offset) + " begins no character.");
  }
}

void cut_lines(std::string_view text, bool wikitext, std::size_t limit,
               std::vector<std::string>& samples) {
  for (std::size_t begin = 0; begin < text.size() && samples.size() < limit;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (wikitext) {
      const bool blank = line.find_first_not_of(" \t\r\v\f") == std::string_view::npos;
      samples.emplace_back(blank ? std::string_view()
                                 : text.substr(begin, std::min(end + 1, text.size()) - begin));
    } else {
      if (line.ends_with('\r')) {
        line.remove_suffix(1);
      }
      samples.emplace_back(line);
    }
    begin = end + 1;
  }
}

void read_file(const Located& located, const TextRequest& request, std::size_t limit, Sha256& hash,
               TextSamples& result) {
  std::string bytes = read_file_bytes(located.path, "Text file");
  const Kind kind = kind_of(located.path, bytes, request.rows);
  check_utf8(located.path, bytes);
  hash.update(bytes);
  result.files.push_back(located.path.string());
  if (kind != Kind::kText) {
    if (request.rows != Rows::kAuto && request.rows != Rows::kRecords) {
      throw Error(ErrorCode::kInvalidInput,
                  "data.rows is '" + std::string(to_string(request.rows)) + "', and '" +
                      located.path.string() +
                      "' is JSON, whose samples are records; use 'records' or 'auto'.");
    }
    std::vector<std::string> records =
        parse_records(bytes, kind == Kind::kJsonLines, request.field, located.path.string(),
                      limit - result.samples.size());
    std::move(records.begin(), records.end(), std::back_inserter(result.samples));
    return;
  }
  const Rows rows = request.rows == Rows::kAuto ? located.auto_text_rows : request.rows;
  if (rows == Rows::kLines || rows == Rows::kWikitext) {
    cut_lines(bytes, rows == Rows::kWikitext, limit, result.samples);
  } else if (!bytes.empty()) {
    result.samples.push_back(std::move(bytes));
  }
}

TextSamples read_sources(const std::vector<std::string>& sources, const TextRequest& request) {
  const std::size_t limit = request.max_samples ? static_cast<std::size_t>(*request.max_samples)
                                                : std::numeric_limits<std::size_t>::max();
  TextSamples result;
  Sha256 hash;
  std::string names;
  for (const std::string& source : sources) {
    names += (names.empty() ? "'" : ", '") + source + "'";
    // Sources after the last sample still count: the hash names all the data that was asked for.
    const Located located = locate(source, request);
    if (result.samples.size() < limit) {
      read_file(located, request, limit, hash, result);
    } else {
      result.files.push_back(located.path.string());
      hash.update(read_file_bytes(located.path, "Text file"));
    }
  }
  if (result.samples.empty()) {
    throw Error(ErrorCode::kInvalidInput, "data.source " + names + " holds no text.");
  }
  result.sha256 = hash.hex();
  for (const std::string& sample : result.samples) {
    result.bytes += static_cast<std::int64_t>(sample.size());
  }
  return result;
}

}  // namespace

Rows parse_rows(std::string_view name) {
  for (const auto& [known, rows] : kRowNames) {
    if (known == name) {
      return rows;
    }
  }
  throw Error(ErrorCode::kInvalidInput,
              "data.rows is '" + std::string(name) +
                  "'; accepted are auto, file, lines, wikitext and records.");
}

std::string_view to_string(Rows rows) noexcept {
  for (const auto& [known, value] : kRowNames) {
    if (value == rows) {
      return known;
    }
  }
  return "auto";
}

TextSamples read_text(const TextRequest& request) {
  if (request.sources.empty()) {
    throw Error(ErrorCode::kInvalidInput,
                "data.source names nothing; a file or a named data set is needed.");
  }
  if (request.max_samples && *request.max_samples < 1) {
    throw Error(
        ErrorCode::kInvalidInput,
        "data.max_samples is " + std::to_string(*request.max_samples) + "; at least 1 is needed.");
  }
  if (request.fallback.empty()) {
    return read_sources(request.sources, request);
  }
  try {
    return read_sources(request.sources, request);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kIo) {
      throw;
    }
    TextSamples result = read_sources({request.fallback}, request);
    result.warnings.insert(result.warnings.begin(), std::string(error.what()) + " The fallback '" +
                                                        request.fallback + "' is used instead.");
    return result;
  }
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const std::size_t size = text.size();
  for (std::size_t i = 0; i < size;) {
    const unsigned char lead = bytes[i];
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // Unicode 15, table 3-7: the second byte's range depends on the first.
    std::size_t more = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      low = lead == 0xe0 ? 0xa0 : 0x80;
      high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      low = lead == 0xf0 ? 0x90 : 0x80;
      high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
      return i;
    }
    for (std::size_t k = 1; k <= more; ++k) {
      if (i + k >= size || bytes[i + k] < low || bytes[i + k] > high) {
        return i;
      }
      low = 0x80;
      high = 0xbf;
    }
    i += more + 1;
  }
  return std::nullopt;
}

}  // namespace mxscope
