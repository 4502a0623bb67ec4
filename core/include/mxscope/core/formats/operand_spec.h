// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "mxscope/core/formats/format.h"

namespace mxscope {

// The resolved numeric contract of one operand: everything that decides a quantised value. Make it
// with make_operand(), so that fields without a meaning for the format have one fixed value and
// equal contracts compare equal.
struct OperandSpec {
  Format format = Format::kNone;
  std::int64_t block = 0;  // values per shared scale along the last axis; 0: the whole row
  ScaleRule scale = ScaleRule::kFloor;
  Rounding rounding = Rounding::kEven;
  Flavour flavour = Flavour::kModelopt;  // nvfp4
  bool tensor_scale = false;             // nvfp4

  [[nodiscard]] bool quantised() const noexcept { return format != Format::kNone; }

  // "mxfp8_e4m3/32", "mxfp4_e2m1/row", "nvfp4/16", "bf16", "none".
  [[nodiscard]] std::string label() const;
  // The label and what differs from the defaults: "mxfp8_e4m3/32 scale rceil rounding nearest".
  [[nodiscard]] std::string description() const;

  bool operator==(const OperandSpec&) const = default;
};

// Sets what the format fixes: nvfp4 has block 16, ties to even and a flavour; an emulated format
// has block 1 and scale floor; plain casts have no block and ties to even; only nvfp4 keeps
// `tensor_scale` and `flavour`.
[[nodiscard]] OperandSpec make_operand(Format format, std::int64_t block = 32,
                                       ScaleRule scale = ScaleRule::kFloor,
                                       Rounding rounding = Rounding::kEven,
                                       Flavour flavour = Flavour::kModelopt,
                                       bool tensor_scale = true) noexcept;

}  // namespace mxscope
