// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/protocol/events.h"
#include "mxscope/core/results/results.h"

// The engine: experiments in, events and results out. Nothing of LibTorch shows in this header.
namespace mxscope::engine {

// How a running job is told to stop or to wait. Any thread may call any member.
class JobControl {
 public:
  // Ends the job at the next block edge; finished panels are kept and results written.
  void cancel() noexcept {
    cancelled_.store(true, std::memory_order_relaxed);
    wake();
  }
  // Lets workers wait at the next block edge until resume() or cancel().
  void pause() noexcept { paused_.store(true, std::memory_order_relaxed); }
  void resume() noexcept {
    paused_.store(false, std::memory_order_relaxed);
    wake();
  }
  [[nodiscard]] bool cancelled() const noexcept {
    return cancelled_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool paused() const noexcept { return paused_.load(std::memory_order_relaxed); }
  // Called by workers at block edges: waits while paused; returns false when cancelled.
  bool checkpoint() noexcept;

 private:
  void wake() noexcept {
    epoch_.fetch_add(1);
    epoch_.notify_all();
  }
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> paused_{false};
  std::atomic<std::uint32_t> epoch_{0};
};

struct RunOptions {
  std::filesystem::path output;  // folder for results.json, results.csv, windows.csv, store.sqlite
  std::filesystem::path base_dir;  // relative paths of the experiment start here
  bool resume = false;             // continue what output/store.sqlite holds of the same jobs
  bool share_states = true;        // off: every variant computes all of its own (for tests)
  std::int64_t panel_windows = 0;  // windows per panel; 0: chosen by size and time (for tests)
  // For tests: that many panels find the device's memory too small before one is let through.
  std::int64_t out_of_memory_panels = 0;
  std::string job_id;  // id put on events; empty: one is made per job
};

// Receives events on engine threads, one call at a time. Must not block for long.
using EmitFunction = std::function<void(const Event&)>;

// Runs every job of the experiment (one per model), writes the record and the result files of
// DESIGN section 6 into options.output, and returns the results. Blocks; work is done on its own
// threads. A job that fails is reported as an error event and as runs with status failed; the
// others go on. Throws Error when nothing could be started (invalid experiment, unreadable data,
// unwritable output).
Results run_experiment(const Experiment& experiment, const RunOptions& options,
                       const EmitFunction& emit, JobControl& control);

// Every problem that can be found without loading weights: the experiment's own (validate), files
// that are missing, models that cannot be read or are unsupported, rules that match nothing
// (warnings), contexts longer than the model's maximum.
Issues check_experiment(const Experiment& experiment, const std::filesystem::path& base_dir);

// Memory one job needs, in bytes, from headers alone.
struct JobEstimate {
  std::string model;
  std::string device;     // the device (or first of them) the figures are for
  std::string placement;  // replicate, split or stream
  std::string dtype;      // compute type
  std::int64_t windows = 0;
  std::int64_t tokens = 0;           // windows x length, padding counted
  std::int64_t runs = 0;             // variants, baseline included
  std::int64_t panel_windows = 0;    // largest panel
  std::int64_t batch = 0;            // windows per micro-batch
  std::int64_t weights_bytes = 0;    // resident weights in the compute type
  std::int64_t quantised_bytes = 0;  // quantised copies held at one time
  std::int64_t hidden_bytes = 0;     // hidden states of one panel
  std::int64_t workspace_bytes = 0;  // activations of the micro-batches in flight, head chunk
  std::int64_t total_bytes = 0;      // of the above, without the idle program
  std::int64_t available_bytes = 0;  // free on the device now
  std::int64_t streamed_bytes = 0;   // weights that pass through the device for every panel
  struct Device {
    std::string id;
    std::int64_t total_bytes = 0;      // needed
    std::int64_t available_bytes = 0;  // free now, within the memory limit
  };
  std::vector<Device> devices;  // all of the job; the figures above are of the fullest
  double seconds = 0;           // guess from multiply-adds and the device's usual rate
};
std::vector<JobEstimate> estimate_experiment(const Experiment& experiment,
                                             const std::filesystem::path& base_dir);

// One device the engine can use.
struct DeviceInfo {
  std::string id;  // "cpu", "cuda:0"
  std::string name;
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;
  int cores = 0;                   // cpu: logical cores
  std::string compute_capability;  // cuda: "9.0"
};
// The CPU first, then GPUs. Asks NVML, so no CUDA context is made.
std::vector<DeviceInfo> list_devices();

// Float32 logits [batch, time, vocab] of `ids` [batch, time], written as tensor "logits".
// dtype: "auto", "float32", "bfloat16" or "float16"; device: "cpu" or "cuda:N".
void write_logits(const std::filesystem::path& model, const std::filesystem::path& ids_file,
                  const std::string& ids_tensor, const std::string& dtype,
                  const std::string& device, const std::filesystem::path& output);

// Engine, torch and build facts kept with every result ("environment" of results.json).
nlohmann::ordered_json environment();

}  // namespace mxscope::engine
