// SPDX-License-Identifier: Apache-2.0
#include "formats/enum_table.h"
#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/experiment/linear_info.h"

namespace mxscope {
namespace {

constexpr EnumNames<4> kModelDtypes = {"auto", "float32", "bfloat16", "float16"};
constexpr EnumNames<4> kPlacements = {"auto", "replicate", "split", "stream"};
constexpr EnumNames<5> kSampleRows = {"auto", "file", "lines", "wikitext", "records"};
constexpr EnumNames<7> kProtocols = {"windows",   "concat2048", "sliding",  "lm-eval",
                                     "llama.cpp", "seed",       "documents"};
constexpr EnumNames<4> kBos = {"tokenizer", "once", "each", "none"};
constexpr EnumNames<7> kStages = {"rules", "bf16", "bfp16", "nvfp8-emulation",
                                  "int8",  "fp8",  "global"};
constexpr EnumNames<5> kTiers = {"A", "B", "C", "D", "all"};
constexpr EnumNames<3> kSweepOver = {"block", "linear", "role"};
constexpr EnumNames<2> kIntervals = {"t", "bootstrap"};
constexpr EnumNames<5> kRoles = {"attention", "mlp", "experts", "lm_head", "other"};

}  // namespace

std::string_view to_string(ModelDtype value) noexcept { return enum_name(kModelDtypes, value); }
std::string_view to_string(PlacementMode value) noexcept { return enum_name(kPlacements, value); }
std::string_view to_string(SampleRows value) noexcept { return enum_name(kSampleRows, value); }
std::string_view to_string(ProtocolKind value) noexcept { return enum_name(kProtocols, value); }
std::string_view to_string(BosPolicy value) noexcept { return enum_name(kBos, value); }
std::string_view to_string(Stage value) noexcept { return enum_name(kStages, value); }
std::string_view to_string(Tier value) noexcept { return enum_name(kTiers, value); }
std::string_view to_string(SweepOver value) noexcept { return enum_name(kSweepOver, value); }
std::string_view to_string(IntervalKind value) noexcept { return enum_name(kIntervals, value); }
std::string_view to_string(LinearRole role) noexcept { return enum_name(kRoles, role); }

std::optional<ModelDtype> parse_model_dtype(std::string_view name) noexcept {
  return parse_enum<ModelDtype>(kModelDtypes, name);
}
std::optional<PlacementMode> parse_placement_mode(std::string_view name) noexcept {
  return parse_enum<PlacementMode>(kPlacements, name);
}
std::optional<SampleRows> parse_sample_rows(std::string_view name) noexcept {
  return parse_enum<SampleRows>(kSampleRows, name);
}
std::optional<ProtocolKind> parse_protocol_kind(std::string_view name) noexcept {
  return parse_enum<ProtocolKind>(kProtocols, name);
}
std::optional<BosPolicy> parse_bos_policy(std::string_view name) noexcept {
  return parse_enum<BosPolicy>(kBos, name);
}
std::optional<Stage> parse_stage(std::string_view name) noexcept {
  return parse_enum<Stage>(kStages, name);
}
std::optional<Tier> parse_tier(std::string_view name) noexcept {
  return parse_enum<Tier>(kTiers, name);
}
std::optional<SweepOver> parse_sweep_over(std::string_view name) noexcept {
  return parse_enum<SweepOver>(kSweepOver, name);
}
std::optional<IntervalKind> parse_interval_kind(std::string_view name) noexcept {
  return parse_enum<IntervalKind>(kIntervals, name);
}

std::span<const std::string_view> model_dtype_names() noexcept { return kModelDtypes; }
std::span<const std::string_view> placement_mode_names() noexcept { return kPlacements; }
std::span<const std::string_view> sample_rows_names() noexcept { return kSampleRows; }
std::span<const std::string_view> protocol_kind_names() noexcept { return kProtocols; }
std::span<const std::string_view> bos_policy_names() noexcept { return kBos; }
std::span<const std::string_view> stage_names() noexcept { return kStages; }
std::span<const std::string_view> tier_names() noexcept { return kTiers; }
std::span<const std::string_view> sweep_over_names() noexcept { return kSweepOver; }
std::span<const std::string_view> interval_kind_names() noexcept { return kIntervals; }

}  // namespace mxscope
