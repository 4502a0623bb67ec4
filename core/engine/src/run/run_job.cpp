// SPDX-License-Identifier: Apache-2.0
#include "run/run_job.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

#include "evaluate/lockstep.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/core/schedule/panels.h"
#include "mxscope/engine/memory_monitor.h"
#include "run/device_guard.h"
#include "run/figures.h"
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

// One device at work: its own copy of the model where it is a GPU.
class Worker : public PanelExecutor {
 public:
  Worker(std::string device, std::unique_ptr<ThreadPool> pool, std::unique_ptr<Lockstep> lockstep,
         JobControl& control, Progress& progress,
         std::function<void(const Panel&, const PanelFigures&)> finished)
      : device_(std::move(device)),
        pool_(std::move(pool)),
        lockstep_(std::move(lockstep)),
        control_(control),
        progress_(progress),
        finished_(std::move(finished)) {}

  void run(const Panel& panel) override {
    const DeviceGuard guard(device_);
    std::atomic<std::int64_t> counted{0};
    try {
      const PanelFigures figures = lockstep_->run(panel, control_, [&](std::int64_t units) {
        counted += units;
        progress_.advance(units);
      });
      finished_(panel, figures);
    } catch (...) {
      progress_.take_back(counted);
      rethrow_as_error(device_);
    }
    progress_.panel_finished();
  }

 private:
  std::string device_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Lockstep> lockstep_;
  JobControl& control_;
  Progress& progress_;
  std::function<void(const Panel&, const PanelFigures&)> finished_;
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

}  // namespace

JobResult run_job(const PreparedJob& job, const Experiment& experiment, const RunOptions& options,
                  const std::string& job_id, std::int64_t experiment_id, store::Store& store,
                  const EmitFunction& emit, JobControl& control) {
  const auto begin = Clock::now();
  std::mutex emit_mutex;
  const auto send = [&](auto body) {
    const std::lock_guard lock(emit_mutex);
    emit({job_id, std::move(body)});
  };
  for (const std::string& warning : job.warnings) {
    send(MessageEvent{MessageKind::kWarning, "warning", "job", warning, ""});
  }

  JobResult result;
  result.job.model = job.model_name;
  result.job.protocol = job.protocol_json();
  result.job.data_sha256 = job.data_sha256;
  result.job.tokenizer_sha256 = job.tokenizer_sha256;
  result.job.token_ids_sha256 = job.windows.token_ids_sha256;
  result.job.placement = "replicate";

  std::vector<store::RunDescription> descriptions;
  std::vector<Run> runs;
  for (std::size_t v = 0; v < job.variants.size(); ++v) {
    runs.push_back(describe_run(job, v));
    store::RunDescription d;
    d.variant = runs[v].variant;
    d.baseline = runs[v].baseline;
    d.config_hash = runs[v].config_hash;
    d.layers = runs[v].layers;
    d.contract_json = runs[v].contract.dump();
    const nlohmann::ordered_json as_json = to_json(runs[v]);
    d.linears_json = as_json.at("linears").dump();
    d.sweep_json = as_json.at("sweep").dump();
    descriptions.push_back(std::move(d));
  }
  const store::JobHandle handle =
      store.begin_job(experiment_id, describe(job), descriptions, options.resume);
  const std::vector<bool> done = store.finished_windows(handle.id, handle.runs);

  store::JobOutcome outcome;
  PeakMemory peak(job.devices);
  try {
    // Free memory is looked at before the weights take theirs.
    std::int64_t available = 0;
    for (const DeviceInfo& device : list_devices()) {
      if (device.id == job.devices.front()) {
        available = device.free_bytes;
      }
    }
    const MemoryPlan plan = plan_memory(job, experiment, options.panel_windows, available);
    result.job.memory.estimated_bytes = plan.total();
    PanelLimits limits;
    limits.max_batches = plan.panel_batches;
    limits.start_batches = options.panel_windows > 0
                               ? plan.panel_batches
                               : std::min<std::int64_t>(plan.threads, plan.panel_batches);
    PanelDealer dealer(static_cast<std::int64_t>(job.windows.windows.size()), job.batch, done,
                       limits);

    std::int64_t scored = 0;
    for (const WindowSpan& window : job.windows.windows) {
      scored += job.windows.scores_next_token ? window.scored() : window.length;
    }
    if (dealer.batches_total() > 0) {
      const auto load_begin = Clock::now();
      std::vector<std::shared_ptr<const Model>> models;
      Clock::time_point last_loading{};
      for (const std::string& device : job.devices) {
        models.push_back(
            load_model(job.checkpoint, job.inventory, dtype_of(job.dtype), torch_device(device),
                       [&](std::int64_t bytes) {
                         if (Clock::now() - last_loading >= kProgressInterval ||
                             bytes >= job.inventory.total_bytes) {
                           last_loading = Clock::now();
                           send(LoadingEvent{job.model_name, bytes, job.inventory.total_bytes});
                         }
                         return control.checkpoint();
                       }));
        result.job.memory.weights_bytes = models.back()->weights_bytes;
      }
      outcome.load_seconds = seconds_since(load_begin);

      StartedEvent started;
      started.model = job.model_name;
      started.windows = static_cast<std::int64_t>(job.windows.windows.size());
      started.tokens = scored;
      for (const Run& run : runs) {
        started.variants.push_back(run.variant);
      }
      started.placement = result.job.placement;
      started.estimate["bytes"] = plan.total();
      started.estimate["devices"] = job.devices;
      started.estimate["batch"] = job.batch;
      started.estimate["panel_windows"] = plan.panel_batches * job.batch;
      send(std::move(started));

      const std::int64_t units = dealer.batches_total() * job.plan.work();
      const double unit_tokens = static_cast<double>(scored) *
                                 static_cast<double>(dealer.batches_total()) /
                                 static_cast<double>(job.batches()) *
                                 static_cast<double>(runs.size()) / static_cast<double>(units);
      Progress progress(units, unit_tokens, dealer,
                        [&](ProgressEvent event) { send(std::move(event)); });
      const auto finished = [&](const Panel& panel, const PanelFigures& figures) {
        std::vector<store::RunPanel> rows;
        WindowsEvent event;
        event.model = job.model_name;
        event.panel = panel.index;
        for (std::size_t v = 0; v < runs.size(); ++v) {
          const NodeFigures& node =
              figures.nodes[static_cast<std::size_t>(job.plan.node_of_variant[v])];
          store::RunPanel row;
          row.run = handle.runs[v];
          row.seconds = figures.seconds[v];
          row.histogram = v == 0 ? std::string() : to_blob(node.histograms);
          VariantWindows windows;
          windows.variant = runs[v].variant;
          for (std::size_t w = 0; w < node.windows.size(); ++w) {
            const std::int64_t index = panel.first_window + static_cast<std::int64_t>(w);
            row.windows.push_back(to_store(index, node.windows[w]));
            windows.windows.push_back({index, node.windows[w]});
          }
          rows.push_back(std::move(row));
          event.variants.push_back(std::move(windows));
        }
        store.commit_panel(handle.id, panel.first_window, panel.first_window + panel.windows - 1,
                           rows);
        send(std::move(event));
      };

      std::int64_t max_length = job.windows.max_length;
      std::vector<std::unique_ptr<Worker>> owned;
      std::vector<PanelExecutor*> workers;
      for (std::size_t i = 0; i < job.devices.size(); ++i) {
        auto pool = job.on_gpu() ? nullptr : std::make_unique<ThreadPool>(plan.threads);
        LockstepSettings settings;
        settings.batch = job.batch;
        settings.head_chunk = job.head_chunk;
        settings.cache_bytes = plan.cache_bytes;
        settings.variants = static_cast<std::int64_t>(runs.size());
        auto lockstep =
            std::make_unique<Lockstep>(std::make_shared<const Decoder>(models[i], max_length),
                                       job.plan, job.operands, job.windows, settings, pool.get());
        owned.push_back(std::make_unique<Worker>(job.devices[i], std::move(pool),
                                                 std::move(lockstep), control, progress, finished));
        workers.push_back(owned.back().get());
      }
      models.clear();
      run_panels(dealer, workers, [&] { return !control.checkpoint(); });
    }
    if (control.cancelled()) {
      result.status = RunStatus::kCancelled;
    }
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kCancelled) {
      outcome.status = store::Status::kFailed;
      outcome.error = e.what();
      store.append_log(handle.id, "error", e.what());
      store.finish_job(handle.id, outcome);
      throw;
    }
    result.status = RunStatus::kCancelled;
  }

  result.job.memory.peak_bytes = peak.peaks();
  outcome.status =
      result.status == RunStatus::kDone ? store::Status::kDone : store::Status::kCancelled;
  outcome.placement = result.job.placement;
  outcome.total_seconds = seconds_since(begin);
  outcome.memory_json = to_json(result.job).at("memory").dump();
  store.finish_job(handle.id, outcome);

  for (const store::JobRecord& record : store.jobs(experiment_id)) {
    if (record.id == handle.id) {
      result.job.load_seconds = record.load_seconds;
      result.job.total_seconds = record.total_seconds;
    }
  }
  fill_figures(store, handle, experiment, result.status, runs, result.windows);
  for (const Run& run : runs) {
    send(ResultEvent{run});
  }
  result.runs = std::move(runs);
  return result;
}

}  // namespace mxscope::engine
