// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/formats/format.h"

#include <array>
#include <cstddef>

#include "formats/enum_table.h"

namespace mxscope {
namespace {

constexpr std::size_t kFormatCount = 15;

// NUMERICS section 1. The emulated formats have the elements of their MX counterparts.
constexpr std::array<FormatInfo, kFormatCount> kFormats = {{
    {Format::kNone, "none", FormatKind::kNone, 0, 0, 0, 0, 0, 0, 0, 0,
     "Not quantised: the value keeps the type that the model is computed in."},
    {Format::kMxfp8E4m3, "mxfp8_e4m3", FormatKind::kMx, 8, 4, 3, 8, 448, 0x1p-6, 0x1p-9, 32,
     "OCP MXFP8: 8-bit elements with 4 exponent and 3 mantissa bits, no infinity."},
    {Format::kMxfp8E5m2, "mxfp8_e5m2", FormatKind::kMx, 8, 5, 2, 15, 57344, 0x1p-14, 0x1p-16, 32,
     "OCP MXFP8: 8-bit elements with 5 exponent and 2 mantissa bits."},
    {Format::kMxfp6E3m2, "mxfp6_e3m2", FormatKind::kMx, 6, 3, 2, 4, 28, 0x1p-2, 0x1p-4, 32,
     "OCP MXFP6: 6-bit elements with 3 exponent and 2 mantissa bits."},
    {Format::kMxfp6E2m3, "mxfp6_e2m3", FormatKind::kMx, 6, 2, 3, 2, 7.5, 1, 0x1p-3, 32,
     "OCP MXFP6: 6-bit elements with 2 exponent and 3 mantissa bits."},
    {Format::kMxfp4E2m1, "mxfp4_e2m1", FormatKind::kMx, 4, 2, 1, 2, 6, 1, 0x1p-1, 32,
     "OCP MXFP4: 4-bit elements with 2 exponent bits and 1 mantissa bit."},
    {Format::kMxint8, "mxint8", FormatKind::kMx, 8, 0, 6, 0, 127.0 / 64.0, 0, 0x1p-6, 32,
     "OCP MXINT8: fixed point with 1 integer and 6 fraction bits, symmetric."},
    {Format::kMxint4, "mxint4", FormatKind::kMx, 4, 0, 2, 0, 1.75, 0, 0x1p-2, 32,
     "4-bit fixed point with 1 integer and 2 fraction bits, symmetric; emulation only."},
    {Format::kNvfp4, "nvfp4", FormatKind::kNvfp4, 4, 2, 1, 2, 6, 1, 0x1p-1, 16,
     "NVFP4: E2M1 elements, an E4M3 scale per block of 16, a float32 scale per tensor."},
    {Format::kFp8E4m3, "fp8_e4m3", FormatKind::kPlain, 8, 4, 3, 8, 448, 0x1p-6, 0x1p-9, 0,
     "Plain cast to FP8 E4M3, no shared scale, ties to even, saturating."},
    {Format::kFp8E5m2, "fp8_e5m2", FormatKind::kPlain, 8, 5, 2, 15, 57344, 0x1p-14, 0x1p-16, 0,
     "Plain cast to FP8 E5M2, no shared scale, ties to even, saturating."},
    {Format::kNvfp8emuE4m3, "nvfp8emu_e4m3", FormatKind::kEmulated, 8, 4, 3, 8, 448, 0x1p-6, 0x1p-9,
     1,
     "The seed study's \"NV-FP8 emulation\": the MXFP8 E4M3 element with an exponent of its own."},
    {Format::kNvfp8emuE5m2, "nvfp8emu_e5m2", FormatKind::kEmulated, 8, 5, 2, 15, 57344, 0x1p-14,
     0x1p-16, 1,
     "The seed study's \"NV-FP8 emulation\": the MXFP8 E5M2 element with an exponent of its own."},
    {Format::kBf16, "bf16", FormatKind::kPlain, 16, 8, 7, 127, 0x1.FEp127, 0x1p-126, 0x1p-133, 0,
     "Plain cast to bfloat16, ties to even."},
    {Format::kFp16, "fp16", FormatKind::kPlain, 16, 5, 10, 15, 65504, 0x1p-14, 0x1p-24, 0,
     "Plain cast to IEEE half precision, ties to even."},
}};

constexpr EnumNames<kFormatCount> format_name_table() {
  EnumNames<kFormatCount> names{};
  for (std::size_t i = 0; i < kFormatCount; ++i) {
    names[i] = kFormats[i].name;
  }
  return names;
}

constexpr EnumNames<kFormatCount> kFormatNames = format_name_table();
constexpr EnumNames<6> kScaleRules = {"floor", "rceil", "ceil", "even", "vllm", "mse"};
constexpr EnumNames<4> kRoundings = {"even", "nearest", "floor", "half_down"};
constexpr EnumNames<3> kFlavours = {"modelopt", "torchao", "vllm"};
constexpr EnumNames<6> kPresets = {"ocp", "microxcaling", "torchao", "modelopt", "quark", "vllm"};

}  // namespace

std::span<const FormatInfo> all_formats() noexcept { return kFormats; }

const FormatInfo& format_info(Format format) noexcept {
  const auto index = static_cast<std::size_t>(format);
  return index < kFormats.size() ? kFormats[index] : kFormats[0];
}

double bits_per_value(Format format, std::int64_t block) noexcept {
  const FormatInfo& info = format_info(format);
  switch (info.kind) {
    case FormatKind::kMx:
      return info.element_bits + (block > 0 ? 8.0 / static_cast<double>(block) : 0.0);
    case FormatKind::kNvfp4:
      return info.element_bits + 8.0 / 16.0;
    case FormatKind::kEmulated:
      return info.element_bits + 8.0;
    case FormatKind::kPlain:
      return info.element_bits;
    case FormatKind::kNone:
      break;
  }
  return 0;
}

std::string_view to_string(Format format) noexcept { return format_info(format).name; }
std::string_view to_string(ScaleRule rule) noexcept { return enum_name(kScaleRules, rule); }
std::string_view to_string(Rounding rounding) noexcept { return enum_name(kRoundings, rounding); }
std::string_view to_string(Flavour flavour) noexcept { return enum_name(kFlavours, flavour); }
std::string_view to_string(Preset preset) noexcept { return enum_name(kPresets, preset); }

std::optional<Format> parse_format(std::string_view name) noexcept {
  return parse_enum<Format>(kFormatNames, name);
}
std::optional<ScaleRule> parse_scale_rule(std::string_view name) noexcept {
  return parse_enum<ScaleRule>(kScaleRules, name);
}
std::optional<Rounding> parse_rounding(std::string_view name) noexcept {
  return parse_enum<Rounding>(kRoundings, name);
}
std::optional<Flavour> parse_flavour(std::string_view name) noexcept {
  return parse_enum<Flavour>(kFlavours, name);
}
std::optional<Preset> parse_preset(std::string_view name) noexcept {
  return parse_enum<Preset>(kPresets, name);
}

std::span<const std::string_view> format_names() noexcept { return kFormatNames; }
std::span<const std::string_view> scale_rule_names() noexcept { return kScaleRules; }
std::span<const std::string_view> rounding_names() noexcept { return kRoundings; }
std::span<const std::string_view> flavour_names() noexcept { return kFlavours; }
std::span<const std::string_view> preset_names() noexcept { return kPresets; }

std::string_view describe(ScaleRule rule) noexcept {
  switch (rule) {
    case ScaleRule::kFloor:
      return "floor(log2 max) - emax: OCP MX v1.0, microxcaling, torchao FLOOR";
    case ScaleRule::kRceil:
      return "ceil(log2(max / largest element)), no saturation: torchao inference, NVIDIA";
    case ScaleRule::kCeil:
      return "floor(log2 max) - emax, one more unless max is a power of two";
    case ScaleRule::kEven:
      return "exponent of max rounded to the element's mantissa: torchao EVEN, Quark";
    case ScaleRule::kVllm:
      return "as even, with fixed mantissa bits: compressed-tensors";
    case ScaleRule::kMse:
      return "of floor - 1, floor, floor + 1 the one with the smallest squared error";
  }
  return "";
}

std::string_view describe(Rounding rounding) noexcept {
  switch (rounding) {
    case Rounding::kEven:
      return "to nearest, ties to even";
    case Rounding::kNearest:
      return "to nearest, ties away from zero: microxcaling's default";
    case Rounding::kFloor:
      return "toward zero";
    case Rounding::kHalfDown:
      return "to nearest, ties toward zero: ModelOpt's MXFP4";
  }
  return "";
}

std::string_view describe(Preset preset) noexcept {
  switch (preset) {
    case Preset::kOcp:
      return "OCP MX v1.0: scale floor, rounding even";
    case Preset::kMicroxcaling:
      return "microxcaling: scale floor, rounding nearest";
    case Preset::kTorchao:
      return "torchao inference: scale rceil, rounding even, its NVFP4";
    case Preset::kModelopt:
      return "ModelOpt: scale rceil, rounding even (MXFP4: half_down), its NVFP4";
    case Preset::kQuark:
      return "Quark: scale even, rounding even";
    case Preset::kVllm:
      return "compressed-tensors: scale vllm, rounding even, its NVFP4";
  }
  return "";
}

PresetValues preset_values(Preset preset, Format format) noexcept {
  switch (preset) {
    case Preset::kOcp:
      return {};
    case Preset::kMicroxcaling:
      return {ScaleRule::kFloor, Rounding::kNearest, Flavour::kModelopt};
    case Preset::kTorchao:
      return {ScaleRule::kRceil, Rounding::kEven, Flavour::kTorchao};
    case Preset::kModelopt:
      return {ScaleRule::kRceil,
              format == Format::kMxfp4E2m1 ? Rounding::kHalfDown : Rounding::kEven,
              Flavour::kModelopt};
    case Preset::kQuark:
      return {ScaleRule::kEven, Rounding::kEven, Flavour::kModelopt};
    case Preset::kVllm:
      return {ScaleRule::kVllm, Rounding::kEven, Flavour::kVllm};
  }
  return {};
}

}  // namespace mxscope
