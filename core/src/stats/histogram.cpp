// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/stats/histogram.h"

#include <bit>
#include <cmath>
#include <limits>

namespace mxscope {
namespace {

constexpr int kMinExponent = -60;
constexpr int kMaxExponent = 60;
constexpr int kLastBin = (kMaxExponent - kMinExponent) * LogHistogram::kBinsPerOctave;
constexpr std::string_view kMagic = "LH01";

// 0 for zero, else 1 .. kLastBin with the sign of the value. From the bits, so that every machine
// chooses the same bin.
std::int32_t bin_of(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const int exponent = static_cast<int>((bits >> 52U) & 0x7FFU) - 1023;
  if (exponent < kMinExponent) {
    return 0;
  }
  const auto fraction = static_cast<int>((bits >> 46U) & 0x3FU);
  const int magnitude =
      exponent >= kMaxExponent
          ? kLastBin
          : 1 + (exponent - kMinExponent) * LogHistogram::kBinsPerOctave + fraction;
  return std::signbit(value) ? -magnitude : magnitude;
}

double middle_of(std::int32_t bin) noexcept {
  if (bin == 0) {
    return 0;
  }
  const int index = (bin < 0 ? -bin : bin) - 1;
  const double fraction =
      (index % LogHistogram::kBinsPerOctave + 0.5) / LogHistogram::kBinsPerOctave;
  const double value =
      std::ldexp(1 + fraction, kMinExponent + index / LogHistogram::kBinsPerOctave);
  return bin < 0 ? -value : value;
}

void append(std::string& bytes, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) {
    bytes += static_cast<char>((value >> (8 * i)) & 0xFFU);
  }
}

std::uint64_t take(std::string_view& bytes, int size) {
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    value |=
        static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]))
        << (8 * i);
  }
  bytes.remove_prefix(static_cast<std::size_t>(size));
  return value;
}

}  // namespace

void LogHistogram::add(double value, std::int64_t count) {
  if (count <= 0) {
    return;
  }
  if (std::isnan(value)) {
    not_a_number_ += count;
    return;
  }
  bins_[bin_of(value)] += count;
  count_ += count;
}

void LogHistogram::merge(const LogHistogram& other) {
  for (const auto& [bin, count] : other.bins_) {
    bins_[bin] += count;
  }
  count_ += other.count_;
  not_a_number_ += other.not_a_number_;
}

std::optional<double> LogHistogram::percentile(double percent) const {
  if (count_ == 0) {
    return std::nullopt;
  }
  const double wanted = std::ceil(percent / 100 * static_cast<double>(count_));
  std::int64_t seen = 0;
  for (const auto& [bin, count] : bins_) {
    seen += count;
    if (static_cast<double>(seen) >= wanted) {
      return middle_of(bin);
    }
  }
  return middle_of(bins_.rbegin()->first);
}

std::string LogHistogram::serialize() const {
  std::string bytes(kMagic);
  append(bytes, static_cast<std::uint64_t>(not_a_number_), 8);
  append(bytes, bins_.size(), 4);
  for (const auto& [bin, count] : bins_) {
    append(bytes, static_cast<std::uint32_t>(bin), 4);
    append(bytes, static_cast<std::uint64_t>(count), 8);
  }
  return bytes;
}

std::optional<LogHistogram> LogHistogram::deserialize(std::string_view bytes) {
  constexpr std::size_t kHeader = 16;
  constexpr std::size_t kEntry = 12;
  // Counts whose sum could overflow are nobody's.
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 62U;
  if (bytes.size() < kHeader || !bytes.starts_with(kMagic)) {
    return std::nullopt;
  }
  bytes.remove_prefix(kMagic.size());
  LogHistogram histogram;
  const std::uint64_t not_a_number = take(bytes, 8);
  const std::uint64_t entries = take(bytes, 4);
  if (not_a_number > kLargest || bytes.size() != entries * kEntry) {
    return std::nullopt;
  }
  histogram.not_a_number_ = static_cast<std::int64_t>(not_a_number);
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < entries; ++i) {
    const auto bin = static_cast<std::int32_t>(static_cast<std::uint32_t>(take(bytes, 4)));
    const std::uint64_t count = take(bytes, 8);
    if (bin <= last || bin < -kLastBin || bin > kLastBin || count == 0 || count > kLargest ||
        total + count > kLargest) {
      return std::nullopt;
    }
    total += count;
    last = bin;
    histogram.bins_.emplace_hint(histogram.bins_.end(), bin, static_cast<std::int64_t>(count));
  }
  histogram.count_ = static_cast<std::int64_t>(total);
  return histogram;
}

}  // namespace mxscope
