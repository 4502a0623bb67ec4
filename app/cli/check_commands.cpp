// SPDX-License-Identifier: Apache-2.0
// Commands that look at an experiment without running it: validate, estimate.
#include <unistd.h>

#include <algorithm>

#include "command.h"
#include "exit_code.h"
#include "experiment_input.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/variants.h"
#include "mxscope/engine/engine.h"
#include "output.h"
#include "replies.h"
#include "text.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;

int validate_file(const ExperimentFlags& flags, bool json) {
  const LoadedExperiment loaded = examine_experiment(flags);
  const bool wrong = has_errors(loaded.issues);
  if (json) {
    Json answer = {{"valid", !wrong}, {"issues", issues_json(loaded.issues)}};
    if (!wrong) {
      answer["models"] = loaded.experiment.models.size();
      answer["variants"] = count_variants(loaded.experiment);
    }
    write_json(answer);
    return wrong ? kUsage : kDone;
  }
  if (wrong) {
    throw InvalidInput(loaded.document.subject, loaded.issues);
  }
  for (const Issue& issue : loaded.issues) {
    write_stderr("warning: " + (issue.path.empty() ? "" : issue.path + ": ") + issue.message +
                 "\n");
  }
  const auto models = static_cast<std::int64_t>(loaded.experiment.models.size());
  const std::int64_t variants = count_variants(loaded.experiment);
  write_stdout(loaded.document.subject + " is valid: " + format_count(models) +
               (models == 1 ? " model, " : " models, ") + format_count(variants) +
               (variants == 1 ? " variant" : " variants") +
               (loaded.experiment.sweep ? " and a sweep" : "") + "\n");
  return kDone;
}

int estimate(const ExperimentFlags& flags, bool json) {
  const LoadedExperiment loaded = load_experiment(flags);
  const std::vector<engine::JobEstimate> jobs =
      engine::estimate_experiment(loaded.experiment, loaded.document.base);
  if (json) {
    Json answer = estimate_json(jobs);
    answer["issues"] = issues_json(loaded.issues);
    write_json(answer);
    return kDone;
  }
  for (const Issue& issue : loaded.issues) {
    write_stderr("warning: " + (issue.path.empty() ? "" : issue.path + ": ") + issue.message +
                 "\n");
  }
  std::string text;
  double seconds = 0;
  for (const engine::JobEstimate& job : jobs) {
    text += printable(job.model) + " on " + job.device + " (" + job.placement + ", " + job.dtype +
            "): " + format_count(job.runs) + " runs, " + format_count(job.windows) + " windows, " +
            format_count(job.tokens) + " tokens\n";
    TextTable table;
    table.add_column("memory");
    table.add_column("", TextTable::Align::kRight);
    table.add_row({"weights", format_bytes(job.weights_bytes)});
    table.add_row({"quantised copies", format_bytes(job.quantised_bytes)});
    table.add_row({"hidden states (" + format_count(job.panel_windows) + " windows at a time)",
                   format_bytes(job.hidden_bytes)});
    table.add_row({"activations (micro-batches of " + format_count(job.batch) + ")",
                   format_bytes(job.workspace_bytes)});
    table.add_row({"together", format_bytes(job.total_bytes)});
    table.add_row({"free now", format_bytes(job.available_bytes)});
    if (job.streamed_bytes > 0) {
      table.add_row(
          {"weights that pass through for every panel", format_bytes(job.streamed_bytes)});
    }
    if (job.devices.size() > 1) {
      for (const engine::JobEstimate::Device& device : job.devices) {
        table.add_row({device.id + ": needed, of free " + format_bytes(device.available_bytes),
                       format_bytes(device.total_bytes)});
      }
    }
    text += table.render(2, inspect_terminal(STDOUT_FILENO).unicode ? "─" : "-");
    if (job.total_bytes > job.available_bytes) {
      text += "  does not fit: needs " + format_bytes(job.total_bytes) + ", " +
              format_bytes(job.available_bytes) + " free\n";
    }
    text += "  about " + format_duration(job.seconds) + "\n\n";
    seconds += job.seconds;
  }
  if (jobs.size() > 1) {
    text += "All together about " + format_duration(seconds) + "\n";
  } else if (!text.empty()) {
    text.pop_back();
  }
  write_stdout(text);
  return kDone;
}

}  // namespace

void add_validate_command(Program& program) {
  Command& command = program.add(
      "validate", "find every problem of an experiment", "Evaluate",
      {"FILE [--json]\n--model MODEL --data FILE [OPTION...]",
       "Checks an experiment without loading weights: the file's form, names, ranges, selectors, "
       "models, texts and tokenizers. All problems are listed at once, each with its field path "
       "and "
       "what is accepted. Warnings (a rule that matches nothing) do not make it invalid.",
       {{"In a script or a pre-commit hook:", "mxscope validate tiers.mxscope"},
        {"Paths of the wrong fields:",
         "mxscope validate tiers.mxscope --json | jq -r '.issues[].path'"}}});
  auto flags = std::make_shared<ExperimentFlags>();
  add_experiment_flags(*command.app, *flags);
  const auto json = add_json_flag(command, "Print {valid, issues: [{severity, path, message}]}.");
  command.action = [flags, json] { return validate_file(*flags, *json); };
}

void add_estimate_command(Program& program) {
  Command& command = program.add(
      "estimate", "memory and time an experiment would need", "Evaluate",
      {"FILE [--json]\n--model MODEL --data FILE [OPTION...]",
       "Reads headers and the text, no weights, and tells for each model what a run would take: "
       "weights, quantised copies, hidden states and activations, beside what is free now, and a "
       "guess of the time. It takes the flags that 'mxscope run' takes.",
       {{"Before a long run:", "mxscope estimate tiers.mxscope"},
        {"Does it fit?",
         "mxscope estimate tiers.mxscope --json | jq '.jobs[] | .total_bytes < "
         ".available_bytes'"}}});
  auto flags = std::make_shared<ExperimentFlags>();
  add_experiment_flags(*command.app, *flags);
  const auto json = add_json_flag(command, "Print one JSON document, sizes in bytes.");
  command.action = [flags, json] { return estimate(*flags, *json); };
}

}  // namespace mxscope::cli
