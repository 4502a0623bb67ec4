// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Figures and tables as a person reads them. Locale-independent; any thread.
namespace mxscope::cli {

[[nodiscard]] std::string format_bytes(std::int64_t bytes);        // "9.6 GiB"
[[nodiscard]] std::string format_count(std::int64_t count);        // "1,234,567"
[[nodiscard]] std::string format_duration(double seconds);         // "1 min 12 s"
[[nodiscard]] std::string format_fixed(double value, int digits);  // "3.14"

// Columns that a terminal needs for UTF-8 text: code points, counting none for combining marks.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

// The text cut to `width` columns, with an ellipsis where something was lost.
[[nodiscard]] std::string fit(std::string_view text, std::size_t width);

// Text of one or more paragraphs, broken at blanks so that no line passes `width`, each line
// indented by `indent` blanks. Lines that begin with a blank are kept as they are.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t indent, std::size_t width);

// Replaces control characters, so that a hostile name cannot steer the terminal.
[[nodiscard]] std::string printable(std::string_view text);

// A plain table: a header, a rule, rows; numbers to the right.
class TextTable {
 public:
  enum class Align { kLeft, kRight };

  void add_column(std::string header, Align align = Align::kLeft);
  void add_row(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  // Lines end in a newline; `indent` blanks stand before each. `rule` is the character of the line
  // below the header, in UTF-8.
  [[nodiscard]] std::string render(std::size_t indent = 0, std::string_view rule = "-") const;

 private:
  std::vector<std::string> headers_;
  std::vector<Align> aligns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace mxscope::cli
