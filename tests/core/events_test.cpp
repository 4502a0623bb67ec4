// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/protocol/events.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/results_support.h"

namespace mxscope {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Event> all_events() {
  WindowsEvent windows{"llama", 3, {}};
  for (const char* name : {"baseline", "D"}) {
    VariantWindows variant{name, {}};
    std::int64_t index = 24;
    for (const WindowSums& sums : test::make_windows(4, 0.1)) {
      variant.windows.push_back({index++, sums});
    }
    windows.variants.push_back(std::move(variant));
  }
  ReplyEvent failed;
  failed.id = "8";
  failed.error_code = "invalid_input";
  failed.error_text = "No such folder.";
  ReplyEvent validated;
  validated.id = "9";
  validated.payload = {{"ok", true}};
  validated.issues = {{Issue::Severity::kWarning, "variants[0]", "Careful."},
                      {Issue::Severity::kError, "", "Wrong."}};
  return {
      {"",
       HelloEvent{
           "0.1.0", 1, {{"cuda:0", "NVIDIA H100", 80, 70, 0, "9.0"}, {"cpu", "x86", 4, 3, 2, ""}}}},
      {"j1", LoadingEvent{"llama", 5, 10}},
      {"j1",
       StartedEvent{"llama", 96, 24480, {"baseline", "D"}, "replicate", {{"total_bytes", 7}}}},
      {"j1", ProgressEvent{5, 100, 1, 8, 1234.5, 60.25}},
      {"j1", ProgressEvent{0, 100, 0, 8, std::nullopt, std::nullopt}},
      {"j1", std::move(windows)},
      {"",
       MemoryEvent{1.7e9, {{"cuda:0", 1, 2, 3, 0.5, 300.0, 55.0}, {"cpu", 1, 2, 3, {}, {}, {}}}}},
      {"j1", ResultEvent{test::make_results().runs[1]}},
      {"j1", DoneEvent{"cancelled", 12.5}},
      {"j1", MessageEvent{MessageKind::kLog, "info", "panel", "Panel 1 of 8.", "detail"}},
      {"j1", MessageEvent{MessageKind::kWarning, "warning", "rule_matches_nothing", "Rule.", ""}},
      {"", MessageEvent{MessageKind::kError, "error", "io", "Disk full.", "ENOSPC"}},
      {"", std::move(failed)},
      {"j1", std::move(validated)},
      {"", ByeEvent{}},
  };
}

std::vector<Request> all_requests() {
  const Json experiment = test::make_results().experiment;
  return {{"1", RunRequest{"j1", experiment, "/base", "/out", true}},
          {"2", CancelRequest{"j1"}},
          {"3", PauseRequest{"j1"}},
          {"4", ResumeRequest{"j1"}},
          {"5", InspectRequest{"org/m", "/base", "main", Json::array({{{"tier", "A"}}})}},
          {"6", EstimateRequest{experiment, "/base"}},
          {"7", ValidateRequest{experiment, "/base"}},
          {"8", BrowseRequest{"/models"}},
          {"9", ResultsRequest{{{"model", "llama"}}}},
          {"10", QueueRequest{"move", {{"id", "x"}, {"to", 0}}}},
          {"11", DevicesRequest{}},
          {"12", QuitRequest{}}};
}

TEST(Events, ComeBackAsTheyWere) {
  for (const Event& event : all_events()) {
    const std::string line = encode(event);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    std::string error;
    const auto again = decode_event(line, error);
    ASSERT_TRUE(again) << error << "\n" << line;
    EXPECT_EQ(*again, event) << line;
    EXPECT_EQ(encode(*again), line);
  }
}

TEST(Requests, ComeBackAsTheyWere) {
  for (const Request& request : all_requests()) {
    const std::string line = encode(request);
    std::string error;
    const auto again = decode_request(line + "\r\n", error);
    ASSERT_TRUE(again) << error << "\n" << line;
    EXPECT_EQ(*again, request) << line;
    EXPECT_EQ(request_id(line), request.id);
  }
}

TEST(Events, LinesAreThoseOfTheDesign) {
  EXPECT_EQ(encode(Event{"j1", ProgressEvent{5, 100, 1, 8, 1234.5, std::nullopt}}),
            R"({"v":1,"type":"progress","job":"j1","done":5,"total":100,"panel":1,"panels":8,)"
            R"("tokens_per_second":1234.5,"seconds_left":null})");
  EXPECT_EQ(encode(Event{"", ByeEvent{}}), R"({"v":1,"type":"bye"})");
  const Json windows = Json::parse(encode(all_events()[5]));
  const Json& variant = windows["variants"][0];
  for (const char* key :
       {"window", "tokens", "nll_sum_nats", "entropy_sum_nats", "kl_sum_nats", "top1_count",
        "argmax_positions", "argmax_xent_sum_nats", "argmax_entropy_sum_nats"}) {
    EXPECT_EQ(variant[key].size(), 4U) << key;
  }
  EXPECT_EQ(variant["window"].dump(), "[24,25,26,27]");
}

TEST(Events, SumsThatAreNotFiniteStayNotFinite) {
  WindowSums sums;
  sums.nll_sum = std::numeric_limits<double>::quiet_NaN();
  sums.entropy_sum = std::numeric_limits<double>::infinity();
  std::string error;
  const auto again =
      decode_event(encode(Event{"j", WindowsEvent{"m", 0, {{"v", {{0, sums}}}}}}), error);
  ASSERT_TRUE(again) << error;
  const WindowSums& read = std::get<WindowsEvent>(again->body).variants[0].windows[0].sums;
  EXPECT_TRUE(std::isnan(read.nll_sum));
  EXPECT_TRUE(std::isnan(read.entropy_sum));
  EXPECT_EQ(read.kl_sum, 0);
}

TEST(Events, TextThatIsNoUtf8IsReplaced) {
  const std::string line =
      encode(Event{"", MessageEvent{MessageKind::kLog, "info", "", "a\xff", ""}});
  std::string error;
  EXPECT_TRUE(decode_event(line, error)) << error;
}

struct BadLine {
  std::string line;
  std::string error;
};

TEST(Events, BadLinesAreRefusedWithASentence) {
  const std::vector<BadLine> lines = {
      {"",
       "Not valid JSON at line 1, column 1: syntax error while parsing value - unexpected end of "
       "input; expected '[', '{', or a literal."},
      {"[]", "A message is an object, not a list."},
      {"{}", "Messages of version 1 are understood; 'v' is missing."},
      {R"({"v":2,"type":"bye"})", "Messages of version 1 are understood; 'v' is the number 2."},
      {R"({"v":1})", "A message names its 'type'; here it is missing."},
      {R"({"v":1,"type":7})", "A message names its 'type'; here it is the number 7."},
      {R"({"v":1,"type":"progres"})", "Unknown event 'progres'. Did you mean 'progress'?"},
      {R"({"v":1,"type":"progress","done":1})",
       "In an event 'progress', total: This key is required and missing."},
      {R"({"v":1,"type":"done","state":"ready","seconds":1})",
       "In an event 'done', state: Unknown state 'ready'. Accepted: done, cancelled, failed or "
       "paused."},
      {R"({"v":1,"type":"windows","panel":0,"variants":[{"variant":"a","window":[1,2],"tokens":[1]}]})",
       "In an event 'windows', variants[0].tokens: Expected a list of 2 numbers."},
      {R"({"v":1,"v":1,"type":"bye"})",
       "The key 'v' stands twice in one object, at line 1, column 8."},
      {std::string(70, '['), "Nested deeper than 64 levels at line 1, column 65."},
  };
  for (const BadLine& bad : lines) {
    std::string error;
    EXPECT_FALSE(decode_event(bad.line, error));
    EXPECT_EQ(error, bad.error);
  }
  std::string error;
  EXPECT_FALSE(decode_event(std::string(kMaxEventBytes + 1, ' '), error));
  EXPECT_EQ(error, "The text has 67108865 bytes; at most 67108864 are read.");
}

TEST(Requests, BadLinesAreRefusedWithASentence) {
  const std::vector<BadLine> lines = {
      {R"({"v":1,"type":"stop","id":"1"})",
       "Unknown request 'stop'. Accepted: run, cancel, pause, resume, inspect, estimate, validate, "
       "browse, results, queue, devices or quit."},
      {R"({"v":1,"type":"cancel","job":"j"})",
       "A request carries an 'id', a text or a whole number, which its reply repeats."},
      {R"({"v":1,"type":"cancel","id":3})",
       "In a request 'cancel', job: This key is required and missing."},
      {R"({"v":1,"type":"run","id":"3","experiment":[]})",
       "In a request 'run', experiment: Expected an object, found a list."},
  };
  for (const BadLine& bad : lines) {
    std::string error;
    EXPECT_FALSE(decode_request(bad.line, error));
    EXPECT_EQ(error, bad.error);
  }
  EXPECT_EQ(request_id(lines[2].line), "3");
  EXPECT_EQ(request_id(lines[0].line), "1");
  EXPECT_EQ(request_id("nonsense"), "");
}

TEST(Events, ChangedLinesNeverThrow) {
  std::mt19937 random(23);
  std::vector<std::string> lines;
  for (const Event& event : all_events()) {
    lines.push_back(encode(event));
  }
  for (const Request& request : all_requests()) {
    lines.push_back(encode(request));
  }
  for (int i = 0; i < 4000; ++i) {
    std::string line = lines[random() % lines.size()];
    for (int k = 0; k < 2; ++k) {
      const std::size_t at = random() % line.size();
      switch (random() % 3) {
        case 0:
          line[at] = static_cast<char>(random());
          break;
        case 1:
          line.erase(at, 1 + random() % 8);
          break;
        default:
          line.insert(at, line.substr(random() % line.size(), random() % 16));
      }
      line += line.empty() ? "x" : "";
    }
    std::string error;
    EXPECT_NO_THROW({
      if (const auto event = decode_event(line, error)) {
        static_cast<void>(encode(*event));
      }
      if (const auto request = decode_request(line, error)) {
        static_cast<void>(encode(*request));
      }
      static_cast<void>(request_id(line));
    });
  }
}

}  // namespace
}  // namespace mxscope
