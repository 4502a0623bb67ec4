// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/experiment/variants.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "experiment/expansion.h"
#include "experiment/json_reader.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/rules.h"

namespace mxscope {
namespace {

// NUMERICS section 5.
constexpr std::array<std::string_view, 12> kMlpPatterns = {
    "gate_proj", "up_proj", "down_proj",     "fc1",           "fc2",      "w1",
    "w2",        "w3",      "dense_h_to_4h", "dense_4h_to_h", "mlp.c_fc", "mlp.c_proj"};
constexpr std::array<std::string_view, 12> kAttentionPatterns = {
    "q_proj", "k_proj", "v_proj", "o_proj", "c_attn", "c_proj",
    "query",  "key",    "value",  "dense",  "wqkv",   "out_proj"};

constexpr std::int64_t kDefaultBlock = 32;

// One combination of an entry's lists.
struct Choice {
  std::optional<Format> format;
  std::optional<std::int64_t> block;
};

// What operands inherit, nearest first: rule, variant, preset.
struct Inherited {
  std::optional<std::int64_t> block;
  std::optional<ScaleRule> scale;
  std::optional<Rounding> rounding;
  std::optional<Preset> preset;
};

template <typename Value>
std::optional<Value> first_of(const std::optional<Value>& a, const std::optional<Value>& b) {
  return a ? a : b;
}

OperandSpec resolve(const OperandEntry& operand, const Inherited& inherited) {
  const PresetValues usual =
      inherited.preset ? preset_values(*inherited.preset, operand.format) : PresetValues{};
  return make_operand(operand.format,
                      first_of(operand.block, inherited.block).value_or(kDefaultBlock),
                      first_of(operand.scale, inherited.scale).value_or(usual.scale),
                      first_of(operand.rounding, inherited.rounding).value_or(usual.rounding),
                      operand.flavour.value_or(usual.flavour), operand.tensor_scale.value_or(true));
}

OperandSpec resolve(Format format, const Inherited& inherited) {
  OperandEntry operand;
  operand.format = format;
  return resolve(operand, inherited);
}

std::vector<std::string> strings(std::span<const std::string_view> views) {
  return {views.begin(), views.end()};
}

// A rule that quantises weight and activation of what it matches alike.
ResolvedRule uniform_rule(std::vector<std::string> match, std::vector<std::string> except,
                          Format format, const Inherited& inherited, bool outputs) {
  ResolvedRule rule;
  rule.match = std::move(match);
  rule.except = std::move(except);
  rule.weight = resolve(format, inherited);
  rule.activation = rule.weight;
  if (outputs) {
    rule.output = rule.activation;
  }
  return rule;
}

// The format that a stage gives to what is selected; none where it has its own arithmetic.
std::optional<Format> stage_format(const VariantEntry& entry, const Choice& choice) {
  switch (entry.stage) {
    case Stage::kRules:
      return std::nullopt;
    case Stage::kBfp16:
      return Format::kBf16;
    case Stage::kNvfp8Emulation:
      return choice.format.value_or(Format::kNvfp8emuE4m3);
    case Stage::kGlobal:
      return choice.format.value_or(Format::kMxfp8E4m3);
    case Stage::kBf16:
    case Stage::kInt8:
    case Stage::kFp8:
      break;
  }
  return Format::kNone;
}

ResolvedRule resolve_rule(const VariantEntry& entry, const RuleEntry& rule, const Choice& choice,
                          std::optional<Format> format) {
  const Inherited inherited{first_of(rule.block, choice.block), first_of(rule.scale, entry.scale),
                            first_of(rule.rounding, entry.rounding), entry.preset};
  if (format) {
    return uniform_rule(rule.match, rule.except, *format, inherited, entry.outputs);
  }
  ResolvedRule resolved;
  resolved.match = rule.match;
  resolved.except = rule.except;
  const auto operand = [&](const std::optional<OperandEntry>& given) {
    return given ? resolve(*given, inherited) : OperandSpec{};
  };
  resolved.weight = operand(rule.weight);
  resolved.activation = operand(rule.activation);
  resolved.output = operand(rule.output);
  if (!rule.output && entry.outputs) {
    resolved.output = resolved.activation;
  }
  return resolved;
}

std::vector<ResolvedRule> resolve_rules(const VariantEntry& entry, const Choice& choice) {
  std::vector<ResolvedRule> rules;
  if (entry.stage == Stage::kBf16) {
    return rules;
  }
  const std::optional<Format> format = stage_format(entry, choice);
  if (entry.rules) {
    for (const RuleEntry& rule : *entry.rules) {
      rules.push_back(resolve_rule(entry, rule, choice, format));
    }
    return rules;
  }
  const Inherited inherited{choice.block, entry.scale, entry.rounding, entry.preset};
  for (TierRule& rule : tier_rules(entry.tier.value_or(Tier::kAll))) {
    const Format chosen = format.value_or(choice.format.value_or(rule.format));
    rules.push_back(uniform_rule(std::move(rule.match), {}, chosen, inherited, entry.outputs));
  }
  return rules;
}

// "mxfp6_e3m2+mxfp8_e4m3/32": the formats of the rules in order and their common block.
std::string formats_label(const std::vector<ResolvedRule>& rules) {
  std::vector<std::string> labels;
  const auto add = [&](const OperandSpec& spec) {
    if (spec.quantised() && std::find(labels.begin(), labels.end(), spec.label()) == labels.end()) {
      labels.push_back(spec.label());
    }
  };
  for (const ResolvedRule& rule : rules) {
    add(rule.weight);
    add(rule.activation);
    add(rule.output);
  }
  if (labels.empty()) {
    return "none";
  }
  const auto block_of = [](const std::string& label) {
    const std::size_t slash = label.find('/');
    return slash == std::string::npos ? std::string() : label.substr(slash);
  };
  const std::string block = block_of(labels.front());
  const bool common = std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
    return block_of(label) == block;
  });
  std::string text;
  for (const std::string& label : labels) {
    text += text.empty() ? "" : "+";
    text += common ? label.substr(0, label.size() - block.size()) : label;
  }
  return common ? text + block : text;
}

// "mxfp8_e4m3/32" for weight and activation alike, else "W mxfp4_e2m1/32 A mxfp8_e4m3/32".
std::string operands_label(const ResolvedRule& rule) {
  if (rule.weight == rule.activation && !rule.output.quantised()) {
    return rule.weight.label();
  }
  std::string text;
  for (const auto& [letter, spec] :
       {std::pair{"W ", &rule.weight}, {"A ", &rule.activation}, {"O ", &rule.output}}) {
    if (spec->quantised()) {
      text += (text.empty() ? "" : " ") + std::string(letter) + spec->label();
    }
  }
  return text;
}

std::string cut(std::string text, std::size_t longest) {
  if (text.size() > longest) {
    text.resize(longest);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80U) != 0) {
      text.pop_back();
    }
    text += "…";
  }
  return text;
}

// What a variant without a name is called, short of its formats.
std::string content_base(const VariantEntry& entry) {
  std::string base = entry.stage == Stage::kRules ? "" : std::string(to_string(entry.stage));
  if (entry.tier) {
    base += (base.empty() ? "" : " ") + std::string(to_string(*entry.tier));
  }
  return base;
}

std::string default_name(const VariantEntry& entry, const std::vector<ResolvedRule>& rules) {
  std::string name = content_base(entry);
  const bool own_formats = entry.stage == Stage::kRules || entry.stage == Stage::kGlobal ||
                           (entry.stage == Stage::kNvfp8Emulation && !entry.formats.empty());
  if (entry.rules) {
    constexpr std::size_t kLongestSelectors = 40;
    for (const ResolvedRule& rule : rules) {
      std::string selectors;
      for (const std::string& selector : rule.match) {
        selectors += (selectors.empty() ? "" : ",") + selector;
      }
      name += (name.empty() ? "" : " ") + cut(std::move(selectors), kLongestSelectors);
      if (own_formats) {
        name += " " + operands_label(rule);
      }
    }
  } else if (own_formats) {
    name += (name.empty() ? "" : " ") + formats_label(rules);
  }
  if (entry.preset) {
    name += " " + std::string(to_string(*entry.preset));
  }
  if (entry.scale && *entry.scale != ScaleRule::kFloor) {
    name += " " + std::string(to_string(*entry.scale));
  }
  if (entry.rounding && *entry.rounding != Rounding::kEven) {
    name += " " + std::string(to_string(*entry.rounding));
  }
  if (entry.outputs) {
    name += " with outputs";
  }
  constexpr std::size_t kLongestName = 120;
  name = cut(std::move(name), kLongestName);
  return name.empty() ? "no rules" : name;
}

// Names given so far, and the next number to try for one that is taken.
struct NameBook {
  std::set<std::string> taken;
  std::map<std::string, int> next;

  void make_unique(std::string& name) {
    const std::string base = name;
    while (!taken.insert(name).second) {
      int& n = next.emplace(base, 2).first->second;
      name = base + " (" + std::to_string(n++) + ")";
    }
  }
};

// ---- sweeps ----

struct Place {
  std::string name;
  std::vector<std::string> match;
};

// A selector that matches this name and no other.
std::string exact_selector(const std::string& name) {
  std::string pattern = "re:^";
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || (static_cast<unsigned char>(c) & 0x80U) != 0;
    if (!plain) {
      pattern += '\\';
    }
    pattern += c;
  }
  return pattern + "$";
}

// "model.layers.3" of "model.layers.3.mlp.up_proj".
std::string block_prefix(const LinearInfo& linear) {
  const std::string number = std::to_string(linear.block);
  std::size_t begin = 0;
  while (begin <= linear.name.size()) {
    const std::size_t end = std::min(linear.name.find('.', begin), linear.name.size());
    if (linear.name.compare(begin, end - begin, number) == 0) {
      return linear.name.substr(0, end);
    }
    begin = end + 1;
  }
  return "block " + number;
}

std::vector<Place> sweep_places(const SweepEntry& sweep, const std::vector<LinearInfo>& linears) {
  ResolvedRule limit;
  limit.match = sweep.match.empty() ? std::vector<std::string>{"@all"} : sweep.match;
  const RuleMatcher matcher({limit});
  std::vector<Place> places;
  const auto place_called = [&](const std::string& name) -> Place& {
    for (Place& place : places) {
      if (place.name == name) {
        return place;
      }
    }
    places.push_back({name, {}});
    return places.back();
  };
  for (const LinearInfo& linear : linears) {
    if (matcher.first_match(linear) < 0) {
      continue;
    }
    std::string name;
    switch (sweep.over) {
      case SweepOver::kLinear:
        places.push_back({linear.name, {exact_selector(linear.name)}});
        continue;
      case SweepOver::kBlock:
        if (linear.block < 0) {
          continue;
        }
        name = block_prefix(linear);
        break;
      case SweepOver::kRole:
        name = linear.role == LinearRole::kExperts ? "@mlp"
                                                   : "@" + std::string(to_string(linear.role));
        break;
    }
    Place& place = place_called(name);
    if (!sweep.match.empty() || name.starts_with("block ") || name == "@other") {
      place.match.push_back(exact_selector(linear.name));
    } else if (place.match.empty()) {
      place.match.push_back(sweep.over == SweepOver::kRole ? name : name + ".*");
    }
  }
  return places;
}

void expand_sweep(const SweepEntry& sweep, const std::vector<LinearInfo>& linears, NameBook& names,
                  std::vector<ResolvedVariant>& variants) {
  const Inherited inherited{sweep.block, sweep.scale, sweep.rounding, std::nullopt};
  const std::vector<Place> places = sweep_places(sweep, linears);
  std::vector<Format> formats;
  for (const Format format : sweep.formats) {
    if (std::find(formats.begin(), formats.end(), format) == formats.end()) {
      formats.push_back(format);
    }
  }
  const auto runs = static_cast<std::int64_t>(places.size() * formats.size());
  if (runs > kMaxVariants) {
    throw Error(ErrorCode::kInvalidInput,
                "The sweep makes " + std::to_string(runs) + " variants of this model; at most " +
                    std::to_string(kMaxVariants) + " are run. Limit the places with 'match'.");
  }
  for (const Place& place : places) {
    for (const Format format : formats) {
      ResolvedVariant variant;
      variant.rules.push_back(uniform_rule(place.match, {}, format, inherited, false));
      variant.name = place.name + " " + variant.rules.front().weight.label();
      names.make_unique(variant.name);
      variant.sweep = SweepPlace{sweep.over, place.name, format};
      variants.push_back(std::move(variant));
    }
  }
}

Json operand_contract(const OperandSpec& spec) {
  if (!spec.quantised()) {
    return nullptr;
  }
  const FormatKind kind = format_info(spec.format).kind;
  Json json = Json::object();
  json["format"] = to_string(spec.format);
  if (kind != FormatKind::kPlain) {
    json["block"] = spec.block;
  }
  if (kind == FormatKind::kMx || kind == FormatKind::kEmulated) {
    json["scale"] = to_string(spec.scale);
  }
  json["rounding"] = to_string(spec.rounding);
  if (kind == FormatKind::kNvfp4) {
    json["flavour"] = to_string(spec.flavour);
    json["tensor_scale"] = spec.tensor_scale;
  }
  return json;
}

}  // namespace

std::span<const std::string_view> tier_mlp_patterns() noexcept { return kMlpPatterns; }
std::span<const std::string_view> tier_attention_patterns() noexcept { return kAttentionPatterns; }

std::vector<TierRule> tier_rules(Tier tier) {
  const std::vector<std::string> mlp = strings(kMlpPatterns);
  const std::vector<std::string> attention = strings(kAttentionPatterns);
  switch (tier) {
    case Tier::kA:
      return {{mlp, Format::kMxfp8E4m3}};
    case Tier::kB:
      return {{mlp, Format::kMxfp8E4m3}, {attention, Format::kMxfp8E4m3}};
    case Tier::kC:
      return {{mlp, Format::kMxfp6E3m2}, {attention, Format::kMxfp8E4m3}};
    case Tier::kD:
      return {{mlp, Format::kMxfp4E2m1}, {attention, Format::kMxfp6E3m2}};
    case Tier::kAll:
      break;
  }
  return {{{"@all"}, Format::kNone}};
}

std::int64_t combinations(const VariantEntry& entry) noexcept {
  const auto formats = std::max<std::size_t>(1, entry.formats.size());
  const auto blocks = std::max<std::size_t>(1, entry.blocks.size());
  const auto limit = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int64_t>(std::min(formats, limit) * std::min(blocks, limit));
}

std::vector<ResolvedVariant> expand_entry(const VariantEntry& entry) {
  const bool listed = (entry.formats_listed || entry.formats.size() > 1 || entry.blocks_listed ||
                       entry.blocks.size() > 1) &&
                      !(entry.formats.empty() && entry.blocks.empty());
  std::vector<Choice> choices;
  for (std::size_t f = 0; f < std::max<std::size_t>(1, entry.formats.size()); ++f) {
    for (std::size_t b = 0; b < std::max<std::size_t>(1, entry.blocks.size()); ++b) {
      Choice choice;
      if (f < entry.formats.size()) {
        choice.format = entry.formats[f];
      }
      if (b < entry.blocks.size()) {
        choice.block = entry.blocks[b];
      }
      choices.push_back(choice);
    }
  }
  std::vector<ResolvedVariant> variants;
  std::set<std::string> names;
  for (const Choice& choice : choices) {
    ResolvedVariant variant;
    variant.declared_stage = entry.stage;
    variant.stage = entry.stage == Stage::kBfp16 || entry.stage == Stage::kNvfp8Emulation
                        ? Stage::kRules
                        : entry.stage;
    variant.rules = resolve_rules(entry, choice);
    if (entry.name.empty()) {
      variant.name = default_name(entry, variant.rules);
    } else {
      variant.name = listed ? entry.name + " " + formats_label(variant.rules) : entry.name;
    }
    // nvfp4 and plain casts have no choice of block, so a list of blocks makes them only once.
    if (names.insert(variant.name).second) {
      variants.push_back(std::move(variant));
    }
  }
  return variants;
}

std::vector<ResolvedVariant> expand_variants(const Experiment& experiment,
                                             const std::vector<LinearInfo>* linears) {
  const Issues issues = validate(experiment);
  if (has_errors(issues)) {
    throw Error(ErrorCode::kInvalidInput, "The experiment has mistakes:\n" + format_issues(issues));
  }
  std::vector<ResolvedVariant> variants;
  NameBook names;
  names.taken.insert(std::string(kBaselineName));
  // Names that a person chose are kept; the others make way.
  for (const VariantEntry& entry : experiment.variants) {
    if (!entry.name.empty()) {
      for (const ResolvedVariant& variant : expand_entry(entry)) {
        names.taken.insert(variant.name);
      }
    }
  }
  for (const VariantEntry& entry : experiment.variants) {
    for (ResolvedVariant& variant : expand_entry(entry)) {
      if (entry.name.empty()) {
        names.make_unique(variant.name);
      }
      variants.push_back(std::move(variant));
    }
  }
  if (experiment.sweep && linears != nullptr) {
    expand_sweep(*experiment.sweep, *linears, names, variants);
  }
  return variants;
}

std::int64_t count_variants(const Experiment& experiment) {
  std::int64_t count = 0;
  for (const VariantEntry& entry : experiment.variants) {
    count += combinations(entry) > kMaxVariants
                 ? combinations(entry)
                 : static_cast<std::int64_t>(expand_entry(entry).size());
  }
  return count;
}

nlohmann::ordered_json ResolvedVariant::contract() const {
  Json json = Json::object();
  json["stage"] = to_string(declared_stage);
  json["rules"] = Json::array();
  for (const ResolvedRule& rule : rules) {
    Json entry = Json::object();
    entry["match"] = rule.match;
    if (!rule.except.empty()) {
      entry["except"] = rule.except;
    }
    entry["weight"] = operand_contract(rule.weight);
    entry["activation"] = operand_contract(rule.activation);
    entry["output"] = operand_contract(rule.output);
    json["rules"].push_back(std::move(entry));
  }
  // The policy of NUMERICS sections 1, 2 and 4 that no key changes.
  json["axis"] = "last";
  json["padding"] = "zeros";
  json["saturation"] = "largest element";
  json["non_finite"] = "block becomes NaN";
  json["quantiser_arithmetic"] = "float32";
  return json;
}

}  // namespace mxscope
