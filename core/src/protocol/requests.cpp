// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "mxscope/core/formats/suggest.h"
#include "mxscope/core/protocol/events.h"
#include "protocol/codec.h"

namespace mxscope {
namespace {

// In the order of the variant.
constexpr std::array<std::string_view, 12> kRequestTypes = {
    "run",      "cancel", "pause",   "resume", "inspect", "estimate",
    "validate", "browse", "results", "queue",  "devices", "quit"};

// A key that must hold an object.
void need_object(JsonReader& reader, const char* key, Json& target) {
  if (const Json* value = reader.require(key)) {
    if (value->is_object()) {
      target = *value;
    } else {
      add_issue(reader.issues(), reader.path_of(key),
                "Expected an object, found " + describe_value(*value) + ".");
    }
  }
}

void write_body(const RunRequest& request, Json& json) {
  json["job"] = request.job;
  json["experiment"] = request.experiment;
  json["base_dir"] = request.base_dir;
  json["output"] = request.output;
  json["resume"] = request.resume;
}
void read_body(JsonReader& reader, RunRequest& request) {
  reader.read("job", request.job);
  need_object(reader, "experiment", request.experiment);
  reader.read("base_dir", request.base_dir);
  reader.read("output", request.output);
  reader.read("resume", request.resume);
}

void write_body(const CancelRequest& request, Json& json) { json["job"] = request.job; }
void read_body(JsonReader& reader, CancelRequest& request) { need(reader, "job", request.job); }
void write_body(const PauseRequest& request, Json& json) { json["job"] = request.job; }
void read_body(JsonReader& reader, PauseRequest& request) { need(reader, "job", request.job); }
void write_body(const ResumeRequest& request, Json& json) { json["job"] = request.job; }
void read_body(JsonReader& reader, ResumeRequest& request) { need(reader, "job", request.job); }

void write_body(const InspectRequest& request, Json& json) {
  json["model"] = request.model;
  json["base_dir"] = request.base_dir;
  json["revision"] = request.revision;
  json["variants"] = request.variants;
}
void read_body(JsonReader& reader, InspectRequest& request) {
  need(reader, "model", request.model);
  reader.read("base_dir", request.base_dir);
  reader.read("revision", request.revision);
  take_json(reader, "variants", request.variants);
}

void write_body(const EstimateRequest& request, Json& json) {
  json["experiment"] = request.experiment;
  json["base_dir"] = request.base_dir;
}
void read_body(JsonReader& reader, EstimateRequest& request) {
  need_object(reader, "experiment", request.experiment);
  reader.read("base_dir", request.base_dir);
}

void write_body(const ValidateRequest& request, Json& json) {
  json["experiment"] = request.experiment;
  json["base_dir"] = request.base_dir;
}
void read_body(JsonReader& reader, ValidateRequest& request) {
  // An experiment that is no object is a mistake for validation to report.
  reader.require("experiment");
  take_json(reader, "experiment", request.experiment);
  reader.read("base_dir", request.base_dir);
}

void write_body(const BrowseRequest& request, Json& json) { json["folder"] = request.folder; }
void read_body(JsonReader& reader, BrowseRequest& request) {
  need(reader, "folder", request.folder);
}

void write_body(const ResultsRequest& request, Json& json) { json["query"] = request.query; }
void read_body(JsonReader& reader, ResultsRequest& request) {
  take_json(reader, "query", request.query);
}

void write_body(const QueueRequest& request, Json& json) {
  json["operation"] = request.operation;
  json["arguments"] = request.arguments;
}
void read_body(JsonReader& reader, QueueRequest& request) {
  need(reader, "operation", request.operation);
  take_json(reader, "arguments", request.arguments);
}

void write_body(const DevicesRequest& /*request*/, Json& /*json*/) {}
void read_body(JsonReader& /*reader*/, DevicesRequest& /*request*/) {}
void write_body(const QuitRequest& /*request*/, Json& /*json*/) {}
void read_body(JsonReader& /*reader*/, QuitRequest& /*request*/) {}

using RequestBody = decltype(Request::body);

// The variant's alternative number `index`, default made.
template <std::size_t... I>
RequestBody make_body(std::size_t index, std::index_sequence<I...> /*all*/) {
  RequestBody body;
  static_cast<void>(((I == index ? (body.emplace<I>(), true) : false) || ...));
  return body;
}

// Ids are texts; a number is taken too, since many write one.
std::string id_of(const Json& json) {
  const auto id = json.find("id");
  if (id == json.end()) {
    return {};
  }
  if (id->is_string()) {
    return id->get<std::string>();
  }
  return id->is_number_integer() ? id->dump() : std::string();
}

}  // namespace

std::string_view type_name(const Request& request) noexcept {
  return request.body.index() < kRequestTypes.size() ? kRequestTypes[request.body.index()] : "quit";
}

std::string encode(const Request& request) {
  Json json = Json::object();
  json["v"] = kProtocolVersion;
  json["type"] = type_name(request);
  json["id"] = request.id;
  std::visit([&](const auto& body) { write_body(body, json); }, request.body);
  return write_line(json);
}

std::optional<Request> decode_request(std::string_view line, std::string& error) {
  error.clear();
  const std::optional<Json> json = parse_line(line, kMaxRequestBytes, error);
  if (!json) {
    return std::nullopt;
  }
  const auto& type = (*json)["type"].get_ref<const std::string&>();
  std::size_t index = 0;
  while (index < kRequestTypes.size() && kRequestTypes[index] != type) {
    ++index;
  }
  if (index == kRequestTypes.size()) {
    error = "Unknown request " + quote(type) + "." + suggestion(type, kRequestTypes) +
            " Accepted: " + join_choices(kRequestTypes) + ".";
    return std::nullopt;
  }
  Request request;
  request.id = id_of(*json);
  if (request.id.empty()) {
    error = "A request carries an 'id', a text or a whole number, which its reply repeats.";
    return std::nullopt;
  }
  Issues issues;
  JsonReader reader(*json, "", issues);
  request.body = make_body(index, std::make_index_sequence<std::variant_size_v<RequestBody>>());
  std::visit([&](auto& body) { read_body(reader, body); }, request.body);
  if (has_errors(issues)) {
    error = "In a request " + quote(type) + ", " + first_problem(issues);
    return std::nullopt;
  }
  return request;
}

std::string request_id(std::string_view line) {
  std::string error;
  const std::optional<Json> json = parse_line(line, kMaxRequestBytes, error);
  return json ? id_of(*json) : std::string();
}

}  // namespace mxscope
