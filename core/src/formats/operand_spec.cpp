// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/formats/operand_spec.h"

namespace mxscope {

std::string OperandSpec::label() const {
  std::string text(to_string(format));
  const FormatKind kind = format_info(format).kind;
  if (kind == FormatKind::kMx || kind == FormatKind::kNvfp4) {
    text += '/';
    text += block == 0 ? "row" : std::to_string(block);
  }
  return text;
}

std::string OperandSpec::description() const {
  std::string text = label();
  const FormatKind kind = format_info(format).kind;
  if (kind == FormatKind::kMx && scale != ScaleRule::kFloor) {
    text += " scale ";
    text += to_string(scale);
  }
  if (rounding != Rounding::kEven) {
    text += " rounding ";
    text += to_string(rounding);
  }
  if (kind == FormatKind::kNvfp4) {
    if (flavour != Flavour::kModelopt) {
      text += " flavour ";
      text += to_string(flavour);
    }
    if (!tensor_scale) {
      text += " without tensor scale";
    }
  }
  return text;
}

OperandSpec make_operand(Format format, std::int64_t block, ScaleRule scale, Rounding rounding,
                         Flavour flavour, bool tensor_scale) noexcept {
  OperandSpec spec;
  spec.format = format;
  switch (format_info(format).kind) {
    case FormatKind::kMx:
      spec.block = block;
      spec.scale = scale;
      spec.rounding = rounding;
      break;
    case FormatKind::kNvfp4:
      spec.block = 16;
      spec.flavour = flavour;
      spec.tensor_scale = tensor_scale;
      break;
    case FormatKind::kEmulated:
      spec.block = 1;
      spec.rounding = rounding;
      break;
    case FormatKind::kPlain:
    case FormatKind::kNone:
      break;
  }
  return spec;
}

}  // namespace mxscope
