// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace mxscope {

// Names of an enumeration whose values count from 0, in order.
template <std::size_t N>
using EnumNames = std::array<std::string_view, N>;

template <typename Enum, std::size_t N>
constexpr std::string_view enum_name(const EnumNames<N>& names, Enum value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : std::string_view("?");
}

template <typename Enum, std::size_t N>
constexpr std::optional<Enum> parse_enum(const EnumNames<N>& names,
                                         std::string_view name) noexcept {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) {
      return static_cast<Enum>(i);
    }
  }
  return std::nullopt;
}

}  // namespace mxscope
