// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/formats/format.h"

namespace mxscope {

// One experiment as a person wrote it (resources/schemas/experiment.schema.json). Plain values: an
// empty optional means "inherit", as the comment of the field says. Reading, writing and checking:
// experiment_json.h; what the variants come to: variants.h.

enum class ModelDtype { kAuto, kFloat32, kBfloat16, kFloat16 };
enum class PlacementMode { kAuto, kReplicate, kSplit, kStream };
enum class SampleRows { kAuto, kFile, kLines, kWikitext, kRecords };
enum class ProtocolKind { kWindows, kConcat2048, kSliding, kLmEval, kLlamaCpp, kSeed, kDocuments };
enum class BosPolicy { kTokenizer, kOnce, kEach, kNone };
enum class Stage { kRules, kBf16, kBfp16, kNvfp8Emulation, kInt8, kFp8, kGlobal };
enum class Tier { kA, kB, kC, kD, kAll };
enum class SweepOver { kBlock, kLinear, kRole };
enum class IntervalKind { kT, kBootstrap };
enum class DeviceMode { kAuto, kAll, kList };

// Names of the schema.
[[nodiscard]] std::string_view to_string(ModelDtype value) noexcept;
[[nodiscard]] std::string_view to_string(PlacementMode value) noexcept;
[[nodiscard]] std::string_view to_string(SampleRows value) noexcept;
[[nodiscard]] std::string_view to_string(ProtocolKind value) noexcept;
[[nodiscard]] std::string_view to_string(BosPolicy value) noexcept;
[[nodiscard]] std::string_view to_string(Stage value) noexcept;
[[nodiscard]] std::string_view to_string(Tier value) noexcept;
[[nodiscard]] std::string_view to_string(SweepOver value) noexcept;
[[nodiscard]] std::string_view to_string(IntervalKind value) noexcept;

// Empty when the name is not one of the schema's.
[[nodiscard]] std::optional<ModelDtype> parse_model_dtype(std::string_view name) noexcept;
[[nodiscard]] std::optional<PlacementMode> parse_placement_mode(std::string_view name) noexcept;
[[nodiscard]] std::optional<SampleRows> parse_sample_rows(std::string_view name) noexcept;
[[nodiscard]] std::optional<ProtocolKind> parse_protocol_kind(std::string_view name) noexcept;
[[nodiscard]] std::optional<BosPolicy> parse_bos_policy(std::string_view name) noexcept;
[[nodiscard]] std::optional<Stage> parse_stage(std::string_view name) noexcept;
[[nodiscard]] std::optional<Tier> parse_tier(std::string_view name) noexcept;
[[nodiscard]] std::optional<SweepOver> parse_sweep_over(std::string_view name) noexcept;
[[nodiscard]] std::optional<IntervalKind> parse_interval_kind(std::string_view name) noexcept;

// Every accepted name, in the order of the schema.
[[nodiscard]] std::span<const std::string_view> model_dtype_names() noexcept;
[[nodiscard]] std::span<const std::string_view> placement_mode_names() noexcept;
[[nodiscard]] std::span<const std::string_view> sample_rows_names() noexcept;
[[nodiscard]] std::span<const std::string_view> protocol_kind_names() noexcept;
[[nodiscard]] std::span<const std::string_view> bos_policy_names() noexcept;
[[nodiscard]] std::span<const std::string_view> stage_names() noexcept;
[[nodiscard]] std::span<const std::string_view> tier_names() noexcept;
[[nodiscard]] std::span<const std::string_view> sweep_over_names() noexcept;
[[nodiscard]] std::span<const std::string_view> interval_kind_names() noexcept;

struct ModelEntry {
  std::string source;                      // folder, hub id, or a name of the model list
  std::string name;                        // empty: last part of source, see model_names()
  std::string revision = "main";           // of a hub id
  ModelDtype dtype = ModelDtype::kAuto;    // type that weights are held and computed in
  std::optional<std::string> tokenizer;    // folder or tokenizer.json; empty: the model's
  std::optional<double> max_memory_gib;    // per GPU; empty: compute.max_memory_gib
  std::optional<std::int64_t> batch;       // empty: compute.batch
  std::optional<PlacementMode> placement;  // empty: compute.placement

  bool operator==(const ModelEntry&) const = default;
};

struct DataEntry {
  std::vector<std::string> sources;         // files or named data sets, read in order
  SampleRows rows = SampleRows::kAuto;      // what one sample is
  std::string field = "text";               // text field of a record
  std::optional<std::int64_t> max_samples;  // empty: all
  std::optional<std::string> fallback;      // used, with a warning, when the first is not to be had

  bool operator==(const DataEntry&) const = default;
};

struct ProtocolEntry {
  ProtocolKind name = ProtocolKind::kWindows;
  std::optional<std::int64_t> context;  // tokens of a window; empty: by protocol and model
  std::optional<std::int64_t> stride;   // empty: context
  BosPolicy bos = BosPolicy::kTokenizer;
  std::optional<std::string> join;          // between samples; empty: by protocol
  std::optional<std::int64_t> max_windows;  // empty: all

  bool operator==(const ProtocolEntry&) const = default;
};

// A format, with block, scale and rounding of its own or the rule's.
struct OperandEntry {
  Format format = Format::kNone;
  std::optional<std::int64_t> block;
  std::optional<ScaleRule> scale;
  std::optional<Rounding> rounding;
  std::optional<Flavour> flavour;    // nvfp4 only
  std::optional<bool> tensor_scale;  // nvfp4 only; empty: true

  bool operator==(const OperandEntry&) const = default;
};

struct RuleEntry {
  std::vector<std::string> match;   // any of these selectors
  std::vector<std::string> except;  // leaves a linear to later rules
  std::optional<OperandEntry> weight;
  std::optional<OperandEntry> activation;
  std::optional<OperandEntry> output;
  std::optional<std::int64_t> block;
  std::optional<ScaleRule> scale;
  std::optional<Rounding> rounding;

  bool operator==(const RuleEntry&) const = default;
};

struct VariantEntry {
  std::string name;  // empty: made from the content
  Stage stage = Stage::kRules;
  std::optional<std::vector<RuleEntry>> rules;
  std::optional<Tier> tier;          // instead of rules
  std::vector<Format> formats;       // replace the tier's; more than one: one variant each
  std::vector<std::int64_t> blocks;  // more than one: one variant each
  // Whether the file has a list: its variants are named '<name> <format>/<block>' even when the
  // list has one element.
  bool formats_listed = false;
  bool blocks_listed = false;
  std::optional<ScaleRule> scale;
  std::optional<Rounding> rounding;
  std::optional<Preset> preset;
  bool outputs = false;  // quantise outputs with the activation's format

  bool operator==(const VariantEntry&) const = default;
};

struct SweepEntry {
  SweepOver over = SweepOver::kBlock;
  std::vector<Format> formats;
  std::optional<std::int64_t> block;
  std::optional<ScaleRule> scale;
  std::optional<Rounding> rounding;
  std::vector<std::string> match;  // selectors that limit the places; empty: no limit

  bool operator==(const SweepEntry&) const = default;
};

struct DeviceEntry {
  DeviceMode mode = DeviceMode::kAuto;  // auto: all GPUs with enough free memory, else the CPU
  std::vector<std::string> list;        // kList: "cpu", "cuda:0"

  bool operator==(const DeviceEntry&) const = default;
};

struct ComputeEntry {
  std::optional<std::int64_t> batch;  // windows per micro-batch; empty: auto
  PlacementMode placement = PlacementMode::kAuto;
  std::optional<double> max_memory_gib;
  double min_free = 0;                  // skip GPUs with a smaller free share, 0 .. 1
  std::optional<std::int64_t> threads;  // CPU workers; empty: cores
  bool noise_floor = false;

  bool operator==(const ComputeEntry&) const = default;
};

struct StatisticsEntry {
  IntervalKind interval = IntervalKind::kT;
  std::int64_t draws = 10000;
  std::int64_t seed = 1;

  bool operator==(const StatisticsEntry&) const = default;
};

struct Experiment {
  std::string name;
  std::string notes;  // Markdown
  std::vector<std::string> tags;
  std::vector<ModelEntry> models;
  DataEntry data;
  ProtocolEntry protocol;
  std::vector<VariantEntry> variants;
  std::optional<SweepEntry> sweep;
  DeviceEntry devices;
  ComputeEntry compute;
  StatisticsEntry statistics;

  bool operator==(const Experiment&) const = default;
};

// Name of each model in runs and files: its own, or the last part of its source ("org/gpt2",
// "/models/gpt2/" -> "gpt2").
[[nodiscard]] std::vector<std::string> model_names(const Experiment& experiment);

}  // namespace mxscope
