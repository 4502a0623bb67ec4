// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mxscope {

// Number formats and what belongs to them: NUMERICS sections 1 to 3 are the definition. All
// functions here may be called from any thread and throw nothing.

enum class Format {
  kNone,
  kMxfp8E4m3,
  kMxfp8E5m2,
  kMxfp6E3m2,
  kMxfp6E2m3,
  kMxfp4E2m1,
  kMxint8,
  kMxint4,
  kNvfp4,
  kFp8E4m3,
  kFp8E5m2,
  kNvfp8emuE4m3,
  kNvfp8emuE5m2,
  kBf16,
  kFp16,
};

// How the shared power of two of a block is chosen.
enum class ScaleRule { kFloor, kRceil, kCeil, kEven, kVllm, kMse };

// How an element is rounded.
enum class Rounding { kEven, kNearest, kFloor, kHalfDown };

// Whose order of operations and clamps NVFP4 follows.
enum class Flavour { kModelopt, kTorchao, kVllm };

// Numeric contract of a peer.
enum class Preset { kOcp, kMicroxcaling, kTorchao, kModelopt, kQuark, kVllm };

// What the elements of a format share.
enum class FormatKind {
  kNone,      // the values stay as they are
  kMx,        // a power of two per block (E8M0), blocks of any size
  kNvfp4,     // an E4M3 scale per block of 16, and a float32 scale per tensor
  kPlain,     // nothing: each element is cast
  kEmulated,  // an exponent of its own per element: the MX element with block 1, scale floor
};

struct FormatInfo {
  Format format = Format::kNone;
  std::string_view name;  // as in experiment files, e.g. "mxfp8_e4m3"
  FormatKind kind = FormatKind::kNone;
  int element_bits = 0;
  int exponent_bits = 0;          // 0: fixed point
  int mantissa_bits = 0;          // fixed point: bits behind the point
  int emax = 0;                   // exponent of the largest normal
  double max = 0;                 // largest element
  double smallest_normal = 0;     // 0: fixed point
  double smallest_subnormal = 0;  // distance of the smallest elements
  std::int64_t default_block = 0;
  std::string_view description;  // one sentence
};

// All formats in the order of the schema, `none` first.
[[nodiscard]] std::span<const FormatInfo> all_formats() noexcept;
[[nodiscard]] const FormatInfo& format_info(Format format) noexcept;

// Stored bits per value of a row: element bits plus 8 / block for the scale. Block 0 (the whole
// row) and a float32 tensor scale count as nothing. `none`: 0, since it depends on the model.
[[nodiscard]] double bits_per_value(Format format, std::int64_t block) noexcept;

[[nodiscard]] std::string_view to_string(Format format) noexcept;
[[nodiscard]] std::string_view to_string(ScaleRule rule) noexcept;
[[nodiscard]] std::string_view to_string(Rounding rounding) noexcept;
[[nodiscard]] std::string_view to_string(Flavour flavour) noexcept;
[[nodiscard]] std::string_view to_string(Preset preset) noexcept;

// Empty when the name is not one of the schema's (names are case-sensitive).
[[nodiscard]] std::optional<Format> parse_format(std::string_view name) noexcept;
[[nodiscard]] std::optional<ScaleRule> parse_scale_rule(std::string_view name) noexcept;
[[nodiscard]] std::optional<Rounding> parse_rounding(std::string_view name) noexcept;
[[nodiscard]] std::optional<Flavour> parse_flavour(std::string_view name) noexcept;
[[nodiscard]] std::optional<Preset> parse_preset(std::string_view name) noexcept;

// Every accepted name, in the order of the schema.
[[nodiscard]] std::span<const std::string_view> format_names() noexcept;
[[nodiscard]] std::span<const std::string_view> scale_rule_names() noexcept;
[[nodiscard]] std::span<const std::string_view> rounding_names() noexcept;
[[nodiscard]] std::span<const std::string_view> flavour_names() noexcept;
[[nodiscard]] std::span<const std::string_view> preset_names() noexcept;

// What a scale rule or rounding does, for lists and tool tips.
[[nodiscard]] std::string_view describe(ScaleRule rule) noexcept;
[[nodiscard]] std::string_view describe(Rounding rounding) noexcept;
[[nodiscard]] std::string_view describe(Preset preset) noexcept;

// What a peer uses for a format: scale rule, rounding (ModelOpt rounds MXFP4 half down) and NVFP4
// flavour.
struct PresetValues {
  ScaleRule scale = ScaleRule::kFloor;
  Rounding rounding = Rounding::kEven;
  Flavour flavour = Flavour::kModelopt;

  bool operator==(const PresetValues&) const = default;
};
[[nodiscard]] PresetValues preset_values(Preset preset, Format format) noexcept;

}  // namespace mxscope
