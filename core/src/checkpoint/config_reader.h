// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/checkpoint/decoder_spec.h"

namespace mxscope {

// Largest size or count that a config may name.
inline constexpr int64_t kMaxConfigSize = int64_t{1} << 31;
// Blocks of a model: bounds what the per-block tables of a hostile config can take.
inline constexpr int64_t kMaxBlocks = 100'000;
inline constexpr int64_t kMaxHeads = 65'536;
inline constexpr int64_t kMaxHeadDim = 65'536;

// Typed access to one object of a config, with errors that name file and field. `null` counts as
// absent, as in transformers. A field of two names ("n_embd|hidden_size") is taken from the one
// that stands; two that disagree are refused.
class ConfigReader {
 public:
  // Keeps references to both arguments.
  ConfigReader(const nlohmann::json& object, const std::string& file, std::string prefix = "");

  // The value, or null when the field is absent or null.
  [[nodiscard]] const nlohmann::json* value(std::string_view names) const;
  [[nodiscard]] bool has(std::string_view names) const { return value(names) != nullptr; }

  [[nodiscard]] int64_t size(std::string_view names, int64_t max = kMaxConfigSize) const;
  [[nodiscard]] int64_t size_or(std::string_view names, int64_t fallback,
                                int64_t max = kMaxConfigSize) const;
  // A finite number above `above`.
  [[nodiscard]] std::optional<double> number(std::string_view names, double above) const;
  [[nodiscard]] double number_or(std::string_view names, double fallback, double above) const;
  [[nodiscard]] bool flag_or(std::string_view names, bool fallback) const;
  [[nodiscard]] std::string text_or(std::string_view names, std::string_view fallback) const;
  // An object, or nothing.
  [[nodiscard]] std::optional<ConfigReader> child(std::string_view name) const;
  // A list of strings, at most `max` long.
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view name,
                                                              std::size_t max) const;

  [[nodiscard]] Activation activation(std::string_view names, std::string_view fallback) const;
  // Id of a special token, or -1.
  [[nodiscard]] int64_t token(std::string_view name, int64_t vocab_size) const;

  // Refuses an option that is set to something else than `accepted` (absent is accepted).
  void accept_only(std::string_view name, const nlohmann::json& accepted) const;

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const nlohmann::json& object() const { return object_; }
  // Throw kInvalidInput / kUnsupported: "FILE: 'field' PROBLEM."
  [[noreturn]] void invalid(std::string_view name, const std::string& problem) const;
  [[noreturn]] void unsupported(std::string_view name, const std::string& problem) const;

 private:
  const nlohmann::json& object_;
  const std::string& file_;
  std::string prefix_;  // e.g. "attn_config."
};

// A value as a config shows it, shortened for a message.
[[nodiscard]] std::string shown(const nlohmann::json& value);

}  // namespace mxscope
