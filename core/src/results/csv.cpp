// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "experiment/json_reader.h"
#include "mxscope/core/results/config_hash.h"
#include "mxscope/core/results/export.h"

namespace mxscope {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr int kDigits = 17;  // the fewest that tell any two doubles apart

class CsvRow {
 public:
  explicit CsvRow(std::string& text) : text_(text) {}
  CsvRow(const CsvRow&) = delete;
  CsvRow& operator=(const CsvRow&) = delete;
  ~CsvRow() { text_ += kLineEnd; }

  CsvRow& field(std::string_view value) {
    separate();
    text_ += csv_field(value);
    return *this;
  }
  CsvRow& number(const std::optional<double>& value) {
    separate();
    text_ += format_csv_number(value);
    return *this;
  }
  CsvRow& count(std::int64_t value) {
    separate();
    text_ += std::to_string(value);
    return *this;
  }
  CsvRow& interval(const std::optional<Interval>& value) {
    number(value ? std::optional((*value)[0]) : std::nullopt);
    return number(value ? std::optional((*value)[1]) : std::nullopt);
  }

 private:
  void separate() {
    if (!first_) {
      text_ += ',';
    }
    first_ = false;
  }

  std::string& text_;
  bool first_ = true;
};

constexpr std::string_view kResultsHeader =
    "model,variant,baseline,status,layers,windows,tokens,nll_nats,nll_se_nats,ppl,entropy_nats,"
    "entropy_se_nats,kl_nats,kl_se_nats,top1_share,argmax_xent_nats,argmax_ppl,argmax_entropy_nats,"
    "bits_per_byte,delta_nll_nats,delta_nll_se_nats,delta_nll_ci95_low_nats,"
    "delta_nll_ci95_high_nats,delta_ppl,delta_ppl_ci95_low,delta_ppl_ci95_high,delta_ppl_percent,"
    "delta_ppl_percent_ci95_low,delta_ppl_percent_ci95_high,delta_entropy_nats,"
    "delta_entropy_se_nats,delta_entropy_ci95_low_nats,delta_entropy_ci95_high_nats,"
    "delta_xent_percent,delta_argmax_xent_nats,delta_argmax_ppl_percent,"
    "delta_argmax_entropy_nats,interval_method,bits_per_value,p_change_mean,p_change_rms,"
    "kl_p50_nats,kl_p90_nats,kl_p99_nats,kl_p999_nats,kl_max_nats,non_finite_share,seconds,"
    "tokens_per_second,job_weights_bytes,job_peak_bytes,placement,config_hash,sweep_over,"
    "sweep_place,sweep_format,protocol,data_sha256,tokenizer_sha256,token_ids_sha256,error";

constexpr std::string_view kWindowsHeader =
    "model,variant,window,tokens,nll_sum_nats,entropy_sum_nats,kl_sum_nats,top1_count,"
    "argmax_positions,argmax_xent_sum_nats,argmax_entropy_sum_nats";
constexpr std::size_t kWindowsColumns = 11;

void write_run(std::string& text, const Run& run, const Job* job) {
  CsvRow row(text);
  const Metrics& m = run.metrics;
  const Delta d = run.delta.value_or(Delta{});
  row.field(run.model).field(run.variant).field(run.baseline ? "true" : "false");
  row.field(to_string(run.status)).count(run.layers).count(run.windows).count(run.tokens);
  row.number(m.nll).number(m.nll_se).number(m.ppl).number(m.entropy).number(m.entropy_se);
  row.number(m.kl).number(m.kl_se).number(m.top1).number(m.argmax_xent).number(m.argmax_ppl);
  row.number(m.argmax_entropy).number(m.bits_per_byte);
  row.number(d.nll).number(d.nll_se).interval(d.nll_ci95);
  row.number(d.ppl).interval(d.ppl_ci95).number(d.ppl_percent).interval(d.ppl_percent_ci95);
  row.number(d.entropy).number(d.entropy_se).interval(d.entropy_ci95).number(d.xent_percent);
  row.number(d.argmax_xent).number(d.argmax_ppl_percent).number(d.argmax_entropy);
  row.field(run.delta ? to_string(d.method) : "").number(run.bits_per_value);
  row.number(m.p_change_mean).number(m.p_change_rms);
  row.number(m.kl_p50).number(m.kl_p90).number(m.kl_p99).number(m.kl_p999).number(m.kl_max);
  row.number(m.non_finite).number(run.seconds).number(run.tokens_per_second);
  if (job != nullptr) {
    std::int64_t peak = 0;
    for (const auto& [device, bytes] : job->memory.peak_bytes) {
      peak = bytes > peak ? bytes : peak;
    }
    row.count(job->memory.weights_bytes).count(peak).field(job->placement);
  } else {
    row.field("").field("").field("");
  }
  row.field(run.config_hash);
  const SweepResult sweep = run.sweep.value_or(SweepResult{});
  row.field(sweep.over).field(sweep.place).field(sweep.format);
  if (job != nullptr) {
    row.field(job->protocol.empty() ? "" : canonical_json(job->protocol));
    row.field(job->data_sha256).field(job->tokenizer_sha256).field(job->token_ids_sha256);
  } else {
    row.field("").field("").field("").field("");
  }
  row.field(run.error);
}

// One record of RFC 4180 from `text` at `at`; `at` moves behind its line end. False at the end.
bool read_record(std::string_view text, std::size_t& at, std::int64_t& line,
                 std::vector<std::string>& fields) {
  fields.clear();
  if (at >= text.size()) {
    return false;
  }
  std::string field;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '"' && at + 1 < text.size() && text[at + 1] == '"') {
        field += c;
        ++at;
      } else if (c == '"') {
        quoted = false;
      } else {
        line += c == '\n' ? 1 : 0;
        field += c;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.push_back(std::move(field));
      field.clear();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      field += c;
    }
  }
  ++line;
  fields.push_back(std::move(field));
  return true;
}

template <typename Value>
bool parse_number(const std::string& text, Value& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

}  // namespace

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c;
    if (c == '"') {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string format_csv_number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) {
    return {};
  }
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), *value,
                                    std::chars_format::general, kDigits);
  return {buffer.data(), result.ptr};
}

std::string results_csv(const Results& results) {
  std::string text(kResultsHeader);
  text += kLineEnd;
  for (const Run& run : results.runs) {
    write_run(text, run, results.find_job(run.model));
  }
  return text;
}

std::string windows_csv(std::span<const RunWindows> windows) {
  std::string text(kWindowsHeader);
  text += kLineEnd;
  for (const RunWindows& run : windows) {
    for (std::size_t i = 0; i < run.windows.size(); ++i) {
      const WindowSums& sums = run.windows[i];
      const bool scored = sums.tokens > 0;
      const auto existing = [&](bool exists, double value) {
        return exists ? std::optional(value) : std::nullopt;
      };
      CsvRow row(text);
      row.field(run.model).field(run.variant);
      row.count(i < run.indices.size() ? run.indices[i] : static_cast<std::int64_t>(i));
      row.count(sums.tokens).number(existing(scored && sums.nll_weight() > 0, sums.nll_sum));
      row.number(existing(scored, sums.entropy_sum)).number(existing(scored, sums.kl_sum));
      row.count(sums.top1_count).count(sums.argmax_positions);
      row.number(existing(sums.argmax_positions > 0, sums.argmax_xent_sum));
      row.number(existing(sums.argmax_positions > 0, sums.argmax_entropy_sum));
    }
  }
  return text;
}

std::vector<RunWindows> windows_from_csv(std::string_view text, Issues& issues) {
  std::vector<RunWindows> runs;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  std::vector<std::string> fields;
  std::size_t at = 0;
  std::int64_t line = 0;
  std::string header;
  if (read_record(text, at, line, fields)) {
    for (const std::string& field : fields) {
      header += (header.empty() ? "" : ",") + field;
    }
  }
  if (header != kWindowsHeader) {
    add_issue(issues, "line 1",
              "Expected the header of windows.csv: " + std::string(kWindowsHeader) + ".");
    return runs;
  }
  for (std::int64_t row_line = line + 1; read_record(text, at, line, fields); row_line = line + 1) {
    const std::string where = "line " + std::to_string(row_line);
    if (fields.size() != kWindowsColumns) {
      add_issue(issues, where,
                "Expected " + std::to_string(kWindowsColumns) + " fields, found " +
                    std::to_string(fields.size()) + ".");
      continue;
    }
    WindowSums sums;
    std::int64_t window = 0;
    bool good = parse_number(fields[2], window) && parse_number(fields[3], sums.tokens) &&
                parse_number(fields[7], sums.top1_count) &&
                parse_number(fields[8], sums.argmax_positions) && window >= 0 && sums.tokens >= 0 &&
                sums.argmax_positions >= 0;
    // An empty sum does not exist; a window without NLL has no weight in its mean.
    const auto sum = [&](const std::string& field, double& value) {
      good = good && (field.empty() || parse_number(field, value));
    };
    sum(fields[4], sums.nll_sum);
    sum(fields[5], sums.entropy_sum);
    sum(fields[6], sums.kl_sum);
    sum(fields[9], sums.argmax_xent_sum);
    sum(fields[10], sums.argmax_entropy_sum);
    if (fields[4].empty()) {
      sums.weight = 0;
    }
    if (!good) {
      add_issue(issues, where, "A field is no number, or a count is below 0.");
      continue;
    }
    const auto [place, is_new] = places.emplace(std::pair(fields[0], fields[1]), runs.size());
    if (is_new) {
      runs.push_back({fields[0], fields[1], {}, {}});
    }
    runs[place->second].indices.push_back(window);
    runs[place->second].windows.push_back(sums);
  }
  return runs;
}

std::string long_csv(const Results& results) {
  std::string text = "model,variant,config_hash,window,tokens,metric,unit,value";
  text += kLineEnd;
  std::map<std::string, const RunWindows*> baselines;
  for (const RunWindows& run : results.windows) {
    const Run* described = results.find(run.model, run.variant);
    if (described != nullptr && described->baseline) {
      baselines[run.model] = &run;
    }
  }
  for (const RunWindows& run : results.windows) {
    const Run* described = results.find(run.model, run.variant);
    const auto found = baselines.find(run.model);
    const RunWindows* baseline = found == baselines.end() ? nullptr : found->second;
    const bool same_windows = baseline != nullptr && baseline->indices == run.indices;
    for (std::size_t i = 0; i < run.windows.size(); ++i) {
      const WindowSums& sums = run.windows[i];
      const auto write = [&](std::string_view metric, std::string_view unit, double sum,
                             std::int64_t positions) {
        if (positions <= 0) {
          return;
        }
        CsvRow row(text);
        row.field(run.model).field(run.variant);
        row.field(described == nullptr ? "" : described->config_hash);
        row.count(i < run.indices.size() ? run.indices[i] : static_cast<std::int64_t>(i));
        row.count(positions).field(metric).field(unit);
        row.number(sum / static_cast<double>(positions));
      };
      const std::int64_t scored = sums.nll_weight() > 0 ? sums.tokens : 0;
      write("nll", "nats", sums.nll_sum, scored);
      write("entropy", "nats", sums.entropy_sum, sums.tokens);
      write("kl", "nats", sums.kl_sum, sums.tokens);
      write("top1", "share", static_cast<double>(sums.top1_count), sums.tokens);
      write("argmax_xent", "nats", sums.argmax_xent_sum, sums.argmax_positions);
      write("argmax_entropy", "nats", sums.argmax_entropy_sum, sums.argmax_positions);
      if (same_windows && baseline != &run && i < baseline->windows.size()) {
        write("delta_nll", "nats", sums.nll_sum - baseline->windows[i].nll_sum, scored);
      }
    }
  }
  return text;
}

}  // namespace mxscope
