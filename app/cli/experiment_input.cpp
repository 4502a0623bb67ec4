// SPDX-License-Identifier: Apache-2.0
#include "experiment_input.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "command.h"
#include "mxscope/core/checkpoint/checkpoint.h"
#include "mxscope/core/checkpoint/hub_download.h"
#include "mxscope/core/checkpoint/inventory.h"
#include "mxscope/core/checkpoint/model_source.h"
#include "mxscope/core/data/text_source.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/engine/engine.h"
#include "progress.h"

namespace mxscope::cli {

namespace {

// What can be said about files while fields are still wrong: are the models and the texts there?
Issues check_sources(const Experiment& experiment, const std::filesystem::path& base) {
  Issues issues;
  const auto attempt = [&issues](const std::string& path, const auto& action) {
    try {
      action();
    } catch (const Error& error) {
      issues.push_back({Issue::Severity::kError, path, error.what()});
    }
  };
  for (std::size_t m = 0; m < experiment.models.size(); ++m) {
    const ModelEntry& model = experiment.models[m];
    if (!model.source.empty()) {
      attempt("models[" + std::to_string(m) + "]", [&] {
        static_cast<void>(take_inventory(
            Checkpoint::open(resolve_model_source(model.source, base, model.revision))));
      });
    }
  }
  if (!experiment.data.sources.empty()) {
    TextRequest request;
    request.sources = experiment.data.sources;
    request.base = base;
    request.rows = parse_rows(to_string(experiment.data.rows));
    request.field = experiment.data.field;
    request.fallback = experiment.data.fallback.value_or("");
    attempt("data.source", [&] { static_cast<void>(read_text(request)); });
  }
  return issues;
}

// Models that only the hub has are downloaded before anything looks at them. Returns why a model
// cannot be had, by field; those are told with all other problems. A network or a disk that fails
// ends the command.
std::map<std::string, std::string> fetch_models(const ExperimentDocument& document,
                                                const std::function<bool()>& go_on) {
  Issues ignored;
  const Experiment experiment = experiment_from_json(std::string_view(document.text), ignored);
  std::map<std::string, std::string> refused;
  for (std::size_t m = 0; m < experiment.models.size(); ++m) {
    try {
      fetch_model(experiment.models[m].source, document.base, experiment.models[m].revision, go_on);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) {
        throw;
      }
      refused["models[" + std::to_string(m) + "]"] = error.what();
    }
  }
  return refused;
}

LoadedExperiment examine(ExperimentDocument document,
                         const std::map<std::string, std::string>& refused) {
  LoadedExperiment loaded;
  loaded.document = std::move(document);
  Issues issues = examine_text(loaded.document.text, loaded.document.base, loaded.experiment);
  std::erase_if(issues, [&](const Issue& issue) { return refused.contains(issue.path); });
  for (const auto& [path, reason] : refused) {
    issues.push_back({Issue::Severity::kError, path, reason});
  }
  loaded.issues = with_flag_names(issues, loaded.document);
  return loaded;
}

}  // namespace

void fetch_model(const std::string& source, const std::filesystem::path& base,
                 const std::string& revision, const std::function<bool()>& go_on) {
  try {
    static_cast<void>(resolve_model_source(source, base, revision));
    return;
  } catch (const Error&) {
    if (!is_hub_id(source) || source.find('/') == std::string::npos) {
      return;
    }
  }
  ProgressView view(inspect_terminal(STDERR_FILENO), false);
  static_cast<void>(fetch_model_source(source, base, revision, [&](const HubProgress& progress) {
    if (progress.total_bytes > 0) {
      view.downloading(source, progress.done_bytes, progress.total_bytes);
    }
    return !go_on || go_on();
  }));
  view.clear();
}

Issues examine_text(const std::string& text, const std::filesystem::path& base,
                    Experiment& experiment) {
  Issues issues;
  experiment = experiment_from_json(std::string_view(text), issues);
  Issues more;
  try {
    // Windows and rules mean nothing while fields have their defaults instead of what was meant.
    more = has_errors(issues) ? check_sources(experiment, base)
                              : engine::check_experiment(experiment, base);
  } catch (const Error& error) {
    more.push_back({Issue::Severity::kError, "", error.what()});
  }
  for (Issue& issue : more) {
    if (std::find(issues.begin(), issues.end(), issue) == issues.end()) {
      issues.push_back(std::move(issue));
    }
  }
  return issues;
}

LoadedExperiment examine_experiment(const ExperimentFlags& flags) {
  return examine(make_document(flags), {});
}

LoadedExperiment load_experiment(const ExperimentFlags& flags, const std::function<bool()>& go_on) {
  ExperimentDocument document = make_document(flags);
  const auto refused = fetch_models(document, go_on);
  LoadedExperiment loaded = examine(std::move(document), refused);
  if (has_errors(loaded.issues)) {
    throw InvalidInput(loaded.document.subject, loaded.issues);
  }
  return loaded;
}

nlohmann::ordered_json issues_json(const Issues& issues) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Issue& issue : issues) {
    list.push_back({{"severity", issue.severity == Issue::Severity::kError ? "error" : "warning"},
                    {"path", issue.path},
                    {"message", issue.message}});
  }
  return list;
}

}  // namespace mxscope::cli
