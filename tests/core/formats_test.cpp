// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/formats/format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mxscope/core/formats/operand_spec.h"
#include "mxscope/core/formats/suggest.h"

namespace mxscope {
namespace {

TEST(Formats, EveryNameIsReadBack) {
  ASSERT_EQ(format_names().size(), all_formats().size());
  for (const FormatInfo& info : all_formats()) {
    EXPECT_EQ(parse_format(info.name), info.format);
    EXPECT_EQ(to_string(info.format), info.name);
    EXPECT_EQ(&format_info(info.format), &info);
    EXPECT_FALSE(info.description.empty());
  }
  EXPECT_EQ(parse_format("MXFP8_E4M3"), std::nullopt);
  EXPECT_EQ(parse_format(""), std::nullopt);
  for (const std::string_view name : scale_rule_names()) {
    EXPECT_EQ(to_string(parse_scale_rule(name).value()), name);
    EXPECT_FALSE(describe(*parse_scale_rule(name)).empty());
  }
  for (const std::string_view name : rounding_names()) {
    EXPECT_EQ(to_string(parse_rounding(name).value()), name);
    EXPECT_FALSE(describe(*parse_rounding(name)).empty());
  }
  for (const std::string_view name : preset_names()) {
    EXPECT_EQ(to_string(parse_preset(name).value()), name);
    EXPECT_FALSE(describe(*parse_preset(name)).empty());
  }
}

TEST(Formats, FloatingElementsFollowFromTheirBits) {
  for (const FormatInfo& info : all_formats()) {
    if (info.exponent_bits == 0) {
      continue;
    }
    SCOPED_TRACE(info.name);
    const int bias = (1 << (info.exponent_bits - 1)) - 1;
    EXPECT_EQ(info.smallest_normal, std::ldexp(1.0, 1 - bias));
    EXPECT_EQ(info.smallest_subnormal, std::ldexp(1.0, 1 - bias - info.mantissa_bits));
    EXPECT_EQ(1 + info.exponent_bits + info.mantissa_bits, info.element_bits);
    EXPECT_EQ(std::ilogb(info.max), info.emax);
  }
}

TEST(Formats, BitsPerValueCountTheScale) {
  EXPECT_EQ(bits_per_value(Format::kMxfp4E2m1, 32), 4.25);
  EXPECT_EQ(bits_per_value(Format::kMxfp6E3m2, 32), 6.25);
  EXPECT_EQ(bits_per_value(Format::kMxfp8E4m3, 32), 8.25);
  EXPECT_EQ(bits_per_value(Format::kMxfp8E4m3, 0), 8.0);
  EXPECT_EQ(bits_per_value(Format::kNvfp4, 16), 4.5);
  EXPECT_EQ(bits_per_value(Format::kBf16, 0), 16.0);
  EXPECT_EQ(bits_per_value(Format::kNvfp8emuE4m3, 1), 16.0);
  EXPECT_EQ(bits_per_value(Format::kNone, 0), 0.0);
}

TEST(Formats, PresetsAreThoseOfThePeers) {
  const auto is = [](Preset preset, Format format, ScaleRule scale, Rounding rounding,
                     Flavour flavour) {
    EXPECT_EQ(preset_values(preset, format), (PresetValues{scale, rounding, flavour}));
  };
  is(Preset::kOcp, Format::kMxint8, ScaleRule::kFloor, Rounding::kEven, Flavour::kModelopt);
  is(Preset::kMicroxcaling, Format::kMxint8, ScaleRule::kFloor, Rounding::kNearest,
     Flavour::kModelopt);
  is(Preset::kTorchao, Format::kMxint8, ScaleRule::kRceil, Rounding::kEven, Flavour::kTorchao);
  is(Preset::kModelopt, Format::kMxfp8E4m3, ScaleRule::kRceil, Rounding::kEven, Flavour::kModelopt);
  is(Preset::kModelopt, Format::kMxfp4E2m1, ScaleRule::kRceil, Rounding::kHalfDown,
     Flavour::kModelopt);
  is(Preset::kQuark, Format::kMxint8, ScaleRule::kEven, Rounding::kEven, Flavour::kModelopt);
  is(Preset::kVllm, Format::kMxint8, ScaleRule::kVllm, Rounding::kEven, Flavour::kVllm);
}

TEST(Formats, OperandsKeepOnlyWhatDecidesTheirValues) {
  EXPECT_EQ(make_operand(Format::kMxfp8E4m3).label(), "mxfp8_e4m3/32");
  EXPECT_EQ(make_operand(Format::kMxfp4E2m1, 0).label(), "mxfp4_e2m1/row");
  EXPECT_EQ(make_operand(Format::kNvfp4, 64).label(), "nvfp4/16");
  EXPECT_EQ(make_operand(Format::kBf16, 64).label(), "bf16");
  EXPECT_EQ(make_operand(Format::kNvfp8emuE4m3, 64).label(), "nvfp8emu_e4m3");
  EXPECT_EQ(make_operand(Format::kNone).label(), "none");
  EXPECT_EQ(make_operand(Format::kBf16, 64, ScaleRule::kMse, Rounding::kFloor),
            make_operand(Format::kBf16));
  EXPECT_EQ(make_operand(Format::kNvfp8emuE4m3, 64, ScaleRule::kMse).scale, ScaleRule::kFloor);
  EXPECT_NE(make_operand(Format::kNvfp4, 16, ScaleRule::kFloor, Rounding::kEven, Flavour::kVllm),
            make_operand(Format::kNvfp4));
  EXPECT_EQ(make_operand(Format::kMxint8, 16, ScaleRule::kRceil, Rounding::kNearest).description(),
            "mxint8/16 scale rceil rounding nearest");
  EXPECT_EQ(
      make_operand(Format::kNvfp4, 16, ScaleRule::kFloor, Rounding::kEven, Flavour::kTorchao, false)
          .description(),
      "nvfp4/16 flavour torchao without tensor scale");
}

TEST(Suggest, FindsTheSlipAndNothingElse) {
  const auto near = [](std::string_view word) { return suggest(word, format_names()); };
  EXPECT_EQ(near("mxfp8-e4m3"), "mxfp8_e4m3");
  EXPECT_EQ(near("MXFP4_E2M1"), "mxfp4_e2m1");
  EXPECT_EQ(near("mxftp8_e5m2"), "mxfp8_e5m2");
  EXPECT_EQ(near("mxin8"), "mxint8");
  EXPECT_EQ(near("int4"), "mxint4");
  EXPECT_EQ(near("something else"), "");
  EXPECT_EQ(near(""), "");
  EXPECT_EQ(near(std::string(100000, 'm')), "");
}

}  // namespace
}  // namespace mxscope
