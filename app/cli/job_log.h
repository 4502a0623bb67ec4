// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "mxscope/core/protocol/events.h"

namespace spdlog {
class logger;
}

namespace mxscope::cli {

// What happened, with time and level: for `--log FILE`, and for the standard error of `serve`. Any
// thread.
class JobLog {
 public:
  // Lines are appended to `path`. Throws Error kIo where it cannot be written.
  [[nodiscard]] static JobLog to_file(const std::string& path);
  [[nodiscard]] static JobLog to_stderr();
  JobLog() = default;  // keeps nothing

  void write(const std::string& level, const std::string& text);
  // A line for what is worth one: start, messages, results and the end of a job; not for progress.
  void write(const Event& event);

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace mxscope::cli
