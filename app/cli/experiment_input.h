// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "experiment_flags.h"
#include "mxscope/core/experiment/experiment.h"

namespace mxscope::cli {

struct LoadedExperiment {
  Experiment experiment;
  ExperimentDocument document;
  Issues issues;  // errors and warnings, with flags for paths where flags set them
};

// Reads the experiment and finds every problem that can be found without loading weights. Throws
// only where there is no document to speak of (a file that cannot be read, flags that contradict
// each other).
[[nodiscard]] LoadedExperiment examine_experiment(const ExperimentFlags& flags);

// The same, where problems end the command: throws InvalidInput with all of them. Models that only
// the hub has are downloaded first, as long as `go_on` says so.
[[nodiscard]] LoadedExperiment load_experiment(const ExperimentFlags& flags,
                                               const std::function<bool()>& go_on = {});

// Downloads a model named ORGANISATION/NAME that neither a path nor the local cache has, showing
// progress on standard error; does nothing for any other source. Throws Error saying why it cannot;
// kCancelled once `go_on`, which is asked at least once a second, gives false.
void fetch_model(const std::string& source, const std::filesystem::path& base,
                 const std::string& revision, const std::function<bool()>& go_on = {});

// Problems of an experiment given as text: its own, then those of files and models.
[[nodiscard]] Issues examine_text(const std::string& text, const std::filesystem::path& base,
                                  Experiment& experiment);

// The issues as JSON: a list of {severity, path, message}.
[[nodiscard]] nlohmann::ordered_json issues_json(const Issues& issues);

}  // namespace mxscope::cli
