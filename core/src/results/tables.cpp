// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "mxscope/core/results/export.h"
#include "results/text_table.h"

namespace mxscope {
namespace {

constexpr std::string_view kMissing = "—";
constexpr std::string_view kBlockMark = " †";
constexpr int kKlDigits = 3;

std::string number_or_dash(const std::optional<double>& value, int digits) {
  return value ? significant(*value, digits) : std::string(kMissing);
}

std::string share_or_dash(const std::optional<double>& share) {
  return share ? fixed(100 * *share, 2) + " %" : std::string(kMissing);
}

// Under `seed` there is no NLL, and self-confidence stands in the table under its own name.
bool has_ppl(const Results& results) {
  return std::any_of(results.runs.begin(), results.runs.end(),
                     [](const Run& run) { return run.metrics.ppl.has_value(); });
}

std::string delta_text(const std::optional<double>& percent,
                       const std::optional<Interval>& interval) {
  if (!percent) {
    return std::string(kMissing);
  }
  const double half = interval ? ((*interval)[1] - (*interval)[0]) / 2 : 0;
  constexpr double kFine = 0.1;
  const std::string text = fixed(*percent, half > 0 && half < kFine ? 3 : 2);
  const bool is_zero = text.find_first_of("123456789") == std::string::npos;
  return (*percent > 0 && !is_zero ? "+" : "") + text + " %";
}

std::string interval_name(const Delta& delta, std::int64_t windows) {
  switch (delta.method) {
    case IntervalMethod::kStudent:
      return "paired over " + grouped(windows) + " windows, Student's t";
    case IntervalMethod::kNormal:
      return "paired over " + grouped(windows) + " windows, normal";
    case IntervalMethod::kBootstrap:
      return "paired bootstrap over " + grouped(windows) + " windows, " + grouped(delta.draws) +
             " draws, seed " + std::to_string(delta.seed);
    case IntervalMethod::kNone:
      break;
  }
  return "none: fewer than 2 windows";
}

std::set<const Run*> marked_runs(const std::vector<SmallerBlockWorse>& worse) {
  std::set<const Run*> marked;
  for (const SmallerBlockWorse& pair : worse) {
    marked.insert(pair.smaller);
  }
  return marked;
}

std::string block_note(const SmallerBlockWorse& pair) {
  return printable(pair.smaller->variant) + " does worse than " + printable(pair.larger->variant) +
         ": with scale floor a smaller block can saturate more often.";
}

std::vector<Cell> terminal_row(const Run& run, bool ppl, bool marked) {
  const Delta delta = run.delta.value_or(Delta{});
  const auto& interval = ppl ? delta.ppl_percent_ci95 : delta.argmax_xent_ci95;
  const auto& change = ppl ? delta.ppl_percent : delta.argmax_ppl_percent;
  const int sign = interval_sign(interval);
  const Tone tone = run.baseline ? Tone::kPlain
                    : sign > 0   ? Tone::kWorse
                    : sign < 0   ? Tone::kBetter
                                 : Tone::kDim;
  std::string name = printable(run.variant);
  if (run.status != RunStatus::kDone) {
    name += " (" + std::string(to_string(run.status)) + ")";
  }
  return {
      {name + (marked ? std::string(kBlockMark) : ""), run.baseline ? Tone::kBold : Tone::kPlain},
      {grouped(run.layers)},
      {run.bits_per_value ? fixed(*run.bits_per_value, 2) : std::string(kMissing)},
      {number_or_dash(ppl ? run.metrics.ppl : run.metrics.argmax_ppl, 6)},
      {run.baseline ? std::string(kMissing) : delta_text(change, interval), tone},
      {ppl && interval ? percent_interval(interval) : std::string(kMissing), tone},
      {number_or_dash(run.metrics.kl, kKlDigits)},
      {share_or_dash(run.metrics.top1)},
      {run.tokens_per_second
           ? grouped(static_cast<std::int64_t>(std::min(*run.tokens_per_second, 1e15)))
           : std::string(kMissing)}};
}

std::vector<std::string> models_of(const Results& results) {
  std::vector<std::string> models;
  for (const Run& run : results.runs) {
    if (std::find(models.begin(), models.end(), run.model) == models.end()) {
      models.push_back(run.model);
    }
  }
  return models;
}

const Delta* first_delta(const Results& results, const std::string& model) {
  for (const Run& run : results.runs) {
    if (run.model == model && run.delta) {
      return &*run.delta;
    }
  }
  return nullptr;
}

// A cell of a Markdown table: '|' would end it.
std::string markdown_cell(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (c == '|' || c == '*' || c == '_' || c == '`' || c == '<') {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

std::string short_hash(const std::string& hash) {
  constexpr std::size_t kShown = 12;
  return hash.empty() ? "unknown" : printable(hash.substr(0, kShown));
}

// "weight mxfp8_e4m3/32 scale floor rounding even" from the contract of a result.
std::string operand_text(const nlohmann::ordered_json& operand) {
  if (!operand.is_object()) {
    return "none";
  }
  std::string text;
  for (const auto& item : operand.items()) {
    const std::string value =
        item.value().is_string() ? item.value().get<std::string>() : item.value().dump();
    text += text.empty() ? value : ", " + item.key() + " " + value;
  }
  return text;
}

std::string contract_text(const nlohmann::ordered_json& contract) {
  std::string text;
  if (const auto stage = contract.find("stage"); stage != contract.end() && stage->is_string()) {
    text = "stage " + stage->get<std::string>();
  }
  const auto rules = contract.find("rules");
  if (rules == contract.end() || !rules->is_array()) {
    return text;
  }
  for (const auto& rule : *rules) {
    if (!rule.is_object()) {
      continue;
    }
    text += text.empty() ? "" : "; ";
    if (const auto match = rule.find("match"); match != rule.end()) {
      std::string selectors;
      for (const auto& selector : *match) {
        if (selector.is_string()) {
          selectors += (selectors.empty() ? "" : " ") + selector.get<std::string>();
        }
      }
      text += selectors + ": ";
    }
    bool first = true;
    for (const char* key : {"weight", "activation", "output"}) {
      const auto operand = rule.find(key);
      if (operand != rule.end() && !operand->is_null()) {
        text += (first ? "" : " | ") + std::string(key) + " " + operand_text(*operand);
        first = false;
      }
    }
    if (first) {
      text += "not quantised";
    }
  }
  return text;
}

}  // namespace

std::string terminal_table(const Results& results, const TableOptions& options) {
  const bool ppl = has_ppl(results);
  const std::vector<SmallerBlockWorse> worse = find_smaller_block_worse(results);
  const std::set<const Run*> marked = marked_runs(worse);
  std::string text;
  for (const std::string& model : models_of(results)) {
    text += text.empty() ? "" : "\n";
    text +=
        (options.colour ? "\x1b[1m" : "") + printable(model) + (options.colour ? "\x1b[0m" : "");
    if (const Job* job = results.find_job(model)) {
      const std::string line = protocol_line(results, *job);
      text += line.empty() ? "" : "  ·  " + line;
    }
    text += "\n";
    TextTable table({{"variant", true},
                     {"layers", false, 4},
                     {"bits", false, 3},
                     {ppl ? "ppl" : "self-confidence ppl"},
                     {ppl ? "Δ ppl" : "Δ"},
                     {"95 % interval", false, 1},
                     {"KL", false, 2},
                     {"same top-1", false, 5},
                     {"tok/s", false, 6}});
    for (const Run& run : results.runs) {
      if (run.model == model) {
        table.add_row(terminal_row(run, ppl, marked.contains(&run)));
      }
    }
    text += table.render(options.colour, options.width);
    const Delta* delta = first_delta(results, model);
    if (delta != nullptr && delta->method != IntervalMethod::kNone) {
      for (const Run& run : results.runs) {
        if (run.model == model && run.delta) {
          text += "Intervals of Δ ppl (percent): " + interval_name(*delta, run.windows) + ".\n";
          break;
        }
      }
    }
  }
  for (const SmallerBlockWorse& pair : worse) {
    text += "† " + block_note(pair) + "\n";
  }
  for (const Run& run : results.runs) {
    if (!run.error.empty()) {
      text += "! " + printable(run.model) + " / " + printable(run.variant) + ": " +
              printable(run.error) + "\n";
    }
  }
  return text;
}

std::string markdown_table(const Results& results) {
  const bool ppl = has_ppl(results);
  const std::vector<SmallerBlockWorse> worse = find_smaller_block_worse(results);
  const std::set<const Run*> marked = marked_runs(worse);
  std::string text =
      ppl ? "| model | variant | layers | bits | NLL | PPL | Δ NLL | Δ PPL % (95 %) |"
            " entropy | KL | same top-1 |\n"
          : "| model | variant | layers | bits | self-confidence xent | "
            "self-confidence PPL | Δ xent | Δ % | entropy | KL | same top-1 |\n";
  text += "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
  for (const Run& run : results.runs) {
    const Metrics& m = run.metrics;
    const Delta d = run.delta.value_or(Delta{});
    const auto with_error = [](const std::optional<double>& value, const std::optional<double>& se,
                               bool sign) {
      return value ? format_with_error(*value, se, sign) : std::string(kMissing);
    };
    std::string change(kMissing);
    if (const auto& percent = ppl ? d.ppl_percent : d.argmax_ppl_percent) {
      change = delta_text(percent, d.ppl_percent_ci95);
      if (ppl && d.ppl_percent_ci95) {
        change += " (" + percent_interval(d.ppl_percent_ci95) + ")";
      }
    }
    std::string name = markdown_cell(run.variant);
    if (run.status != RunStatus::kDone) {
      name += " (" + std::string(to_string(run.status)) + ")";
    }
    name += marked.contains(&run) ? std::string(kBlockMark) : "";
    text += "| " + markdown_cell(run.model) + " | " + name + " | " + std::to_string(run.layers) +
            " | " + (run.bits_per_value ? fixed(*run.bits_per_value, 2) : std::string(kMissing)) +
            " | " +
            (ppl ? with_error(m.nll, m.nll_se, false)
                 : with_error(m.argmax_xent, m.argmax_xent_se, false)) +
            " | " + number_or_dash(ppl ? m.ppl : m.argmax_ppl, 6) + " | " +
            (ppl ? with_error(d.nll, d.nll_se, true)
                 : with_error(d.argmax_xent, d.argmax_xent_se, true)) +
            " | " + change + " | " +
            (ppl ? with_error(m.entropy, m.entropy_se, false)
                 : with_error(m.argmax_entropy, m.argmax_entropy_se, false)) +
            " | " + number_or_dash(m.kl, kKlDigits) + " | " + share_or_dash(m.top1) + " |\n";
  }
  text +=
      "\n± is one standard error over windows; differences are paired over the same windows. "
      "NLL, entropy and KL in nats.\n";
  for (const std::string& model : models_of(results)) {
    const Job* job = results.find_job(model);
    if (job == nullptr) {
      continue;
    }
    text += "\n**" + markdown_cell(model) + "**: protocol " +
            markdown_cell(protocol_line(results, *job)) + "; data " + short_hash(job->data_sha256) +
            ", tokenizer " + short_hash(job->tokenizer_sha256) + ", tokens " +
            short_hash(job->token_ids_sha256);
    for (const Run& run : results.runs) {
      if (run.model == model && run.delta) {
        text += "; 95 % interval: " + interval_name(*run.delta, run.windows);
        break;
      }
    }
    text += ".\n";
    for (const Run& run : results.runs) {
      if (run.model == model && !run.baseline) {
        text += "\n- " + markdown_cell(run.variant) + ": " +
                markdown_cell(contract_text(run.contract)) + " (config " +
                short_hash(run.config_hash) + ")";
      }
    }
    text += "\n";
  }
  for (const SmallerBlockWorse& pair : worse) {
    text += "\n† " + markdown_cell(block_note(pair)) + "\n";
  }
  return text;
}

}  // namespace mxscope
