// SPDX-License-Identifier: Apache-2.0
#include "mxscope/engine/record.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/core/store/store.h"
#include "run/figures.h"

namespace mxscope::engine {
namespace {

using Json = nlohmann::ordered_json;

// Texts of the store were written by this program; one that is damaged reads as `otherwise`.
Json json_or(const std::string& text, Json otherwise) {
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? otherwise : value;
}

RunStatus run_status(store::Status status) {
  switch (status) {
    case store::Status::kDone:
      return RunStatus::kDone;
    case store::Status::kFailed:
      return RunStatus::kFailed;
    default:
      return RunStatus::kCancelled;
  }
}

Run run_of(const store::RunRecord& record, const std::string& model) {
  const Json value = {{"model", model},
                      {"variant", record.variant},
                      {"baseline", record.baseline},
                      {"status", to_string(run_status(record.status))},
                      {"layers", record.layers},
                      {"contract", json_or(record.contract_json, Json::object())},
                      {"config_hash", record.config_hash},
                      {"sweep", json_or(record.sweep_json, nullptr)},
                      {"linears", json_or(record.linears_json, Json::object())}};
  Issues ignored;  // what the store does not keep is computed below
  Run run = run_from_json(value, "", ignored);
  run.error = record.error;
  return run;
}

Job job_of(const store::JobRecord& record) {
  Job job;
  job.model = record.model;
  job.protocol = json_or(record.protocol_json, Json::object());
  job.data_sha256 = record.data_sha256;
  job.tokenizer_sha256 = record.tokenizer_sha256;
  job.token_ids_sha256 = record.token_ids_sha256;
  job.placement = record.placement;
  job.load_seconds = record.load_seconds;
  job.total_seconds = record.total_seconds;
  const Json memory = json_or(record.memory_json, Json::object());
  const auto bytes = [](const Json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
  };
  if (memory.is_object()) {
    job.memory.weights_bytes = bytes(memory, "weights_bytes");
    if (const auto peaks = memory.find("peak_bytes"); peaks != memory.end() && peaks->is_object()) {
      for (const auto& [device, value] : peaks->items()) {
        if (value.is_number_integer()) {
          job.memory.peak_bytes.emplace_back(device, value.get<std::int64_t>());
        }
      }
    }
    if (memory.contains("estimated_bytes") && memory["estimated_bytes"].is_number_integer()) {
      job.memory.estimated_bytes = memory["estimated_bytes"].get<std::int64_t>();
    }
  }
  return job;
}

RecordedExperiment read_experiment(const store::Store& store,
                                   const store::ExperimentRecord& record) {
  RecordedExperiment recorded;
  recorded.id = record.id;
  recorded.name = record.name;
  recorded.created = record.created;
  Results& results = recorded.results;
  results.experiment = json_or(record.experiment_json, Json::object());
  results.environment = json_or(record.environment_json, Json::object());
  Issues ignored;
  const Experiment experiment = experiment_from_json(results.experiment, ignored);
  for (const store::JobRecord& job : store.jobs(record.id)) {
    store::JobHandle handle;
    handle.id = job.id;
    handle.experiment = record.id;
    std::vector<Run> runs;
    std::vector<RunStatus> states;
    for (const store::RunRecord& run : store.runs(job.id)) {
      handle.runs.push_back(run.id);
      runs.push_back(run_of(run, job.model));
      states.push_back(runs.back().status);
    }
    std::vector<RunWindows> windows;
    fill_figures(store, handle, experiment, RunStatus::kDone, runs, windows);
    for (std::size_t r = 0; r < runs.size(); ++r) {
      runs[r].status = states[r];
    }
    std::move(runs.begin(), runs.end(), std::back_inserter(results.runs));
    std::move(windows.begin(), windows.end(), std::back_inserter(results.windows));
    results.jobs.push_back(job_of(job));
  }
  return recorded;
}

std::string first_error(const std::filesystem::path& file, const Issues& issues) {
  for (const Issue& issue : issues) {
    if (issue.severity == Issue::Severity::kError) {
      return "'" + file.string() +
             "' is damaged: " + (issue.path.empty() ? "" : issue.path + ": ") + issue.message;
    }
  }
  return {};
}

void refuse_damage(const std::filesystem::path& file, const Issues& issues) {
  if (has_errors(issues)) {
    throw Error(ErrorCode::kInvalidInput, first_error(file, issues));
  }
}

// Has an experiment been begun in the folder since the file was written, and been killed?
bool is_outdated(const std::filesystem::path& file, const std::filesystem::path& folder) {
  struct stat info {};
  if (!store::Store::exists(folder) || ::stat(file.c_str(), &info) != 0) {
    return false;
  }
  const store::Store store = store::Store::open(folder, store::OpenMode::kReadOnly);
  const std::vector<store::ExperimentRecord> experiments = store.experiments();
  std::tm time{};
  std::array<char, 32> written{};
  gmtime_r(&info.st_mtime, &time);
  std::strftime(written.data(), written.size(), "%Y-%m-%dT%H:%M:%SZ", &time);
  // Both are UTC in one form, so that text compares as time does.
  return !experiments.empty() && experiments.back().created > written.data();
}

// Per-window sums in the order of the runs; a run without windows gets an empty entry.
std::vector<RunWindows> windows_of(const std::filesystem::path& file,
                                   const std::vector<Run>& runs) {
  std::vector<RunWindows> ordered;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return ordered;
  }
  Issues issues;
  std::vector<RunWindows> read = windows_from_csv(read_file(file, kMaxResultsBytes), issues);
  refuse_damage(file, issues);
  for (const Run& run : runs) {
    const auto found = std::find_if(read.begin(), read.end(), [&run](const RunWindows& windows) {
      return windows.model == run.model && windows.variant == run.variant;
    });
    ordered.push_back(found != read.end() ? std::move(*found)
                                          : RunWindows{run.model, run.variant, {}, {}});
  }
  return ordered;
}

}  // namespace

std::vector<RecordedExperiment> read_store(const std::filesystem::path& folder,
                                           std::optional<std::int64_t> only) {
  const store::Store store = store::Store::open(folder, store::OpenMode::kReadOnly);
  std::vector<RecordedExperiment> recorded;
  for (const store::ExperimentRecord& record : store.experiments()) {
    if (!only || record.id == *only) {
      recorded.push_back(read_experiment(store, record));
    }
  }
  if (only && recorded.empty()) {
    throw Error(ErrorCode::kNotFound, "'" + store.path().string() + "' holds no experiment " +
                                          std::to_string(*only) + ".");
  }
  return recorded;
}

Results read_results(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path file = folder / "results.json";
  if (std::filesystem::exists(file, error) && !is_outdated(file, folder)) {
    Issues issues;
    Results results = results_from_json(read_file(file, kMaxResultsBytes), issues);
    refuse_damage(file, issues);
    results.windows = windows_of(folder / "windows.csv", results.runs);
    return results;
  }
  if (store::Store::exists(folder)) {
    const store::Store store = store::Store::open(folder, store::OpenMode::kReadOnly);
    const std::vector<store::ExperimentRecord> experiments = store.experiments();
    if (!experiments.empty()) {
      return std::move(read_experiment(store, experiments.back()).results);
    }
  }
  throw Error(ErrorCode::kNotFound, "'" + folder.string() +
                                        "' holds no results: neither results.json nor a "
                                        "store.sqlite with a run in it. Was it given to 'mxscope "
                                        "run -o'?");
}

}  // namespace mxscope::engine
