// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/experiment/linear_info.h"
#include "mxscope/core/formats/operand_spec.h"

namespace mxscope {

// A rule with every choice made.
struct ResolvedRule {
  std::vector<std::string> match;
  std::vector<std::string> except;
  OperandSpec weight;
  OperandSpec activation;
  OperandSpec output;

  bool operator==(const ResolvedRule&) const = default;
};

// Place and format of a run that a sweep made.
struct SweepPlace {
  SweepOver over = SweepOver::kBlock;
  std::string place;  // "model.layers.3", a linear's name, "@attention"
  Format format = Format::kNone;

  bool operator==(const SweepPlace&) const = default;
};

// One variant with every choice made: what the engine executes.
struct ResolvedVariant {
  std::string name;  // unique within the experiment, never "baseline"
  // What to do: kRules with `rules`; for kBf16, kInt8, kFp8 and kGlobal the rules only select
  // linears (operands none, but for kGlobal, whose rules carry the format).
  Stage stage = Stage::kRules;
  // The stage of the file: bfp16 and nvfp8-emulation are carried out as rules.
  Stage declared_stage = Stage::kRules;
  std::vector<ResolvedRule> rules;  // read from the top, the first that matches decides
  std::optional<SweepPlace> sweep;

  // The numeric contract as stored with results: stage, rules, and the fixed policy (axis,
  // saturation, zeros, non-finite blocks). Keys in a fixed order.
  [[nodiscard]] nlohmann::ordered_json contract() const;

  bool operator==(const ResolvedVariant&) const = default;
};

// Substrings of the seed study's tiers (NUMERICS section 5).
[[nodiscard]] std::span<const std::string_view> tier_mlp_patterns() noexcept;
[[nodiscard]] std::span<const std::string_view> tier_attention_patterns() noexcept;

// One rule of a tier with the seed study's formats.
struct TierRule {
  std::vector<std::string> match;
  Format format = Format::kNone;
};
[[nodiscard]] std::vector<TierRule> tier_rules(Tier tier);

// All variants of the experiment in order: lists expanded, tiers and presets resolved, then the
// sweep's (block by block, or linear by linear, each with every format). `linears` may be null when
// the experiment has no sweep, or to leave the sweep out. The baseline is not part of the result.
// Any thread. Throws Error kInvalidInput when validate() would report an error.
[[nodiscard]] std::vector<ResolvedVariant> expand_variants(
    const Experiment& experiment, const std::vector<LinearInfo>* linears = nullptr);

// Number of variants without the sweep, for forms and estimates.
[[nodiscard]] std::int64_t count_variants(const Experiment& experiment);

}  // namespace mxscope
