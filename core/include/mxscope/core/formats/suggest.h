// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mxscope {

// The candidate that `word` was probably meant to be: fewest edits (insert, delete, replace, swap
// of neighbours; case, '-' and '_' count as equal), at most a third of the word's length and at
// least one; or the only one that contains it. Empty when nothing is near.
[[nodiscard]] std::string_view suggest(std::string_view word,
                                       std::span<const std::string_view> candidates);

// "Did you mean 'x'?" with a leading blank, or nothing.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> candidates);

// "a, b or c".
[[nodiscard]] std::string join_choices(std::span<const std::string_view> choices);

}  // namespace mxscope
