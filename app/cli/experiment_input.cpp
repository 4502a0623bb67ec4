// SPDX-License-Identifier: Apache-2.0
#include "experiment_input.h"

#include <algorithm>

#include "command.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/engine/engine.h"

namespace mxscope::cli {

Issues examine_text(const std::string& text, const std::filesystem::path& base,
                    Experiment& experiment) {
  Issues issues;
  experiment = experiment_from_json(std::string_view(text), issues);
  const auto add = [&issues](const Issue& issue) {
    if (std::find(issues.begin(), issues.end(), issue) == issues.end()) {
      issues.push_back(issue);
    }
  };
  if (experiment.models.empty()) {
    return issues;  // nothing that files could be compared with
  }
  try {
    for (const Issue& issue : engine::check_experiment(experiment, base)) {
      add(issue);
    }
  } catch (const Error& error) {
    add({Issue::Severity::kError, "", error.what()});
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
