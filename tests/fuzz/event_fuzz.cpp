// SPDX-License-Identifier: Apache-2.0
// Any bytes as a line of the engine's protocol, in either direction, and as results.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mxscope/core/protocol/events.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/core/stats/histogram.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  std::string error;
  if (const auto event = mxscope::decode_event(line, error)) {
    const std::string text = mxscope::encode(*event);
    const auto again = mxscope::decode_event(text, error);
    if (!again || mxscope::encode(*again) != text) {
      std::abort();
    }
  }
  if (const auto request = mxscope::decode_request(line, error)) {
    const auto again = mxscope::decode_request(mxscope::encode(*request), error);
    if (!again || *again != *request) {
      std::abort();
    }
  }
  (void)mxscope::request_id(line);

  mxscope::Issues issues;
  const mxscope::Results results = mxscope::results_from_json(line, issues);
  const std::string text = mxscope::to_json_text(results);
  if (!mxscope::has_errors(issues) &&
      mxscope::to_json_text(mxscope::results_from_json(text, issues)) != text) {
    std::abort();
  }
  (void)mxscope::terminal_table(results);
  (void)mxscope::markdown_table(results);
  (void)mxscope::results_csv(results);
  (void)mxscope::windows_from_csv(line, issues);
  (void)mxscope::LogHistogram::deserialize(line);
  return 0;
}
