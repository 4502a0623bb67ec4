// SPDX-License-Identifier: Apache-2.0
#include "replies.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <system_error>

#include "command.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/checkpoint.h"
#include "mxscope/core/checkpoint/model_source.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;

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

std::string_view activation_name(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return "silu";
    case Activation::kRelu:
      return "relu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_tanh";
  }
  return "";
}

std::string_view position_name(PositionKind position) {
  switch (position) {
    case PositionKind::kRope:
      return "rope";
    case PositionKind::kLearned:
      return "learned";
    case PositionKind::kAlibi:
      return "alibi";
  }
  return "";
}

Json architecture_json(const DecoderSpec& spec) {
  Json value = {{"model_type", spec.model_type},
                {"layers", spec.layers},
                {"hidden_size", spec.hidden_size},
                {"intermediate_size", spec.intermediate_size},
                {"heads", spec.heads},
                {"kv_heads", spec.kv_heads},
                {"head_dim", spec.head_dim},
                {"vocab_size", spec.vocab_size},
                {"max_positions", spec.max_positions},
                {"norm", spec.norm == NormKind::kRmsNorm ? "rms_norm" : "layer_norm"},
                {"activation", activation_name(spec.activation)},
                {"gated_mlp", spec.gated},
                {"positions", position_name(spec.position)},
                {"parallel_residual", spec.parallel_residual},
                {"tied_head", spec.tied_head},
                {"experts", spec.experts.count}};
  if (spec.experts.count > 0) {
    value["experts_per_token"] = spec.experts.per_token;
  }
  return value;
}

Json operand_json(const OperandSpec& operand) {
  return operand.quantised() ? Json(operand.label()) : Json(nullptr);
}

Json variant_json(const ResolvedVariant& variant, const MatchReport& report,
                  const std::vector<LinearInfo>& linears) {
  Json rules = Json::array();
  for (std::size_t r = 0; r < variant.rules.size(); ++r) {
    const ResolvedRule& rule = variant.rules[r];
    rules.push_back({{"match", rule.match},
                     {"except", rule.except},
                     {"weight", operand_json(rule.weight)},
                     {"activation", operand_json(rule.activation)},
                     {"output", operand_json(rule.output)},
                     {"matched", report.matched[r]},
                     {"decided", report.decided[r]}});
  }
  Json quantised = Json::object();
  for (std::size_t i = 0; i < linears.size(); ++i) {
    const LinearDecision& decision = report.linears[i];
    if (decision.rule >= 0) {
      quantised[linears[i].name] = {{"rule", decision.rule},
                                    {"weight", operand_json(decision.weight)},
                                    {"activation", operand_json(decision.activation)},
                                    {"output", operand_json(decision.output)}};
    }
  }
  Json warnings = Json::array();
  for (const Issue& issue : report.warnings) {
    warnings.push_back({{"path", issue.path}, {"message", issue.message}});
  }
  return {{"name", variant.name},
          {"stage", to_string(variant.declared_stage)},
          {"layers", report.layers},
          {"rules", std::move(rules)},
          {"linears", std::move(quantised)},
          {"warnings", std::move(warnings)}};
}

// The variants of an array as in an experiment; its problems carry the paths of that array.
std::vector<ResolvedVariant> resolve_variants(const Json& variants) {
  if (variants.is_null()) {
    return {};
  }
  const Json document = {{"format", "mxscope-experiment"},
                         {"version", 1},
                         {"models", Json::array({Json{{"source", "model"}}})},
                         {"data", {{"source", "text"}}},
                         {"variants", variants}};
  Issues issues;
  const Experiment experiment = experiment_from_json(document, issues);
  if (has_errors(issues)) {
    throw InvalidInput("the list of variants", issues);
  }
  return expand_variants(experiment);
}

}  // namespace

Inspection inspect_model(const std::string& source, const std::filesystem::path& base_dir,
                         const std::string& revision, const Json& variants) {
  Inspection inspection;
  inspection.source = source;
  inspection.variants = resolve_variants(variants);
  const Checkpoint checkpoint = Checkpoint::open(resolve_model_source(source, base_dir, revision));
  inspection.folder = checkpoint.folder();
  inspection.inventory = take_inventory(checkpoint);
  for (const Linear& linear : inspection.inventory.linears) {
    inspection.linears.push_back(
        {linear.name, linear.block, role_of(linear.role), linear.in_features, linear.out_features});
  }
  for (const ResolvedVariant& variant : inspection.variants) {
    inspection.reports.push_back(match_rules(variant, inspection.linears));
  }
  return inspection;
}

Json inspection_json(const Inspection& inspection) {
  const ModelInventory& inventory = inspection.inventory;
  Json by_type = Json::object();
  for (const auto& [type, bytes] : inventory.bytes_by_type) {
    by_type[std::string(to_string(type))] = bytes;
  }
  Json linears = Json::array();
  for (std::size_t i = 0; i < inspection.linears.size(); ++i) {
    const LinearInfo& linear = inspection.linears[i];
    linears.push_back({{"name", linear.name},
                       {"role", to_string(linear.role)},
                       {"block", linear.block >= 0 ? Json(linear.block) : Json(nullptr)},
                       {"in_features", linear.in_features},
                       {"out_features", linear.out_features},
                       {"bias", inventory.linears[i].has_bias}});
  }
  Json variants = Json::array();
  for (std::size_t v = 0; v < inspection.variants.size(); ++v) {
    variants.push_back(
        variant_json(inspection.variants[v], inspection.reports[v], inspection.linears));
  }
  return {{"source", inspection.source},
          {"folder", inspection.folder.string()},
          {"architecture", architecture_json(inventory.spec)},
          {"parameters", inventory.parameters},
          {"bytes", inventory.total_bytes},
          {"stored_type", to_string(inventory.stored_type)},
          {"bytes_by_type", std::move(by_type)},
          {"tokenizer", inventory.tokenizer ? Json(inventory.tokenizer->string()) : Json(nullptr)},
          {"unused_tensors", inventory.unused_tensors},
          {"linears", std::move(linears)},
          {"variants", std::move(variants)}};
}

Json estimate_json(const std::vector<engine::JobEstimate>& jobs) {
  Json list = Json::array();
  double seconds = 0;
  for (const engine::JobEstimate& job : jobs) {
    Json devices = Json::array();
    for (const engine::JobEstimate::Device& device : job.devices) {
      devices.push_back({{"device", device.id},
                         {"total_bytes", device.total_bytes},
                         {"available_bytes", device.available_bytes}});
    }
    list.push_back({{"model", job.model},
                    {"device", job.device},
                    {"placement", job.placement},
                    {"dtype", job.dtype},
                    {"windows", job.windows},
                    {"tokens", job.tokens},
                    {"runs", job.runs},
                    {"panel_windows", job.panel_windows},
                    {"batch", job.batch},
                    {"weights_bytes", job.weights_bytes},
                    {"quantised_bytes", job.quantised_bytes},
                    {"hidden_bytes", job.hidden_bytes},
                    {"workspace_bytes", job.workspace_bytes},
                    {"total_bytes", job.total_bytes},
                    {"available_bytes", job.available_bytes},
                    {"streamed_bytes", job.streamed_bytes},
                    {"devices", std::move(devices)},
                    {"seconds", job.seconds}});
    seconds += job.seconds;
  }
  return {{"jobs", std::move(list)}, {"seconds", seconds}};
}

Json browse_json(const std::string& folder) {
  namespace fs = std::filesystem;
  constexpr std::size_t kMostEntries = 10'000;
  std::string name = folder;
  if (name.empty() || name == "~" || name.compare(0, 2, "~/") == 0) {
    const char* home = std::getenv("HOME");
    name = (home != nullptr ? std::string(home) : std::string("/")) +
           (name.size() > 1 ? name.substr(1) : std::string{});
  }
  std::error_code error;
  const fs::path path = fs::weakly_canonical(name, error);
  if (error || !fs::exists(path, error)) {
    throw Error(ErrorCode::kNotFound, "there is no folder " + in_quotes(name) + ".");
  }
  if (!fs::is_directory(path, error)) {
    throw Error(ErrorCode::kInvalidInput, in_quotes(path.string()) + " is no folder.");
  }
  fs::directory_iterator at(path, fs::directory_options::none, error);
  if (error) {
    throw Error(ErrorCode::kIo,
                "cannot read the folder " + in_quotes(path.string()) + ": " + error.message());
  }
  struct Entry {
    std::string name;
    Json json;
    bool folder;
  };
  std::vector<Entry> entries;
  bool more = false;
  for (; at != fs::directory_iterator(); at.increment(error)) {
    if (error) {
      break;
    }
    if (entries.size() == kMostEntries) {
      more = true;
      break;
    }
    const fs::path& item = at->path();
    std::error_code ignored;
    const bool is_folder = at->is_directory(ignored);
    std::string kind = is_folder ? "folder" : "file";
    if (is_folder && fs::exists(item / "config.json", ignored)) {
      kind = "model";
    } else if (item.extension() == ".mxscope") {
      kind = "experiment";
    }
    Json entry = {{"name", item.filename().string()}, {"kind", kind}};
    if (!is_folder) {
      const auto size = at->file_size(ignored);
      entry["bytes"] = ignored ? Json(nullptr) : Json(size);
    }
    entries.push_back({item.filename().string(), std::move(entry), is_folder});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.folder != b.folder ? a.folder : a.name < b.name;
  });
  Json list = Json::array();
  for (Entry& entry : entries) {
    list.push_back(std::move(entry.json));
  }
  return {{"folder", path.string()},
          {"parent", path.has_parent_path() && path != path.root_path()
                         ? Json(path.parent_path().string())
                         : Json(nullptr)},
          {"entries", std::move(list)},
          {"more", more}};
}

}  // namespace mxscope::cli
