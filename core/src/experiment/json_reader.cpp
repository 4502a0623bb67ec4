// SPDX-License-Identifier: Apache-2.0
#include "experiment/json_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mxscope/core/formats/suggest.h"

namespace mxscope {
namespace {

constexpr std::size_t kQuotedBytes = 60;

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

void add_issue(Issues& issues, std::string path, std::string message, Issue::Severity severity) {
  if (issues.size() + 1 < kMaxIssues) {
    issues.push_back({severity, std::move(path), std::move(message)});
  } else if (issues.size() + 1 == kMaxIssues) {
    issues.push_back({Issue::Severity::kError, "",
                      "There are more problems; only the first " + std::to_string(kMaxIssues - 1) +
                          " are listed."});
  }
}

std::string quote(std::string_view text) {
  std::string quoted = "'";
  if (text.size() <= kQuotedBytes) {
    quoted += text;
  } else {
    std::size_t end = kQuotedBytes;
    while (end > 0 && continues_character(text[end])) {
      --end;
    }
    quoted += text.substr(0, end);
    quoted += "…";
  }
  quoted += "'";
  return quoted;
}

std::string describe_value(const Json& value) {
  switch (value.type()) {
    case Json::value_t::string:
      return "the text " + quote(value.get_ref<const std::string&>());
    case Json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return "the number " + value.dump();
    case Json::value_t::array:
      return "a list";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::null:
      return "null";
    default:
      return "something else";
  }
}

std::optional<std::int64_t> read_integer(const Json& value, const std::string& path,
                                         Issues& issues) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number <= static_cast<std::uint64_t>(INT64_MAX)) {
      return static_cast<std::int64_t>(number);
    }
  } else if (value.is_number_integer()) {
    return value.get<std::int64_t>();
  } else if (value.is_number_float()) {
    const auto number = value.get<double>();
    constexpr double kLargestExact = 9007199254740992.0;  // 2^53
    if (std::trunc(number) == number && std::fabs(number) <= kLargestExact) {
      return static_cast<std::int64_t>(number);
    }
  }
  add_issue(issues, path, "Expected a whole number, found " + describe_value(value) + ".");
  return std::nullopt;
}

std::optional<double> read_number(const Json& value, const std::string& path, Issues& issues) {
  if (value.is_number()) {
    return value.get<double>();
  }
  add_issue(issues, path, "Expected a number, found " + describe_value(value) + ".");
  return std::nullopt;
}

std::optional<std::string> read_text(const Json& value, const std::string& path, Issues& issues) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  add_issue(issues, path, "Expected a text, found " + describe_value(value) + ".");
  return std::nullopt;
}

std::optional<bool> read_flag(const Json& value, const std::string& path, Issues& issues) {
  if (value.is_boolean()) {
    return value.get<bool>();
  }
  add_issue(issues, path, "Expected true or false, found " + describe_value(value) + ".");
  return std::nullopt;
}

JsonReader::JsonReader(const Json& value, std::string path, Issues& issues)
    : value_(value), path_(std::move(path)), issues_(issues) {
  if (!value_.is_object()) {
    add_issue(issues_, path_, "Expected an object, found " + describe_value(value_) + ".");
  }
}

std::string JsonReader::path_of(std::string_view key) const {
  std::string path = path_;
  if (!path.empty()) {
    path += '.';
  }
  path += key;
  return path;
}

const Json* JsonReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
    known_.emplace_back(key);
  }
  if (!value_.is_object()) {
    return nullptr;
  }
  const auto found = value_.find(std::string(key));
  return found == value_.end() ? nullptr : &*found;
}

const Json* JsonReader::require(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr && value_.is_object()) {
    add_issue(issues_, path_of(key), "This key is required and missing.");
  }
  return value;
}

void JsonReader::read(std::string_view key, std::string& target) {
  if (const Json* value = find(key)) {
    if (auto text = read_text(*value, path_of(key), issues_)) {
      target = std::move(*text);
    }
  }
}

void JsonReader::read(std::string_view key, std::optional<std::string>& target) {
  if (const Json* value = find(key)) {
    if (auto text = read_text(*value, path_of(key), issues_)) {
      target = std::move(text);
    }
  }
}

void JsonReader::read(std::string_view key, std::int64_t& target) {
  if (const Json* value = find(key)) {
    if (const auto number = read_integer(*value, path_of(key), issues_)) {
      target = *number;
    }
  }
}

void JsonReader::read(std::string_view key, std::optional<std::int64_t>& target) {
  if (const Json* value = find(key)) {
    if (const auto number = read_integer(*value, path_of(key), issues_)) {
      target = number;
    }
  }
}

void JsonReader::read(std::string_view key, double& target) {
  if (const Json* value = find(key)) {
    if (const auto number = read_number(*value, path_of(key), issues_)) {
      target = *number;
    }
  }
}

void JsonReader::read(std::string_view key, std::optional<double>& target) {
  if (const Json* value = find(key)) {
    if (const auto number = read_number(*value, path_of(key), issues_)) {
      target = number;
    }
  }
}

void JsonReader::read_nullable(std::string_view key, std::optional<double>& target) {
  const Json* value = find(key);
  if (value != nullptr && !value->is_null()) {
    read(key, target);
  }
}

void JsonReader::read(std::string_view key, bool& target) {
  if (const Json* value = find(key)) {
    if (const auto flag = read_flag(*value, path_of(key), issues_)) {
      target = *flag;
    }
  }
}

void JsonReader::read(std::string_view key, std::optional<bool>& target) {
  if (const Json* value = find(key)) {
    if (const auto flag = read_flag(*value, path_of(key), issues_)) {
      target = flag;
    }
  }
}

void JsonReader::read(std::string_view key, std::vector<std::string>& target) {
  read_list(key, [&](const Json& element, const std::string& path) {
    if (auto text = read_text(element, path, issues_)) {
      target.push_back(std::move(*text));
    }
  });
}

void JsonReader::read_list(std::string_view key,
                           const std::function<void(const Json&, const std::string&)>& each) {
  const Json* value = find(key);
  if (value == nullptr) {
    return;
  }
  const std::string path = path_of(key);
  if (!value->is_array()) {
    add_issue(issues_, path, "Expected a list, found " + describe_value(*value) + ".");
    return;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    each((*value)[i], path + "[" + std::to_string(i) + "]");
  }
}

void JsonReader::finish() {
  if (!value_.is_object()) {
    return;
  }
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const auto& item : value_.items()) {
    bool is_known = false;
    for (const std::string_view key : known) {
      is_known = is_known || key == item.key();
    }
    if (!is_known) {
      const std::string name = quote(item.key());
      add_issue(issues_, path_of(std::string_view(name).substr(1, name.size() - 2)),
                "Unknown key." + suggestion(item.key(), known) +
                    " Known here: " + join_choices(known) + ".");
      if (issues_.size() >= kMaxIssues) {
        return;
      }
    }
  }
}

void JsonReader::report_unknown_name(const std::string& path, const std::string& text,
                                     std::span<const std::string_view> names,
                                     std::string_view what) {
  add_issue(issues_, path,
            "Unknown " + std::string(what) + " " + quote(text) + "." + suggestion(text, names) +
                " Accepted: " + join_choices(names) + ".");
}

}  // namespace mxscope
