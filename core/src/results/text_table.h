// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/results/results.h"

namespace mxscope {

// Columns of characters for a terminal.
enum class Tone { kPlain, kBold, kDim, kBetter, kWorse };

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

struct Column {
  std::string title;
  bool left = false;
  int priority = 0;  // 0 stays; the highest goes first where the terminal is too narrow
};

class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add_row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  // Lines with line breaks. `width` 0: no limit.
  [[nodiscard]] std::string render(bool colour, int width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Characters that `text` takes on a terminal, counting every code point as one.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;
// `text` without control characters, which could command a terminal.
[[nodiscard]] std::string printable(std::string_view text);

// Fixed point with `decimals` digits, C locale; "-0.00" is written "0.00".
[[nodiscard]] std::string fixed(double value, int decimals);
// `digits` significant digits without exponent where that is readable.
[[nodiscard]] std::string significant(double value, int digits);
// "24,480".
[[nodiscard]] std::string grouped(std::int64_t value);

// Text of a delta's interval in percent of perplexity, "+0.30 .. +0.58"; empty where none.
[[nodiscard]] std::string percent_interval(const std::optional<Interval>& interval);
// Whether the interval excludes zero: -1 below, 1 above, 0 contains it or there is none.
[[nodiscard]] int interval_sign(const std::optional<Interval>& interval) noexcept;

// Runs that do worse than another that differs only in having larger blocks, all under scale floor.
struct SmallerBlockWorse {
  const Run* smaller = nullptr;
  const Run* larger = nullptr;
};
[[nodiscard]] std::vector<SmallerBlockWorse> find_smaller_block_worse(const Results& results);

// "windows, context 256, 96 windows, 24,480 tokens" of the job, from its protocol.
[[nodiscard]] std::string protocol_line(const Results& results, const Job& job);

}  // namespace mxscope
