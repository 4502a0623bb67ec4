// SPDX-License-Identifier: Apache-2.0
#include "protocol/codec.h"

#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope {

std::optional<Json> parse_line(std::string_view line, std::size_t max_bytes, std::string& error) {
  while (line.ends_with('\n') || line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  Issues issues;
  std::optional<Json> json = parse_json(line, issues, max_bytes);
  if (!json) {
    error = first_problem(issues);
    return std::nullopt;
  }
  if (!json->is_object()) {
    error = "A message is an object, not " + describe_value(*json) + ".";
    return std::nullopt;
  }
  const auto version = json->find("v");
  if (version == json->end() || *version != kProtocolVersion) {
    error = "Messages of version " + std::to_string(kProtocolVersion) + " are understood; 'v' is " +
            (version == json->end() ? "missing" : describe_value(*version)) + ".";
    return std::nullopt;
  }
  const auto type = json->find("type");
  if (type == json->end() || !type->is_string()) {
    error = "A message names its 'type'; here it is " +
            (type == json->end() ? std::string("missing") : describe_value(*type)) + ".";
    return std::nullopt;
  }
  return json;
}

std::string write_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string first_problem(const Issues& issues) {
  if (issues.empty()) {
    return {};
  }
  const Issue& issue = issues.front();
  return issue.path.empty() ? issue.message : issue.path + ": " + issue.message;
}

Json to_json(const Issues& issues) {
  Json list = Json::array();
  for (const Issue& issue : issues) {
    list.push_back({{"severity", issue.severity == Issue::Severity::kError ? "error" : "warning"},
                    {"path", issue.path},
                    {"message", issue.message}});
  }
  return list;
}

Issues issues_from_json(const Json& value, const std::string& path, Issues& problems) {
  Issues issues;
  if (!value.is_array()) {
    add_issue(problems, path, "Expected a list, found " + describe_value(value) + ".");
    return issues;
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    JsonReader reader(value[i], path + "[" + std::to_string(i) + "]", problems);
    Issue issue;
    std::string severity = "error";
    reader.read("severity", severity);
    issue.severity = severity == "warning" ? Issue::Severity::kWarning : Issue::Severity::kError;
    reader.read("path", issue.path);
    reader.read("message", issue.message);
    issues.push_back(std::move(issue));
  }
  return issues;
}

}  // namespace mxscope
