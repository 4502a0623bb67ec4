// SPDX-License-Identifier: Apache-2.0
#include "run/prepare.h"

#include <algorithm>
#include <map>

#include "decoder/decoder.h"
#include "decoder/model.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/base/sha256.h"
#include "mxscope/core/checkpoint/model_source.h"
#include "mxscope/core/data/tokenizer.h"
#include "mxscope/core/results/config_hash.h"
#include "mxscope/engine/engine.h"
#include "mxscope/kernels/mx_quantize.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

// Tokens of a micro-batch where the experiment leaves it open. On a core, a thousand rows keep the
// matrix products at their peak while the activations stay near the caches; a GPU wants more.
constexpr std::int64_t kCpuBatchTokens = 1024;
constexpr std::int64_t kGpuBatchTokens = 4096;
// Bytes of float32 logits that exist at one time per thread or GPU, for one variant.
constexpr std::int64_t kCpuLogitBytes = 16 << 20;
constexpr std::int64_t kGpuLogitBytes = 512 << 20;

// The stage as the engine can carry it out, or an error that says which it can.
void refuse_stage(const ResolvedVariant& variant) {
  if (variant.stage != Stage::kRules) {
    throw Error(ErrorCode::kUnsupported,
                "variant '" + variant.name + "': stage '" + std::string(to_string(variant.stage)) +
                    "' is not implemented by this engine; implemented are rules, bfp16 and "
                    "nvfp8-emulation");
  }
}

int operand_index(std::vector<OperandSpec>& table, const OperandSpec& operand) {
  if (!operand.quantised()) {
    return 0;
  }
  const auto found = std::find(table.begin() + 1, table.end(), operand);
  if (found != table.end()) {
    return static_cast<int>(found - table.begin());
  }
  (void)kernel_spec(operand);  // refuses what no kernel computes, before anything is loaded
  table.push_back(operand);
  return static_cast<int>(table.size()) - 1;
}

LinearRole role_of(Role role) {
  switch (role) {
    case Role::kAttention:
      return LinearRole::kAttention;
    case Role::kMlp:
      return LinearRole::kMlp;
    case Role::kExpert:
      return LinearRole::kExperts;
    case Role::kHead:
      return LinearRole::kHead;
  }
  return LinearRole::kOther;
}

WindowPlan plan_windows(const ProtocolEntry& protocol, const DecoderSpec& spec) {
  ProtocolRequest request;
  request.name = std::string(to_string(protocol.name));
  request.context = protocol.context;
  request.stride = protocol.stride;
  request.bos = std::string(to_string(protocol.bos));
  request.join = protocol.join;
  request.max_windows = protocol.max_windows;
  ModelLimits limits;
  limits.max_context = spec.max_positions;
  limits.vocab_size = spec.vocab_size;
  if (spec.bos_token >= 0) {
    limits.bos_id = static_cast<std::int32_t>(spec.bos_token);
  }
  if (spec.eos_token >= 0) {
    limits.eos_id = static_cast<std::int32_t>(spec.eos_token);
  }
  return resolve_plan(request, limits);
}

}  // namespace

nlohmann::ordered_json PreparedJob::protocol_json() const {
  nlohmann::ordered_json json;
  json["name"] = window_plan.name;
  json["context"] = window_plan.context;
  json["stride"] = window_plan.stride;
  json["bos"] = to_string(window_plan.bos);
  json["join"] = window_plan.join;
  if (window_plan.max_windows) {
    json["max_windows"] = *window_plan.max_windows;
  } else {
    json["max_windows"] = nullptr;
  }
  return json;
}

nlohmann::ordered_json PreparedJob::numerics_json() const {
  nlohmann::ordered_json json;
  json["dtype"] = dtype;
  json["batch"] = batch;
  if (batch_reduced_from > 0) {
    json["batch_reduced_from"] = batch_reduced_from;
  }
  json["head_chunk"] = head_chunk;
  json["accumulation"] = "float32";
  if (on_gpu() && dtype == "float32") {
    // Where both operands are quantised to at most eight significant bits, which bfloat16 holds.
    json["quantised_products"] = "bfloat16 operands";
    if (splits_head(inventory, at::kFloat, true)) {
      json["head_product"] = "sum of six in bfloat16";
    }
  }
  if (on_gpu()) {
    json["device"] = "cuda";
    for (const DeviceInfo& device : list_devices()) {
      if (device.id == devices.front()) {
        json["device"] = device.name;
      }
    }
  } else {
    json["device"] = std::string("cpu ") + kernels::cpu_instruction_set();
  }
  return json;
}

TextSamples read_experiment_text(const Experiment& experiment,
                                 const std::filesystem::path& base_dir) {
  TextRequest request;
  request.sources = experiment.data.sources;
  request.base = base_dir;
  request.rows = parse_rows(to_string(experiment.data.rows));
  if (experiment.protocol.name == ProtocolKind::kConcat2048) {
    request.auto_text_rows = Rows::kWikitext;
  }
  request.field = experiment.data.field;
  request.max_samples = experiment.data.max_samples;
  request.fallback = experiment.data.fallback.value_or("");
  return read_text(request);
}

std::vector<std::string> resolve_devices(const Experiment& experiment) {
  const std::vector<DeviceInfo> present = list_devices();
  std::string known;
  std::vector<std::string> gpus;
  for (const DeviceInfo& device : present) {
    known += (known.empty() ? "" : ", ") + device.id;
    const double free_share = static_cast<double>(device.free_bytes) /
                              static_cast<double>(std::max<std::int64_t>(device.total_bytes, 1));
    if (device.id != "cpu" && (experiment.devices.mode == DeviceMode::kAll ||
                               free_share >= experiment.compute.min_free)) {
      gpus.push_back(device.id);
    }
  }
  if (experiment.devices.mode != DeviceMode::kList) {
    return gpus.empty() ? std::vector<std::string>{"cpu"} : gpus;
  }
  std::vector<std::string> chosen;
  for (const std::string& id : experiment.devices.list) {
    const bool exists = std::any_of(present.begin(), present.end(),
                                    [&](const DeviceInfo& d) { return d.id == id; });
    if (!exists) {
      throw Error(ErrorCode::kDevice, "device '" + id + "' does not exist here; there is " + known);
    }
    if (std::find(chosen.begin(), chosen.end(), id) == chosen.end()) {
      chosen.push_back(id);
    }
  }
  if (chosen.size() > 1 && std::find(chosen.begin(), chosen.end(), "cpu") != chosen.end()) {
    throw Error(ErrorCode::kInvalidInput,
                "devices: the CPU and a GPU do not work on the same job, since their sums differ "
                "in the last bits; name either");
  }
  return chosen;
}

std::string compute_dtype(ModelDtype asked, const ModelInventory& inventory) {
  if (asked != ModelDtype::kAuto) {
    return std::string(to_string(asked));
  }
  switch (inventory.stored_type) {
    case TensorType::kBF16:
      return "bfloat16";
    case TensorType::kF16:
      return "float16";
    default:
      return "float32";
  }
}

OpenedModel open_model(const std::string& source, const std::filesystem::path& base_dir,
                       const std::string& revision) {
  OpenedModel model;
  model.checkpoint = std::make_shared<const Checkpoint>(
      Checkpoint::open(resolve_model_source(source, base_dir, revision)));
  model.inventory = take_inventory(*model.checkpoint);
  return model;
}

std::vector<LinearInfo> linear_infos(const ModelInventory& inventory) {
  std::vector<LinearInfo> infos;
  infos.reserve(inventory.linears.size());
  for (const Linear& linear : inventory.linears) {
    infos.push_back(
        {linear.name, linear.block, role_of(linear.role), linear.in_features, linear.out_features});
  }
  return infos;
}

std::string checkpoint_fingerprint(const Checkpoint& checkpoint) {
  // Hashing all bytes of a large model takes longer than evaluating it. Names, types and shapes
  // and a kilobyte from both ends and the middle of every tensor tell two checkpoints apart that
  // were trained differently.
  constexpr std::size_t kSample = 1024;
  Sha256 hash;
  hash.update(checkpoint.config().dump());
  std::vector<const TensorInfo*> tensors;
  for (const TensorInfo& info : checkpoint.tensors()) {
    tensors.push_back(&info);
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo* a, const TensorInfo* b) { return a->name < b->name; });
  for (const TensorInfo* info : tensors) {
    hash.update(info->name + ' ' + std::string(to_string(info->type)) + ' ' + info->shape_text());
    const auto bytes = checkpoint.data(*info);
    const std::size_t n = std::min(kSample, bytes.size());
    hash.update(bytes.data(), n);
    hash.update(bytes.data() + (bytes.size() - n) / 2, n);
    hash.update(bytes.data() + (bytes.size() - n), n);
  }
  return hash.hex();
}

std::vector<std::vector<int>> step_linears(const ModelInventory& inventory) {
  std::vector<std::vector<int>> steps;
  for (const Step& step : decoder_steps(inventory)) {
    steps.push_back(step.linears);
  }
  return steps;
}

void choose_batches(PreparedJob& job, std::optional<std::int64_t> batch, std::int64_t context) {
  const std::int64_t tokens = job.on_gpu() ? kGpuBatchTokens : kCpuBatchTokens;
  job.batch =
      batch.value_or(std::max<std::int64_t>(1, tokens / std::max<std::int64_t>(1, context)));
  const std::int64_t logit_bytes = job.on_gpu() ? kGpuLogitBytes : kCpuLogitBytes;
  job.head_chunk =
      std::clamp<std::int64_t>(logit_bytes / (4 * job.inventory.spec.vocab_size), 16, 4096);
  if (job.on_gpu() && job.head_chunk > 128) {
    job.head_chunk = job.head_chunk / 128 * 128;  // whole tiles of a product
  }
}

void add_variants(PreparedJob& job, const Experiment& experiment, bool share_states) {
  job.variants.push_back({});
  job.variants.back().variant.name = "baseline";
  for (ResolvedVariant& variant : expand_variants(experiment, &job.linears)) {
    refuse_stage(variant);
    job.variants.push_back({std::move(variant), {}, {}});
  }
  job.operands.push_back({});
  for (PreparedVariant& prepared : job.variants) {
    prepared.report = match_rules(prepared.variant, job.linears);
    for (const Issue& issue : prepared.report.warnings) {
      job.warnings.push_back("variant '" + prepared.variant.name + "': " + issue.message);
    }
    std::vector<LinearOps> ops;
    for (const LinearDecision& decision : prepared.report.linears) {
      ops.push_back({operand_index(job.operands, decision.weight),
                     operand_index(job.operands, decision.activation),
                     operand_index(job.operands, decision.output)});
    }
    job.ops.push_back(std::move(ops));
  }
  job.plan = plan_states(step_linears(job.inventory), job.ops, share_states);
}

PreparedJob prepare_job(const Experiment& experiment, std::size_t model_index,
                        const std::filesystem::path& base_dir, const TextSamples& text,
                        bool share_states) {
  PreparedJob job;
  job.entry = experiment.models[model_index];
  job.model_name = model_names(experiment)[model_index];
  const OpenedModel opened = open_model(job.entry.source, base_dir, job.entry.revision);
  job.checkpoint = opened.checkpoint;
  job.inventory = opened.inventory;
  job.linears = linear_infos(job.inventory);
  job.fingerprint = checkpoint_fingerprint(*job.checkpoint);
  job.dtype = compute_dtype(job.entry.dtype, job.inventory);
  job.devices = resolve_devices(experiment);
  job.data_sha256 = text.sha256;
  job.warnings = text.warnings;

  std::filesystem::path tokenizer_path = job.checkpoint->folder();
  if (job.entry.tokenizer) {
    tokenizer_path = *job.entry.tokenizer;
    if (tokenizer_path.is_relative()) {
      tokenizer_path = base_dir / tokenizer_path;
    }
  }
  const Tokenizer tokenizer = Tokenizer::open(tokenizer_path);
  job.tokenizer_sha256 = tokenizer.sha256();
  job.window_plan = plan_windows(experiment.protocol, job.inventory.spec);
  job.windows = make_windows(job.window_plan, text.samples, tokenizer);
  job.warnings.insert(job.warnings.end(), job.windows.warnings.begin(), job.windows.warnings.end());

  if (experiment.compute.noise_floor) {
    throw Error(ErrorCode::kUnsupported,
                "compute.noise_floor is not implemented by this engine; leave it out");
  }
  choose_batches(job, job.entry.batch ? job.entry.batch : experiment.compute.batch,
                 job.window_plan.context);
  add_variants(job, experiment, share_states);
  for (PreparedVariant& prepared : job.variants) {
    prepared.config_hash =
        config_hash({job.fingerprint, job.dtype, job.protocol_json(), prepared.variant.contract(),
                     job.data_sha256, job.windows.token_ids_sha256});
  }
  return job;
}

}  // namespace mxscope::engine
