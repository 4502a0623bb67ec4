// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mxscope {

// Counts of values in bins that are equal on a logarithmic scale, for percentiles of per-position
// figures that are too many to keep. 32 bins an octave: a percentile is within 1.1 % of the true
// value. Magnitudes below 2^-60 count as 0, those above 2^60 as 2^60; NaN is counted apart. Merging
// is exact and does not depend on the order. An object belongs to one thread.
class LogHistogram {
 public:
  static constexpr int kBinsPerOctave = 32;

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
  std::map<std::int32_t, std::int64_t> bins_;  // 0: zero; sign and magnitude of the index as value
  std::int64_t count_ = 0;
  std::int64_t not_a_number_ = 0;
};

}  // namespace mxscope
