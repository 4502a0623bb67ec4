// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <new>

#include "command.h"
#include "exit_code.h"
#include "experiment_input.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/variants.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/core/store/store.h"
#include "mxscope/engine/record.h"
#include "replies.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;

// Replies that wait because nobody reads them. Above this many no further request is read, so that
// a peer that only writes cannot fill memory.
constexpr std::size_t kMostWaiting = 2048;
constexpr std::size_t kMostSlowRequests = 64;
constexpr auto kFarewell = std::chrono::seconds(5);

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

bool is_slow(const Request& request) {
  return std::holds_alternative<InspectRequest>(request.body) ||
         std::holds_alternative<EstimateRequest>(request.body) ||
         std::holds_alternative<ValidateRequest>(request.body) ||
         std::holds_alternative<ResultsRequest>(request.body) ||
         std::holds_alternative<BrowseRequest>(request.body) ||
         std::holds_alternative<QueueRequest>(request.body);
}

std::filesystem::path base_of(const std::string& folder) {
  return folder.empty() ? std::filesystem::path(".") : std::filesystem::path(folder);
}

}  // namespace

Server::Server(std::filesystem::path output)
    : output_(std::move(output)), log_(JobLog::to_stderr()), writer_([this] { stop(); }) {
  if (::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw Error(ErrorCode::kInternal, "cannot make a pipe");
  }
  answering_ = std::jthread([this](const std::stop_token& stop_token) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stop_token.stop_requested() || !slow_.empty(); });
      if (stop_token.stop_requested()) {
        return;
      }
      const Request request = std::move(slow_.front());
      slow_.pop_front();
      lock.unlock();
      try {
        reply(request.id, answer_slowly(request));
      } catch (...) {
        fail(request.id, std::current_exception());
      }
      lock.lock();
    }
  });
}

Server::~Server() {
  stop();
  {
    const std::lock_guard lock(mutex_);
    answering_.request_stop();
  }
  changed_.notify_all();
  if (worker_.joinable()) {
    worker_.join();
  }
  answering_.join();
  ::close(wake_[0]);
  ::close(wake_[1]);
}

void Server::stop() noexcept {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (control_) {
      control_->cancel();
    }
  }
  constexpr char kByte = 0;
  [[maybe_unused]] const auto written = ::write(wake_[1], &kByte, 1);
}

int Server::serve(int input) {
  writer_.push(Event{"", HelloEvent{MXSCOPE_VERSION, kProtocolVersion, describe_devices()}});
  {
    const MemoryTicker memory([this](Event event) { writer_.push(std::move(event)); });
    std::string pending;
    bool skipping = false;  // within a line that is too long
    std::vector<char> piece(std::size_t{1} << 16U);
    while (!stopping_) {
      const bool full = writer_.waiting() > kMostWaiting;
      pollfd wait[2] = {{wake_[0], POLLIN, 0}, {full ? -1 : input, POLLIN, 0}};
      if (::poll(wait, 2, full ? 50 : -1) < 0 && errno != EINTR) {
        break;
      }
      if (wait[1].revents == 0) {
        continue;
      }
      const ssize_t got = ::read(input, piece.data(), piece.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        continue;
      }
      if (got <= 0) {
        break;
      }
      std::string_view rest(piece.data(), static_cast<std::size_t>(got));
      while (!rest.empty() && !stopping_) {
        const std::size_t newline = rest.find('\n');
        if (!skipping) {
          pending.append(rest.substr(0, newline));
        }
        if (pending.size() > kMaxRequestBytes && !skipping) {
          refuse(request_id(std::string_view(pending).substr(0, 4096)), "invalid_input",
                 "the request is longer than the " + std::to_string(kMaxRequestBytes) +
                     " bytes accepted");
          pending.clear();
          skipping = true;
        }
        if (newline == std::string_view::npos) {
          break;
        }
        if (!skipping) {
          handle(pending);
        }
        pending.clear();
        skipping = false;
        rest.remove_prefix(newline + 1);
      }
    }
    stop();
    if (worker_.joinable()) {
      worker_.join();
    }
  }
  writer_.push(Event{"", ByeEvent{}});
  writer_.finish(kFarewell);
  return kDone;
}

void Server::handle(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
    return;
  }
  std::string error;
  const std::optional<Request> request = decode_request(line, error);
  if (!request) {
    refuse(request_id(line), "invalid_input", error);
    return;
  }
  try {
    dispatch(*request);
  } catch (...) {
    fail(request->id, std::current_exception());
  }
}

void Server::dispatch(const Request& request) {
  if (is_slow(request)) {
    answer_later(request);
    return;
  }
  std::visit(
      Overloaded{
          [&](const RunRequest&) { start_job(request); },
          [&](const CancelRequest& body) {
            control_job(
                request.id, body.job, [](engine::JobControl& job) { job.cancel(); }, "cancelling");
          },
          [&](const PauseRequest& body) {
            control_job(
                request.id, body.job, [](engine::JobControl& job) { job.pause(); }, "paused");
          },
          [&](const ResumeRequest& body) {
            control_job(
                request.id, body.job, [](engine::JobControl& job) { job.resume(); }, "running");
          },
          [&](const DevicesRequest&) {
            reply(request.id, Json{{"devices", devices_json()}});
          },
          [&](const QuitRequest&) {
            reply(request.id, Json{{"state", "quitting"}});
            stop();
          },
          [&](const auto&) {},  // slow ones, above
      },
      request.body);
}

void Server::answer_later(const Request& request) {
  {
    const std::lock_guard lock(mutex_);
    if (slow_.size() < kMostSlowRequests) {
      slow_.push_back(request);
      changed_.notify_all();
      return;
    }
  }
  refuse(request.id, "busy",
         std::to_string(kMostSlowRequests) + " requests wait already; ask again later");
}

Json Server::answer_slowly(const Request& request) {
  return std::visit(
      Overloaded{
          [](const InspectRequest& body) {
            return inspection_json(
                inspect_model(body.model, base_of(body.base_dir), body.revision, body.variants));
          },
          [](const EstimateRequest& body) {
            Experiment experiment;
            const Issues issues =
                examine_text(body.experiment.dump(), base_of(body.base_dir), experiment);
            if (has_errors(issues)) {
              throw InvalidInput("the experiment", issues);
            }
            Json answer =
                estimate_json(engine::estimate_experiment(experiment, base_of(body.base_dir)));
            answer["issues"] = issues_json(issues);
            return answer;
          },
          [](const ValidateRequest& body) {
            Experiment experiment;
            const Issues issues =
                examine_text(body.experiment.dump(), base_of(body.base_dir), experiment);
            return Json{{"valid", !has_errors(issues)}, {"issues", issues_json(issues)}};
          },
          [](const BrowseRequest& body) { return browse_json(body.folder); },
          [this](const ResultsRequest& body) { return results(body); },
          [this](const QueueRequest& body) { return queue(body); },
          [](const auto&) { return Json(nullptr); },
      },
      request.body);
}

// {"experiment": id} picks one of the store, {"latest": true} the last; {"folder": DIR} reads
// another folder; {"windows": true} adds the sums of every window, {"list": true} leaves all but
// names and dates out.
Json Server::results(const ResultsRequest& request) const {
  const Json& query = request.query;
  const auto flag = [&query](const char* key) {
    return query.is_object() && query.contains(key) && query[key] == true;
  };
  std::filesystem::path folder = output_;
  if (query.is_object() && query.contains("folder") && query["folder"].is_string()) {
    folder = query["folder"].get<std::string>();
  }
  if (folder.empty()) {
    throw Error(
        ErrorCode::kInvalidInput,
        "there is no folder to read: start with 'mxscope serve -o DIR', or give \"folder\".");
  }
  std::optional<std::int64_t> only;
  if (query.is_object() && query.contains("experiment")) {
    if (!query["experiment"].is_number_integer()) {
      throw Error(ErrorCode::kInvalidInput,
                  "\"experiment\" is no whole number: " + query["experiment"].dump());
    }
    only = query["experiment"].get<std::int64_t>();
  }
  Json list = Json::array();
  if (!store::Store::exists(folder)) {
    return {{"experiments", std::move(list)}};
  }
  if (flag("latest") && !only) {
    const store::Store store = store::Store::open(folder, store::OpenMode::kReadOnly);
    const auto experiments = store.experiments();
    if (experiments.empty()) {
      return {{"experiments", std::move(list)}};
    }
    only = experiments.back().id;
  }
  if (flag("list")) {
    const store::Store store = store::Store::open(folder, store::OpenMode::kReadOnly);
    for (const store::ExperimentRecord& record : store.experiments()) {
      if (!only || *only == record.id) {
        list.push_back({{"id", record.id}, {"name", record.name}, {"created", record.created}});
      }
    }
    return {{"experiments", std::move(list)}};
  }
  for (const engine::RecordedExperiment& recorded : engine::read_store(folder, only)) {
    Json entry = {{"id", recorded.id},
                  {"name", recorded.name},
                  {"created", recorded.created},
                  {"results", to_json(recorded.results)}};
    if (flag("windows")) {
      entry["windows_csv"] = windows_csv(recorded.results.windows);
    }
    list.push_back(std::move(entry));
  }
  return {{"experiments", std::move(list)}};
}

// The list that a window keeps its waiting jobs in. Entries are its own: {"id": ..., ...}.
Json Server::queue(const QueueRequest& request) {
  if (output_.empty()) {
    throw Error(ErrorCode::kInvalidInput,
                "there is no folder for the queue: start with 'mxscope serve -o DIR'.");
  }
  if (!request.arguments.is_object()) {
    throw Error(ErrorCode::kInvalidInput, "\"arguments\" of a queue request is an object");
  }
  store::Store store = store::Store::open(output_, store::OpenMode::kReadWrite);
  std::vector<store::QueueEntry> entries = store.queue();
  const Json& arguments = request.arguments;
  const auto id_of = [](const Json& entry) {
    if (!entry.is_object() || !entry.contains("id") || !entry["id"].is_string() ||
        entry["id"].get_ref<const std::string&>().empty()) {
      throw Error(ErrorCode::kInvalidInput, "a queue entry needs an \"id\", a text");
    }
    return entry["id"].get<std::string>();
  };
  const auto find = [&entries](const std::string& id) {
    const auto at = std::find_if(entries.begin(), entries.end(),
                                 [&id](const store::QueueEntry& entry) { return entry.id == id; });
    if (at == entries.end()) {
      throw Error(ErrorCode::kNotFound, "the queue has no entry " + in_quotes(id));
    }
    return at;
  };
  const auto place = [&](std::size_t otherwise) {
    if (arguments.contains("index") && arguments["index"].is_number_integer()) {
      const auto index = arguments["index"].get<std::int64_t>();
      return std::min(static_cast<std::size_t>(std::max<std::int64_t>(index, 0)), entries.size());
    }
    return std::min(otherwise, entries.size());
  };
  const std::string& operation = request.operation;
  if (operation == "add") {
    const Json entry = arguments.value("entry", Json(nullptr));
    const std::string id = id_of(entry);
    std::erase_if(entries, [&id](const store::QueueEntry& old) { return old.id == id; });
    entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(place(entries.size())),
                   {id, entry.dump()});
  } else if (operation == "remove") {
    entries.erase(find(id_of(arguments)));
  } else if (operation == "move") {
    const auto at = find(id_of(arguments));
    store::QueueEntry entry = *at;
    entries.erase(at);
    entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(place(entries.size())),
                   std::move(entry));
  } else if (operation == "update") {
    const Json entry = arguments.value("entry", Json(nullptr));
    find(id_of(entry))->state_json = entry.dump();
  } else if (operation == "clear") {
    entries.clear();
  } else if (operation != "list") {
    throw Error(ErrorCode::kUnsupported, "unknown queue operation " + in_quotes(operation) +
                                             "; accepted are list, add, remove, move, update and "
                                             "clear");
  }
  if (operation != "list") {
    store.save_queue(entries);
  }
  Json list = Json::array();
  for (const store::QueueEntry& entry : entries) {
    const Json state = Json::parse(entry.state_json, nullptr, false);
    list.push_back(state.is_discarded() ? Json{{"id", entry.id}} : state);
  }
  return {{"entries", std::move(list)}};
}

void Server::reply(const std::string& id, Json payload) {
  emit(Event{"", ReplyEvent{id, std::move(payload), "", "", {}}});
}

void Server::refuse(const std::string& id, const std::string& code, const std::string& text,
                    Issues issues) {
  emit(Event{"", ReplyEvent{id, nullptr, code, text, std::move(issues)}});
}

void Server::fail(const std::string& id, std::exception_ptr error) {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const InvalidInput& invalid) {
    refuse(id, std::string(to_string(invalid.code())), invalid.what(), invalid.issues());
  } catch (const Error& known) {
    refuse(id, std::string(to_string(known.code())), known.what());
  } catch (const std::bad_alloc&) {
    refuse(id, std::string(to_string(ErrorCode::kOutOfMemory)), "not enough memory");
  } catch (const std::exception& other) {
    refuse(id, std::string(to_string(ErrorCode::kInternal)), other.what());
  }
}

void Server::emit(const Event& event) {
  log_.write(event);
  writer_.push(event);
}

void Server::start_job(const Request& request) {
  Job job{"", std::get<RunRequest>(request.body)};
  if (job.request.output.empty()) {
    if (output_.empty()) {
      refuse(request.id, "invalid_input",
             "the run names no \"output\" folder, and 'mxscope serve' was started without -o");
      return;
    }
    job.request.output = output_.string();
  }
  const std::lock_guard lock(mutex_);
  if (stopping_) {
    refuse(request.id, "cancelled", "the engine is quitting");
    return;
  }
  if (control_) {
    refuse(request.id, "busy", "job " + in_quotes(job_id_) + " is running; one runs at a time");
    return;
  }
  job.id = job.request.job.empty() ? "job-" + std::to_string(++jobs_started_) : job.request.job;
  if (worker_.joinable()) {
    worker_.join();  // has ended: control_ is null
  }
  control_ = std::make_shared<engine::JobControl>();
  job_id_ = job.id;
  reply(request.id, Json{{"job", job.id}});
  worker_ = std::jthread([this, job = std::move(job)]() mutable { run_job(std::move(job)); });
}

void Server::control_job(const std::string& id, const std::string& job,
                         const std::function<void(engine::JobControl&)>& act, const char* done) {
  const std::lock_guard lock(mutex_);
  if (!control_ || (!job.empty() && job != job_id_)) {
    refuse(id, "not_found",
           job.empty() ? "no job is running" : "job " + in_quotes(job) + " is not running");
    return;
  }
  act(*control_);
  reply(id, Json{{"job", job_id_}, {"state", done}});
}

void Server::run_job(Job job) {
  const auto begin = std::chrono::steady_clock::now();
  std::shared_ptr<engine::JobControl> control;
  {
    const std::lock_guard lock(mutex_);
    control = control_;
  }
  const auto error_event = [&job](const std::string& code, const std::string& text) {
    return Event{job.id, MessageEvent{MessageKind::kError, "error", code, text, ""}};
  };
  // The last end is held back until the engine is free, so that the peer's next run is taken.
  std::optional<Event> end;
  std::string state = "failed";
  try {
    Experiment experiment;
    const std::filesystem::path base = base_of(job.request.base_dir);
    const Issues issues = examine_text(job.request.experiment.dump(), base, experiment);
    for (const Issue& issue : issues) {
      const std::string text = (issue.path.empty() ? "" : issue.path + ": ") + issue.message;
      const bool wrong = issue.severity == Issue::Severity::kError;
      emit(wrong ? error_event("invalid_input", text)
                 : Event{job.id, MessageEvent{MessageKind::kWarning, "warning", "", text, ""}});
    }
    if (!has_errors(issues)) {
      engine::RunOptions options;
      options.output = job.request.output;
      options.base_dir = base;
      options.resume = job.request.resume;
      options.job_id = job.id;
      const Results results = engine::run_experiment(
          experiment, options,
          [&](const Event& event) {
            Event named = event;
            named.job = named.job.empty() ? job.id : named.job;
            if (end) {
              emit(*end);
              end.reset();
            }
            if (std::holds_alternative<DoneEvent>(named.body)) {
              end = std::move(named);
            } else {
              emit(named);
            }
          },
          *control);
      const auto any = [&results](RunStatus status) {
        return std::any_of(results.runs.begin(), results.runs.end(),
                           [status](const Run& run) { return run.status == status; });
      };
      state = control->cancelled() && any(RunStatus::kCancelled) ? "cancelled"
              : any(RunStatus::kFailed)                          ? "failed"
                                                                 : "done";
    }
  } catch (const Error& error) {
    state = error.code() == ErrorCode::kCancelled ? "cancelled" : "failed";
    emit(error_event(std::string(to_string(error.code())), error.what()));
  } catch (const std::bad_alloc&) {
    emit(error_event("out_of_memory", "not enough memory"));
  } catch (const std::exception& error) {
    emit(error_event("internal", error.what()));
  }
  {
    const std::lock_guard lock(mutex_);
    control_.reset();
    job_id_.clear();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  emit(end ? *end : Event{job.id, DoneEvent{state, seconds}});
}

}  // namespace mxscope::cli
