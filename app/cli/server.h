// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "event_writer.h"
#include "job_log.h"
#include "mxscope/core/protocol/events.h"
#include "mxscope/engine/engine.h"

namespace mxscope::cli {

// `mxscope serve`: requests in, events and replies out, one job at a time.
//
// Threads: the caller of serve() reads requests and answers the quick ones; one thread answers
// those that read headers or text (inspect, estimate, validate, results); one runs the job; one
// writes; one samples memory. None waits for another, so that a cancel is answered while a model is
// being inspected and a reader that stalls does not hold up the job.
class Server {
 public:
  // `output` is where a run without a folder of its own puts its results; empty: such a run is
  // refused.
  explicit Server(std::filesystem::path output);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until `quit`, the end of standard input or stop(). Returns an ExitCode.
  int serve(int input);
  // Cancels the job and lets serve() return. Any thread.
  void stop() noexcept;

 private:
  struct Job {
    std::string id;
    RunRequest request;
  };

  void handle(std::string_view line);
  void dispatch(const Request& request);
  void answer_later(const Request& request);
  [[nodiscard]] nlohmann::ordered_json answer_slowly(const Request& request);
  void reply(const std::string& id, nlohmann::ordered_json payload);
  void refuse(const std::string& id, const std::string& code, const std::string& text,
              Issues issues = {});
  void fail(const std::string& id, std::exception_ptr error);

  void start_job(const Request& request);
  void control_job(const std::string& id, const std::string& job,
                   const std::function<void(engine::JobControl&)>& act, const char* done);
  void run_job(Job job);
  [[nodiscard]] nlohmann::ordered_json queue(const QueueRequest& request);
  [[nodiscard]] nlohmann::ordered_json results(const ResultsRequest& request) const;
  void emit(const Event& event);

  std::filesystem::path output_;
  JobLog log_;
  EventWriter writer_;
  std::atomic<bool> stopping_{false};
  int wake_[2] = {-1, -1};  // a pipe: ends the wait for requests

  std::mutex mutex_;  // of the members below
  std::condition_variable changed_;
  std::shared_ptr<engine::JobControl> control_;  // of the job that runs; null: none
  std::string job_id_;
  std::int64_t jobs_started_ = 0;
  std::deque<Request> slow_;  // requests for the answering thread

  std::jthread worker_;
  std::jthread answering_;
};

}  // namespace mxscope::cli
