// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <map>

#include "command.h"
#include "exit_code.h"
#include "experiment_flags.h"
#include "experiment_input.h"
#include "output.h"
#include "replies.h"
#include "text.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;
using Align = TextTable::Align;

struct InspectFlags {
  std::string model;
  std::string revision;
  bool all = false;
  ExperimentFlags quantiser;
};

// "mlp.down_proj of blocks 0-27" in one line: linears that differ in nothing but their number.
struct Row {
  std::string pattern;
  std::vector<std::string> cells;  // role, shape, then what each operand becomes
  std::vector<std::int64_t> blocks;
  std::int64_t count = 0;
};

// The name with its block's number replaced by '*', and experts' numbers likewise.
std::string pattern_of(const LinearInfo& linear) {
  std::string pattern;
  std::size_t at = 0;
  while (at < linear.name.size()) {
    const std::size_t dot = std::min(linear.name.find('.', at), linear.name.size());
    const std::string part = linear.name.substr(at, dot - at);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    pattern += (at == 0 ? "" : ".") + (number ? std::string("*") : part);
    at = dot + 1;
  }
  return pattern;
}

// "0-27", "0, 2-5"
std::string ranges(std::vector<std::int64_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) {
      ++last;
    }
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[i]) +
            (last > i ? "-" + std::to_string(numbers[last]) : "");
    i = last + 1;
  }
  return text;
}

std::vector<std::string> cells_of(const LinearInfo& linear, const LinearDecision* decision) {
  std::vector<std::string> cells = {
      std::string(to_string(linear.role)),
      std::to_string(linear.out_features) + " x " + std::to_string(linear.in_features)};
  if (decision != nullptr) {
    cells.push_back(decision->rule >= 0 ? std::to_string(decision->rule + 1) : "");
    for (const OperandSpec* operand : {&decision->weight, &decision->activation}) {
      cells.push_back(operand->quantised() ? operand->description() : "");
    }
    cells.push_back(decision->output.quantised() ? decision->output.description() : "");
  }
  return cells;
}

std::string linears_table(const Inspection& inspection, const MatchReport* report, bool all,
                          const std::string& rule) {
  std::vector<Row> rows;
  std::map<std::pair<std::string, std::vector<std::string>>, std::size_t> known;
  for (std::size_t i = 0; i < inspection.linears.size(); ++i) {
    const LinearInfo& linear = inspection.linears[i];
    Row row;
    row.pattern = all ? linear.name : pattern_of(linear);
    row.cells = cells_of(linear, report != nullptr ? &report->linears[i] : nullptr);
    const auto [it, is_new] = known.try_emplace({row.pattern, row.cells}, rows.size());
    if (is_new) {
      rows.push_back(std::move(row));
    }
    Row& kept = rows[it->second];
    ++kept.count;
    if (linear.block >= 0) {
      kept.blocks.push_back(linear.block);
    }
  }
  const bool outputs =
      report != nullptr && std::any_of(rows.begin(), rows.end(),
                                       [](const Row& row) { return !row.cells.back().empty(); });
  TextTable table;
  table.add_column("linear");
  if (!all) {
    table.add_column("blocks");
    table.add_column("count", Align::kRight);
  }
  table.add_column("role");
  table.add_column("out x in", Align::kRight);
  if (report != nullptr) {
    table.add_column("rule", Align::kRight);
    table.add_column("weight");
    table.add_column("activation");
    if (outputs) {
      table.add_column("output");
    }
  }
  for (const Row& row : rows) {
    std::vector<std::string> cells = {row.pattern};
    if (!all) {
      cells.push_back(ranges(row.blocks));
      cells.push_back(std::to_string(row.count));
    }
    cells.insert(cells.end(), row.cells.begin(), row.cells.end());
    if (report != nullptr && !outputs) {
      cells.pop_back();
    }
    table.add_row(std::move(cells));
  }
  return table.render(2, rule);
}

std::string architecture_text(const Inspection& inspection) {
  const DecoderSpec& spec = inspection.inventory.spec;
  std::string text = printable(inspection.source) + "\n";
  const auto line = [&text](const std::string& what, const std::string& value) {
    std::string head = "  " + what;
    head.resize(std::max<std::size_t>(head.size(), 16), ' ');
    text += head + printable(value) + "\n";
  };
  line("architecture", spec.model_type + ", " + std::to_string(spec.layers) + " blocks, hidden " +
                           std::to_string(spec.hidden_size) + ", " + std::to_string(spec.heads) +
                           " heads (" + std::to_string(spec.kv_heads) + " for keys) of " +
                           std::to_string(spec.head_dim));
  line("MLP",
       std::to_string(spec.intermediate_size) + (spec.gated ? ", gated" : "") +
           (spec.experts.count > 0 ? ", " + std::to_string(spec.experts.count) + " experts, " +
                                         std::to_string(spec.experts.per_token) + " for each token"
                                   : ""));
  line("vocabulary", format_count(spec.vocab_size) + (spec.tied_head ? ", head tied" : ""));
  line("context", spec.max_positions > 0 ? format_count(spec.max_positions) + " tokens"
                                         : std::string("not limited"));
  line("parameters", format_count(inspection.inventory.parameters) + ", " +
                         format_bytes(inspection.inventory.total_bytes) + " as " +
                         std::string(to_string(inspection.inventory.stored_type)));
  line("tokenizer", inspection.inventory.tokenizer ? inspection.inventory.tokenizer->string()
                                                   : std::string("none in the folder"));
  if (!inspection.inventory.unused_tensors.empty()) {
    line("not used",
         format_count(static_cast<std::int64_t>(inspection.inventory.unused_tensors.size())) +
             " tensors, first " + inspection.inventory.unused_tensors.front());
  }
  return text;
}

std::string variant_text(const Inspection& inspection, std::size_t index, bool all,
                         const std::string& rule_character) {
  const ResolvedVariant& variant = inspection.variants[index];
  const MatchReport& report = inspection.reports[index];
  std::string text = "\nVariant " + printable(variant.name) + ": " + format_count(report.layers) +
                     " of " + format_count(static_cast<std::int64_t>(inspection.linears.size())) +
                     " linears quantised\n";
  for (std::size_t r = 0; r < variant.rules.size(); ++r) {
    std::string selectors;
    for (const std::string& selector : variant.rules[r].match) {
      selectors += (selectors.empty() ? "" : " ") + selector;
    }
    text += "  rule " + std::to_string(r + 1) + ": " + format_count(report.decided[r]) +
            " linears  (" + printable(selectors) + ")\n";
  }
  for (const Issue& warning : report.warnings) {
    text += "  warning: " + warning.path + ": " + warning.message + "\n";
  }
  return text + linears_table(inspection, &report, all, rule_character);
}

int inspect(const InspectFlags& flags, bool json) {
  Json variants = quantiser_variants(flags.quantiser);
  fetch_model(flags.model, ".", flags.revision);
  const Inspection inspection =
      inspect_model(flags.model, ".", flags.revision, variants.empty() ? Json(nullptr) : variants);
  if (json) {
    write_json(inspection_json(inspection));
    return kDone;
  }
  const std::string rule = inspect_terminal(STDOUT_FILENO).unicode ? "─" : "-";
  std::string text = architecture_text(inspection);
  if (inspection.variants.empty()) {
    text += "\n" + linears_table(inspection, nullptr, flags.all, rule);
  }
  for (std::size_t v = 0; v < inspection.variants.size(); ++v) {
    text += variant_text(inspection, v, flags.all, rule);
  }
  write_stdout(text);
  return kDone;
}

}  // namespace

void add_inspect_command(Program& program) {
  Command& command = program.add(
      "inspect", "architecture and linears of a model, and what rules match", "Evaluate",
      {"MODEL [OPTION...]",
       "Reads the headers of a checkpoint, no weights, and shows its architecture, its sizes and "
       "its linears: the matrices that rules choose from. With a tier, selectors or rules it shows "
       "which linears each rule decides and what becomes of them.\n\n"
       "A selector is part of a name, in any case; a glob on the whole name where it holds * or ?; "
       "a regular expression after 're:'; or a role: @mlp @attention @experts @lm_head @all. The "
       "first rule that matches a linear decides.",
       {{"What there is:", "mxscope inspect ./llama"},
        {"What tier D does to it:", "mxscope inspect ./llama --tier D"},
        {"Try a selector:",
         "mxscope inspect ./llama --match '*.layers.0.*' --format mxfp4_e2m1 --block 64"},
        {"Names of all linears:", "mxscope inspect ./llama --json | jq -r '.linears[].name'"}}});
  auto flags = std::make_shared<InspectFlags>();
  CLI::App& app = *command.app;
  app.add_option("MODEL", flags->model,
                 "Checkpoint folder or hub id; ORGANISATION/NAME that is not here is downloaded.")
      ->required()
      ->group("Arguments");
  add_quantiser_flags(app, flags->quantiser, "What is quantised");
  app.add_option("--revision", flags->revision, "Revision of a hub id; default: main.")
      ->type_name("NAME")
      ->group("Output");
  app.add_flag("--all", flags->all, "One line for every linear, blocks not joined.")
      ->group("Output");
  const auto json = add_json_flag(command, "Print one JSON document.");
  command.action = [flags, json] { return inspect(*flags, *json); };
}

}  // namespace mxscope::cli
