// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "command.h"
#include "event_writer.h"
#include "exit_code.h"
#include "experiment_input.h"
#include "interrupt.h"
#include "job_log.h"
#include "mxscope/core/protocol/event_queue.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/engine/engine.h"
#include "output.h"
#include "progress.h"
#include "text.h"

namespace mxscope::cli {
namespace {

struct RunFlags {
  ExperimentFlags experiment;
  std::string output;
  bool resume = false;
  std::string events;
  std::string log;
  bool quiet = false;
  bool no_table = false;
  std::int64_t panel_windows = 0;
  std::int64_t out_of_memory_panels = 0;
  bool no_sharing = false;
};

// Shows what the engine reports on standard error. Events come from its threads and are shown by
// the thread that calls pump().
class RunDisplay {
 public:
  RunDisplay(Terminal terminal, bool quiet, JobLog log)
      : view_(terminal, quiet), log_(std::move(log)) {
    queue_.set_wake([this] {
      const std::lock_guard lock(mutex_);
      arrived_ = true;
      changed_.notify_all();
    });
  }

  void push(const Event& event) { queue_.push(event); }

  // The worker has ended: pump() returns once all is shown.
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  // Shows events until end(). A last error is kept back: where it ended the run, it is thrown as
  // well, and shall be read once.
  void pump() {
    bool ended = false;
    while (!ended) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return arrived_ || ended_; });
        arrived_ = false;
        ended = ended_;
      }
      for (const Event& event : queue_.drain()) {
        show(event);
      }
    }
    view_.clear();
  }

  void show_last_error() {
    if (!error_.empty()) {
      view_.message("error", error_);
      error_.clear();
    }
  }

 private:
  void show(const Event& event) {
    log_.write(event);
    if (!std::holds_alternative<DoneEvent>(event.body)) {
      show_last_error();
    }
    if (const auto* loading = std::get_if<LoadingEvent>(&event.body)) {
      models_[event.job] = loading->model;
      view_.loading(loading->model, loading->bytes, loading->total);
    } else if (const auto* started = std::get_if<StartedEvent>(&event.body)) {
      models_[event.job] = started->model;
      const auto variants = static_cast<std::int64_t>(started->variants.size());
      view_.message("info", started->model + ": " + format_count(started->windows) +
                                (started->windows == 1 ? " window, " : " windows, ") +
                                format_count(started->tokens) + " tokens, " +
                                format_count(variants) +
                                (variants == 1 ? " run" : " runs with the baseline"));
    } else if (const auto* progress = std::get_if<ProgressEvent>(&event.body)) {
      view_.progress({models_[event.job], progress->done, progress->total, progress->panel,
                      progress->panels, progress->tokens_per_second.value_or(0),
                      progress->seconds_left.value_or(-1)});
    } else if (const auto* message = std::get_if<MessageEvent>(&event.body)) {
      if (message->kind == MessageKind::kError) {
        error_ = message->text;
      } else if (message->level != "debug") {
        view_.message(message->level, message->text);
      }
    }
  }

  ProgressView view_;
  JobLog log_;
  EventQueue queue_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool arrived_ = false;
  bool ended_ = false;
  std::map<std::string, std::string> models_;  // by job id
  std::string error_;                          // not shown yet
};

ExitCode outcome(const Results& results, bool cancelled) {
  bool failed = false;
  bool incomplete = false;
  for (const Run& run : results.runs) {
    failed = failed || run.status == RunStatus::kFailed;
    incomplete = incomplete || run.status == RunStatus::kCancelled;
  }
  // A Ctrl-C that came after the last window changes nothing.
  if (cancelled && incomplete) {
    return kCancelled;
  }
  return failed ? kRunsFailed : kDone;
}

// The engine's work on a thread of its own, so that a slow terminal or reader holds up nothing.
std::optional<Results> evaluate(const LoadedExperiment& loaded, const RunFlags& flags,
                                engine::JobControl& control, RunDisplay& display,
                                EventWriter* writer) {
  std::optional<Results> results;
  std::exception_ptr failure;
  std::jthread worker([&] {
    try {
      engine::RunOptions options;
      options.output = flags.output;
      options.base_dir = loaded.document.base;
      options.resume = flags.resume;
      options.share_states = !flags.no_sharing;
      options.panel_windows = flags.panel_windows;
      options.out_of_memory_panels = flags.out_of_memory_panels;
      results = engine::run_experiment(
          loaded.experiment, options,
          [&](const Event& event) {
            display.push(event);
            if (writer != nullptr) {
              writer->push(event);
            }
          },
          control);
    } catch (...) {
      failure = std::current_exception();
    }
    display.end();
  });
  display.pump();
  worker.join();
  if (failure) {
    std::rethrow_exception(failure);
  }
  display.show_last_error();
  return results;
}

int run(const RunFlags& flags, bool json) {
  const bool events = !flags.events.empty();
  if (events && flags.events != "jsonl") {
    throw UsageError("--events knows one form, jsonl; '" + flags.events + "' is given.");
  }
  if (events && json) {
    throw UsageError("--events and --json both want standard output: give one of them.");
  }
  JobLog log = flags.log.empty() ? JobLog() : JobLog::to_file(flags.log);

  engine::JobControl control;
  InterruptWatch interrupts([&control] {
    write_stderr("\nmxscope: stopping at the next block; press Ctrl-C again to stop at once\n");
    control.cancel();
  });

  const LoadedExperiment loaded =
      load_experiment(flags.experiment, [&control] { return !control.cancelled(); });
  const Terminal terminal = inspect_terminal(STDERR_FILENO);
  RunDisplay display(terminal, flags.quiet, std::move(log));
  for (const Issue& issue : loaded.issues) {
    const std::string text = (issue.path.empty() ? "" : issue.path + ": ") + issue.message;
    display.push(Event{"", MessageEvent{MessageKind::kWarning, "warning", "", text, ""}});
  }

  std::optional<EventWriter> writer;
  std::optional<MemoryTicker> memory;
  if (events) {
    // Nobody reads the events any more: the run goes on and its files are written.
    writer.emplace([] {});
    writer->push(Event{"", HelloEvent{MXSCOPE_VERSION, kProtocolVersion, describe_devices()}});
    memory.emplace([&writer](Event event) { writer->push(std::move(event)); });
  }

  const std::optional<Results> results =
      evaluate(loaded, flags, control, display, writer ? &*writer : nullptr);
  memory.reset();
  if (writer) {
    writer->push(Event{"", ByeEvent{}});
    writer->finish(std::chrono::seconds(10));
  }

  const ExitCode code = outcome(*results, control.cancelled());
  if (json) {
    write_stdout(to_json_text(*results));
  } else if (!events && !flags.no_table) {
    const Terminal out = inspect_terminal(STDOUT_FILENO);
    TableOptions options;
    options.colour = out.colour;
    options.width = out.interactive ? static_cast<int>(out.width) : 0;
    write_stdout(terminal_table(*results, options));
  }
  if (!flags.quiet) {
    const std::string folder = printable(flags.output);
    write_stderr(code == kCancelled
                     ? "Cancelled. What was finished is in " + folder +
                           "; --resume goes on from there.\n"
                     : "Written to " + folder + ": results.json, results.csv, windows.csv\n");
  }
  return code;
}

}  // namespace

void add_run_command(Program& program) {
  Command& command = program.add(
      "run", "evaluate models and their quantised variants", "Evaluate",
      {"FILE -o DIR [OPTION...]\n--model MODEL --data FILE -o DIR [OPTION...]",
       "Evaluates every model of the experiment and every variant of it on the same tokens, in one "
       "pass, and writes DIR/results.json, DIR/results.csv (one row per run), DIR/windows.csv (one "
       "row per run and window) and DIR/store.sqlite, the record that --resume and 'mxscope "
       "export' read. A table of the results is printed at the end.\n\n"
       "The experiment is a file, or it is made of the flags. With a file, the flags of model, "
       "text, protocol and computing change what it says; its variants are its own. All problems "
       "of an experiment are listed at once, each with its field or flag.\n\n"
       "The first Ctrl-C (or TERM) stops at the next block and writes what is finished; a second "
       "one stops at once. Windows are recorded as they finish, so that --resume goes on after a "
       "kill or a power cut as well.\n\n"
       "On a terminal, standard error shows a progress bar; elsewhere a line every ten seconds.",
       {{"An experiment from a file:", "mxscope run tiers.mxscope -o out"},
        {"MXFP4 in every MLP matrix, blocks of 16, 32 and 64, on the first 96 windows of 256:",
         "mxscope run --model ./llama --data wiki.test.raw --tier A --format mxfp4_e2m1 "
         "--block 16,32,64 --context 256 --max-windows 96 -o out"},
        {"Weights alone in MXFP6, attention matrices only:",
         "mxscope run --model ./llama --data wiki.test.raw --match @attention --format "
         "mxfp6_e3m2 --weight-only -o out"},
        {"Which block of the model suffers most from MXFP4?",
         "mxscope run --model ./llama --data wiki.test.raw --sweep block:mxfp4_e2m1 -o out"},
        {"Go on where a cancelled or killed run stopped:",
         "mxscope run tiers.mxscope -o out --resume"},
        {"Perplexities alone, for a script:",
         "mxscope run tiers.mxscope -o out --quiet --json | jq '.runs[].metrics.ppl'"}}});
  auto flags = std::make_shared<RunFlags>();
  CLI::App& app = *command.app;
  add_experiment_flags(app, flags->experiment);
  const std::string output = "Output";
  app.add_option("-o,--output", flags->output, "Folder for results and record; made if missing.")
      ->type_name("DIR")
      ->required()
      ->group(output);
  app.add_flag("--resume", flags->resume,
               "Go on from the record in DIR; windows that are finished are not computed again. "
               "Without a record, start anew.")
      ->group(output);
  app.add_option("--events", flags->events,
                 "jsonl: events of the run as JSON lines on standard output, instead of the table.")
      ->type_name("FORM")
      ->group(output);
  app.add_option("--log", flags->log, "Append messages with their times to a file.")
      ->type_name("FILE")
      ->group(output);
  app.add_flag("-q,--quiet", flags->quiet, "No progress; warnings and errors are still shown.")
      ->group(output);
  app.add_flag("--no-table", flags->no_table, "Do not print the table.")->group(output);
  // For tests: results must not depend on any.
  app.add_option("--panel-windows", flags->panel_windows)->check(whole_number())->group("");
  app.add_flag("--no-sharing", flags->no_sharing)->group("");
  app.add_option("--out-of-memory-panels", flags->out_of_memory_panels)
      ->check(whole_number())
      ->group("");
  const auto json = add_json_flag(command, "Print results.json instead of the table.");
  command.action = [flags, json] { return run(*flags, *json); };
}

}  // namespace mxscope::cli
