// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/results/results_json.h"

#include <array>
#include <cmath>
#include <utility>

#include "experiment/json_reader.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope {
namespace {

constexpr std::string_view kFormatName = "mxscope-results";
constexpr std::int64_t kVersion = 1;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

Json interval_json(const std::optional<Interval>& interval) {
  if (!interval) {
    return nullptr;
  }
  return Json::array({number((*interval)[0]), number((*interval)[1])});
}

// One table for writing and reading keeps the two in step. The keys of DESIGN section 6 come first.
struct MetricField {
  const char* key;
  std::optional<double> Metrics::*field;
  bool required;
};
constexpr std::array kMetricFields = {
    MetricField{"nll", &Metrics::nll, true},
    MetricField{"nll_se", &Metrics::nll_se, true},
    MetricField{"ppl", &Metrics::ppl, true},
    MetricField{"entropy", &Metrics::entropy, true},
    MetricField{"kl", &Metrics::kl, true},
    MetricField{"top1", &Metrics::top1, true},
    MetricField{"argmax_xent", &Metrics::argmax_xent, true},
    MetricField{"argmax_ppl", &Metrics::argmax_ppl, true},
    MetricField{"argmax_entropy", &Metrics::argmax_entropy, true},
    MetricField{"entropy_se", &Metrics::entropy_se, false},
    MetricField{"kl_se", &Metrics::kl_se, false},
    MetricField{"argmax_xent_se", &Metrics::argmax_xent_se, false},
    MetricField{"argmax_entropy_se", &Metrics::argmax_entropy_se, false},
    MetricField{"bits_per_byte", &Metrics::bits_per_byte, false},
    MetricField{"p_change_mean", &Metrics::p_change_mean, false},
    MetricField{"p_change_rms", &Metrics::p_change_rms, false},
    MetricField{"p_change_p01", &Metrics::p_change_p01, false},
    MetricField{"p_change_p50", &Metrics::p_change_p50, false},
    MetricField{"p_change_p99", &Metrics::p_change_p99, false},
    MetricField{"kl_p50", &Metrics::kl_p50, false},
    MetricField{"kl_p90", &Metrics::kl_p90, false},
    MetricField{"kl_p99", &Metrics::kl_p99, false},
    MetricField{"kl_p999", &Metrics::kl_p999, false},
    MetricField{"kl_max", &Metrics::kl_max, false},
    MetricField{"non_finite", &Metrics::non_finite, false},
};

struct DeltaField {
  const char* key;
  std::optional<double> Delta::*value;
  std::optional<Interval> Delta::*interval;  // exactly one of the two is set
  bool required;
};
constexpr std::array kDeltaFields = {
    DeltaField{"nll", &Delta::nll, nullptr, true},
    DeltaField{"nll_se", &Delta::nll_se, nullptr, true},
    DeltaField{"nll_ci95", nullptr, &Delta::nll_ci95, true},
    DeltaField{"ppl", &Delta::ppl, nullptr, true},
    DeltaField{"ppl_ci95", nullptr, &Delta::ppl_ci95, true},
    DeltaField{"ppl_percent", &Delta::ppl_percent, nullptr, true},
    DeltaField{"entropy", &Delta::entropy, nullptr, true},
    DeltaField{"xent_percent", &Delta::xent_percent, nullptr, true},
    DeltaField{"ppl_percent_ci95", nullptr, &Delta::ppl_percent_ci95, false},
    DeltaField{"entropy_se", &Delta::entropy_se, nullptr, false},
    DeltaField{"entropy_ci95", nullptr, &Delta::entropy_ci95, false},
    DeltaField{"argmax_xent", &Delta::argmax_xent, nullptr, false},
    DeltaField{"argmax_xent_se", &Delta::argmax_xent_se, nullptr, false},
    DeltaField{"argmax_xent_ci95", nullptr, &Delta::argmax_xent_ci95, false},
    DeltaField{"argmax_ppl_percent", &Delta::argmax_ppl_percent, nullptr, false},
    DeltaField{"argmax_entropy", &Delta::argmax_entropy, nullptr, false},
};

constexpr std::array kMethods = {IntervalMethod::kNone, IntervalMethod::kStudent,
                                 IntervalMethod::kNormal, IntervalMethod::kBootstrap};

std::optional<Interval> read_interval(const Json& value, const std::string& path, Issues& issues) {
  if (value.is_null()) {
    return std::nullopt;
  }
  if (!value.is_array() || value.size() != 2) {
    add_issue(issues, path, "Expected two numbers, found " + describe_value(value) + ".");
    return std::nullopt;
  }
  const auto low = read_number(value[0], path + "[0]", issues);
  const auto high = read_number(value[1], path + "[1]", issues);
  return low && high ? std::optional(Interval{*low, *high}) : std::nullopt;
}

Metrics read_metrics(const Json& value, const std::string& path, Issues& issues) {
  Metrics metrics;
  JsonReader reader(value, path, issues);
  for (const MetricField& field : kMetricFields) {
    if (field.required) {
      reader.require(field.key);
    }
    reader.read_nullable(field.key, metrics.*field.field);
  }
  return metrics;
}

Delta read_delta(const Json& value, const std::string& path, Issues& issues) {
  Delta delta;
  JsonReader reader(value, path, issues);
  for (const DeltaField& field : kDeltaFields) {
    if (field.required) {
      reader.require(field.key);
    }
    if (field.value != nullptr) {
      reader.read_nullable(field.key, delta.*field.value);
    } else if (const Json* interval = reader.find(field.key)) {
      delta.*field.interval = read_interval(*interval, reader.path_of(field.key), issues);
    }
  }
  std::string method = "none";
  reader.read("interval", method);
  for (const IntervalMethod known : kMethods) {
    if (method == to_string(known)) {
      delta.method = known;
    }
  }
  reader.read("draws", delta.draws);
  reader.read("seed", delta.seed);
  return delta;
}

template <typename Value>
void need(JsonReader& reader, const char* key, Value& target) {
  reader.require(key);
  reader.read(key, target);
}

void need_count(JsonReader& reader, const char* key, std::int64_t& target) {
  std::int64_t value = 0;
  need(reader, key, value);
  if (value < 0) {
    add_issue(reader.issues(), reader.path_of(key),
              "Must be at least 0, not " + std::to_string(value) + ".");
  } else {
    target = value;
  }
}

void need_object(JsonReader& reader, const char* key, Json& target) {
  if (const Json* value = reader.require(key)) {
    if (value->is_object()) {
      target = *value;
    } else {
      add_issue(reader.issues(), reader.path_of(key),
                "Expected an object, found " + describe_value(*value) + ".");
    }
  }
}

SweepResult read_sweep(const Json& value, const std::string& path, Issues& issues) {
  SweepResult sweep;
  JsonReader reader(value, path, issues);
  need(reader, "over", sweep.over);
  need(reader, "place", sweep.place);
  need(reader, "format", sweep.format);
  return sweep;
}

Job read_job(const Json& value, const std::string& path, Issues& issues) {
  Job job;
  JsonReader reader(value, path, issues);
  need(reader, "model", job.model);
  need_object(reader, "protocol", job.protocol);
  need(reader, "data_sha256", job.data_sha256);
  need(reader, "tokenizer_sha256", job.tokenizer_sha256);
  need(reader, "token_ids_sha256", job.token_ids_sha256);
  if (const Json* memory = reader.require("memory")) {
    JsonReader inner(*memory, reader.path_of("memory"), issues);
    need_count(inner, "weights_bytes", job.memory.weights_bytes);
    if (const Json* peaks = inner.require("peak_bytes"); peaks != nullptr && peaks->is_object()) {
      for (const auto& item : peaks->items()) {
        const std::string peak_path = inner.path_of("peak_bytes") + "." + item.key();
        if (const auto bytes = read_integer(item.value(), peak_path, issues)) {
          job.memory.peak_bytes.emplace_back(item.key(), *bytes);
        }
      }
    }
    if (const Json* estimate = inner.find("estimated_bytes");
        estimate != nullptr && !estimate->is_null()) {
      inner.read("estimated_bytes", job.memory.estimated_bytes);
    }
  }
  need(reader, "placement", job.placement);
  if (const Json* seconds = reader.require("seconds")) {
    JsonReader inner(*seconds, reader.path_of("seconds"), issues);
    need(inner, "load", job.load_seconds);
    need(inner, "total", job.total_seconds);
  }
  return job;
}

}  // namespace

nlohmann::ordered_json to_json(const Metrics& metrics) {
  Json json = Json::object();
  for (const MetricField& field : kMetricFields) {
    json[field.key] = number(metrics.*field.field);
  }
  return json;
}

nlohmann::ordered_json to_json(const Delta& delta) {
  Json json = Json::object();
  for (const DeltaField& field : kDeltaFields) {
    json[field.key] =
        field.value != nullptr ? number(delta.*field.value) : interval_json(delta.*field.interval);
  }
  json["interval"] = to_string(delta.method);
  if (delta.method == IntervalMethod::kBootstrap) {
    json["draws"] = delta.draws;
    json["seed"] = delta.seed;
  }
  return json;
}

nlohmann::ordered_json to_json(const Run& run) {
  Json json = Json::object();
  json["model"] = run.model;
  json["variant"] = run.variant;
  json["baseline"] = run.baseline;
  json["status"] = to_string(run.status);
  json["layers"] = run.layers;
  json["windows"] = run.windows;
  json["tokens"] = run.tokens;
  json["metrics"] = to_json(run.metrics);
  json["delta"] = run.delta ? to_json(*run.delta) : Json(nullptr);
  json["seconds"] = std::isfinite(run.seconds) ? run.seconds : 0.0;
  json["tokens_per_second"] = number(run.tokens_per_second);
  json["contract"] = run.contract;
  json["config_hash"] = run.config_hash;
  if (run.sweep) {
    json["sweep"] = {
        {"over", run.sweep->over}, {"place", run.sweep->place}, {"format", run.sweep->format}};
  } else {
    json["sweep"] = nullptr;
  }
  Json linears = Json::object();
  for (const auto& [name, labels] : run.linears) {
    Json entry = Json::object();
    if (!labels.weight.empty()) {
      entry["weight"] = labels.weight;
    }
    if (!labels.activation.empty()) {
      entry["activation"] = labels.activation;
    }
    if (!labels.output.empty()) {
      entry["output"] = labels.output;
    }
    // Assignment through a key would look at every linear before it.
    static_cast<Json::object_t::Container&>(linears.get_ref<Json::object_t&>())
        .emplace_back(name, std::move(entry));
  }
  json["linears"] = std::move(linears);
  json["bits_per_value"] = number(run.bits_per_value);
  json["error"] = run.error.empty() ? Json(nullptr) : Json(run.error);
  return json;
}

nlohmann::ordered_json to_json(const Job& job) {
  Json json = Json::object();
  json["model"] = job.model;
  json["protocol"] = job.protocol;
  json["data_sha256"] = job.data_sha256;
  json["tokenizer_sha256"] = job.tokenizer_sha256;
  json["token_ids_sha256"] = job.token_ids_sha256;
  Json peaks = Json::object();
  for (const auto& [device, bytes] : job.memory.peak_bytes) {
    peaks[device] = bytes;
  }
  json["memory"] = {{"weights_bytes", job.memory.weights_bytes}, {"peak_bytes", std::move(peaks)}};
  json["memory"]["estimated_bytes"] =
      job.memory.estimated_bytes ? Json(*job.memory.estimated_bytes) : Json(nullptr);
  json["placement"] = job.placement;
  json["seconds"] = {{"load", number(job.load_seconds)}, {"total", number(job.total_seconds)}};
  return json;
}

nlohmann::ordered_json to_json(const Results& results) {
  Json json = Json::object();
  json["format"] = kFormatName;
  json["version"] = kVersion;
  json["experiment"] = results.experiment;
  json["environment"] = results.environment;
  json["runs"] = Json::array();
  for (const Run& run : results.runs) {
    json["runs"].push_back(to_json(run));
  }
  json["jobs"] = Json::array();
  for (const Job& job : results.jobs) {
    json["jobs"].push_back(to_json(job));
  }
  return json;
}

std::string to_json_text(const Results& results) {
  return to_json(results).dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Run run_from_json(const nlohmann::ordered_json& value, const std::string& path, Issues& issues) {
  Run run;
  JsonReader reader(value, path, issues);
  need(reader, "model", run.model);
  need(reader, "variant", run.variant);
  need(reader, "baseline", run.baseline);
  static constexpr std::array<std::string_view, 3> kNames = {"done", "cancelled", "failed"};
  reader.require("status");
  reader.read_enum<RunStatus>("status", run.status, parse_run_status, kNames, "status");
  need_count(reader, "layers", run.layers);
  need_count(reader, "windows", run.windows);
  need_count(reader, "tokens", run.tokens);
  if (const Json* metrics = reader.require("metrics")) {
    run.metrics = read_metrics(*metrics, reader.path_of("metrics"), issues);
  }
  if (const Json* delta = reader.require("delta"); delta != nullptr && !delta->is_null()) {
    run.delta = read_delta(*delta, reader.path_of("delta"), issues);
  }
  need(reader, "seconds", run.seconds);
  reader.require("tokens_per_second");
  reader.read_nullable("tokens_per_second", run.tokens_per_second);
  need_object(reader, "contract", run.contract);
  need(reader, "config_hash", run.config_hash);
  if (const Json* sweep = reader.require("sweep"); sweep != nullptr && !sweep->is_null()) {
    run.sweep = read_sweep(*sweep, reader.path_of("sweep"), issues);
  }
  if (const Json* linears = reader.require("linears"); linears != nullptr) {
    if (linears->is_object()) {
      for (const auto& item : linears->items()) {
        LinearLabels labels;
        JsonReader inner(item.value(), reader.path_of("linears") + "." + item.key(), issues);
        inner.read("weight", labels.weight);
        inner.read("activation", labels.activation);
        inner.read("output", labels.output);
        run.linears.emplace_back(item.key(), std::move(labels));
      }
    } else {
      add_issue(issues, reader.path_of("linears"),
                "Expected an object, found " + describe_value(*linears) + ".");
    }
  }
  reader.read_nullable("bits_per_value", run.bits_per_value);
  if (const Json* error = reader.find("error"); error != nullptr && !error->is_null()) {
    reader.read("error", run.error);
  }
  return run;
}

Results results_from_json(std::string_view text, Issues& issues) {
  Results results;
  const std::optional<Json> document = parse_json(text, issues, kMaxResultsBytes);
  if (!document) {
    return results;
  }
  JsonReader reader(*document, "", issues);
  if (!reader.valid()) {
    return results;
  }
  if (const Json* format = reader.require("format"); format != nullptr && *format != kFormatName) {
    add_issue(
        issues, "format",
        "Expected '" + std::string(kFormatName) + "', found " + describe_value(*format) + ".");
  }
  if (const Json* version = reader.require("version"); version != nullptr && *version != kVersion) {
    add_issue(issues, "version", "Expected 1, found " + describe_value(*version) + ".");
  }
  need_object(reader, "experiment", results.experiment);
  need_object(reader, "environment", results.environment);
  reader.require("runs");
  reader.read_list("runs", [&](const Json& value, const std::string& path) {
    results.runs.push_back(run_from_json(value, path, issues));
  });
  reader.require("jobs");
  reader.read_list("jobs", [&](const Json& value, const std::string& path) {
    results.jobs.push_back(read_job(value, path, issues));
  });
  return results;
}

}  // namespace mxscope
