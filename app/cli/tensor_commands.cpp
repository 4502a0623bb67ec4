// SPDX-License-Identifier: Apache-2.0
// Commands on tensors: quantize, logits.
#include <algorithm>
#include <optional>
#include <thread>

#include "command.h"
#include "exit_code.h"
#include "experiment_flags.h"
#include "mxscope/core/formats/format.h"
#include "mxscope/core/formats/suggest.h"
#include "mxscope/engine/engine.h"
#include "mxscope/engine/quantize_file.h"
#include "output.h"
#include "text.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;

struct QuantizeFlags {
  std::string input;
  std::string tensor;
  std::string format;
  std::optional<std::int64_t> block;
  std::string scale;
  std::string rounding;
  std::string preset;
  std::string flavour;
  bool no_tensor_scale = false;
  std::string output;
  int threads = 0;
};

template <class Names>
[[noreturn]] void unknown(const std::string& flag, const std::string& value, const Names& names) {
  throw UsageError(flag + ": unknown value '" + printable(value) + "'; accepted are " +
                   join_choices(names) + "." + suggestion(value, names));
}

// A name of a flag as its value, or the default where the flag was not given.
template <class T, class Parse, class Names>
T choose(const std::string& flag, const std::string& name, T otherwise, Parse parse,
         const Names& names) {
  if (name.empty()) {
    return otherwise;
  }
  const std::optional<T> value = parse(name);
  if (!value) {
    unknown(flag, name, names);
  }
  return *value;
}

OperandSpec operand_of(const QuantizeFlags& flags) {
  const Format format =
      choose("--format", flags.format, Format::kNone, parse_format, format_names());
  if (format == Format::kNone) {
    throw UsageError("--format: 'none' quantises nothing; see 'mxscope formats'.");
  }
  if (flags.block && *flags.block < 0) {
    throw UsageError("--block: " + std::to_string(*flags.block) +
                     " is given; a block is a positive number of values, or 0 for the whole row.");
  }
  PresetValues values;
  if (!flags.preset.empty()) {
    values = preset_values(
        choose("--preset", flags.preset, Preset::kOcp, parse_preset, preset_names()), format);
  }
  values.scale = choose("--scale", flags.scale, values.scale, parse_scale_rule, scale_rule_names());
  values.rounding =
      choose("--rounding", flags.rounding, values.rounding, parse_rounding, rounding_names());
  values.flavour =
      choose("--flavour", flags.flavour, values.flavour, parse_flavour, flavour_names());
  if (format != Format::kNvfp4 && (!flags.flavour.empty() || flags.no_tensor_scale)) {
    throw UsageError("--flavour and --no-tensor-scale belong to nvfp4; the format is " +
                     flags.format + ".");
  }
  const std::int64_t block = flags.block.value_or(format_info(format).default_block);
  return make_operand(format, block, values.scale, values.rounding, values.flavour,
                      !flags.no_tensor_scale);
}

int quantize(const QuantizeFlags& flags, bool json) {
  const OperandSpec operand = operand_of(flags);
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const engine::QuantizeReport report = engine::quantize_file(
      flags.input, flags.tensor, operand, flags.output, flags.threads > 0 ? flags.threads : cores);
  std::optional<double> saturated;
  if (report.blocks > 0) {
    saturated = static_cast<double>(report.saturated_blocks) / static_cast<double>(report.blocks);
  }
  if (json) {
    const auto value = [](const std::optional<double>& number) {
      return number ? Json(*number) : Json(nullptr);
    };
    write_json({{"tensor", flags.tensor},
                {"shape", report.shape},
                {"dtype", report.dtype},
                {"contract", operand.description()},
                {"values", report.values},
                {"blocks", report.blocks},
                {"saturated_blocks", report.saturated_blocks},
                {"saturated_share", value(saturated)},
                {"nonfinite_blocks", report.nonfinite_blocks},
                {"sqnr_db", value(report.sqnr_db)},
                {"rmse", value(report.rmse)},
                {"bits_per_value", bits_per_value(operand.format, operand.block)},
                {"output", flags.output}});
    return kDone;
  }
  std::string shape;
  for (const std::int64_t size : report.shape) {
    shape += (shape.empty() ? "" : " x ") + std::to_string(size);
  }
  std::string text = printable(flags.tensor) + " [" + shape + "] " + report.dtype + " as " +
                     operand.description() + "\n";
  text += "  SQNR              " +
          (report.sqnr_db ? format_fixed(*report.sqnr_db, 2) + " dB"
                          : std::string("none: no value changed")) +
          "\n";
  if (saturated) {
    text += "  saturated blocks  " + format_fixed(*saturated * 100, 2) + " % (" +
            format_count(report.saturated_blocks) + " of " + format_count(report.blocks) + ")\n";
  }
  if (report.nonfinite_blocks > 0) {
    text += "  not finite        " + format_count(report.nonfinite_blocks) +
            " blocks hold a NaN or an infinity and became NaN\n";
  }
  write_stdout(text);
  return kDone;
}

struct LogitsFlags {
  std::string model;
  std::string ids;
  std::string tensor = "input_ids";
  std::string dtype = "auto";
  std::string device = "cpu";
  std::string output;
};

int logits(const LogitsFlags& flags, bool json) {
  engine::write_logits(flags.model, flags.ids, flags.tensor, flags.dtype, flags.device,
                       flags.output);
  if (json) {
    write_json({{"model", flags.model},
                {"ids", flags.ids},
                {"tensor", "logits"},
                {"dtype", flags.dtype},
                {"device", flags.device},
                {"output", flags.output}});
  }
  return kDone;
}

}  // namespace

void add_quantize_command(Program& program) {
  Command& command = program.add(
      "quantize", "quantise one tensor of a file", "Tensors",
      {"IN.safetensors --tensor NAME --format FORMAT -o OUT.safetensors [OPTION...]",
       "Rounds a tensor to what a format can hold, along its last axis, and writes it under the "
       "same name, shape and type. Tells the signal-to-noise ratio and the share of blocks whose "
       "largest value was cut off (saturated).",
       {{"A weight in MXFP4 with blocks of 32:",
         "mxscope quantize model.safetensors --tensor model.layers.0.mlp.up_proj.weight --format "
         "mxfp4_e2m1 -o q.safetensors"},
        {"As microxcaling does it:",
         "mxscope quantize x.safetensors --tensor x --format mxfp8_e4m3 --preset microxcaling -o "
         "q.safetensors"},
        {"The ratio alone:",
         "mxscope quantize x.safetensors --tensor x --format mxint8 -o /dev/null --json | jq "
         ".sqnr_db"}}});
  auto flags = std::make_shared<QuantizeFlags>();
  CLI::App& app = *command.app;
  app.add_option("IN", flags->input, "File to read.")->required()->group("Arguments");
  const std::string group = "Quantiser";
  app.add_option("--tensor", flags->tensor, "Name of the tensor.")
      ->type_name("NAME")
      ->required()
      ->group(group);
  app.add_option("--format", flags->format, "Number format, see 'mxscope formats'.")
      ->type_name("FORMAT")
      ->required()
      ->group(group);
  app.add_option("--block", flags->block, "Values that share a scale; 0: the whole row.")
      ->check(whole_number())
      ->type_name("N")
      ->group(group);
  app.add_option("--scale", flags->scale, "Scale rule: floor, rceil, ceil, even, vllm or mse.")
      ->type_name("RULE")
      ->group(group);
  app.add_option("--rounding", flags->rounding, "even, nearest, floor or half_down.")
      ->type_name("MODE")
      ->group(group);
  app.add_option("--preset", flags->preset, "Scale rule and rounding of a peer.")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--flavour", flags->flavour, "nvfp4 alone: modelopt, torchao or vllm.")
      ->type_name("NAME")
      ->group(group);
  app.add_flag("--no-tensor-scale", flags->no_tensor_scale,
               "nvfp4 alone: without the float32 scale of the whole tensor.")
      ->group(group);
  app.add_option("--threads", flags->threads,
                 "Threads; default: cores. The bits do not depend on it.")
      ->check(whole_number())
      ->type_name("N")
      ->group(group);
  app.add_option("-o,--output", flags->output, "File to write.")
      ->type_name("FILE")
      ->required()
      ->group("Output");
  const auto json = add_json_flag(command, "Print the figures as one JSON document.");
  command.action = [flags, json] { return quantize(*flags, *json); };
}

void add_logits_command(Program& program) {
  Command& command = program.add(
      "logits", "logits of a model for given token ids", "Tensors",
      {"MODEL --ids IN.safetensors -o OUT.safetensors [OPTION...]",
       "Runs the unquantised model on token ids [batch, time] and writes the tensor 'logits' "
       "[batch, time, vocabulary] in float32: what to compare with another implementation.",
       {{"Against a reference:",
         "mxscope logits ./llama --ids reference.safetensors --dtype float32 -o "
         "logits.safetensors"}}});
  auto flags = std::make_shared<LogitsFlags>();
  CLI::App& app = *command.app;
  app.add_option("MODEL", flags->model, "Checkpoint folder.")->required()->group("Arguments");
  const std::string group = "Input and computing";
  app.add_option("--ids", flags->ids, "File with the token ids.")
      ->type_name("FILE")
      ->required()
      ->group(group);
  app.add_option("--tensor", flags->tensor, "Name of the tensor of ids; default: input_ids.")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--dtype", flags->dtype, "auto (as stored), float32, bfloat16 or float16.")
      ->type_name("TYPE")
      ->group(group);
  app.add_option("--device", flags->device, "cpu, or a GPU such as cuda:0; default: cpu.")
      ->type_name("DEVICE")
      ->group(group);
  app.add_option("-o,--output", flags->output, "File to write.")
      ->type_name("FILE")
      ->required()
      ->group("Output");
  const auto json = add_json_flag(command, "Print what was written as one JSON document.");
  command.action = [flags, json] { return logits(*flags, *json); };
}

}  // namespace mxscope::cli
