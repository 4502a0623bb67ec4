// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/results/compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "experiment/json_reader.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/results/results_json.h"
#include "results/text_table.h"

namespace mxscope {
namespace {

struct Candidate {
  const NamedResults* source = nullptr;
  const Run* run = nullptr;
};

std::string full_name(const Candidate& candidate) {
  return candidate.source->name + ": " + candidate.run->model + " / " + candidate.run->variant;
}

const RunWindows* windows_of(const Candidate& candidate) {
  for (const RunWindows& windows : candidate.source->results.windows) {
    if (windows.model == candidate.run->model && windows.variant == candidate.run->variant) {
      return &windows;
    }
  }
  return nullptr;
}

std::string shown(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// The run that the user named, or nothing when `wanted` is empty.
Candidate find_reference(const std::vector<Candidate>& all, std::string_view wanted) {
  std::vector<Candidate> found;
  for (const Candidate& candidate : all) {
    const std::string& variant = candidate.run->variant;
    const std::string with_model = candidate.run->model + "/" + variant;
    const std::string with_source = candidate.source->name + ":" + with_model;
    if (wanted == variant || wanted == with_model || wanted == with_source) {
      found.push_back(candidate);
    }
  }
  if (found.empty()) {
    std::string names;
    for (const Candidate& candidate : all) {
      names += (names.empty() ? "" : ", ") + quote(candidate.run->variant);
    }
    throw Error(ErrorCode::kNotFound,
                "No run is called " + quote(wanted) + ". There are: " + names + ".");
  }
  if (found.size() > 1) {
    throw Error(ErrorCode::kInvalidInput, quote(wanted) + " names " + std::to_string(found.size()) +
                                              " runs, " + full_name(found[0]) + " and " +
                                              full_name(found[1]) +
                                              " among them; write 'folder:model/variant'.");
  }
  return found.front();
}

// Fills delta or reasons of a run against its reference.
void compare(const Candidate& candidate, const Candidate& reference, const IntervalOptions& options,
             ComparedRun& compared) {
  const Job* job = candidate.source->results.find_job(candidate.run->model);
  const Job* other = reference.source->results.find_job(reference.run->model);
  if (job == nullptr || other == nullptr) {
    compared.reasons.emplace_back("no record of its job");
    return;
  }
  compared.reasons = incomparable_reasons(*job, *other);
  if (!compared.reasons.empty()) {
    return;
  }
  const RunWindows* windows = windows_of(candidate);
  const RunWindows* other_windows = windows_of(reference);
  if (windows != nullptr && other_windows != nullptr) {
    if (windows->indices != other_windows->indices) {
      compared.reasons.push_back(grouped(static_cast<std::int64_t>(windows->windows.size())) +
                                 " windows instead of " +
                                 grouped(static_cast<std::int64_t>(other_windows->windows.size())));
      return;
    }
    try {
      compared.delta = compute_delta(windows->windows, other_windows->windows, options);
    } catch (const Error&) {
      compared.reasons.emplace_back("other tokens in its windows");
    }
    return;
  }
  const bool own_baseline = candidate.source == reference.source && reference.run->baseline &&
                            candidate.run->model == reference.run->model;
  if (own_baseline && candidate.run->delta) {
    compared.delta = candidate.run->delta;
    return;
  }
  compared.reasons.emplace_back("no sums per window");
}

}  // namespace

std::vector<std::string> incomparable_reasons(const Job& a, const Job& b) {
  std::vector<std::string> reasons;
  std::vector<std::string> keys;
  for (const auto* job : {&a, &b}) {
    for (const auto& item : job->protocol.items()) {
      if (std::find(keys.begin(), keys.end(), item.key()) == keys.end()) {
        keys.push_back(item.key());
      }
    }
  }
  for (const std::string& key : keys) {
    const nlohmann::ordered_json mine = a.protocol.value(key, nlohmann::ordered_json());
    const nlohmann::ordered_json theirs = b.protocol.value(key, nlohmann::ordered_json());
    if (mine != theirs) {
      reasons.push_back((key == "name" ? "protocol" : key) + " " + shown(mine) + " instead of " +
                        shown(theirs));
    }
  }
  const auto check = [&](const std::string& mine, const std::string& theirs, const char* reason) {
    if (mine != theirs) {
      reasons.emplace_back(reason);
    }
  };
  check(a.data_sha256, b.data_sha256, "other data");
  check(a.tokenizer_sha256, b.tokenizer_sha256, "other tokenizer");
  if (reasons.empty()) {
    check(a.token_ids_sha256, b.token_ids_sha256, "other tokens");
  }
  return reasons;
}

Comparison compare_results(const std::vector<NamedResults>& results, std::string_view baseline,
                           const IntervalOptions& options) {
  std::vector<Candidate> all;
  for (const NamedResults& source : results) {
    for (const Run& run : source.results.runs) {
      all.push_back({&source, &run});
    }
  }
  Comparison comparison;
  std::map<std::string, Candidate> reference_of;  // by model
  Candidate chosen;
  if (!baseline.empty()) {
    chosen = find_reference(all, baseline);
    comparison.reference = full_name(chosen);
  } else {
    for (const Candidate& candidate : all) {
      if (candidate.run->baseline && reference_of.emplace(candidate.run->model, candidate).second) {
        comparison.reference += (comparison.reference.empty() ? "" : "; ") + full_name(candidate);
      }
    }
  }
  for (const Candidate& candidate : all) {
    ComparedRun compared;
    compared.source = candidate.source->name;
    compared.run = candidate.run;
    const auto found = reference_of.find(candidate.run->model);
    const Candidate reference = found != reference_of.end() ? found->second : chosen;
    if (reference.run == nullptr) {
      compared.reasons.emplace_back("no baseline of this model");
    } else if (reference.run == candidate.run) {
      compared.reference = true;
    } else {
      compare(candidate, reference, options, compared);
    }
    comparison.runs.push_back(std::move(compared));
  }
  return comparison;
}

std::string comparison_table(const Comparison& comparison, const TableOptions& options) {
  std::set<std::string> models;
  std::set<std::string> sources;
  for (const ComparedRun& compared : comparison.runs) {
    models.insert(compared.run->model);
    sources.insert(compared.source);
  }
  TextTable table({{"results", true, sources.size() > 1 ? 0 : 7},
                   {"model", true, models.size() > 1 ? 0 : 6},
                   {"variant", true},
                   {"ppl"},
                   {"Δ ppl"},
                   {"95 % interval", false, 1},
                   {"Δ nll", false, 2},
                   {"KL to own baseline", false, 3},
                   {"bits", false, 4}});
  for (const ComparedRun& compared : comparison.runs) {
    const Run& run = *compared.run;
    const int sign = compared.delta ? interval_sign(compared.delta->nll_ci95) : 0;
    const Tone tone = sign > 0 ? Tone::kWorse : sign < 0 ? Tone::kBetter : Tone::kDim;
    std::string change = "—";
    std::string interval = "—";
    std::string nll = "—";
    if (compared.reference) {
      change = "★";
    } else if (!compared.reasons.empty()) {
      change = "≠ " + printable(compared.reasons.front());
    } else if (compared.delta && compared.delta->ppl_percent) {
      change = (*compared.delta->ppl_percent > 0 ? "+" : "") +
               fixed(*compared.delta->ppl_percent, 2) + " %";
      interval = compared.delta->ppl_percent_ci95
                     ? percent_interval(compared.delta->ppl_percent_ci95)
                     : "—";
      if (compared.delta->nll) {
        nll = format_with_error(*compared.delta->nll, compared.delta->nll_se, true);
      }
    }
    table.add_row({{printable(compared.source)},
                   {printable(run.model)},
                   {printable(run.variant), compared.reference ? Tone::kBold : Tone::kPlain},
                   {run.metrics.ppl ? significant(*run.metrics.ppl, 6) : "—"},
                   {change, tone},
                   {interval, tone},
                   {nll},
                   {run.metrics.kl ? significant(*run.metrics.kl, 3) : "—"},
                   {run.bits_per_value ? fixed(*run.bits_per_value, 2) : "—"}});
  }
  std::string text = table.render(options.colour, options.width);
  text += "★ reference: " + printable(comparison.reference) + "\n";
  for (const ComparedRun& compared : comparison.runs) {
    if (compared.reasons.size() > 1) {
      text += "≠ " + printable(compared.source) + ": " + printable(compared.run->variant) + ": ";
      for (std::size_t i = 0; i < compared.reasons.size(); ++i) {
        text += (i > 0 ? "; " : "") + printable(compared.reasons[i]);
      }
      text += "\n";
    }
  }
  return text;
}

nlohmann::ordered_json to_json(const Comparison& comparison) {
  Json json = Json::object();
  json["reference"] = comparison.reference;
  json["runs"] = Json::array();
  for (const ComparedRun& compared : comparison.runs) {
    Json run = Json::object();
    run["results"] = compared.source;
    run["model"] = compared.run->model;
    run["variant"] = compared.run->variant;
    run["reference"] = compared.reference;
    run["metrics"] = to_json(compared.run->metrics);
    run["delta"] = compared.delta ? to_json(*compared.delta) : Json(nullptr);
    run["reasons"] = compared.reasons;
    json["runs"].push_back(std::move(run));
  }
  return json;
}

}  // namespace mxscope
