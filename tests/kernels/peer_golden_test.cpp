// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "detail/quantize_math.h"
#include "kernels/mx_golden.h"
#include "kernels/quantize_support.h"

// What torchao, ModelOpt, compressed-tensors and Quark compute, against our rules. Ours equal them
// by value but for quirks that are documented and not copied. A block that differs must be
// explained by one of them, worked out from its input; anything else fails.
namespace mxscope::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

const char* const kPath = MXSCOPE_SHARED_DIR "/reference/peer_golden.safetensors";

struct Case {
  std::string peer, rule, format, input;
  QuantizeSpec spec;
  bool is_bfloat16;
};

// Key "<peer>/<rule>/<format>/b<block>/<input>/dq"; nothing for other outputs and for NVFP4.
std::optional<Case> case_of(const std::string& key) {
  const std::vector<std::string> parts = split(key, '/');
  if (parts.size() != 6 || parts[5] != "dq" || parts[1].rfind("nvfp4", 0) == 0) {
    return std::nullopt;
  }
  Case result{parts[0], parts[1], parts[2], parts[4], {}, parts[4].rfind("bf16", 0) == 0};
  result.spec.element = element_named(result.format);
  result.spec.block = std::stoll(parts[3].substr(1));
  const std::map<std::string, ScaleRule> rules = {
      {"floor", ScaleRule::kFloor}, {"rceil", ScaleRule::kRceil}, {"ceil", ScaleRule::kCeil},
      {"even", ScaleRule::kEven},   {"mx", ScaleRule::kVllm},     {"mxfp4", ScaleRule::kRceil},
      {"mxfp8", ScaleRule::kRceil}};
  result.spec.scale = rules.at(result.rule);
  // ModelOpt's MXFP4 rounds ties toward zero.
  result.spec.rounding = result.rule == "mxfp4" ? Rounding::kHalfDown : Rounding::kEven;
  return result;
}

using Block = std::vector<float>;

float largest_of(const Block& block) {
  float largest = 0;
  for (const float x : block) {
    largest = std::max(largest, std::fabs(x));
  }
  return largest;
}

bool equal_by_value(const Block& a, const Block& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i]))) {
      return false;
    }
  }
  return true;
}

// The block's elements under a scale of 2^exponent, which may lie outside E8M0.
Block with_exponent(const Block& block, const Case& c, int exponent) {
  const kernels::detail::QuantizePlan plan = kernels::detail::make_plan(c.spec, c.spec.block);
  Block result;
  for (const float x : block) {
    const auto scaled = static_cast<float>(std::ldexp(static_cast<double>(x), -exponent));
    const float element = c.spec.rounding == Rounding::kHalfDown
                              ? kernels::detail::round_scaled<Rounding::kHalfDown>(plan, scaled)
                              : kernels::detail::round_scaled<Rounding::kEven>(plan, scaled);
    const auto value = static_cast<float>(std::ldexp(static_cast<double>(element), exponent));
    result.push_back(c.is_bfloat16 ? kernels::reference::round_to_bfloat16(value) : value);
  }
  return result;
}

// Our exponent before any clamp.
int true_exponent(const Block& block, const Case& c) {
  const kernels::ElementTraits& format = kernels::traits(c.spec.element);
  const float a = largest_of(block);
  const auto ceil_log2 = [](double x) {
    int exponent = 0;
    return std::frexp(x, &exponent) == 0.5 ? exponent - 1 : exponent;
  };
  switch (c.spec.scale) {
    case ScaleRule::kRceil:
      return ceil_log2(static_cast<double>(a / format.max));
    case ScaleRule::kCeil:
      return ceil_log2(static_cast<double>(a)) - format.emax;
    default:
      return std::ilogb(static_cast<double>(a)) - format.emax;
  }
}

// The peers' rounded logarithm moves floor up and ceil down where the exact one lies within half a
// unit in the last place, float32 or bfloat16, of an integer.
bool logarithm_crosses_an_integer(const Block& block, const Case& c) {
  const float a = largest_of(block);
  const double argument = c.spec.scale == ScaleRule::kRceil
                              ? static_cast<double>(a / kernels::traits(c.spec.element).max)
                              : static_cast<double>(a);
  const double exact = std::log2(argument);
  const double integer = std::nearbyint(exact);
  if (exact == integer || argument == 0) {
    return false;
  }
  const auto in_float32 = static_cast<float>(exact);
  const bool is_rounded_in_bfloat16 = c.peer == "quark" && c.is_bfloat16;
  const float logarithm =
      is_rounded_in_bfloat16 ? kernels::reference::round_to_bfloat16(in_float32) : in_float32;
  // torch's float32 log2 errs by up to one unit beyond correct rounding.
  return std::fabs(logarithm - integer) <=
         (is_rounded_in_bfloat16 ? 0.0
                                 : std::nextafter(std::fabs(integer), 1e9) - std::fabs(integer));
}

std::string reason_for(const Case& c, const Block& block, const Block& peer,
                       std::optional<int> byte) {
  const float a = largest_of(block);
  bool has_infinity = false;
  bool has_nan = false;
  for (const float x : block) {
    has_infinity = has_infinity || std::isinf(x);
    has_nan = has_nan || std::isnan(x);
  }
  if (has_infinity || has_nan) {
    return c.peer == "torchao" && has_infinity && !has_nan ? "an infinity but no NaN" : "";
  }
  if (c.peer == "torchao" && byte == 0) {
    return "scale byte 0";
  }
  const bool takes_logarithm = c.spec.scale == ScaleRule::kRceil ||
                               (c.peer == "quark" && (c.rule == "floor" || c.rule == "ceil"));
  const int exponent = true_exponent(block, c);
  const int moved = exponent + (c.rule == "floor" ? 1 : -1);
  if (takes_logarithm && a > 0 && logarithm_crosses_an_integer(block, c) &&
      equal_by_value(with_exponent(block, c, moved), peer)) {
    return c.is_bfloat16 ? "logarithm rounded across an integer (bfloat16)"
                         : "logarithm rounded across an integer (float32)";
  }
  if (c.peer == "quark" && (c.rule == "floor" || c.rule == "ceil") && exponent < -127) {
    return "no clamp at 2^-127";
  }
  if (c.peer == "quark" && c.format == "int8") {
    if (exponent - 6 < -126) {
      return "element scale of at least 2^-126";
    }
    const float significand = std::ldexp(a, -std::ilogb(a));
    if (c.rule == "even" && significand >= 1.9921875F && significand < 1.998046875F &&
        equal_by_value(with_exponent(block, c, exponent), peer)) {
      return "even moves up from 1.998046875 on";
    }
  }
  return "";
}

TEST(PeerGolden, EveryDifferenceHasADocumentedReason) {
  if (!std::filesystem::exists(kPath)) {
    GTEST_SKIP() << kPath << " is absent";
  }
  const auto tensors = read_safetensors(kPath);
  std::map<std::string, std::map<std::string, int>> blocks_by_reason;
  int outputs = 0;
  int blocks = 0;
  for (const auto& [key, tensor] : tensors) {
    const std::optional<Case> c = case_of(key);
    if (!c) {
      continue;
    }
    ++outputs;
    const Matrix in = to_matrix(tensors.at("input/" + c->input));
    const Matrix expected = to_matrix(tensor);
    Matrix actual(in.dtype, in.rows, in.cols, in.stride);
    reference_quantizer()(c->spec, in, actual);
    const auto bytes = tensors.find(key.substr(0, key.size() - 2) + "scale");
    const std::int64_t per_row = (in.cols + c->spec.block - 1) / c->spec.block;
    for (std::int64_t index = 0; index < in.rows * per_row; ++index, ++blocks) {
      const std::int64_t row = index / per_row;
      const std::int64_t begin = index % per_row * c->spec.block;
      Block input, peer, ours;
      for (std::int64_t col = begin; col < std::min(in.cols, begin + c->spec.block); ++col) {
        input.push_back(in.at(row, col));
        peer.push_back(expected.at(row, col));
        ours.push_back(actual.at(row, col));
      }
      if (equal_by_value(peer, ours)) {
        continue;
      }
      std::optional<int> byte;
      if (bytes != tensors.end()) {
        byte = static_cast<unsigned char>(bytes->second.bytes.at(static_cast<std::size_t>(index)));
      }
      const std::string reason = reason_for(*c, input, peer, byte);
      EXPECT_NE(reason, "") << key << " block " << index << ", maximum " << largest_of(input);
      ++blocks_by_reason[c->peer + " " + c->rule + ": " + reason][c->format];
    }
  }
  EXPECT_GT(outputs, 0);
  std::printf("%d outputs, %d blocks; blocks that differ:\n", outputs, blocks);
  for (const auto& [reason, formats] : blocks_by_reason) {
    std::printf("  %s:", reason.c_str());
    for (const auto& [format, count] : formats) {
      std::printf(" %s %d", format.c_str(), count);
    }
    std::printf("\n");
  }
}

}  // namespace
}  // namespace mxscope::test
