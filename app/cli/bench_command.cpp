// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "command.h"
#include "exit_code.h"
#include "experiment_flags.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/engine/bench.h"
#include "mxscope/engine/engine.h"
#include "output.h"
#include "text.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;
using engine::BenchReport;
using engine::Spread;

struct BenchFlags {
  ExperimentFlags quantiser;
  engine::BenchRequest request;
  std::string model;
};

// The variants of the flags as an experiment; its model and data are not looked at.
Experiment variants_of(const BenchFlags& flags) {
  const Json document = {{"format", "mxscope-experiment"},
                         {"version", 1},
                         {"models", Json::array({Json{{"source", "model"}}})},
                         {"data", {{"source", "text"}}},
                         {"variants", quantiser_variants(flags.quantiser)}};
  Issues issues;
  Experiment experiment = experiment_from_json(document, issues);
  if (has_errors(issues)) {
    throw InvalidInput("the list of variants", issues);
  }
  return experiment;
}

Json spread_json(const Spread& spread) {
  return {{"median_ms", spread.median}, {"min_ms", spread.least}, {"max_ms", spread.most}};
}

Json report_json(const BenchReport& r, const engine::BenchRequest& request) {
  Json steps = Json::array();
  for (const BenchReport::Step& s : r.steps) {
    Json step = {{"name", s.name}};
    step.update(spread_json(s.step));
    step.update({{"tokens_per_second", s.tokens_per_second},
                 {"of_baseline", s.of_baseline},
                 {"of_products", s.of_products},
                 {"peak_bytes", s.peak_bytes}});
    steps.push_back(std::move(step));
  }
  Json kernels = Json::array();
  for (const BenchReport::Kernel& k : r.kernels) {
    Json kernel = {{"name", k.name}, {"shape", k.shape}};
    kernel.update(spread_json(k.time));
    kernel.update({{"bytes_per_second", k.bytes_per_second}, {"of_copy", k.of_copy}});
    kernels.push_back(std::move(kernel));
  }
  Json json = {{"model", r.model},
               {"device", r.device},
               {"dtype", r.dtype},
               {"parameters", r.parameters},
               {"context", request.context},
               {"batch", request.batch},
               {"steps_per_panel", request.steps},
               {"panels", request.panels},
               {"load_seconds", r.load_seconds},
               {"load_bytes_per_second", nullptr},
               {"first_seconds", r.first_seconds},
               {"copy_bytes_per_second", r.copy_bytes_per_second},
               {"products", spread_json(r.products)},
               {"steps", std::move(steps)},
               {"kernels", std::move(kernels)},
               {"environment", engine::environment()}};
  if (r.load_bytes_per_second) {
    json["load_bytes_per_second"] = *r.load_bytes_per_second;
  }
  return json;
}

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string report_text(const BenchReport& r, const engine::BenchRequest& request,
                        const std::string& rule) {
  using Align = TextTable::Align;
  std::string text = printable(r.model) + ", " + format_count(r.parameters) + " parameters, " +
                     r.dtype + " on " + printable(r.device) + "; a step is " +
                     format_count(request.batch) + " windows of " + format_count(request.context) +
                     " tokens\n";
  text += "  loaded in " + number("%.2f s", r.load_seconds);
  if (r.load_bytes_per_second) {
    text += ", " + number("%.2f GB/s", *r.load_bytes_per_second / 1e9);
  }
  text += "; first figures " + number("%.2f s", r.first_seconds) + " later\n\n";
  TextTable steps;
  steps.add_column("step");
  for (const char* name : {"ms", "min", "max", "tokens/s", "x baseline", "x products", "peak"}) {
    steps.add_column(name, Align::kRight);
  }
  for (const BenchReport::Step& s : r.steps) {
    steps.add_row({printable(s.name), number("%.2f", s.step.median), number("%.2f", s.step.least),
                   number("%.2f", s.step.most), number("%.0f", s.tokens_per_second),
                   number("%.3f", s.of_baseline), number("%.3f", s.of_products),
                   format_bytes(s.peak_bytes)});
  }
  steps.add_row({"matrix products alone", number("%.2f", r.products.median),
                 number("%.2f", r.products.least), number("%.2f", r.products.most), "", "", "",
                 ""});
  text += steps.render(2, rule) + "\n";
  TextTable kernels;
  kernels.add_column("kernel");
  for (const char* name : {"shape", "ms", "GB/s", "x copy"}) {
    kernels.add_column(name, Align::kRight);
  }
  for (const BenchReport::Kernel& k : r.kernels) {
    kernels.add_row({printable(k.name), k.shape, number("%.3f", k.time.median),
                     number("%.0f", k.bytes_per_second / 1e9), number("%.2f", k.of_copy)});
  }
  kernels.add_row({"copy", "", "", number("%.0f", r.copy_bytes_per_second / 1e9), "1.00"});
  return text + kernels.render(2, rule);
}

int bench(const BenchFlags& flags, bool json) {
  engine::BenchRequest request = flags.request;
  request.model = flags.model;
  request.variants = variants_of(flags);
  const bool live = inspect_terminal(STDERR_FILENO).interactive;
  const BenchReport report = engine::run_bench(request, [&](const std::string& what) {
    if (live) {
      write_stderr("\r\x1b[K" + printable(what));
    }
    return true;
  });
  if (live) {
    write_stderr("\r\x1b[K");
  }
  if (json) {
    write_json(report_json(report, request));
  } else {
    write_stdout(report_text(report, request, inspect_terminal(STDOUT_FILENO).unicode ? "─" : "-"));
  }
  return kDone;
}

}  // namespace

void add_bench_command(Program& program) {
  Command& command = program.add(
      "bench", "time the engine, its kernels and the machine's ceilings", "Evaluate",
      {"MODEL|CONFIG.json [OPTION...]",
       "Times the engine's own loop on one device: a step is one micro-batch through the model and "
       "all its metrics, measured over panels of several steps, after one that warms up. Each "
       "variant runs beside a baseline in lock-step, and its time is what it adds. In the same run "
       "stand the ceilings: all matrix products of a step alone, and a copy of memory, beside "
       "which the quantiser and the token statistics are listed.\n\n"
       "With a config.json, or --random-weights, no weights are read: speed and memory do not "
       "depend on their values, but for the power that a GPU draws on them.",
       {{"A checkpoint, baseline alone:", "mxscope bench ./llama"},
        {"Tier B in several formats:",
         "mxscope bench ./llama --tier B --format mxfp8_e4m3,mxfp4_e2m1 --block 32,64"},
        {"A shape that is not at hand:",
         "mxscope bench config.json --dtype bfloat16 --context 512 --batch 8 --json"}},
       "On a GPU times are of CUDA events, on the CPU of the wall clock. A variant's least and "
       "most are those of both together, less the baseline's median."});
  auto flags = std::make_shared<BenchFlags>();
  CLI::App& app = *command.app;
  app.add_option("MODEL", flags->model, "Checkpoint folder, or a config.json alone.")
      ->required()
      ->group("Arguments");
  add_quantiser_flags(app, flags->quantiser, "What is quantised");
  const std::string what = "What is timed";
  engine::BenchRequest& r = flags->request;
  app.add_flag("--random-weights", r.random_weights, "Make weights instead of reading them.")
      ->group(what);
  app.add_option("--dtype", r.dtype,
                 "auto, float32, bfloat16 or float16; auto: as stored, of a config bfloat16.")
      ->type_name("TYPE")
      ->group(what);
  app.add_option("--device", r.device, "cpu or cuda:N; default: the first GPU, else the CPU.")
      ->type_name("DEVICE")
      ->group(what);
  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 20);
  const auto count = [&](const char* name, std::int64_t& value, const char* help) {
    app.add_option(name, value, help)->check(positive)->type_name("N")->group(what);
  };
  count("--context", r.context, "Tokens of a window; default 512.");
  count("--batch", r.batch, "Windows of a step; default 8.");
  count("--steps", r.steps, "Steps of a panel; default 16.");
  count("--panels", r.panels, "Panels that are timed; default 5.");
  const auto json = add_json_flag(command, "Print one JSON document.");
  command.action = [flags, json] { return bench(*flags, *json); };
}

}  // namespace mxscope::cli
