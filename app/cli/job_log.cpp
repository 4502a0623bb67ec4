// SPDX-License-Identifier: Apache-2.0
#include "job_log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "mxscope/core/base/error.h"
#include "text.h"

namespace mxscope::cli {
namespace {

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("mxscope", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->flush_on(spdlog::level::info);
  logger->set_level(spdlog::level::debug);
  // A full disk must not end a run because of its log.
  logger->set_error_handler([](const std::string&) {});
  return logger;
}

}  // namespace

JobLog JobLog::to_file(const std::string& path) {
  JobLog log;
  try {
    log.logger_ = make_logger(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorCode::kIo, "cannot write the log '" + path + "': " + error.what());
  }
  return log;
}

JobLog JobLog::to_stderr() {
  JobLog log;
  log.logger_ = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  return log;
}

void JobLog::write(const std::string& level, const std::string& text) {
  if (!logger_) {
    return;
  }
  spdlog::level::level_enum severity = spdlog::level::info;
  if (level == "debug") {
    severity = spdlog::level::debug;
  } else if (level == "warning") {
    severity = spdlog::level::warn;
  } else if (level == "error") {
    severity = spdlog::level::err;
  }
  logger_->log(severity, "{}", printable(text));
}

void JobLog::write(const Event& event) {
  const std::string job = event.job.empty() ? "" : "job " + event.job + ": ";
  if (const auto* message = std::get_if<MessageEvent>(&event.body)) {
    write(message->level,
          job + message->text + (message->detail.empty() ? "" : " (" + message->detail + ")"));
  } else if (const auto* started = std::get_if<StartedEvent>(&event.body)) {
    write("info", job + started->model + " started: " + std::to_string(started->windows) +
                      " windows, " + std::to_string(started->tokens) + " tokens, " +
                      std::to_string(started->variants.size()) + " variants");
  } else if (const auto* result = std::get_if<ResultEvent>(&event.body)) {
    write("info", job + result->run.model + " / " + result->run.variant + ": " +
                      std::string(to_string(result->run.status)));
  } else if (const auto* done = std::get_if<DoneEvent>(&event.body)) {
    write("info", job + done->state + " after " + format_duration(done->seconds));
  }
}

}  // namespace mxscope::cli
