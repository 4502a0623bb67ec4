// SPDX-License-Identifier: Apache-2.0
#include "experiment_input.h"

#include <algorithm>

#include "command.h"
#include "mxscope/core/checkpoint/checkpoint.h"
#include "mxscope/core/checkpoint/inventory.h"
#include "mxscope/core/checkpoint/model_source.h"
#include "mxscope/core/data/text_source.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/engine/engine.h"

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

}  // namespace

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
  LoadedExperiment loaded;
  loaded.document = make_document(flags);
  loaded.issues = with_flag_names(
      examine_text(loaded.document.text, loaded.document.base, loaded.experiment), loaded.document);
  return loaded;
}

LoadedExperiment load_experiment(const ExperimentFlags& flags) {
  LoadedExperiment loaded = examine_experiment(flags);
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
