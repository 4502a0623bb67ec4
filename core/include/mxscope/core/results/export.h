// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/results/results.h"

namespace mxscope {

// Results as text. None of these depends on the locale; all may be called from any thread.
// CSV is RFC 4180 (CR LF, quotes doubled), UTF-8, doubles with 17 significant digits, empty where a
// number does not exist; header names carry the units. Text fields that a spreadsheet would take
// for a formula are kept as they are.

// results.csv: one row per run.
[[nodiscard]] std::string results_csv(const Results& results);

// windows.csv: one row per run and window.
[[nodiscard]] std::string windows_csv(std::span<const RunWindows> windows);
// Reads windows.csv; every malformed row is an issue with its line. Never throws for bad input.
[[nodiscard]] std::vector<RunWindows> windows_from_csv(std::string_view text, Issues& issues);

// One row per run, window and metric, for tools that want tidy data: window means of nll, entropy,
// kl, top1, argmax_xent, argmax_entropy and of the difference of nll to the baseline. Needs
// Results::windows; runs without them have no rows.
[[nodiscard]] std::string long_csv(const Results& results);

// A table for a paper or a report: rounded to the error, with ±, then the protocol, hashes,
// interval method and the numeric contract of every variant as footnotes.
[[nodiscard]] std::string markdown_table(const Results& results);

struct TableOptions {
  bool colour = false;  // ANSI sequences; the text says the same without them
  int width = 0;        // columns of the terminal; 0: no limit. Least important columns go first
};

// The table that `mxscope run` ends with: aligned, with Δ ppl %, 95 % interval, KL, top-1 and bits
// per value; a footnote marks a smaller block that does worse under scale floor (saturation).
[[nodiscard]] std::string terminal_table(const Results& results, const TableOptions& options = {});

// `value` with as many digits as its error `se` justifies (two digits of the error), e.g.
// "+1.659 ± 0.070"; without an error 6 significant digits.
[[nodiscard]] std::string format_with_error(double value, std::optional<double> se,
                                            bool show_sign = false);

// 17 significant digits, C locale, empty for what does not exist or is not finite.
[[nodiscard]] std::string format_csv_number(std::optional<double> value);
// The field as RFC 4180 wants it.
[[nodiscard]] std::string csv_field(std::string_view text);

}  // namespace mxscope
