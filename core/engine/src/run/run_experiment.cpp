// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <system_error>

#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/engine/engine.h"
#include "run/device_guard.h"
#include "run/run_job.h"
#include "tensor/block_cache.h"

namespace mxscope::engine {
namespace {

namespace fs = std::filesystem;

// The file appears whole or not at all.
void write_file(const fs::path& path, const std::string& text) {
  const fs::path temporary = path.string() + ".part";
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.flush();
    if (!out) {
      const int reason = errno;
      std::error_code ignored;
      fs::remove(temporary, ignored);
      throw Error(ErrorCode::kIo,
                  "cannot write " + path.string() + ": " + std::generic_category().message(reason));
    }
  }
  std::error_code error;
  fs::rename(temporary, path, error);
  if (error) {
    throw Error(ErrorCode::kIo, "cannot write " + path.string() + ": " + error.message());
  }
}

std::string new_job_id() {
  std::random_device entropy;
  char text[17];
  std::snprintf(text, sizeof(text), "%08x%08x", entropy(), entropy());
  return text;
}

// glibc keeps large freed blocks for later and moves its threshold for them with use, so that a
// process holds several times what it needs, more the longer it runs. The threshold is held where
// the scratch memory of matrix products stays below it; tensors from a mebibyte on do not come here
// (BlockCacheScope). Peaks then are what the estimate says.
void bound_allocator() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 16 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}

// Runs of a job that never came to its windows.
void add_failed(Results& results, const Experiment& experiment, const std::string& model,
                const std::string& reason) {
  std::vector<std::string> names{"baseline"};
  for (const ResolvedVariant& variant : expand_variants(experiment)) {
    names.push_back(variant.name);
  }
  for (const std::string& name : names) {
    Run run;
    run.model = model;
    run.variant = name;
    run.baseline = name == "baseline";
    run.status = RunStatus::kFailed;
    run.error = reason;
    results.runs.push_back(std::move(run));
    results.windows.push_back({model, name, {}, {}});
  }
  Job job;
  job.model = model;
  results.jobs.push_back(std::move(job));
}

}  // namespace

bool JobControl::checkpoint() noexcept {
  while (paused() && !cancelled()) {
    const std::uint32_t epoch = epoch_.load();
    if (!paused() || cancelled()) {
      break;
    }
    epoch_.wait(epoch);
  }
  return !cancelled();
}

Results run_experiment(const Experiment& experiment, const RunOptions& options,
                       const EmitFunction& emit, JobControl& control) {
  const Issues issues = validate(experiment);
  for (const Issue& issue : issues) {
    if (issue.severity == Issue::Severity::kError) {
      throw Error(ErrorCode::kInvalidInput,
                  issue.path.empty() ? issue.message : issue.path + ": " + issue.message);
    }
  }
  bound_allocator();
  const DeviceGuard guard("cpu");
  const TextSamples text = read_experiment_text(experiment, options.base_dir);
  store::Store store = store::Store::open(options.output, store::OpenMode::kReadWrite);

  Results results;
  results.experiment = to_json(experiment);
  results.environment = environment();
  const std::int64_t experiment_id =
      store.add_experiment(experiment.name, to_json_text(experiment), results.environment.dump());

  const std::vector<std::string> names = model_names(experiment);
  for (std::size_t m = 0; m < experiment.models.size(); ++m) {
    const std::string job_id =
        options.job_id.empty()
            ? new_job_id()
            : options.job_id + (experiment.models.size() > 1 ? "/" + std::to_string(m) : "");
    const auto begin = std::chrono::steady_clock::now();
    std::string state = "done";
    try {
      if (!control.checkpoint()) {
        throw Error(ErrorCode::kCancelled, "the job was cancelled before it began");
      }
      const BlockCacheScope blocks;
      const PreparedJob job =
          prepare_job(experiment, m, options.base_dir, text, options.share_states);
      JobResult result =
          run_job(job, experiment, options, job_id, experiment_id, store, emit, control);
      state = to_string(result.status);
      results.jobs.push_back(std::move(result.job));
      for (std::size_t r = 0; r < result.runs.size(); ++r) {
        results.runs.push_back(std::move(result.runs[r]));
        results.windows.push_back(std::move(result.windows[r]));
      }
    } catch (...) {
      try {
        rethrow_as_error("cpu");
      } catch (const Error& e) {
        state = e.code() == ErrorCode::kCancelled ? "cancelled" : "failed";
        // One model only: nothing else can come of the experiment.
        const bool nothing_to_show = experiment.models.size() == 1 && state == "failed";
        emit({job_id, MessageEvent{MessageKind::kError, "error", std::string(to_string(e.code())),
                                   names[m] + ": " + e.what(), ""}});
        if (nothing_to_show) {
          const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
          emit({job_id, DoneEvent{state, elapsed.count()}});
          throw;
        }
        add_failed(results, experiment, names[m], e.what());
        if (state == "cancelled") {
          for (auto run = results.runs.rbegin();
               run != results.runs.rend() && run->model == names[m]; ++run) {
            run->status = RunStatus::kCancelled;
          }
        }
      }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    // Files are rewritten after every job, so that a later fault costs nothing that is done.
    write_file(options.output / "results.json", to_json_text(results));
    write_file(options.output / "results.csv", results_csv(results));
    write_file(options.output / "windows.csv", windows_csv(results.windows));
    emit({job_id, DoneEvent{state, elapsed.count()}});
  }
  return results;
}

}  // namespace mxscope::engine
