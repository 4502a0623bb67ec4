// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "experiment/expansion.h"
#include "experiment/json_reader.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/rules.h"

namespace mxscope {
namespace {

// Every selector is compiled; more of them than this would make checking slow and mean nothing.
constexpr std::int64_t kMaxSelectors = 10000;

// More draws change no digit that is shown.
constexpr std::int64_t kMaxDraws = 1000000;
constexpr std::int64_t kMaxExpandedSelectors = 1000000;

std::int64_t selector_count(const VariantEntry& variant) {
  std::size_t count = 0;
  if (variant.rules) {
    for (const RuleEntry& rule : *variant.rules) {
      count += 1 + rule.match.size() + rule.except.size();
    }
  }
  return static_cast<std::int64_t>(std::max<std::size_t>(1, count));
}

std::string index_path(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

class Validator {
 public:
  Validator(const Experiment& experiment, Issues& issues)
      : experiment_(experiment), issues_(issues) {}

  void run() {
    check_models();
    check_data();
    check_protocol();
    for (std::size_t i = 0; i < experiment_.variants.size(); ++i) {
      check_variant(experiment_.variants[i], index_path("variants", i));
    }
    check_names();
    if (experiment_.sweep) {
      check_sweep(*experiment_.sweep);
    }
    check_devices();
    check_compute();
    if (experiment_.statistics.draws < 100) {
      error("statistics.draws",
            "Must be at least 100, not " + std::to_string(experiment_.statistics.draws) + ".");
    } else if (experiment_.statistics.draws > kMaxDraws) {
      error("statistics.draws", "Must be at most " + std::to_string(kMaxDraws) + ", not " +
                                    std::to_string(experiment_.statistics.draws) + ".");
    }
  }

 private:
  void error(const std::string& path, std::string message) {
    add_issue(issues_, path, std::move(message));
  }
  void warn(const std::string& path, std::string message) {
    add_issue(issues_, path, std::move(message), Issue::Severity::kWarning);
  }

  void at_least(const std::string& path, const std::optional<std::int64_t>& value,
                std::int64_t least) {
    if (value && *value < least) {
      error(path,
            "Must be at least " + std::to_string(least) + ", not " + std::to_string(*value) + ".");
    }
  }

  void positive(const std::string& path, const std::optional<double>& value) {
    if (value && !(*value > 0)) {
      error(path, "Must be above 0, not " + Json(*value).dump() + ".");
    }
  }

  void check_block(const std::string& path, const std::optional<std::int64_t>& block) {
    if (block && *block < 0) {
      error(path, "A block has 1 or more values, or 0 for the whole row; " +
                      std::to_string(*block) + " is neither.");
    }
  }

  void check_models() {
    if (experiment_.models.empty()) {
      error("models", "At least one model is needed.");
    }
    const std::vector<std::string> names = model_names(experiment_);
    std::map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < experiment_.models.size(); ++i) {
      const ModelEntry& model = experiment_.models[i];
      const std::string path = index_path("models", i);
      if (model.source.empty()) {
        error(path + ".source", "Must name a folder, a hub id or a model of the list.");
        continue;
      }
      positive(path + ".max_memory_gib", model.max_memory_gib);
      at_least(path + ".batch", model.batch, 1);
      const auto [first, is_new] = seen.emplace(names[i], i);
      if (!is_new) {
        error(path + ".name", "The name " + quote(names[i]) + " is that of " +
                                  index_path("models", first->second) +
                                  " too; give one of them another name.");
      }
    }
  }

  void check_data() {
    const DataEntry& data = experiment_.data;
    if (data.sources.empty()) {
      error("data.source", "At least one file or data set is needed.");
    }
    for (std::size_t i = 0; i < data.sources.size(); ++i) {
      if (data.sources[i].empty()) {
        error(data.sources.size() == 1 ? "data.source" : index_path("data.source", i),
              "Must name a file or a data set, not be empty.");
      }
    }
    if (data.field.empty()) {
      error("data.field", "Must name the text field of a record, not be empty.");
    }
    at_least("data.max_samples", data.max_samples, 1);
  }

  void check_protocol() {
    const ProtocolEntry& protocol = experiment_.protocol;
    at_least("protocol.context", protocol.context, 2);
    at_least("protocol.stride", protocol.stride, 1);
    at_least("protocol.max_windows", protocol.max_windows, 1);
  }

  void check_selectors(const std::string& path, const std::vector<std::string>& selectors) {
    for (std::size_t i = 0; i < selectors.size(); ++i) {
      if (++selectors_ > kMaxSelectors) {
        if (selectors_ == kMaxSelectors + 1) {
          error(path,
                "The experiment has more than " + std::to_string(kMaxSelectors) + " selectors.");
        }
        return;
      }
      std::string problem = check_selector(selectors[i]);
      if (!problem.empty()) {
        error(index_path(path, i), std::move(problem));
      }
    }
  }

  void check_operand(const std::string& path, const std::optional<OperandEntry>& operand) {
    if (!operand) {
      return;
    }
    check_block(path + ".block", operand->block);
    const bool nvfp4 = operand->format == Format::kNvfp4;
    const std::string name(to_string(operand->format));
    if (nvfp4 && operand->block && *operand->block != 16 && *operand->block >= 0) {
      error(path + ".block",
            "nvfp4 has blocks of 16, not " + std::to_string(*operand->block) + ".");
    }
    if (!nvfp4 && operand->flavour) {
      error(path + ".flavour", "Only nvfp4 has a flavour, " + name + " has none.");
    }
    if (!nvfp4 && operand->tensor_scale) {
      error(path + ".tensor_scale", "Only nvfp4 has a tensor scale, " + name + " has none.");
    }
  }

  void check_rule(const VariantEntry& variant, const RuleEntry& rule, const std::string& path) {
    if (rule.match.empty()) {
      error(path + ".match", "At least one selector is needed, such as \"@mlp\".");
    }
    check_selectors(path + ".match", rule.match);
    check_selectors(path + ".except", rule.except);
    check_block(path + ".block", rule.block);
    for (const auto& [key, operand] : {std::pair{".weight", &rule.weight},
                                       {".activation", &rule.activation},
                                       {".output", &rule.output}}) {
      check_operand(path + key, *operand);
      if (*operand && variant.stage != Stage::kRules) {
        error(path + key, "The stage " + std::string(to_string(variant.stage)) +
                              " decides the formats; its rules only select linears.");
      }
    }
  }

  void check_variant(const VariantEntry& variant, const std::string& path) {
    const std::string stage(to_string(variant.stage));
    const bool takes_format =
        variant.stage == Stage::kNvfp8Emulation || variant.stage == Stage::kGlobal;
    if (variant.stage == Stage::kBf16 &&
        (variant.rules || variant.tier || !variant.formats.empty() || !variant.blocks.empty() ||
         variant.scale || variant.rounding || variant.preset || variant.outputs)) {
      error(path + ".stage",
            "The stage bf16 casts the whole model; rules, tier, format and what "
            "belongs to them have no place beside it.");
    }
    if (variant.stage == Stage::kRules && !variant.rules && !variant.tier) {
      error(path, "A variant needs 'rules', 'tier' or a 'stage'.");
    }
    if (variant.rules && variant.tier) {
      error(path + ".tier", "A variant has rules or a tier, not both.");
    }
    if (!variant.formats.empty() && !variant.tier && !takes_format &&
        variant.stage != Stage::kBf16) {
      error(path + ".format", "'format' replaces the formats of a tier, and there is no 'tier'.");
    }
    if (variant.tier == Tier::kAll && variant.formats.empty() && variant.stage == Stage::kRules) {
      error(path + ".format", "The tier 'all' has no format of its own; give one.");
    }
    check_stage_formats(variant, path, stage);
    if (variant.formats_listed && variant.formats.empty()) {
      error(path + ".format", "The list of formats is empty.");
    }
    for (std::size_t i = 0; i < variant.blocks.size(); ++i) {
      check_block(variant.blocks_listed ? index_path(path + ".block", i) : path + ".block",
                  variant.blocks[i]);
    }
    const bool only_nvfp4 = !variant.formats.empty() &&
                            std::all_of(variant.formats.begin(), variant.formats.end(),
                                        [](Format format) { return format == Format::kNvfp4; });
    if (only_nvfp4 && std::any_of(variant.blocks.begin(), variant.blocks.end(),
                                  [](std::int64_t block) { return block != 16; })) {
      warn(path + ".block", "nvfp4 has blocks of 16; other sizes are not used.");
    }
    if (variant.rules) {
      for (std::size_t i = 0; i < variant.rules->size(); ++i) {
        check_rule(variant, (*variant.rules)[i], index_path(path + ".rules", i));
      }
    }
  }

  void check_stage_formats(const VariantEntry& variant, const std::string& path,
                           const std::string& stage) {
    if (variant.stage == Stage::kNvfp8Emulation) {
      for (const Format format : variant.formats) {
        if (format_info(format).kind != FormatKind::kEmulated) {
          error(path + ".format",
                "The stage nvfp8-emulation takes nvfp8emu_e4m3 or "
                "nvfp8emu_e5m2, not " +
                    std::string(to_string(format)) + ".");
        }
      }
    } else if (variant.stage == Stage::kGlobal) {
      if (variant.formats.empty()) {
        error(path + ".format", "The stage global needs an MX format.");
      }
      for (const Format format : variant.formats) {
        if (format_info(format).kind != FormatKind::kMx) {
          error(path + ".format",
                "The stage global takes an MX format, not " + std::string(to_string(format)) + ".");
        }
      }
      if (variant.rules || (variant.tier && *variant.tier != Tier::kAll)) {
        error(path + ".stage",
              "The stage global covers every product; rules and tiers other than "
              "'all' have no place beside it.");
      }
    } else if (variant.stage != Stage::kRules && variant.stage != Stage::kBf16 &&
               !variant.formats.empty() && variant.tier) {
      error(path + ".format", "The stage " + stage + " has its own format.");
    }
  }

  void check_names() {
    std::int64_t total = 0;
    std::int64_t selectors = 0;
    for (const VariantEntry& variant : experiment_.variants) {
      const std::int64_t count = std::min(combinations(variant), kMaxVariants + 1);
      total = std::min(total + count, kMaxVariants + 1);
      selectors = std::min(selectors + count * selector_count(variant), kMaxExpandedSelectors + 1);
    }
    if (total > kMaxVariants) {
      error("variants", "The lists make more than " + std::to_string(kMaxVariants) + " variants.");
      return;
    }
    if (selectors > kMaxExpandedSelectors) {
      error("variants", "The variants repeat more than " + std::to_string(kMaxExpandedSelectors) +
                            " selectors.");
      return;
    }
    std::map<std::string, std::string> seen;
    for (std::size_t i = 0; i < experiment_.variants.size(); ++i) {
      const VariantEntry& entry = experiment_.variants[i];
      if (entry.name.empty()) {
        continue;
      }
      const std::string path = index_path("variants", i);
      if (entry.name == kBaselineName) {
        error(path + ".name", "'baseline' is the name of the run without rules; choose another.");
        continue;
      }
      for (const ResolvedVariant& variant : expand_entry(entry)) {
        const auto [first, is_new] = seen.emplace(variant.name, path);
        if (!is_new) {
          error(path + ".name", "The name " + quote(variant.name) + " is that of " + first->second +
                                    " too; give one of them another name.");
        }
      }
    }
  }

  void check_sweep(const SweepEntry& sweep) {
    if (sweep.formats.empty()) {
      error("sweep.formats", "At least one format is needed.");
    }
    check_block("sweep.block", sweep.block);
    check_selectors("sweep.match", sweep.match);
  }

  void check_devices() {
    const DeviceEntry& devices = experiment_.devices;
    if (devices.mode != DeviceMode::kList) {
      return;
    }
    if (devices.list.empty()) {
      error("devices",
            "The list is empty; name devices such as \"cpu\" or \"cuda:0\", or write "
            "\"auto\".");
    }
    for (std::size_t i = 0; i < devices.list.size(); ++i) {
      const std::string& device = devices.list[i];
      const std::string digits = device.starts_with("cuda:") ? device.substr(5) : "";
      const bool cuda = !digits.empty() && std::all_of(digits.begin(), digits.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
      if (device != "cpu" && !cuda) {
        error(index_path("devices", i),
              "Unknown device " + quote(device) + ". Accepted: cpu, cuda:0, cuda:1, ...");
      } else if (std::find(devices.list.begin(),
                           devices.list.begin() + static_cast<std::ptrdiff_t>(i),
                           device) != devices.list.begin() + static_cast<std::ptrdiff_t>(i)) {
        warn(index_path("devices", i), quote(device) + " is listed already and counts once.");
      }
    }
  }

  void check_compute() {
    const ComputeEntry& compute = experiment_.compute;
    at_least("compute.batch", compute.batch, 1);
    at_least("compute.threads", compute.threads, 1);
    positive("compute.max_memory_gib", compute.max_memory_gib);
    if (!(compute.min_free >= 0 && compute.min_free <= 1)) {
      error("compute.min_free",
            "Must be a share between 0 and 1, not " + Json(compute.min_free).dump() + ".");
    }
  }

  const Experiment& experiment_;
  Issues& issues_;
  std::int64_t selectors_ = 0;
};

}  // namespace

Issues validate(const Experiment& experiment) {
  Issues issues;
  Validator(experiment, issues).run();
  return issues;
}

}  // namespace mxscope
