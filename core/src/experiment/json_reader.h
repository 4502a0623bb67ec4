// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/base/issue.h"

namespace mxscope {

using Json = nlohmann::ordered_json;

// A document full of mistakes lists this many; the last says that there are more.
inline constexpr std::size_t kMaxIssues = 200;

// Adds an issue unless kMaxIssues are listed already.
void add_issue(Issues& issues, std::string path, std::string message,
               Issue::Severity severity = Issue::Severity::kError);

// "the text 'abc'", "the number 3", "a list", "an object", "true", "null"; long texts are cut.
[[nodiscard]] std::string describe_value(const Json& value);
// `text` in quotes, cut after 60 bytes at a character's edge.
[[nodiscard]] std::string quote(std::string_view text);

// Reads one object key by key; every problem becomes an issue with the field's path and leaves the
// target as it was. A key that nothing asked for is reported by finish().
class JsonReader {
 public:
  JsonReader(const Json& value, std::string path, Issues& issues);

  [[nodiscard]] bool valid() const noexcept { return value_.is_object(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] Issues& issues() noexcept { return issues_; }
  [[nodiscard]] std::string path_of(std::string_view key) const;

  // The value, or null when the key is absent; the key counts as known.
  const Json* find(std::string_view key);
  // The same, and an issue when it is absent.
  const Json* require(std::string_view key);

  void read(std::string_view key, std::string& target);
  void read(std::string_view key, std::optional<std::string>& target);
  void read(std::string_view key, std::int64_t& target);
  void read(std::string_view key, std::optional<std::int64_t>& target);
  void read(std::string_view key, double& target);
  void read(std::string_view key, std::optional<double>& target);
  // null stands for a number that does not exist.
  void read_nullable(std::string_view key, std::optional<double>& target);
  void read(std::string_view key, bool& target);
  void read(std::string_view key, std::optional<bool>& target);
  void read(std::string_view key, std::vector<std::string>& target);

  template <typename Enum, typename Target>
  void read_enum(std::string_view key, Target& target,
                 std::optional<Enum> (*parse)(std::string_view) noexcept,
                 std::span<const std::string_view> names, std::string_view what) {
    if (const Json* value = find(key)) {
      if (auto parsed = parse_one<Enum>(*value, path_of(key), parse, names, what)) {
        target = *parsed;
      }
    }
  }

  template <typename Enum>
  std::optional<Enum> parse_one(const Json& value, const std::string& path,
                                std::optional<Enum> (*parse)(std::string_view) noexcept,
                                std::span<const std::string_view> names, std::string_view what) {
    if (!value.is_string()) {
      add_issue(issues_, path,
                "Expected a " + std::string(what) + " name, found " + describe_value(value) + ".");
      return std::nullopt;
    }
    const auto& text = value.get_ref<const std::string&>();
    const std::optional<Enum> parsed = parse(text);
    if (!parsed) {
      report_unknown_name(path, text, names, what);
    }
    return parsed;
  }

  // Calls `each` with every element and its path; an issue when the value is no list.
  void read_list(std::string_view key,
                 const std::function<void(const Json&, const std::string&)>& each);

  // Reports keys that were not asked for. Call it last.
  void finish();

 private:
  void report_unknown_name(const std::string& path, const std::string& text,
                           std::span<const std::string_view> names, std::string_view what);

  const Json& value_;
  std::string path_;
  Issues& issues_;
  std::vector<std::string> known_;
};

// The values themselves; an issue at `path` and nothing when the type is wrong. Integers may be
// written as 32.0.
[[nodiscard]] std::optional<std::int64_t> read_integer(const Json& value, const std::string& path,
                                                       Issues& issues);
[[nodiscard]] std::optional<double> read_number(const Json& value, const std::string& path,
                                                Issues& issues);
[[nodiscard]] std::optional<std::string> read_text(const Json& value, const std::string& path,
                                                   Issues& issues);
[[nodiscard]] std::optional<bool> read_flag(const Json& value, const std::string& path,
                                            Issues& issues);

}  // namespace mxscope
