// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "output.h"

namespace mxscope::cli {

// What a running job has done so far.
struct ProgressFigures {
  std::string job;  // model's name
  std::int64_t done = 0;
  std::int64_t total = 0;  // units of work: block x variant x micro-batch
  std::int64_t panel = 0;
  std::int64_t panels = 0;
  double tokens_per_second = 0;  // 0: not known yet
  double seconds_left = -1;      // below 0: not known yet
};

// Shows progress on standard error: on a terminal a bar that is redrawn at most ten times a second,
// elsewhere a plain line every ten seconds. Belongs to one thread.
class ProgressView {
 public:
  using Clock = std::chrono::steady_clock;
  using Write = std::function<void(const std::string&)>;

  ProgressView(
      Terminal terminal, bool quiet,
      Write write = [](const std::string& text) { write_stderr(text); });

  void loading(const std::string& job, std::int64_t bytes, std::int64_t total,
               Clock::time_point now = Clock::now());
  void downloading(const std::string& hub_id, std::int64_t bytes, std::int64_t total,
                   Clock::time_point now = Clock::now());
  void progress(const ProgressFigures& figures, Clock::time_point now = Clock::now());
  // A line of its own above the bar: `level` is "info", "warning" or "error". Quiet shows no
  // "info".
  void message(const std::string& level, const std::string& text);
  // Takes the bar away. It comes back with the next progress.
  void clear();

 private:
  void transfer(const std::string& subject, const std::string& what, std::int64_t bytes,
                std::int64_t total, Clock::time_point now);
  void show(const std::string& bar, const std::string& plain, Clock::time_point now);
  [[nodiscard]] std::string bar_line(const ProgressFigures& figures) const;

  Terminal terminal_;
  bool quiet_;
  Write write_;
  std::string drawn_;  // the bar as it stands on the screen
  Clock::time_point last_{};
  bool shown_once_ = false;
};

}  // namespace mxscope::cli
