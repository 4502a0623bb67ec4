// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mxscope {

// Counts of values in bins of nearly equal relative width, for percentiles of per-position figures
// that are too many to keep. 64 bins an octave: a percentile is within 0.8 % of a value that stands
// there. Magnitudes below 2^-60 count as 0, those from 2^60 as the last bin; NaN is counted apart.
// Merging is exact and does not depend on the order. An object belongs to one thread.
class LogHistogram {
 public:
  static constexpr int kBinsPerOctave = 64;

  void add(double value, std::int64_t count = 1);
  void merge(const LogHistogram& other);

  [[nodiscard]] std::int64_t count() const noexcept { return count_; }  // without NaN
  [[nodiscard]] std::int64_t not_a_number() const noexcept { return not_a_number_; }
  // Value below which `percent` of the values lie, 0 .. 100: the middle of its bin. Empty when
  // there are no values.
  [[nodiscard]] std::optional<double> percentile(double percent) const;

  // Bytes for the store; deserialize() refuses (empty result) what serialize() did not write.
  [[nodiscard]] std::string serialize() const;
  [[nodiscard]] static std::optional<LogHistogram> deserialize(std::string_view bytes);

  bool operator==(const LogHistogram&) const = default;

 private:
  // Index 0 is zero; else 1 + bins above 2^-60, with the sign of the value.
  std::map<std::int32_t, std::int64_t> bins_;
  std::int64_t count_ = 0;
  std::int64_t not_a_number_ = 0;
};

}  // namespace mxscope
