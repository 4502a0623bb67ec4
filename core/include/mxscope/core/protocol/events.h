// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/results/results.h"
#include "mxscope/core/stats/window_sums.h"

namespace mxscope {

// What engine and window say to each other: one JSON object a line (DESIGN section 6). Plain
// values; codec at the end. Sizes are bytes, times seconds.

// Version of the messages: "v" of every line. A line of another version is refused.
inline constexpr int kProtocolVersion = 1;
// Longest line accepted from the other side.
inline constexpr std::size_t kMaxEventBytes = std::size_t{64} << 20U;
inline constexpr std::size_t kMaxRequestBytes = std::size_t{16} << 20U;

// ---- from the engine ----

struct DeviceDescription {
  std::string id;    // "cpu", "cuda:0"
  std::string name;  // "NVIDIA H100 80GB HBM3"
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;
  std::int64_t cores = 0;          // cpu
  std::string compute_capability;  // cuda: "9.0"

  bool operator==(const DeviceDescription&) const = default;
};

struct HelloEvent {
  std::string engine_version;
  int protocol_version = kProtocolVersion;
  std::vector<DeviceDescription> devices;
  bool operator==(const HelloEvent&) const = default;
};

struct LoadingEvent {
  std::string model;
  std::int64_t bytes = 0;
  std::int64_t total = 0;
  bool operator==(const LoadingEvent&) const = default;
};

struct StartedEvent {
  std::string model;
  std::int64_t windows = 0;
  std::int64_t tokens = 0;
  std::vector<std::string> variants;  // baseline first
  std::string placement;
  nlohmann::ordered_json estimate = nlohmann::ordered_json::object();  // bytes per device, seconds
  bool operator==(const StartedEvent&) const = default;
};

struct ProgressEvent {
  std::int64_t done = 0;  // block x variant x micro-batch
  std::int64_t total = 0;
  std::int64_t panel = 0;  // panels finished
  std::int64_t panels = 0;
  std::optional<double> tokens_per_second;
  std::optional<double> seconds_left;
  bool operator==(const ProgressEvent&) const = default;
};

struct IndexedSums {
  std::int64_t window = 0;  // index within the job
  WindowSums sums;
  bool operator==(const IndexedSums&) const = default;
};

struct VariantWindows {
  std::string variant;
  std::vector<IndexedSums> windows;  // one JSON array per column of windows.csv
  bool operator==(const VariantWindows&) const = default;
};

// One finished panel.
struct WindowsEvent {
  std::string model;
  std::int64_t panel = 0;
  std::vector<VariantWindows> variants;
  bool operator==(const WindowsEvent&) const = default;
};

struct DeviceMemory {
  std::string device;
  std::int64_t used_bytes = 0;    // by this engine
  std::int64_t others_bytes = 0;  // by other processes
  std::int64_t total_bytes = 0;
  std::optional<double> utilisation;  // 0 .. 1
  std::optional<double> power_watts;
  std::optional<double> temperature_celsius;
  bool operator==(const DeviceMemory&) const = default;
};

struct MemoryEvent {
  double time = 0;  // seconds since 1970, UTC
  std::vector<DeviceMemory> devices;
  bool operator==(const MemoryEvent&) const = default;
};

struct ResultEvent {
  Run run;
  bool operator==(const ResultEvent&) const = default;
};

struct DoneEvent {
  std::string state;  // "done", "cancelled", "failed", "paused"
  double seconds = 0;
  bool operator==(const DoneEvent&) const = default;
};

enum class MessageKind { kLog, kWarning, kError };  // `type` of the line

struct MessageEvent {
  MessageKind kind = MessageKind::kLog;
  std::string level;  // "debug", "info", "warning", "error"
  std::string code;   // to_string(ErrorCode) or a name of the sender's, e.g. "rule_matches_nothing"
  std::string text;   // a sentence
  std::string detail;  // for the log
  bool operator==(const MessageEvent&) const = default;
};

// Answer to the request with that id: a payload, or an error.
struct ReplyEvent {
  std::string id;
  nlohmann::ordered_json payload;  // null where error_code is set
  std::string error_code;          // empty: success
  std::string error_text;
  Issues issues;  // of a validation
  bool operator==(const ReplyEvent&) const = default;
};

struct ByeEvent {
  bool operator==(const ByeEvent&) const = default;
};

struct Event {
  std::string job;  // empty: belongs to no job
  std::variant<HelloEvent, LoadingEvent, StartedEvent, ProgressEvent, WindowsEvent, MemoryEvent,
               ResultEvent, DoneEvent, MessageEvent, ReplyEvent, ByeEvent>
      body;
  bool operator==(const Event&) const = default;
};

// ---- to the engine ----

struct RunRequest {
  std::string job;  // id that events will carry; empty: the engine makes one
  nlohmann::ordered_json experiment;
  std::string base_dir;  // relative paths of the experiment start here
  std::string output;    // folder; empty: that of `serve -o`
  bool resume = false;
  bool operator==(const RunRequest&) const = default;
};
struct CancelRequest {
  std::string job;
  bool operator==(const CancelRequest&) const = default;
};
struct PauseRequest {
  std::string job;
  bool operator==(const PauseRequest&) const = default;
};
struct ResumeRequest {
  std::string job;
  bool operator==(const ResumeRequest&) const = default;
};
struct InspectRequest {
  std::string model;  // source
  std::string base_dir;
  std::string revision = "main";
  nlohmann::ordered_json variants;  // array as in an experiment, or null: matches of each rule
  bool operator==(const InspectRequest&) const = default;
};
struct EstimateRequest {
  nlohmann::ordered_json experiment;
  std::string base_dir;
  bool operator==(const EstimateRequest&) const = default;
};
struct ValidateRequest {
  nlohmann::ordered_json experiment;
  std::string base_dir;
  bool operator==(const ValidateRequest&) const = default;
};
struct BrowseRequest {
  std::string folder;
  bool operator==(const BrowseRequest&) const = default;
};
struct ResultsRequest {
  nlohmann::ordered_json query = nlohmann::ordered_json::object();
  bool operator==(const ResultsRequest&) const = default;
};
struct QueueRequest {
  std::string operation;  // "list", "add", "remove", "move", ...
  nlohmann::ordered_json arguments = nlohmann::ordered_json::object();
  bool operator==(const QueueRequest&) const = default;
};
struct DevicesRequest {
  bool operator==(const DevicesRequest&) const = default;
};
struct QuitRequest {
  bool operator==(const QuitRequest&) const = default;
};

struct Request {
  std::string id;
  std::variant<RunRequest, CancelRequest, PauseRequest, ResumeRequest, InspectRequest,
               EstimateRequest, ValidateRequest, BrowseRequest, ResultsRequest, QueueRequest,
               DevicesRequest, QuitRequest>
      body;
  bool operator==(const Request&) const = default;
};

// ---- codec ----

// "progress", "windows", ...; the `type` of the line.
[[nodiscard]] std::string_view type_name(const Event& event) noexcept;
[[nodiscard]] std::string_view type_name(const Request& request) noexcept;

// One line without line break. Invalid UTF-8 is replaced, numbers that are not finite become null.
[[nodiscard]] std::string encode(const Event& event);
[[nodiscard]] std::string encode(const Request& request);

// Reads a line of the other side. Unknown fields are ignored. On failure returns nothing and sets
// `error` to a sentence: too long, no JSON, too deep, wrong version, unknown type (with a
// suggestion), missing or wrong field. Never throws for bad input.
[[nodiscard]] std::optional<Event> decode_event(std::string_view line, std::string& error);
[[nodiscard]] std::optional<Request> decode_request(std::string_view line, std::string& error);

// Id of a request that could not be decoded, so that the reply can carry it; empty when unknown.
[[nodiscard]] std::string request_id(std::string_view line);

}  // namespace mxscope
