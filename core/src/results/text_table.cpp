// SPDX-License-Identifier: Apache-2.0
#include "results/text_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include "mxscope/core/results/config_hash.h"
#include "mxscope/core/results/export.h"

namespace mxscope {
namespace {

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::size_t kGap = 2;  // blanks between columns

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::kBold:
      return "\x1b[1m";
    case Tone::kDim:
      return "\x1b[2m";
    case Tone::kBetter:
      return "\x1b[32m";
    case Tone::kWorse:
      return "\x1b[31m";
    case Tone::kPlain:
      break;
  }
  return "";
}

// Takes the block out of an operand's contract; false where the operand is no MX format under
// scale floor.
bool take_block(nlohmann::ordered_json& operand, std::int64_t& block, bool& found) {
  if (operand.is_null()) {
    return true;
  }
  if (!operand.is_object() || operand.value("scale", "") != "floor" || !operand.contains("block") ||
      !operand["block"].is_number_integer()) {
    return false;
  }
  const auto value = operand["block"].get<std::int64_t>();
  if (found && value != block) {
    return false;
  }
  found = true;
  block = value;
  operand.erase("block");
  return true;
}

// The run's only block size, with the contract without it; nothing where there is no such size.
std::optional<std::int64_t> single_block(const Run& run, std::string& rest) {
  nlohmann::ordered_json contract = run.contract;
  if (!contract.is_object() || !contract.contains("rules") || !contract["rules"].is_array()) {
    return std::nullopt;
  }
  std::int64_t block = 0;
  bool found = false;
  for (auto& rule : contract["rules"]) {
    if (!rule.is_object()) {
      return std::nullopt;
    }
    for (const char* key : {"weight", "activation", "output"}) {
      if (rule.contains(key) && !take_block(rule[key], block, found)) {
        return std::nullopt;
      }
    }
  }
  if (!found || block <= 0) {
    return std::nullopt;
  }
  rest = canonical_json(contract);
  return block;
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  for (const char c : text) {
    width += (static_cast<unsigned char>(c) & 0xC0U) == 0x80U ? 0 : 1;
  }
  return width;
}

std::string printable(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1_control =
        c == 0xC2U && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0U;
    if (c < 0x20U || c == 0x7FU || c1_control) {
      clean += '?';
      i += c1_control ? 1 : 0;
    } else {
      clean += text[i];
    }
  }
  return clean;
}

std::string fixed(double value, int decimals) {
  std::array<char, 400> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::fixed, decimals);
  std::string text(buffer.data(), result.ptr);
  if (text.starts_with('-') && text.find_first_of("123456789") == std::string::npos) {
    text.erase(0, 1);
  }
  return text;
}

std::string significant(double value, int digits) {
  if (!std::isfinite(value)) {
    return "—";
  }
  if (value == 0) {
    return "0";
  }
  const int exponent = static_cast<int>(std::floor(std::log10(std::fabs(value))));
  constexpr int kSmallest = -4;
  constexpr int kLargest = 9;
  if (exponent < kSmallest || exponent > kLargest) {
    std::array<char, 64> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                      std::chars_format::scientific, digits - 1);
    return {buffer.data(), result.ptr};
  }
  return fixed(value, std::max(0, digits - 1 - exponent));
}

std::string grouped(std::int64_t value) {
  std::string text = std::to_string(value);
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3; at -= 3) {
    text.insert(at - 3, ",");
  }
  return text;
}

std::string format_with_error(double value, std::optional<double> se, bool show_sign) {
  if (!std::isfinite(value)) {
    return "—";
  }
  const std::string sign = show_sign && value > 0 ? "+" : "";
  constexpr int kPlainDigits = 6;
  if (!se || !std::isfinite(*se) || *se <= 0) {
    return sign + significant(value, kPlainDigits);
  }
  constexpr int kMostDecimals = 12;
  int decimals = 1 - static_cast<int>(std::floor(std::log10(*se)));
  // An error such as 0.0999 rounds up to three digits.
  if (std::round(*se * std::pow(10.0, decimals)) >= 100) {
    --decimals;
  }
  decimals = std::clamp(decimals, 0, kMostDecimals);
  const std::string text = fixed(value, decimals);
  const bool is_zero = text.find_first_of("123456789") == std::string::npos;
  return (is_zero ? "" : sign) + text + " ± " + fixed(*se, decimals);
}

std::string TextTable::render(bool colour, int width) const {
  std::vector<std::size_t> widths(columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    widths[c] = display_width(columns_[c].title);
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], c < row.size() ? display_width(row[c].text) : 0);
    }
  }
  std::vector<bool> shown(columns_.size(), true);
  const auto total = [&] {
    std::size_t sum = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      sum += shown[c] ? widths[c] + (sum > 0 ? kGap : 0) : 0;
    }
    return sum;
  };
  while (width > 0 && total() > static_cast<std::size_t>(width)) {
    std::size_t least = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const bool can_go = shown[c] && columns_[c].priority > 0;
      if (can_go && (least == columns_.size() || columns_[c].priority > columns_[least].priority)) {
        least = c;
      }
    }
    if (least == columns_.size()) {
      break;
    }
    shown[least] = false;
  }
  std::string text;
  const auto write_line = [&](const std::vector<Cell>& cells) {
    std::string line;
    std::string pending;  // blanks that only count when something follows
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!shown[c]) {
        continue;
      }
      const Cell cell = c < cells.size() ? cells[c] : Cell{};
      const std::string blanks(widths[c] - std::min(widths[c], display_width(cell.text)), ' ');
      std::string body = cell.text;
      if (colour && cell.tone != Tone::kPlain && !body.empty()) {
        body = std::string(escape_of(cell.tone)) + body + std::string(kReset);
      }
      if (!columns_[c].left) {
        pending += blanks;
      }
      if (!body.empty()) {
        line += pending + body;
        pending.clear();
      }
      if (columns_[c].left) {
        pending += blanks;
      }
      pending += std::string(kGap, ' ');
    }
    text += line + "\n";
  };
  std::vector<Cell> titles;
  for (const Column& column : columns_) {
    titles.push_back({column.title, Tone::kBold});
  }
  write_line(titles);
  for (const auto& row : rows_) {
    write_line(row);
  }
  return text;
}

std::string percent_interval(const std::optional<Interval>& interval) {
  if (!interval) {
    return {};
  }
  const double width = (*interval)[1] - (*interval)[0];
  const int decimals =
      width > 0 ? std::clamp(1 - static_cast<int>(std::floor(std::log10(width))), 1, 3) : 2;
  const auto end = [&](double value) {
    const std::string text = fixed(value, decimals);
    const bool is_zero = text.find_first_of("123456789") == std::string::npos;
    return (value > 0 && !is_zero ? "+" : "") + text;
  };
  return end((*interval)[0]) + " … " + end((*interval)[1]);
}

int interval_sign(const std::optional<Interval>& interval) noexcept {
  if (!interval) {
    return 0;
  }
  if ((*interval)[0] > 0) {
    return 1;
  }
  return (*interval)[1] < 0 ? -1 : 0;
}

std::vector<SmallerBlockWorse> find_smaller_block_worse(const Results& results) {
  std::map<std::string, std::map<std::int64_t, const Run*>> families;
  for (const Run& run : results.runs) {
    std::string rest;
    if (run.baseline || run.status != RunStatus::kDone || !run.metrics.nll) {
      continue;
    }
    if (const auto block = single_block(run, rest)) {
      families[run.model + "\n" + rest].emplace(*block, &run);
    }
  }
  std::vector<SmallerBlockWorse> found;
  for (const auto& [key, by_block] : families) {
    for (auto smaller = by_block.begin(); smaller != by_block.end(); ++smaller) {
      const auto larger = std::next(smaller);
      if (larger != by_block.end() &&
          *smaller->second->metrics.nll > *larger->second->metrics.nll) {
        found.push_back({smaller->second, larger->second});
      }
    }
  }
  return found;
}

std::string protocol_line(const Results& results, const Job& job) {
  std::string line;
  const auto add = [&](const std::string& part) { line += (line.empty() ? "" : ", ") + part; };
  if (const auto name = job.protocol.find("name");
      name != job.protocol.end() && name->is_string()) {
    add(printable(name->get<std::string>()));
  }
  for (const char* key : {"context", "stride"}) {
    const auto value = job.protocol.find(key);
    if (value != job.protocol.end() && value->is_number_integer()) {
      add(std::string(key) + " " + grouped(value->get<std::int64_t>()));
    }
  }
  for (const Run& run : results.runs) {
    if (run.model == job.model && run.baseline) {
      add(grouped(run.windows) + (run.windows == 1 ? " window" : " windows"));
      add(grouped(run.tokens) + " tokens");
    }
  }
  return line;
}

}  // namespace mxscope
