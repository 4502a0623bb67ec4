// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/experiment/experiment_json.h"

#include <utility>

#include "experiment/json_reader.h"

namespace mxscope {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kFormatName = "mxscope-experiment";

// The value of a key that may be one thing or a list of such things.
template <typename Read>
bool read_one_or_list(JsonReader& reader, std::string_view key, const Json& value,
                      const Read& read) {
  if (value.is_array()) {
    reader.read_list(key, read);
    return true;
  }
  read(value, reader.path_of(key));
  return false;
}

ModelEntry read_model(const Json& value, const std::string& path, Issues& issues) {
  ModelEntry model;
  JsonReader reader(value, path, issues);
  reader.require("source");
  reader.read("source", model.source);
  reader.read("name", model.name);
  reader.read("revision", model.revision);
  reader.read_enum<ModelDtype>("dtype", model.dtype, parse_model_dtype, model_dtype_names(),
                               "dtype");
  reader.read("tokenizer", model.tokenizer);
  reader.read("max_memory_gib", model.max_memory_gib);
  reader.read("batch", model.batch);
  reader.read_enum<PlacementMode>("placement", model.placement, parse_placement_mode,
                                  placement_mode_names(), "placement");
  reader.finish();
  return model;
}

DataEntry read_data(const Json& value, Issues& issues) {
  DataEntry data;
  JsonReader reader(value, "data", issues);
  if (const Json* source = reader.require("source")) {
    read_one_or_list(reader, "source", *source, [&](const Json& one, const std::string& path) {
      if (auto text = read_text(one, path, issues)) {
        data.sources.push_back(std::move(*text));
      }
    });
  }
  reader.read_enum<SampleRows>("rows", data.rows, parse_sample_rows, sample_rows_names(), "rows");
  reader.read("field", data.field);
  reader.read("max_samples", data.max_samples);
  reader.read("fallback", data.fallback);
  reader.finish();
  return data;
}

ProtocolEntry read_protocol(const Json& value, Issues& issues) {
  ProtocolEntry protocol;
  JsonReader reader(value, "protocol", issues);
  reader.read_enum<ProtocolKind>("name", protocol.name, parse_protocol_kind, protocol_kind_names(),
                                 "protocol");
  reader.read("context", protocol.context);
  reader.read("stride", protocol.stride);
  reader.read_enum<BosPolicy>("bos", protocol.bos, parse_bos_policy, bos_policy_names(), "bos");
  reader.read("join", protocol.join);
  reader.read("max_windows", protocol.max_windows);
  reader.finish();
  return protocol;
}

void read_numerics(JsonReader& reader, std::optional<ScaleRule>& scale,
                   std::optional<Rounding>& rounding) {
  reader.read_enum<ScaleRule>("scale", scale, parse_scale_rule, scale_rule_names(), "scale rule");
  reader.read_enum<Rounding>("rounding", rounding, parse_rounding, rounding_names(), "rounding");
}

void read_operand(JsonReader& rule, std::string_view key, std::optional<OperandEntry>& target) {
  const Json* value = rule.find(key);
  if (value == nullptr) {
    return;
  }
  const std::string path = rule.path_of(key);
  Issues& issues = rule.issues();
  if (value->is_string()) {
    if (const auto format =
            rule.parse_one<Format>(*value, path, parse_format, format_names(), "format")) {
      target.emplace().format = *format;
    }
    return;
  }
  if (!value->is_object()) {
    add_issue(
        issues, path,
        "Expected a format name or an object with one, found " + describe_value(*value) + ".");
    return;
  }
  OperandEntry operand;
  JsonReader reader(*value, path, issues);
  reader.require("format");
  reader.read_enum<Format>("format", operand.format, parse_format, format_names(), "format");
  reader.read("block", operand.block);
  read_numerics(reader, operand.scale, operand.rounding);
  reader.read_enum<Flavour>("flavour", operand.flavour, parse_flavour, flavour_names(), "flavour");
  reader.read("tensor_scale", operand.tensor_scale);
  reader.finish();
  target = operand;
}

RuleEntry read_rule(const Json& value, const std::string& path, Issues& issues) {
  RuleEntry rule;
  JsonReader reader(value, path, issues);
  reader.require("match");
  reader.read("match", rule.match);
  reader.read("except", rule.except);
  read_operand(reader, "weight", rule.weight);
  read_operand(reader, "activation", rule.activation);
  read_operand(reader, "output", rule.output);
  reader.read("block", rule.block);
  read_numerics(reader, rule.scale, rule.rounding);
  reader.finish();
  return rule;
}

void read_formats(JsonReader& reader, std::string_view key, std::vector<Format>& formats) {
  reader.read_list(key, [&](const Json& one, const std::string& path) {
    if (const auto format =
            reader.parse_one<Format>(one, path, parse_format, format_names(), "format")) {
      formats.push_back(*format);
    }
  });
}

VariantEntry read_variant(const Json& value, const std::string& path, Issues& issues) {
  VariantEntry variant;
  JsonReader reader(value, path, issues);
  reader.read("name", variant.name);
  reader.read_enum<Stage>("stage", variant.stage, parse_stage, stage_names(), "stage");
  if (const Json* rules = reader.find("rules")) {
    if (rules->is_array()) {
      variant.rules.emplace();
    }
    reader.read_list("rules", [&](const Json& rule, const std::string& rule_path) {
      variant.rules->push_back(read_rule(rule, rule_path, issues));
    });
  }
  reader.read_enum<Tier>("tier", variant.tier, parse_tier, tier_names(), "tier");
  if (const Json* format = reader.find("format")) {
    variant.formats_listed = read_one_or_list(
        reader, "format", *format, [&](const Json& one, const std::string& one_path) {
          if (const auto parsed =
                  reader.parse_one<Format>(one, one_path, parse_format, format_names(), "format")) {
            variant.formats.push_back(*parsed);
          }
        });
  }
  if (const Json* block = reader.find("block")) {
    variant.blocks_listed = read_one_or_list(
        reader, "block", *block, [&](const Json& one, const std::string& one_path) {
          if (const auto number = read_integer(one, one_path, issues)) {
            variant.blocks.push_back(*number);
          }
        });
  }
  read_numerics(reader, variant.scale, variant.rounding);
  reader.read_enum<Preset>("preset", variant.preset, parse_preset, preset_names(), "preset");
  reader.read("outputs", variant.outputs);
  reader.finish();
  return variant;
}

SweepEntry read_sweep(const Json& value, Issues& issues) {
  SweepEntry sweep;
  JsonReader reader(value, "sweep", issues);
  reader.require("over");
  reader.read_enum<SweepOver>("over", sweep.over, parse_sweep_over, sweep_over_names(),
                              "kind of place");
  reader.require("formats");
  read_formats(reader, "formats", sweep.formats);
  reader.read("block", sweep.block);
  read_numerics(reader, sweep.scale, sweep.rounding);
  reader.read("match", sweep.match);
  reader.finish();
  return sweep;
}

DeviceEntry read_devices(const Json& value, Issues& issues) {
  DeviceEntry devices;
  if (value == "all") {
    devices.mode = DeviceMode::kAll;
  } else if (value.is_array()) {
    devices.mode = DeviceMode::kList;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (auto text = read_text(value[i], "devices[" + std::to_string(i) + "]", issues)) {
        devices.list.push_back(std::move(*text));
      }
    }
  } else if (value != "auto") {
    add_issue(issues, "devices",
              "Expected 'auto', 'all' or a list such as [\"cpu\"] or [\"cuda:0\"], found " +
                  describe_value(value) + ".");
  }
  return devices;
}

ComputeEntry read_compute(const Json& value, Issues& issues) {
  ComputeEntry compute;
  JsonReader reader(value, "compute", issues);
  if (const Json* batch = reader.find("batch"); batch != nullptr && *batch != "auto") {
    if (batch->is_number()) {
      reader.read("batch", compute.batch);
    } else {
      add_issue(issues, reader.path_of("batch"),
                "Expected 'auto' or a whole number, found " + describe_value(*batch) + ".");
    }
  }
  reader.read_enum<PlacementMode>("placement", compute.placement, parse_placement_mode,
                                  placement_mode_names(), "placement");
  reader.read("max_memory_gib", compute.max_memory_gib);
  reader.read("min_free", compute.min_free);
  reader.read("threads", compute.threads);
  reader.read("noise_floor", compute.noise_floor);
  reader.finish();
  return compute;
}

StatisticsEntry read_statistics(const Json& value, Issues& issues) {
  StatisticsEntry statistics;
  JsonReader reader(value, "statistics", issues);
  reader.read_enum<IntervalKind>("interval", statistics.interval, parse_interval_kind,
                                 interval_kind_names(), "interval");
  reader.read("draws", statistics.draws);
  reader.read("seed", statistics.seed);
  reader.finish();
  return statistics;
}

void check_header(JsonReader& reader) {
  if (const Json* format = reader.require("format"); format != nullptr && *format != kFormatName) {
    add_issue(
        reader.issues(), "format",
        "Expected '" + std::string(kFormatName) + "', found " + describe_value(*format) + ".");
  }
  if (const Json* version = reader.require("version"); version != nullptr && *version != kVersion) {
    const bool newer = version->is_number_integer() && *version > kVersion;
    add_issue(reader.issues(), "version",
              newer ? "Version " + version->dump() + " is newer than this program reads (1)."
                    : "Expected 1, found " + describe_value(*version) + ".");
  }
}

// Whether `inner` names a field of what `outer` names.
bool is_inside(const std::string& inner, const std::string& outer) {
  return !outer.empty() && inner.size() > outer.size() && inner.starts_with(outer) &&
         (inner[outer.size()] == '.' || inner[outer.size()] == '[');
}

// Whether a problem with this field, with what holds it or with a part of it is known already: what
// was not read is missing, and saying so too would only confuse.
bool is_reported(const Issues& issues, const std::string& path) {
  for (const Issue& issue : issues) {
    if (issue.path == path || is_inside(path, issue.path) || is_inside(issue.path, path)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Experiment experiment_from_json(const nlohmann::ordered_json& document, Issues& issues) {
  Experiment experiment;
  Issues found;
  JsonReader reader(document, "", found);
  if (!reader.valid()) {
    issues.insert(issues.end(), found.begin(), found.end());
    return experiment;
  }
  check_header(reader);
  reader.read("name", experiment.name);
  reader.read("notes", experiment.notes);
  reader.read("tags", experiment.tags);
  reader.require("models");
  reader.read_list("models", [&](const Json& value, const std::string& path) {
    experiment.models.push_back(read_model(value, path, found));
  });
  if (const Json* data = reader.require("data")) {
    experiment.data = read_data(*data, found);
  }
  if (const Json* protocol = reader.find("protocol")) {
    experiment.protocol = read_protocol(*protocol, found);
  }
  reader.read_list("variants", [&](const Json& value, const std::string& path) {
    experiment.variants.push_back(read_variant(value, path, found));
  });
  if (const Json* sweep = reader.find("sweep")) {
    experiment.sweep = read_sweep(*sweep, found);
  }
  if (const Json* devices = reader.find("devices")) {
    experiment.devices = read_devices(*devices, found);
  }
  if (const Json* compute = reader.find("compute")) {
    experiment.compute = read_compute(*compute, found);
  }
  if (const Json* statistics = reader.find("statistics")) {
    experiment.statistics = read_statistics(*statistics, found);
  }
  reader.finish();

  const Issues reading = found;
  for (Issue& issue : validate(experiment)) {
    if (!is_reported(reading, issue.path)) {
      add_issue(found, std::move(issue.path), std::move(issue.message), issue.severity);
    }
  }
  issues.insert(issues.end(), found.begin(), found.end());
  return experiment;
}

Experiment experiment_from_json(std::string_view text, Issues& issues) {
  const std::optional<Json> document = parse_json(text, issues);
  return document ? experiment_from_json(*document, issues) : Experiment{};
}

std::string format_issues(const Issues& issues) {
  std::string text;
  for (const Issue& issue : issues) {
    if (issue.severity == Issue::Severity::kWarning) {
      text += "warning: ";
    }
    if (!issue.path.empty()) {
      text += issue.path + ": ";
    }
    text += issue.message + "\n";
  }
  return text;
}

std::vector<std::string> model_names(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const ModelEntry& model : experiment.models) {
    std::string name = model.name;
    if (name.empty()) {
      std::string_view source = model.source;
      while (source.size() > 1 && source.ends_with('/')) {
        source.remove_suffix(1);
      }
      const std::size_t slash = source.find_last_of('/');
      name = slash == std::string_view::npos || slash + 1 == source.size()
                 ? source
                 : source.substr(slash + 1);
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace mxscope
