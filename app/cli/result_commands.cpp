// SPDX-License-Identifier: Apache-2.0
// Commands on what earlier runs left: export, compare.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "command.h"
#include "exit_code.h"
#include "mxscope/core/formats/suggest.h"
#include "mxscope/core/results/compare.h"
#include "mxscope/core/results/export.h"
#include "mxscope/core/results/results_json.h"
#include "mxscope/engine/record.h"
#include "output.h"
#include "text.h"

namespace mxscope::cli {
namespace {

constexpr std::array<std::string_view, 5> kForms = {"json", "csv", "long-csv", "windows-csv",
                                                    "markdown"};

int export_results(const std::string& folder, const std::string& form, const std::string& output) {
  if (std::find(kForms.begin(), kForms.end(), form) == kForms.end()) {
    throw UsageError("--as: unknown form '" + printable(form) + "'; accepted are " +
                     join_choices(kForms) + "." + suggestion(form, kForms));
  }
  const Results results = engine::read_results(folder);
  std::string text;
  if (form == "json") {
    text = to_json_text(results);
  } else if (form == "csv") {
    text = results_csv(results);
  } else if (form == "long-csv") {
    text = long_csv(results);
  } else if (form == "windows-csv") {
    text = windows_csv(results.windows);
  } else {
    text = markdown_table(results);
  }
  write_text(output, text);
  return kDone;
}

// Names of the folders in tables: the last part of each path, the whole path where that is not
// enough to tell them apart.
std::vector<NamedResults> read_all(const std::vector<std::string>& folders) {
  std::vector<NamedResults> all;
  for (const std::string& folder : folders) {
    const std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
    std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
    all.push_back({name.empty() ? folder : name, engine::read_results(folder)});
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = i + 1; k < all.size(); ++k) {
      if (all[i].name == all[k].name) {
        all[i].name = folders[i];
        all[k].name = folders[k];
      }
    }
  }
  return all;
}

int compare(const std::vector<std::string>& folders, const std::string& baseline, bool json) {
  const std::vector<NamedResults> all = read_all(folders);
  const Comparison comparison = compare_results(all, baseline);
  if (json) {
    write_json(to_json(comparison));
    return kDone;
  }
  const Terminal terminal = inspect_terminal(STDOUT_FILENO);
  TableOptions options;
  options.colour = terminal.colour;
  options.width = terminal.interactive ? static_cast<int>(terminal.width) : 0;
  write_stdout(comparison_table(comparison, options));
  return kDone;
}

}  // namespace

void add_export_command(Program& program) {
  Command& command = program.add(
      "export", "results of a folder as JSON, CSV or Markdown", "Results",
      {"DIR --as FORM [-o FILE]",
       "Writes what a run left in DIR in another form, without running anything. Where a run was "
       "killed before it wrote its files, the record (store.sqlite) is read: what its panels "
       "finished.\n\n"
       "  json         results.json: everything\n"
       "  csv          one row per run\n"
       "  long-csv     one row per run, window and metric, with its unit: for plotting\n"
       "  windows-csv  one row per run and window: sums that statistics start from\n"
       "  markdown     a table for a report, rounded to its errors, with the numeric contract",
       {{"A table for a report:", "mxscope export out --as markdown"},
        {"For a data frame:", "mxscope export out --as long-csv -o runs.csv"}}});
  auto folder = std::make_shared<std::string>();
  auto form = std::make_shared<std::string>();
  auto output = std::make_shared<std::string>();
  CLI::App& app = *command.app;
  app.add_option("DIR", *folder, "Folder of 'mxscope run -o'.")->required()->group("Arguments");
  app.add_option("--as", *form, "json, csv, long-csv, windows-csv or markdown.")
      ->type_name("FORM")
      ->group("Output");
  app.add_option("-o,--output", *output, "File to write; default: standard output.")
      ->type_name("FILE")
      ->group("Output");
  const auto json = add_json_flag(command, "The same as --as json.");
  command.action = [folder, form, output, json] {
    if (form->empty() && !*json) {
      throw UsageError("--as is needed: " + join_choices(kForms) + ".");
    }
    if (!form->empty() && *json && *form != "json") {
      throw UsageError("--json and --as " + *form + " contradict each other.");
    }
    return export_results(*folder, form->empty() ? "json" : *form, *output);
  };
}

void add_compare_command(Program& program) {
  Command& command = program.add(
      "compare", "runs of several folders side by side", "Results",
      {"DIR... [--baseline RUN] [--json]",
       "Shows all runs of the folders with their difference to one reference, paired over the "
       "windows that both have, with a 95 % interval. Runs whose protocol, data, tokenizer or "
       "tokens differ are not subtracted: the table says why.\n\n"
       "RUN is a variant, MODEL/VARIANT or FOLDER:MODEL/VARIANT. Without it each model is compared "
       "with its first baseline.",
       {{"Two runs of the same experiment on different machines:", "mxscope compare out-a out-b"},
        {"What FP4 loses against FP8, not against the baseline:",
         "mxscope compare out --baseline 'B e4m3/32'"}}});
  auto folders = std::make_shared<std::vector<std::string>>();
  auto baseline = std::make_shared<std::string>();
  CLI::App& app = *command.app;
  app.add_option("DIR", *folders, "Folders of 'mxscope run -o'.")
      ->required()
      ->expected(1, 1000)
      ->group("Arguments");
  app.add_option("--baseline", *baseline, "Run that all are compared with.")
      ->type_name("RUN")
      ->group("Comparison");
  const auto json = add_json_flag(command, "Print one JSON document.");
  command.action = [folders, baseline, json] { return compare(*folders, *baseline, *json); };
}

}  // namespace mxscope::cli
