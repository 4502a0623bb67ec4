// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "mxscope/core/checkpoint/checkpoint.h"
#include "mxscope/core/checkpoint/inventory.h"
#include "mxscope/core/data/text_source.h"
#include "mxscope/core/data/windows.h"
#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/experiment/rules.h"
#include "mxscope/core/experiment/variants.h"
#include "mxscope/core/schedule/state_plan.h"
#include "mxscope/core/store/records.h"

namespace mxscope::engine {

// One variant of a job with all that its rules decide; the first of a job is the baseline.
struct PreparedVariant {
  ResolvedVariant variant;
  MatchReport report;
  std::string config_hash;
};

// A job before any weight is read: model headers, windows, rules matched. No LibTorch inside.
struct PreparedJob {
  std::string model_name;
  ModelEntry entry;
  std::shared_ptr<const Checkpoint> checkpoint;
  ModelInventory inventory;
  std::vector<LinearInfo> linears;  // parallel to inventory.linears
  std::string fingerprint;          // of the checkpoint's headers and samples of its bytes
  std::string dtype;                // compute type: float32, bfloat16, float16
  std::string tokenizer_sha256;
  WindowPlan window_plan;
  TokenWindows windows;
  std::string data_sha256;
  std::vector<PreparedVariant> variants;    // the baseline first
  std::vector<OperandSpec> operands;        // distinct ones; [0]: not quantised
  std::vector<std::vector<LinearOps>> ops;  // per variant and linear
  StatePlan plan;
  std::vector<std::string> devices;     // "cpu", or CUDA devices
  std::int64_t batch = 1;               // windows per micro-batch
  std::int64_t batch_reduced_from = 0;  // what it was before memory ran out; 0: it did not
  std::int64_t head_chunk = 1;          // positions whose logits exist at one time
  std::vector<std::string> warnings;

  [[nodiscard]] bool on_gpu() const { return devices.front() != "cpu"; }
  [[nodiscard]] std::int64_t element_size() const { return dtype == "float32" ? 4 : 2; }
  // Tokens of a micro-batch of the longest windows.
  [[nodiscard]] std::int64_t batch_rows() const { return batch * windows.max_length; }
  [[nodiscard]] std::int64_t batches() const {
    return (static_cast<std::int64_t>(windows.windows.size()) + batch - 1) / batch;
  }
  [[nodiscard]] nlohmann::ordered_json protocol_json() const;
  // What the bits of a figure depend on beyond the experiment: type, micro-batch, kind of device.
  [[nodiscard]] nlohmann::ordered_json numerics_json() const;
};

// Text is read once for all jobs.
TextSamples read_experiment_text(const Experiment& experiment,
                                 const std::filesystem::path& base_dir);

// Devices the experiment asks for, resolved against those that exist. Throws Error naming a device
// that is not there, with the list of those that are.
std::vector<std::string> resolve_devices(const Experiment& experiment);

// Throws Error for whatever keeps this job from running.
PreparedJob prepare_job(const Experiment& experiment, std::size_t model_index,
                        const std::filesystem::path& base_dir, const TextSamples& text,
                        bool share_states);

// The parts of it that benchmarks take alone. Windows per micro-batch (`batch`, or enough for the
// device at that context) and rows per chunk of the head, for the job's devices and model.
void choose_batches(PreparedJob& job, std::optional<std::int64_t> batch, std::int64_t context);
// The baseline and the experiment's variants: rules matched against job.linears, and how they share
// states. Throws Error for what the engine does not compute.
void add_variants(PreparedJob& job, const Experiment& experiment, bool share_states);

// Only the model's part: headers and inventory.
struct OpenedModel {
  std::shared_ptr<const Checkpoint> checkpoint;
  ModelInventory inventory;
};
OpenedModel open_model(const std::string& source, const std::filesystem::path& base_dir,
                       const std::string& revision);

// Name of the type that weights are held and computed in: the one asked for, or as stored.
std::string compute_dtype(ModelDtype asked, const ModelInventory& inventory);

std::vector<LinearInfo> linear_infos(const ModelInventory& inventory);
std::string checkpoint_fingerprint(const Checkpoint& checkpoint);
// Linears of each step, as the decoder cuts the model into steps.
std::vector<std::vector<int>> step_linears(const ModelInventory& inventory);

}  // namespace mxscope::engine
