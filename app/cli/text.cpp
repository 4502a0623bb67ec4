// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace mxscope::cli {

std::string format_fixed(double value, int digits) {
  std::array<char, 400> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value,
                                          std::chars_format::fixed, digits);
  return error == std::errc{} ? std::string(text.data(), end) : std::string("?");
}

std::string format_bytes(std::int64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(value) >= 1000.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  const int digits = unit == 0 || std::abs(value) >= 99.95 ? 0 : 1;
  return format_fixed(value, digits) + " " + kUnits[unit];
}

std::string format_count(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = digits.front() == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) {
    return "?";
  }
  if (seconds < 10) {
    return format_fixed(seconds, 1) + " s";
  }
  const auto total = static_cast<std::int64_t>(std::llround(std::min(seconds, 1e15)));
  if (total < 60) {
    return std::to_string(total) + " s";
  }
  const auto two_digits = [](std::int64_t value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
  };
  if (total < 3600) {
    return std::to_string(total / 60) + " min " + two_digits(total % 60) + " s";
  }
  return std::to_string(total / 3600) + " h " + two_digits(total / 60 % 60) + " min";
}

namespace {

// Length in bytes of the code point that starts at `at`, which is at least 1.
std::size_t code_point_length(std::string_view text, std::size_t at) noexcept {
  std::size_t length = 1;
  while (at + length < text.size() &&
         (static_cast<unsigned char>(text[at + length]) & 0xC0U) == 0x80U) {
    ++length;
  }
  return length;
}

// Combining marks U+0300..U+036F are CC 80..CD AF in UTF-8.
bool is_combining(std::string_view text, std::size_t at) noexcept {
  if (at + 1 >= text.size()) {
    return false;
  }
  const auto first = static_cast<unsigned char>(text[at]);
  const auto second = static_cast<unsigned char>(text[at + 1]);
  return (first == 0xCC && second >= 0x80) || (first == 0xCD && second <= 0xAF);
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); at += code_point_length(text, at)) {
    width += is_combining(text, at) ? 0 : 1;
  }
  return width;
}

std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) {
    return std::string(text);
  }
  std::string kept;
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = code_point_length(text, at);
    columns += is_combining(text, at) ? 0 : 1;
    if (columns + 1 > width) {
      break;
    }
    kept.append(text.substr(at, length));
    at += length;
  }
  return width == 0 ? std::string{} : kept + "…";
}

std::string wrap(std::string_view text, std::size_t indent, std::size_t width) {
  const std::string margin(indent, ' ');
  std::string out;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
    if (line.empty()) {
      out += '\n';
      continue;
    }
    if (line.front() == ' ') {
      out += margin + std::string(line) + '\n';
      continue;
    }
    std::string current;
    std::size_t columns = 0;
    while (!line.empty()) {
      const std::size_t blank = line.find(' ');
      const std::string_view word = line.substr(0, blank);
      line = blank == std::string_view::npos ? std::string_view{} : line.substr(blank + 1);
      const std::size_t word_columns = display_width(word);
      if (columns != 0 && indent + columns + 1 + word_columns > width) {
        out += margin + current + '\n';
        current.clear();
        columns = 0;
      }
      if (columns != 0) {
        current += ' ';
        ++columns;
      }
      current += word;
      columns += word_columns;
    }
    out += margin + current + '\n';
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    // C1 controls are C2 80..C2 9F in UTF-8.
    const bool c1 =
        byte == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7F || c1) {
      clean += '?';
      at += c1 ? 1 : 0;
    } else {
      clean += text[at];
    }
  }
  return clean;
}

void TextTable::add_column(std::string header, Align align) {
  headers_.push_back(std::move(header));
  aligns_.push_back(align);
}

void TextTable::add_row(std::vector<std::string> cells) {
  cells.resize(headers_.size());
  for (std::string& cell : cells) {
    cell = printable(cell);
  }
  rows_.push_back(std::move(cells));
}

std::string TextTable::render(std::size_t indent, std::string_view rule) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < headers_.size(); ++column) {
    std::size_t width = display_width(headers_[column]);
    for (const auto& row : rows_) {
      width = std::max(width, display_width(row[column]));
    }
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text(indent, ' ');
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string blanks(widths[column] - display_width(cells[column]), ' ');
      text += column == 0 ? "" : "  ";
      text += aligns_[column] == Align::kRight ? blanks + cells[column] : cells[column] + blanks;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  };
  std::string out = line(headers_);
  out.append(indent, ' ');
  for (std::size_t column = 0; column < widths.size(); ++column) {
    out += column == 0 ? "" : "  ";
    for (std::size_t i = 0; i < widths[column]; ++i) {
      out += rule;
    }
  }
  out += '\n';
  for (const auto& row : rows_) {
    out += line(row);
  }
  return out;
}

}  // namespace mxscope::cli
