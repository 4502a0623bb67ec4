// SPDX-License-Identifier: Apache-2.0
#include "detail/quantize_plan.h"

#include <bit>
#include <cmath>

namespace mxscope::kernels::detail {
namespace {

std::int32_t half_unit(int mantissa_bits) { return 1 << (22 - mantissa_bits); }

std::int32_t vllm_half_unit(Element element) {
  switch (element) {
    case Element::kFp6E3M2:
    case Element::kFp6E2M3:
      return half_unit(3);
    case Element::kInt8:
    case Element::kInt4:
      return half_unit(traits(element).mantissa_bits);
    default:
      return half_unit(1);
  }
}

void set_rule(QuantizePlan& plan, const QuantizeSpec& spec) {
  switch (spec.scale) {
    case ScaleRule::kFloor:
      break;
    case ScaleRule::kRceil:
      plan.rule = ExponentRule::kRceil;
      plan.emax = 0;
      break;
    case ScaleRule::kCeil:
      plan.rule = ExponentRule::kCeil;
      break;
    case ScaleRule::kEven:
      plan.carry = half_unit(traits(spec.element).mantissa_bits);
      break;
    case ScaleRule::kVllm:
      plan.carry = vllm_half_unit(spec.element);
      break;
    case ScaleRule::kMse:
      plan.rule = ExponentRule::kMse;
      break;
  }
}

}  // namespace

QuantizePlan make_plan(const QuantizeSpec& spec, std::int64_t cols) noexcept {
  QuantizePlan plan;
  if (spec.scheme == Scheme::kBf16 || spec.scheme == Scheme::kFp16) {
    plan.path = spec.scheme == Scheme::kBf16 ? Path::kCastBf16 : Path::kCastFp16;
    return plan;
  }
  const ElementTraits& format = traits(spec.element);
  plan.rounding = spec.rounding;
  plan.emax = format.emax;
  plan.emin_bits = (format.emin + 127) << 23;
  plan.magic_shift = (23 - format.mantissa_bits) << 23;
  plan.max = format.max;
  if (spec.scheme == Scheme::kElementCast) {
    plan.rule = ExponentRule::kFixed;
    plan.rounding = Rounding::kEven;
    return plan;
  }
  if (spec.scheme == Scheme::kPrivateExponent) {
    return plan;
  }
  plan.block = spec.block <= 0 || spec.block > cols ? cols : spec.block;
  set_rule(plan, spec);
  const int length_bits = std::bit_width(static_cast<std::uint64_t>(plan.block - 1));
  // 2^(2 emax + 4 + length_bits - 53) is the unit; adding 1.5 * 2^52 of them rounds to it.
  plan.error_magic = std::ldexp(1.5, 2 * format.emax + 4 + length_bits - 53 + 52);
  return plan;
}

}  // namespace mxscope::kernels::detail
