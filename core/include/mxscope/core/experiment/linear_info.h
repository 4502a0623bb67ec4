// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mxscope {

// What a linear is for, known from the architecture.
enum class LinearRole {
  kAttention,
  kMlp,      // of a dense MLP, or of an expert that every token uses
  kExperts,  // of one expert of a mixture
  kHead,     // lm_head
  kOther,
};

// "attention", "mlp", "experts", "lm_head", "other".
[[nodiscard]] std::string_view to_string(LinearRole role) noexcept;

// One linear of a model as rules see it.
struct LinearInfo {
  std::string name;         // checkpoint tensor without ".weight"
  std::int64_t block = -1;  // index of the decoder block; -1: outside (the head)
  LinearRole role = LinearRole::kOther;
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;

  bool operator==(const LinearInfo&) const = default;
};

}  // namespace mxscope
