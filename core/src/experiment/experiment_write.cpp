// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "experiment/json_reader.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope {
namespace {

template <typename Value>
void put(Json& object, const char* key, const std::optional<Value>& value) {
  if (value) {
    if constexpr (std::is_enum_v<Value>) {
      object[key] = to_string(*value);
    } else {
      object[key] = *value;
    }
  }
}

template <typename Value>
void put_unless(Json& object, const char* key, const Value& value, const Value& usual) {
  if (value != usual) {
    if constexpr (std::is_enum_v<Value>) {
      object[key] = to_string(value);
    } else {
      object[key] = value;
    }
  }
}

Json names_of(const std::vector<Format>& formats) {
  Json list = Json::array();
  for (const Format format : formats) {
    list.push_back(to_string(format));
  }
  return list;
}

Json write_model(const ModelEntry& model) {
  const ModelEntry usual;
  Json json = Json::object();
  put_unless(json, "name", model.name, usual.name);
  json["source"] = model.source;
  put_unless(json, "revision", model.revision, usual.revision);
  put_unless(json, "dtype", model.dtype, usual.dtype);
  put(json, "tokenizer", model.tokenizer);
  put(json, "max_memory_gib", model.max_memory_gib);
  put(json, "batch", model.batch);
  put(json, "placement", model.placement);
  return json;
}

Json write_data(const DataEntry& data) {
  const DataEntry usual;
  Json json = Json::object();
  if (data.sources.size() == 1) {
    json["source"] = data.sources.front();
  } else {
    json["source"] = data.sources;
  }
  put_unless(json, "rows", data.rows, usual.rows);
  put_unless(json, "field", data.field, usual.field);
  put(json, "max_samples", data.max_samples);
  put(json, "fallback", data.fallback);
  return json;
}

Json write_protocol(const ProtocolEntry& protocol) {
  Json json = Json::object();
  json["name"] = to_string(protocol.name);
  put(json, "context", protocol.context);
  put(json, "stride", protocol.stride);
  put_unless(json, "bos", protocol.bos, BosPolicy::kTokenizer);
  put(json, "join", protocol.join);
  put(json, "max_windows", protocol.max_windows);
  return json;
}

Json write_operand(const OperandEntry& operand) {
  OperandEntry format_alone;
  format_alone.format = operand.format;
  if (operand == format_alone) {
    return to_string(operand.format);
  }
  Json json = Json::object();
  json["format"] = to_string(operand.format);
  put(json, "block", operand.block);
  put(json, "scale", operand.scale);
  put(json, "rounding", operand.rounding);
  put(json, "flavour", operand.flavour);
  put(json, "tensor_scale", operand.tensor_scale);
  return json;
}

Json write_rule(const RuleEntry& rule) {
  Json json = Json::object();
  json["match"] = rule.match;
  put_unless(json, "except", rule.except, {});
  for (const auto& [key, operand] : {std::pair{"weight", &rule.weight},
                                     {"activation", &rule.activation},
                                     {"output", &rule.output}}) {
    if (*operand) {
      json[key] = write_operand(**operand);
    }
  }
  put(json, "block", rule.block);
  put(json, "scale", rule.scale);
  put(json, "rounding", rule.rounding);
  return json;
}

Json write_variant(const VariantEntry& variant) {
  Json json = Json::object();
  put_unless(json, "name", variant.name, {});
  put_unless(json, "stage", variant.stage, Stage::kRules);
  if (variant.rules) {
    json["rules"] = Json::array();
    for (const RuleEntry& rule : *variant.rules) {
      json["rules"].push_back(write_rule(rule));
    }
  }
  put(json, "tier", variant.tier);
  if (variant.formats_listed || variant.formats.size() > 1) {
    json["format"] = names_of(variant.formats);
  } else if (!variant.formats.empty()) {
    json["format"] = to_string(variant.formats.front());
  }
  if (variant.blocks_listed || variant.blocks.size() > 1) {
    json["block"] = variant.blocks;
  } else if (!variant.blocks.empty()) {
    json["block"] = variant.blocks.front();
  }
  put(json, "scale", variant.scale);
  put(json, "rounding", variant.rounding);
  put(json, "preset", variant.preset);
  put_unless(json, "outputs", variant.outputs, false);
  return json;
}

Json write_sweep(const SweepEntry& sweep) {
  Json json = Json::object();
  json["over"] = to_string(sweep.over);
  json["formats"] = names_of(sweep.formats);
  put(json, "block", sweep.block);
  put(json, "scale", sweep.scale);
  put(json, "rounding", sweep.rounding);
  put_unless(json, "match", sweep.match, {});
  return json;
}

Json write_compute(const ComputeEntry& compute) {
  const ComputeEntry usual;
  Json json = Json::object();
  put(json, "batch", compute.batch);
  put_unless(json, "placement", compute.placement, usual.placement);
  put(json, "max_memory_gib", compute.max_memory_gib);
  put_unless(json, "min_free", compute.min_free, usual.min_free);
  put(json, "threads", compute.threads);
  put_unless(json, "noise_floor", compute.noise_floor, usual.noise_floor);
  return json;
}

Json write_statistics(const StatisticsEntry& statistics) {
  const StatisticsEntry usual;
  Json json = Json::object();
  put_unless(json, "interval", statistics.interval, usual.interval);
  put_unless(json, "draws", statistics.draws, usual.draws);
  put_unless(json, "seed", statistics.seed, usual.seed);
  return json;
}

}  // namespace

nlohmann::ordered_json to_json(const Experiment& experiment) {
  Json json = Json::object();
  json["format"] = "mxscope-experiment";
  json["version"] = 1;
  put_unless(json, "name", experiment.name, {});
  put_unless(json, "notes", experiment.notes, {});
  put_unless(json, "tags", experiment.tags, {});
  json["models"] = Json::array();
  for (const ModelEntry& model : experiment.models) {
    json["models"].push_back(write_model(model));
  }
  json["data"] = write_data(experiment.data);
  if (experiment.protocol != ProtocolEntry{}) {
    json["protocol"] = write_protocol(experiment.protocol);
  }
  if (!experiment.variants.empty()) {
    json["variants"] = Json::array();
    for (const VariantEntry& variant : experiment.variants) {
      json["variants"].push_back(write_variant(variant));
    }
  }
  if (experiment.sweep) {
    json["sweep"] = write_sweep(*experiment.sweep);
  }
  if (experiment.devices.mode == DeviceMode::kAll) {
    json["devices"] = "all";
  } else if (experiment.devices.mode == DeviceMode::kList) {
    json["devices"] = experiment.devices.list;
  }
  if (experiment.compute != ComputeEntry{}) {
    json["compute"] = write_compute(experiment.compute);
  }
  if (experiment.statistics != StatisticsEntry{}) {
    json["statistics"] = write_statistics(experiment.statistics);
  }
  return json;
}

std::string to_json_text(const Experiment& experiment) {
  return to_json(experiment).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mxscope
