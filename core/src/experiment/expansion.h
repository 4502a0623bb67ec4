// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mxscope/core/experiment/variants.h"

namespace mxscope {

// An experiment that makes more variants than this is a slip: no person reads so many rows.
inline constexpr std::int64_t kMaxVariants = 10000;
inline constexpr std::string_view kBaselineName = "baseline";

// Number of combinations that the lists of one entry make.
[[nodiscard]] std::int64_t combinations(const VariantEntry& entry) noexcept;

// The variants of one entry, equal ones once. Names follow the entry's own name or its content and
// may still collide with those of other entries.
[[nodiscard]] std::vector<ResolvedVariant> expand_entry(const VariantEntry& entry);

}  // namespace mxscope
