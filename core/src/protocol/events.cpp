// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/protocol/events.h"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "mxscope/core/formats/suggest.h"
#include "mxscope/core/results/results_json.h"
#include "protocol/codec.h"

namespace mxscope {
namespace {

constexpr std::array<std::string_view, 13> kEventTypes = {
    "hello", "loading", "started", "progress", "windows", "memory", "result",
    "done",  "log",     "warning", "error",    "reply",   "bye"};

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

// Columns of a `windows` event: those of windows.csv, then what only the engine and the window
// share.
struct CountColumn {
  const char* key;
  std::int64_t WindowSums::*field;
};
struct SumColumn {
  const char* key;
  double WindowSums::*field;
};
constexpr std::array kCountColumns = {
    CountColumn{"tokens", &WindowSums::tokens},
    CountColumn{"top1_count", &WindowSums::top1_count},
    CountColumn{"argmax_positions", &WindowSums::argmax_positions},
    CountColumn{"non_finite", &WindowSums::non_finite},
    CountColumn{"bytes", &WindowSums::bytes},
};
constexpr std::array kSumColumns = {
    SumColumn{"nll_sum_nats", &WindowSums::nll_sum},
    SumColumn{"entropy_sum_nats", &WindowSums::entropy_sum},
    SumColumn{"kl_sum_nats", &WindowSums::kl_sum},
    SumColumn{"argmax_xent_sum_nats", &WindowSums::argmax_xent_sum},
    SumColumn{"argmax_entropy_sum_nats", &WindowSums::argmax_entropy_sum},
    SumColumn{"p_change_sum", &WindowSums::p_change_sum},
    SumColumn{"p_change_sq_sum", &WindowSums::p_change_sq_sum},
    SumColumn{"kl_max_nats", &WindowSums::kl_max},
    SumColumn{"weight", &WindowSums::weight},
};

Json write_variant(const VariantWindows& variant) {
  Json json = Json::object();
  json["variant"] = variant.variant;
  Json indices = Json::array();
  for (const IndexedSums& window : variant.windows) {
    indices.push_back(window.window);
  }
  json["window"] = std::move(indices);
  for (const CountColumn& column : kCountColumns) {
    Json values = Json::array();
    for (const IndexedSums& window : variant.windows) {
      values.push_back(window.sums.*column.field);
    }
    json[column.key] = std::move(values);
  }
  for (const SumColumn& column : kSumColumns) {
    Json values = Json::array();
    for (const IndexedSums& window : variant.windows) {
      values.push_back(number(window.sums.*column.field));
    }
    json[column.key] = std::move(values);
  }
  return json;
}

VariantWindows read_variant(const Json& value, const std::string& path, Issues& issues) {
  VariantWindows variant;
  JsonReader reader(value, path, issues);
  need(reader, "variant", variant.variant);
  reader.require("window");
  reader.read_list("window", [&](const Json& index, const std::string& where) {
    if (const auto window = read_integer(index, where, issues)) {
      variant.windows.push_back({*window, {}});
    }
  });
  const auto read_column = [&](const char* key, const auto& assign) {
    const Json* column = reader.require(key);
    if (column == nullptr) {
      return;
    }
    if (!column->is_array() || column->size() != variant.windows.size()) {
      add_issue(issues, reader.path_of(key),
                "Expected a list of " + std::to_string(variant.windows.size()) + " numbers.");
      return;
    }
    for (std::size_t i = 0; i < variant.windows.size(); ++i) {
      assign((*column)[i], variant.windows[i].sums,
             reader.path_of(key) + "[" + std::to_string(i) + "]");
    }
  };
  for (const CountColumn& column : kCountColumns) {
    read_column(column.key, [&](const Json& cell, WindowSums& sums, const std::string& where) {
      if (const auto count = read_integer(cell, where, issues)) {
        sums.*column.field = *count;
      }
    });
  }
  for (const SumColumn& column : kSumColumns) {
    read_column(column.key, [&](const Json& cell, WindowSums& sums, const std::string& where) {
      if (cell.is_null()) {
        sums.*column.field = std::numeric_limits<double>::quiet_NaN();
      } else if (const auto sum = read_number(cell, where, issues)) {
        sums.*column.field = *sum;
      }
    });
  }
  return variant;
}

Json write_device(const DeviceDescription& device) {
  return {{"id", device.id},
          {"name", device.name},
          {"total_bytes", device.total_bytes},
          {"free_bytes", device.free_bytes},
          {"cores", device.cores},
          {"compute_capability", device.compute_capability}};
}

DeviceDescription read_device(const Json& value, const std::string& path, Issues& issues) {
  DeviceDescription device;
  JsonReader reader(value, path, issues);
  need(reader, "id", device.id);
  reader.read("name", device.name);
  reader.read("total_bytes", device.total_bytes);
  reader.read("free_bytes", device.free_bytes);
  reader.read("cores", device.cores);
  reader.read("compute_capability", device.compute_capability);
  return device;
}

Json write_memory(const DeviceMemory& memory) {
  return {{"device", memory.device},
          {"used_bytes", memory.used_bytes},
          {"others_bytes", memory.others_bytes},
          {"total_bytes", memory.total_bytes},
          {"utilisation", number(memory.utilisation)},
          {"power_watts", number(memory.power_watts)},
          {"temperature_celsius", number(memory.temperature_celsius)}};
}

DeviceMemory read_memory(const Json& value, const std::string& path, Issues& issues) {
  DeviceMemory memory;
  JsonReader reader(value, path, issues);
  need(reader, "device", memory.device);
  reader.read("used_bytes", memory.used_bytes);
  reader.read("others_bytes", memory.others_bytes);
  reader.read("total_bytes", memory.total_bytes);
  reader.read_nullable("utilisation", memory.utilisation);
  reader.read_nullable("power_watts", memory.power_watts);
  reader.read_nullable("temperature_celsius", memory.temperature_celsius);
  return memory;
}

// ---- one pair of functions per event ----

void write_body(const HelloEvent& event, Json& json) {
  json["engine_version"] = event.engine_version;
  json["protocol_version"] = event.protocol_version;
  json["devices"] = Json::array();
  for (const DeviceDescription& device : event.devices) {
    json["devices"].push_back(write_device(device));
  }
}
void read_body(JsonReader& reader, HelloEvent& event) {
  need(reader, "engine_version", event.engine_version);
  std::int64_t version = 0;
  need(reader, "protocol_version", version);
  event.protocol_version = static_cast<int>(version);
  reader.read_list("devices", [&](const Json& value, const std::string& path) {
    event.devices.push_back(read_device(value, path, reader.issues()));
  });
}

void write_body(const LoadingEvent& event, Json& json) {
  json["model"] = event.model;
  json["bytes"] = event.bytes;
  json["total"] = event.total;
}
void read_body(JsonReader& reader, LoadingEvent& event) {
  reader.read("model", event.model);
  need(reader, "bytes", event.bytes);
  need(reader, "total", event.total);
}

void write_body(const StartedEvent& event, Json& json) {
  json["model"] = event.model;
  json["windows"] = event.windows;
  json["tokens"] = event.tokens;
  json["variants"] = event.variants;
  json["placement"] = event.placement;
  json["estimate"] = event.estimate;
}
void read_body(JsonReader& reader, StartedEvent& event) {
  reader.read("model", event.model);
  need(reader, "windows", event.windows);
  need(reader, "tokens", event.tokens);
  need(reader, "variants", event.variants);
  reader.read("placement", event.placement);
  take_json(reader, "estimate", event.estimate);
}

void write_body(const ProgressEvent& event, Json& json) {
  json["done"] = event.done;
  json["total"] = event.total;
  json["panel"] = event.panel;
  json["panels"] = event.panels;
  json["tokens_per_second"] = number(event.tokens_per_second);
  json["seconds_left"] = number(event.seconds_left);
}
void read_body(JsonReader& reader, ProgressEvent& event) {
  need(reader, "done", event.done);
  need(reader, "total", event.total);
  reader.read("panel", event.panel);
  reader.read("panels", event.panels);
  reader.read_nullable("tokens_per_second", event.tokens_per_second);
  reader.read_nullable("seconds_left", event.seconds_left);
}

void write_body(const WindowsEvent& event, Json& json) {
  json["model"] = event.model;
  json["panel"] = event.panel;
  json["variants"] = Json::array();
  for (const VariantWindows& variant : event.variants) {
    json["variants"].push_back(write_variant(variant));
  }
}
void read_body(JsonReader& reader, WindowsEvent& event) {
  reader.read("model", event.model);
  need(reader, "panel", event.panel);
  reader.require("variants");
  reader.read_list("variants", [&](const Json& value, const std::string& path) {
    event.variants.push_back(read_variant(value, path, reader.issues()));
  });
}

void write_body(const MemoryEvent& event, Json& json) {
  json["time"] = number(event.time);
  json["devices"] = Json::array();
  for (const DeviceMemory& memory : event.devices) {
    json["devices"].push_back(write_memory(memory));
  }
}
void read_body(JsonReader& reader, MemoryEvent& event) {
  reader.read("time", event.time);
  reader.require("devices");
  reader.read_list("devices", [&](const Json& value, const std::string& path) {
    event.devices.push_back(read_memory(value, path, reader.issues()));
  });
}

void write_body(const ResultEvent& event, Json& json) { json["run"] = to_json(event.run); }
void read_body(JsonReader& reader, ResultEvent& event) {
  if (const Json* run = reader.require("run")) {
    event.run = run_from_json(*run, reader.path_of("run"), reader.issues());
  }
}

void write_body(const DoneEvent& event, Json& json) {
  json["state"] = event.state;
  json["seconds"] = std::isfinite(event.seconds) ? event.seconds : 0.0;
}
void read_body(JsonReader& reader, DoneEvent& event) {
  static constexpr std::array<std::string_view, 4> kStates = {"done", "cancelled", "failed",
                                                              "paused"};
  need(reader, "state", event.state);
  bool known = false;
  for (const std::string_view state : kStates) {
    known = known || state == event.state;
  }
  if (!known) {
    add_issue(reader.issues(), "state",
              "Unknown state " + quote(event.state) + ". Accepted: " + join_choices(kStates) + ".");
  }
  reader.read("seconds", event.seconds);
}

void write_body(const MessageEvent& event, Json& json) {
  json["level"] = event.level;
  json["code"] = event.code;
  json["text"] = event.text;
  json["detail"] = event.detail;
}
void read_body(JsonReader& reader, MessageEvent& event) {
  reader.read("level", event.level);
  reader.read("code", event.code);
  need(reader, "text", event.text);
  reader.read("detail", event.detail);
}

void write_body(const ReplyEvent& event, Json& json) {
  json["id"] = event.id;
  if (event.error_code.empty()) {
    json["payload"] = event.payload;
  } else {
    json["error"] = {{"code", event.error_code}, {"text", event.error_text}};
  }
  if (!event.issues.empty()) {
    json["issues"] = to_json(event.issues);
  }
}
void read_body(JsonReader& reader, ReplyEvent& event) {
  need(reader, "id", event.id);
  take_json(reader, "payload", event.payload);
  if (const Json* error = reader.find("error")) {
    JsonReader inner(*error, reader.path_of("error"), reader.issues());
    need(inner, "code", event.error_code);
    inner.read("text", event.error_text);
  }
  if (const Json* issues = reader.find("issues")) {
    event.issues = issues_from_json(*issues, reader.path_of("issues"), reader.issues());
  }
}

void write_body(const ByeEvent& /*event*/, Json& /*json*/) {}
void read_body(JsonReader& /*reader*/, ByeEvent& /*event*/) {}

template <typename Body>
Event read_event(JsonReader& reader, Body body = {}) {
  Event event;
  reader.read("job", event.job);
  read_body(reader, body);
  event.body = std::move(body);
  return event;
}

std::optional<Event> read_event_of(const std::string& type, JsonReader& reader) {
  const auto message = [&](MessageKind kind) {
    MessageEvent event;
    event.kind = kind;
    return read_event<MessageEvent>(reader, std::move(event));
  };
  if (type == "hello") return read_event<HelloEvent>(reader);
  if (type == "loading") return read_event<LoadingEvent>(reader);
  if (type == "started") return read_event<StartedEvent>(reader);
  if (type == "progress") return read_event<ProgressEvent>(reader);
  if (type == "windows") return read_event<WindowsEvent>(reader);
  if (type == "memory") return read_event<MemoryEvent>(reader);
  if (type == "result") return read_event<ResultEvent>(reader);
  if (type == "done") return read_event<DoneEvent>(reader);
  if (type == "log") return message(MessageKind::kLog);
  if (type == "warning") return message(MessageKind::kWarning);
  if (type == "error") return message(MessageKind::kError);
  if (type == "reply") return read_event<ReplyEvent>(reader);
  if (type == "bye") return read_event<ByeEvent>(reader);
  return std::nullopt;
}

}  // namespace

std::string_view type_name(const Event& event) noexcept {
  static constexpr std::array<std::string_view, 11> kNames = {
      "hello",  "loading", "started", "progress", "windows", "memory",
      "result", "done",    "log",     "reply",    "bye"};
  if (const auto* message = std::get_if<MessageEvent>(&event.body)) {
    switch (message->kind) {
      case MessageKind::kLog:
        return "log";
      case MessageKind::kWarning:
        return "warning";
      case MessageKind::kError:
        return "error";
    }
  }
  return event.body.index() < kNames.size() ? kNames[event.body.index()] : "bye";
}

std::string encode(const Event& event) {
  Json json = Json::object();
  json["v"] = kProtocolVersion;
  json["type"] = type_name(event);
  if (!event.job.empty()) {
    json["job"] = event.job;
  }
  std::visit([&](const auto& body) { write_body(body, json); }, event.body);
  return write_line(json);
}

std::optional<Event> decode_event(std::string_view line, std::string& error) {
  error.clear();
  const std::optional<Json> json = parse_line(line, kMaxEventBytes, error);
  if (!json) {
    return std::nullopt;
  }
  Issues issues;
  JsonReader reader(*json, "", issues);
  const auto& type = (*json)["type"].get_ref<const std::string&>();
  std::optional<Event> event = read_event_of(type, reader);
  if (!event) {
    error = "Unknown event " + quote(type) + "." + suggestion(type, kEventTypes);
    return std::nullopt;
  }
  if (has_errors(issues)) {
    error = "In an event " + quote(type) + ", " + first_problem(issues);
    return std::nullopt;
  }
  return event;
}

}  // namespace mxscope
