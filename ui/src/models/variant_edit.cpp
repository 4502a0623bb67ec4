// SPDX-License-Identifier: GPL-3.0-or-later
#include <QCoreApplication>
#include <QStringList>
#include <algorithm>

#include "models/experiment_document.h"
#include "mxscope/core/experiment/experiment_json.h"

namespace mxscope::ui {

namespace {

mxscope::OperandEntry operandOf(mxscope::Format format) {
  mxscope::OperandEntry operand;
  operand.format = format;
  return operand;
}

bool quantises(const std::optional<mxscope::OperandEntry>& operand) {
  return operand && operand->format != mxscope::Format::kNone;
}

// Formats that a new rule of this variant gets: those of its first rule that quantises.
std::pair<std::optional<mxscope::OperandEntry>, std::optional<mxscope::OperandEntry>> operandsOf(
    const mxscope::VariantEntry& variant) {
  if (variant.rules) {
    for (const mxscope::RuleEntry& rule : *variant.rules) {
      if (!keepsLayers(rule)) {
        return {rule.weight, rule.activation};
      }
    }
  }
  return {operandOf(mxscope::Format::kMxfp8E4m3), operandOf(mxscope::Format::kMxfp8E4m3)};
}

template <typename T>
std::optional<T> onlyOne(const std::vector<T>& values) {
  return values.size() == 1 ? std::optional<T>(values.front()) : std::nullopt;
}

template <typename T>
void addOnce(std::vector<T>* values, T value) {
  if (std::find(values->begin(), values->end(), value) == values->end()) {
    values->push_back(value);
  }
}

}  // namespace

bool keepsLayers(const mxscope::RuleEntry& rule) {
  return !quantises(rule.weight) && !quantises(rule.activation) && !quantises(rule.output);
}

bool sameSelectors(const mxscope::VariantEntry& a, const mxscope::VariantEntry& b) {
  if (a.tier != b.tier || a.stage != b.stage || a.rules.has_value() != b.rules.has_value()) {
    return false;
  }
  if (!a.rules) {
    return true;
  }
  return std::equal(a.rules->begin(), a.rules->end(), b.rules->begin(), b.rules->end(),
                    [](const mxscope::RuleEntry& x, const mxscope::RuleEntry& y) {
                      return x.match == y.match && x.except == y.except &&
                             keepsLayers(x) == keepsLayers(y);
                    });
}

bool isManualRule(const mxscope::RuleEntry& rule, const std::vector<mxscope::LinearInfo>& linears) {
  if (!rule.except.empty() || rule.match.empty() || linears.empty()) {
    return false;
  }
  return std::all_of(rule.match.begin(), rule.match.end(), [&linears](const std::string& text) {
    return std::any_of(linears.begin(), linears.end(),
                       [&text](const mxscope::LinearInfo& linear) { return linear.name == text; });
  });
}

void makeRules(mxscope::VariantEntry& variant) {
  if (variant.rules || !variant.tier) {
    if (!variant.rules) {
      variant.rules.emplace();
    }
    return;
  }
  std::vector<mxscope::RuleEntry> rules;
  for (const mxscope::TierRule& tier : mxscope::tier_rules(*variant.tier)) {
    mxscope::RuleEntry rule;
    rule.match = tier.match;
    const mxscope::Format format = variant.formats.empty() ? tier.format : variant.formats.front();
    rule.weight = operandOf(format);
    rule.activation = operandOf(format);
    rules.push_back(std::move(rule));
  }
  variant.rules = std::move(rules);
  variant.tier.reset();
  variant.formats.clear();
  variant.formats_listed = false;
}

void removeManual(mxscope::VariantEntry& variant, const std::vector<mxscope::LinearInfo>& linears) {
  if (variant.rules) {
    while (!variant.rules->empty() && isManualRule(variant.rules->front(), linears)) {
      variant.rules->erase(variant.rules->begin());
    }
  }
}

void setManual(mxscope::VariantEntry& variant, const std::vector<std::string>& names, bool quantise,
               const std::vector<mxscope::LinearInfo>& linears) {
  makeRules(variant);
  const auto [weight, activation] = operandsOf(variant);
  std::vector<std::string> kept, quantised;
  while (!variant.rules->empty() && isManualRule(variant.rules->front(), linears)) {
    const mxscope::RuleEntry& rule = variant.rules->front();
    std::vector<std::string>& list = keepsLayers(rule) ? kept : quantised;
    list.insert(list.end(), rule.match.begin(), rule.match.end());
    variant.rules->erase(variant.rules->begin());
  }
  // Where the rules below already do what is wanted, nothing needs to be written down.
  std::vector<std::string> needed;
  {
    mxscope::Experiment probe;
    probe.models.emplace_back().source = "model";
    probe.data.sources = {"text"};
    mxscope::VariantEntry below = variant;
    if (below.blocks.size() > 1) {
      below.blocks.resize(1);
    }
    probe.variants = {below};
    std::vector<mxscope::LinearInfo> wanted;
    for (const mxscope::LinearInfo& linear : linears) {
      if (std::find(names.begin(), names.end(), linear.name) != names.end()) {
        wanted.push_back(linear);
      }
    }
    std::optional<mxscope::MatchReport> report;
    if (!variant.rules->empty() && !mxscope::has_errors(mxscope::validate(probe))) {
      report = mxscope::match_rules(mxscope::expand_variants(probe).front(), wanted);
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const bool now = report && report->linears[i].quantised();
      if (now != quantise) {
        needed.push_back(wanted[i].name);
      }
    }
  }
  const auto drop = [&names](std::vector<std::string>* list) {
    std::erase_if(*list, [&names](const std::string& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    });
  };
  drop(&kept);
  drop(&quantised);
  std::vector<std::string>& target = quantise ? quantised : kept;
  target.insert(target.end(), needed.begin(), needed.end());
  if (!quantised.empty()) {
    mxscope::RuleEntry rule;
    rule.match = quantised;
    rule.weight = weight;
    rule.activation = activation;
    variant.rules->insert(variant.rules->begin(), rule);
  }
  if (!kept.empty()) {
    mxscope::RuleEntry rule;
    rule.match = kept;
    variant.rules->insert(variant.rules->begin(), rule);
  }
}

void setOperandsLike(const mxscope::VariantEntry& variant, mxscope::RuleEntry& rule) {
  const auto [weight, activation] = operandsOf(variant);
  rule.weight = weight;
  rule.activation = activation;
}

VariantFormats formatsOf(const mxscope::VariantEntry& variant) {
  VariantFormats formats;
  std::vector<mxscope::Format> activations;
  std::vector<mxscope::ScaleRule> scales;
  const auto addBlock = [&formats](std::int64_t block) { addOnce(&formats.blocks, block); };
  if (variant.rules) {
    for (const mxscope::RuleEntry& rule : *variant.rules) {
      if (keepsLayers(rule)) {
        continue;
      }
      addOnce(&formats.weights, rule.weight ? rule.weight->format : mxscope::Format::kNone);
      addOnce(&activations, rule.activation ? rule.activation->format : mxscope::Format::kNone);
      const mxscope::OperandEntry* operand = quantises(rule.weight) ? &*rule.weight : nullptr;
      if (!operand && quantises(rule.activation)) {
        operand = &*rule.activation;
      }
      if (operand && operand->block) {
        addBlock(*operand->block);
      } else if (rule.block) {
        addBlock(*rule.block);
      } else if (variant.blocks.empty()) {
        addBlock(operand ? mxscope::format_info(operand->format).default_block : 32);
      } else {
        for (const std::int64_t block : variant.blocks) {
          addBlock(block);
        }
      }
      if (operand && operand->scale) {
        addOnce(&scales, *operand->scale);
      } else {
        addOnce(&scales, rule.scale.value_or(variant.scale.value_or(mxscope::ScaleRule::kFloor)));
      }
    }
  } else {
    if (!variant.formats.empty()) {
      formats.weights = variant.formats;
    } else if (variant.tier) {
      for (const mxscope::TierRule& rule : mxscope::tier_rules(*variant.tier)) {
        addOnce(&formats.weights, rule.format);
      }
    }
    activations = formats.weights;
    formats.blocks = variant.blocks;
    if (formats.blocks.empty()) {
      formats.blocks = {32};
    }
    scales = {variant.scale.value_or(mxscope::ScaleRule::kFloor)};
  }
  formats.weight = onlyOne(formats.weights);
  formats.activation = onlyOne(activations);
  formats.block = onlyOne(formats.blocks);
  formats.scale = onlyOne(scales);
  return formats;
}

void setWeightFormat(mxscope::VariantEntry& variant, mxscope::Format format) {
  const VariantFormats before = formatsOf(variant);
  if (variant.tier && before.activation == before.weight && before.weight) {
    variant.formats = {format};
    variant.formats_listed = false;
    return;
  }
  makeRules(variant);
  for (mxscope::RuleEntry& rule : *variant.rules) {
    if (!keepsLayers(rule)) {
      rule.weight = operandOf(format);
    }
  }
}

void setActivationFormat(mxscope::VariantEntry& variant, mxscope::Format format) {
  makeRules(variant);
  for (mxscope::RuleEntry& rule : *variant.rules) {
    if (!keepsLayers(rule)) {
      rule.activation = operandOf(format);
    }
  }
}

void setBlock(mxscope::VariantEntry& variant, std::int64_t block) {
  variant.blocks = {block};
  variant.blocks_listed = false;
  if (variant.rules) {
    for (mxscope::RuleEntry& rule : *variant.rules) {
      rule.block.reset();
      for (auto* operand : {&rule.weight, &rule.activation, &rule.output}) {
        if (*operand) {
          (*operand)->block.reset();
        }
      }
    }
  }
}

void setScale(mxscope::VariantEntry& variant, mxscope::ScaleRule scale) {
  variant.scale = scale;
  if (variant.rules) {
    for (mxscope::RuleEntry& rule : *variant.rules) {
      rule.scale.reset();
      for (auto* operand : {&rule.weight, &rule.activation, &rule.output}) {
        if (*operand) {
          (*operand)->scale.reset();
        }
      }
    }
  }
}

QString layersText(const mxscope::VariantEntry& variant) {
  if (variant.tier) {
    const std::string_view name = mxscope::to_string(*variant.tier);
    return QCoreApplication::translate("Variants", "Tier %1")
        .arg(QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())));
  }
  if (variant.stage != mxscope::Stage::kRules && !variant.rules) {
    return QCoreApplication::translate("Variants", "all linears");
  }
  QStringList parts;
  if (variant.rules) {
    for (const mxscope::RuleEntry& rule : *variant.rules) {
      for (const std::string& selector : rule.match) {
        if (!keepsLayers(rule)) {
          parts << QString::fromStdString(selector);
        }
      }
    }
  }
  return parts.join(QLatin1Char(' '));
}

QString formatLabel(mxscope::Format format) {
  if (format == mxscope::Format::kNone) {
    return QCoreApplication::translate("Variants", "none");
  }
  const std::string_view name = mxscope::to_string(format);
  QString label = QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())).toUpper();
  label.replace(QLatin1Char('_'), QLatin1Char(' '));
  label.replace(QLatin1String("NVFP8EMU"), QLatin1String("NVFP8 emu"));
  return label;
}

}  // namespace mxscope::ui
