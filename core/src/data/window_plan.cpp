// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include "mxscope/core/base/error.h"
#include "mxscope/core/data/windows.h"

namespace mxscope {
namespace {

using Protocol = WindowPlan::Protocol;

constexpr std::array<std::string_view, 6> kNames = {"windows",   "concat2048", "sliding",
                                                    "llama.cpp", "seed",       "documents"};
constexpr std::array<Protocol, 6> kProtocols = {Protocol::kWindows, Protocol::kConcat2048,
                                                Protocol::kSliding, Protocol::kLlamaCpp,
                                                Protocol::kSeed,    Protocol::kDocuments};
// Known from NUMERICS section 6, not implemented.
constexpr std::string_view kLmEval = "lm-eval";

constexpr std::array<std::pair<std::string_view, BosMode>, 4> kBosNames = {
    {{"tokenizer", BosMode::kTokenizer},
     {"once", BosMode::kOnce},
     {"each", BosMode::kEach},
     {"none", BosMode::kNone}}};

constexpr std::int64_t kConcatContext = 2048;   // GPTQ, AWQ
constexpr std::int64_t kDefaultContext = 2048;  // unless the model is shorter
constexpr std::int64_t kShortContext = 512;     // seed study; llama.cpp's perplexity
// No model reads more, and a row of padding has this length under `seed`.
constexpr std::int64_t kMaxContext = std::int64_t{1} << 24;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::kInvalidInput, message);
}

std::string listed() {
  std::string text;
  for (const std::string_view name : kNames) {
    text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

Protocol find_protocol(const std::string& name) {
  const auto it = std::find(kNames.begin(), kNames.end(), name);
  if (it != kNames.end()) {
    return kProtocols[static_cast<std::size_t>(it - kNames.begin())];
  }
  if (name == kLmEval) {
    throw Error(ErrorCode::kUnsupported,
                "protocol.name 'lm-eval' is not implemented; implemented are " + listed() + ".");
  }
  refuse("protocol.name is '" + name + "'; accepted are " + listed() + ".");
}

std::int64_t default_context(Protocol protocol, const ModelLimits& limits) {
  switch (protocol) {
    case Protocol::kConcat2048:
      return kConcatContext;
    case Protocol::kSeed:
    case Protocol::kLlamaCpp:
      return kShortContext;
    default:
      return limits.max_context > 0 ? std::min(kDefaultContext, limits.max_context)
                                    : kDefaultContext;
  }
}

void check_context(const WindowPlan& plan, bool given) {
  const std::string stated = "protocol.context is " + std::to_string(plan.context) +
                             (given ? "" : ", the default of '" + plan.name + "'");
  // llama.cpp scores positions c/2 .. c-2, which needs three tokens.
  const std::int64_t least = plan.protocol == Protocol::kLlamaCpp ? 3 : 2;
  if (plan.context < least || plan.context > kMaxContext) {
    refuse(stated + "; accepted are " + std::to_string(least) + " to " +
           std::to_string(kMaxContext) + ".");
  }
  if (plan.protocol == Protocol::kConcat2048 && plan.context != kConcatContext) {
    refuse(stated +
           "; protocol 'concat2048' has 2048. Use protocol 'windows' with rows 'wikitext' "
           "and a blank line as join for another length.");
  }
  if (plan.limits.max_context > 0 && plan.context > plan.limits.max_context) {
    refuse(stated + "; the model reads at most " + std::to_string(plan.limits.max_context) +
           " tokens.");
  }
}

void check_stride(const WindowPlan& plan) {
  const std::string stated = "protocol.stride is " + std::to_string(plan.stride);
  if (plan.protocol == Protocol::kSliding) {
    if (plan.stride < 1 || plan.stride > plan.context) {
      refuse(stated + "; accepted are 1 to the context, " + std::to_string(plan.context) + ".");
    }
  } else if (plan.stride != plan.context) {
    refuse(stated + "; protocol '" + plan.name + "' has no stride but its context, " +
           std::to_string(plan.context) + ". Use protocol 'sliding' for overlapping windows.");
  }
}

}  // namespace

BosMode parse_bos(std::string_view name) {
  for (const auto& [known, mode] : kBosNames) {
    if (known == name) {
      return mode;
    }
  }
  refuse("protocol.bos is '" + std::string(name) +
         "'; accepted are tokenizer, once, each and none.");
}

std::string_view to_string(BosMode bos) noexcept {
  for (const auto& [known, mode] : kBosNames) {
    if (mode == bos) {
      return known;
    }
  }
  return "tokenizer";
}

std::span<const std::string_view> protocol_names() noexcept { return kNames; }

WindowPlan resolve_plan(const ProtocolRequest& request, const ModelLimits& limits) {
  WindowPlan plan;
  plan.protocol = find_protocol(request.name);
  plan.name = request.name;
  plan.limits = limits;
  plan.context = request.context.value_or(default_context(plan.protocol, limits));
  check_context(plan, request.context.has_value());
  plan.stride = request.stride.value_or(plan.context);
  check_stride(plan);
  plan.bos = parse_bos(request.bos);
  if (plan.protocol == Protocol::kSliding && plan.bos == BosMode::kEach) {
    refuse("protocol.bos is 'each'; protocol 'sliding' accepts tokenizer, once and none.");
  }
  const bool joins = plan.protocol != Protocol::kSeed && plan.protocol != Protocol::kDocuments;
  const bool blank_line =
      plan.protocol == Protocol::kConcat2048 || plan.protocol == Protocol::kSliding;
  plan.join = request.join.value_or(blank_line ? "\n\n" : "");
  if (!joins && !plan.join.empty()) {
    refuse("protocol.join is given; protocol '" + plan.name +
           "' takes each sample on its own and joins nothing.");
  }
  plan.max_windows = request.max_windows;
  if (plan.max_windows && *plan.max_windows < 1) {
    refuse("protocol.max_windows is " + std::to_string(*plan.max_windows) +
           "; at least 1 is needed.");
  }
  return plan;
}

}  // namespace mxscope
