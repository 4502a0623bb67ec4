// SPDX-License-Identifier: Apache-2.0
#include "run/run_job.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <system_error>

#include "evaluate/lockstep.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/core/schedule/panels.h"
#include "mxscope/engine/memory_monitor.h"
#include "run/device_guard.h"
#include "run/figures.h"
#include "run/gpu_lock.h"
#include "run/load_stages.h"
#include "run/memory_plan.h"
#include "run/nvml.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kProgressInterval = std::chrono::milliseconds(100);

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Where the progress of all workers meets: counts, and lets an event out now and then.
class Progress {
 public:
  Progress(std::int64_t total, double tokens_per_unit, const PanelDealer& dealer,
           const std::function<void(ProgressEvent)>& send)
      : total_(total), tokens_per_unit_(tokens_per_unit), dealer_(dealer), send_(send) {}

  void advance(std::int64_t units) {
    done_ += units;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock && Clock::now() - last_ >= kProgressInterval) {
      report();
    }
  }
  void panel_finished() {
    const std::lock_guard lock(mutex_);
    ++panels_;
    report();
  }
  // A panel that did not fit is done again: what it had counted is taken back.
  void take_back(std::int64_t units) { done_ -= units; }

 private:
  void report() {
    last_ = Clock::now();
    ProgressEvent event;
    event.done = done_;
    event.total = total_;
    event.panel = panels_;
    event.panels = dealer_.panels_forecast();
    const double elapsed = seconds_since(begin_);
    if (event.done > 0 && elapsed > 0) {
      const double rate = static_cast<double>(event.done) / elapsed;
      event.tokens_per_second = rate * tokens_per_unit_;
      event.seconds_left = static_cast<double>(total_ - event.done) / rate;
    }
    send_(std::move(event));
  }

  std::atomic<std::int64_t> done_{0};
  const std::int64_t total_;
  const double tokens_per_unit_;
  const PanelDealer& dealer_;
  const std::function<void(ProgressEvent)> send_;
  std::mutex mutex_;
  std::int64_t panels_ = 0;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point last_{};
};

// Takes panels through the stages. On a GPU the figures of a panel are awaited while the device
// already computes the next one.
class Worker : public PanelExecutor {
 public:
  using Finished = std::function<void(const Panel&, const PanelFigures&)>;

  Worker(std::string device, std::unique_ptr<Lockstep> lockstep, JobControl& control,
         Progress& progress, std::atomic<std::int64_t>& failing, Finished finished)
      : device_(std::move(device)),
        lockstep_(std::move(lockstep)),
        control_(control),
        progress_(progress),
        failing_(failing),
        finished_(std::move(finished)) {}

  void run(const Panel& panel) override {
    const DeviceGuard guard(device_);
    std::atomic<std::int64_t> counted{0};
    try {
      auto flight = lockstep_->start(panel, control_, [&](std::int64_t units) {
        counted += units;
        progress_.advance(units);
        if (device_ != "cpu" && flight_ && Lockstep::is_ready(*flight_)) {
          settle();
        }
      });
      if (failing_ > 0) {
        --failing_;
        throw Error(ErrorCode::kOutOfMemory, device_ + " is out of memory, as was asked for");
      }
      settle();
      flight_ = std::move(flight);
      panel_ = panel;
      if (device_ == "cpu") {
        settle();
      }
    } catch (...) {
      progress_.take_back(counted);
      rethrow_as_error(device_);
    }
  }

  void finish() override {
    const DeviceGuard guard(device_);
    try {
      settle();
    } catch (...) {
      rethrow_as_error(device_);
    }
  }

 private:
  void settle() {
    if (flight_) {
      const std::shared_ptr<Lockstep::InFlight> flight = std::move(flight_);
      flight_.reset();
      finished_(panel_, lockstep_->finish(*flight));
      progress_.panel_finished();
    }
  }

  std::string device_;
  std::unique_ptr<Lockstep> lockstep_;
  JobControl& control_;
  Progress& progress_;
  std::atomic<std::int64_t>& failing_;
  Finished finished_;
  std::shared_ptr<Lockstep::InFlight> flight_;
  Panel panel_;
};

store::JobDescription describe(const PreparedJob& job) {
  store::JobDescription d;
  d.model = job.model_name;
  d.model_fingerprint = job.fingerprint;
  d.protocol_json = job.protocol_json().dump();
  d.data_sha256 = job.data_sha256;
  d.tokenizer_sha256 = job.tokenizer_sha256;
  d.token_ids_sha256 = job.windows.token_ids_sha256;
  d.numerics_json = job.numerics_json().dump();
  d.windows = static_cast<std::int64_t>(job.windows.windows.size());
  return d;
}

// Run as results.json has it, without figures.
Run describe_run(const PreparedJob& job, std::size_t v) {
  const PreparedVariant& prepared = job.variants[v];
  Run run;
  run.model = job.model_name;
  run.variant = prepared.variant.name;
  run.baseline = v == 0;
  run.contract = prepared.variant.contract();
  run.contract["numerics"] = job.numerics_json();
  run.config_hash = prepared.config_hash;
  if (prepared.variant.sweep) {
    const SweepPlace& place = *prepared.variant.sweep;
    run.sweep = SweepResult{std::string(to_string(place.over)), place.place,
                            std::string(to_string(place.format))};
  }
  describe_linears(run, job.linears, prepared.report);
  return run;
}

// A job on its way through the store and the devices.
class JobRun {
 public:
  JobRun(const PreparedJob& prepared, const Experiment& experiment, const RunOptions& options,
         const std::string& job_id, store::Store& store, const EmitFunction& emit,
         JobControl& control)
      : job_(prepared),
        experiment_(experiment),
        options_(options),
        job_id_(job_id),
        store_(store),
        emit_(emit),
        control_(control),
        failing_(options.out_of_memory_panels) {}

  JobResult run(std::int64_t experiment_id) {
    const auto begin = Clock::now();
    for (const std::string& warning : job_.warnings) {
      warn("job", warning);
    }
    const auto locks = lock_gpus();
    JobResult result;
    result.job.model = job_.model_name;
    result.job.protocol = job_.protocol_json();
    result.job.data_sha256 = job_.data_sha256;
    result.job.tokenizer_sha256 = job_.tokenizer_sha256;
    result.job.token_ids_sha256 = job_.windows.token_ids_sha256;
    handle_ = store_.begin_job(experiment_id, describe(job_), describe_runs(), options_.resume);

    store::JobOutcome outcome;
    PeakMemory peak(job_.devices);
    try {
      compute_with_ladder(result, outcome);
      if (control_.cancelled()) {
        result.status = RunStatus::kCancelled;
      }
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kCancelled) {
        release_cached_memory(job_.devices);
        outcome.status = store::Status::kFailed;
        outcome.error = e.what();
        store_.append_log(handle_.id, "error", e.what());
        store_.finish_job(handle_.id, outcome);
        throw;
      }
      result.status = RunStatus::kCancelled;
    }

    // The next job may need it in other pieces, and other programs at all.
    release_cached_memory(job_.devices);
    result.job.memory.peak_bytes = peak.peaks();
    outcome.status =
        result.status == RunStatus::kDone ? store::Status::kDone : store::Status::kCancelled;
    outcome.placement = result.job.placement;
    outcome.total_seconds = seconds_since(begin);
    outcome.memory_json = to_json(result.job).at("memory").dump();
    store_.finish_job(handle_.id, outcome);
    for (const store::JobRecord& record : store_.jobs(experiment_id)) {
      if (record.id == handle_.id) {
        result.job.load_seconds = record.load_seconds;
        result.job.total_seconds = record.total_seconds;
      }
    }
    for (Run& run : runs_) {
      run.contract["numerics"] = job_.numerics_json();
    }
    fill_figures(store_, handle_, experiment_, result.status, runs_, result.windows);
    for (const Run& run : runs_) {
      send(ResultEvent{run});
    }
    result.runs = std::move(runs_);
    return result;
  }

 private:
  template <class Body>
  void send(Body body) {
    const std::lock_guard lock(emit_mutex_);
    emit_({job_id_, std::move(body)});
  }
  void warn(const std::string& code, const std::string& text) {
    send(MessageEvent{MessageKind::kWarning, "warning", code, text, ""});
  }

  // Marks the job's GPUs as taken, and tells which of them another engine has.
  std::vector<std::unique_ptr<GpuLock>> lock_gpus() {
    std::vector<std::unique_ptr<GpuLock>> locks;
    std::error_code no_folder;
    const std::filesystem::path folder = std::filesystem::temp_directory_path(no_folder);
    if (!job_.on_gpu() || no_folder) {
      return locks;
    }
    const std::string who =
        "mxscope, process " + std::to_string(::getpid()) + ", with model '" + job_.model_name + "'";
    for (const NvmlDevice& gpu : query_nvml()) {
      const std::string id = "cuda:" + std::to_string(gpu.index);
      if (gpu.uuid.empty() ||
          std::find(job_.devices.begin(), job_.devices.end(), id) == job_.devices.end()) {
        continue;
      }
      locks.push_back(std::make_unique<GpuLock>(folder, gpu.uuid, who));
      if (!locks.back()->holder().empty()) {
        warn("gpu-shared", id + " (" + gpu.name + ") is at work for " + locks.back()->holder() +
                               "; both jobs are slower for it and share its memory");
      }
    }
    return locks;
  }

  std::vector<store::RunDescription> describe_runs() {
    std::vector<store::RunDescription> descriptions;
    for (std::size_t v = 0; v < job_.variants.size(); ++v) {
      runs_.push_back(describe_run(job_, v));
      store::RunDescription d;
      d.variant = runs_[v].variant;
      d.baseline = runs_[v].baseline;
      d.config_hash = runs_[v].config_hash;
      d.layers = runs_[v].layers;
      d.contract_json = runs_[v].contract.dump();
      const nlohmann::ordered_json as_json = to_json(runs_[v]);
      d.linears_json = as_json.at("linears").dump();
      d.sweep_json = as_json.at("sweep").dump();
      descriptions.push_back(std::move(d));
    }
    return descriptions;
  }

  // Panels are halved where they are dealt. What is left of memory's ladder: half the micro-batch,
  // down to one window, then the next placement.
  void compute_with_ladder(JobResult& result, store::JobOutcome& outcome) {
    PlacementMode placement = asked_placement(job_, experiment_);
    const std::int64_t asked_batch = job_.batch;
    while (true) {
      const MemoryPlan plan = plan_memory(job_, experiment_, placement, options_.panel_windows,
                                          free_bytes(job_.devices));
      result.job.placement = to_string(plan.placement);
      result.job.memory.estimated_bytes = plan.total();
      try {
        compute(plan, result, outcome);
        return;
      } catch (const Error& e) {
        if (e.code() != ErrorCode::kOutOfMemory) {
          throw;
        }
        const std::string met = e.what();
        release_cached_memory(job_.devices);
        if (job_.batch > 1) {
          job_.batch = (job_.batch + 1) / 2;
          job_.batch_reduced_from = asked_batch;
          warn("out-of-memory", met + "; the job goes on with micro-batches of " +
                                    std::to_string(job_.batch) +
                                    " windows, which may move figures by the noise floor");
        } else if (job_.on_gpu() && plan.placement == PlacementMode::kReplicate) {
          placement = job_.devices.size() > 1 ? PlacementMode::kSplit : PlacementMode::kStream;
          warn("out-of-memory", met + "; the job goes on with placement '" +
                                    std::string(to_string(placement)) + "'");
        } else if (job_.on_gpu() && plan.placement == PlacementMode::kSplit) {
          placement = PlacementMode::kStream;
          warn("out-of-memory", met + "; the job goes on with placement 'stream'");
        } else {
          std::string free;
          const std::vector<std::int64_t> bytes = free_bytes(job_.devices);
          for (std::size_t i = 0; i < bytes.size(); ++i) {
            free += (i > 0 ? ", " : "") + in_gib(bytes[i]) + " on " + job_.devices[i];
          }
          throw Error(ErrorCode::kOutOfMemory, met + "; the job needs about " +
                                                   in_gib(plan.total()) +
                                                   " on a device, free are " + free);
        }
      }
    }
  }

  void compute(const MemoryPlan& plan, JobResult& result, store::JobOutcome& outcome) {
    const std::vector<bool> done = store_.finished_windows(handle_.id, handle_.runs);
    PanelLimits limits;
    limits.max_batches = plan.panel_batches;
    limits.workers = static_cast<std::int64_t>(job_.devices.size());
    limits.start_batches = options_.panel_windows > 0
                               ? plan.panel_batches
                               : std::min<std::int64_t>(plan.threads, plan.panel_batches);
    if (plan.placement == PlacementMode::kStream) {
      limits.target_seconds = 1e9;  // short panels would wait for weights
      limits.start_batches = plan.panel_batches;
    }
    PanelDealer dealer(static_cast<std::int64_t>(job_.windows.windows.size()), job_.batch, done,
                       limits);
    if (dealer.batches_total() == 0) {
      return;
    }
    const auto load_begin = Clock::now();
    Clock::time_point last_loading{};
    const Loaded loaded = load_stages(job_, plan, control_, [&](std::int64_t bytes) {
      if (Clock::now() - last_loading >= kProgressInterval || bytes >= job_.inventory.total_bytes) {
        last_loading = Clock::now();
        send(LoadingEvent{job_.model_name, bytes, job_.inventory.total_bytes});
      }
    });
    result.job.memory.weights_bytes = loaded.weights_bytes;
    outcome.load_seconds = seconds_since(load_begin);
    const std::int64_t scored = announce(plan);

    const std::int64_t units = dealer.batches_total() * job_.plan.work();
    const double unit_tokens = static_cast<double>(scored) *
                               static_cast<double>(dealer.batches_total()) /
                               static_cast<double>(job_.batches()) *
                               static_cast<double>(runs_.size()) / static_cast<double>(units);
    Progress progress(units, unit_tokens, dealer,
                      [&](ProgressEvent event) { send(std::move(event)); });
    LockstepSettings settings;
    settings.batch = job_.batch;
    settings.head_chunk = job_.head_chunk;
    settings.variants = static_cast<std::int64_t>(runs_.size());
    std::vector<std::unique_ptr<Worker>> owned;
    std::vector<PanelExecutor*> workers;
    for (const auto& stages : loaded.workers) {
      auto lockstep = std::make_unique<Lockstep>(stages, job_.plan, job_.operands, job_.windows,
                                                 settings, loaded.pool.get());
      owned.push_back(std::make_unique<Worker>(
          stages.front()->device, std::move(lockstep), control_, progress, failing_,
          [this](const Panel& panel, const PanelFigures& figures) { commit(panel, figures); }));
      workers.push_back(owned.back().get());
    }
    run_panels(dealer, workers, [&] { return !control_.checkpoint(); });
  }

  // Tells what is about to run; returns the tokens that are scored.
  std::int64_t announce(const MemoryPlan& plan) {
    StartedEvent started;
    started.model = job_.model_name;
    started.windows = static_cast<std::int64_t>(job_.windows.windows.size());
    for (const WindowSpan& window : job_.windows.windows) {
      started.tokens += job_.windows.scores_next_token ? window.scored() : window.length;
    }
    for (const Run& run : runs_) {
      started.variants.push_back(run.variant);
    }
    started.placement = to_string(plan.placement);
    started.estimate["bytes"] = plan.total();
    started.estimate["devices"] = job_.devices;
    started.estimate["batch"] = job_.batch;
    started.estimate["panel_windows"] = plan.panel_batches * job_.batch;
    if (plan.streamed_bytes > 0) {
      started.estimate["streamed_bytes"] = plan.streamed_bytes;
      started.estimate["hidden_in_tokens"] = plan.hidden_in_time;
      send(MessageEvent{MessageKind::kLog, "info", "stream",
                        std::to_string(plan.streamed_bytes >> 20) +
                            " MiB of weights pass through the device for every panel; panels of " +
                            std::to_string(plan.hidden_in_time) +
                            " tokens hide that, these have up to " +
                            std::to_string(plan.panel_batches * job_.batch_rows()),
                        ""});
    }
    const std::int64_t tokens = started.tokens;
    send(std::move(started));
    return tokens;
  }

  void commit(const Panel& panel, const PanelFigures& figures) {
    std::vector<store::RunPanel> rows;
    WindowsEvent event;
    event.model = job_.model_name;
    event.panel = panel.index;
    for (std::size_t v = 0; v < runs_.size(); ++v) {
      const NodeFigures& node =
          figures.nodes[static_cast<std::size_t>(job_.plan.node_of_variant[v])];
      store::RunPanel row;
      row.run = handle_.runs[v];
      row.seconds = figures.seconds[v];
      row.histogram = v == 0 ? std::string() : to_blob(node.histograms);
      VariantWindows windows;
      windows.variant = runs_[v].variant;
      for (std::size_t w = 0; w < node.windows.size(); ++w) {
        const std::int64_t index = panel.first_window + static_cast<std::int64_t>(w);
        row.windows.push_back(to_store(index, node.windows[w]));
        windows.windows.push_back({index, node.windows[w]});
      }
      rows.push_back(std::move(row));
      event.variants.push_back(std::move(windows));
    }
    store_.commit_panel(handle_.id, panel.first_window, panel.first_window + panel.windows - 1,
                        rows);
    send(std::move(event));
  }

  PreparedJob job_;  // its micro-batch shrinks where memory does not suffice
  const Experiment& experiment_;
  const RunOptions& options_;
  const std::string& job_id_;
  store::Store& store_;
  const EmitFunction& emit_;
  JobControl& control_;
  std::mutex emit_mutex_;
  std::vector<Run> runs_;
  store::JobHandle handle_;
  std::atomic<std::int64_t> failing_;
};

}  // namespace

JobResult run_job(const PreparedJob& job, const Experiment& experiment, const RunOptions& options,
                  const std::string& job_id, std::int64_t experiment_id, store::Store& store,
                  const EmitFunction& emit, JobControl& control) {
  return JobRun(job, experiment, options, job_id, store, emit, control).run(experiment_id);
}

}  // namespace mxscope::engine
