// SPDX-License-Identifier: Apache-2.0
// Commands that tell what there is: formats, protocols, devices, version.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "command.h"
#include "event_writer.h"
#include "exit_code.h"
#include "mxscope/core/data/windows.h"
#include "mxscope/core/formats/format.h"
#include "mxscope/engine/engine.h"
#include "output.h"
#include "text.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;
using Align = TextTable::Align;

std::string rule() { return inspect_terminal(STDOUT_FILENO).unicode ? "─" : "-"; }

std::string_view kind_name(FormatKind kind) {
  switch (kind) {
    case FormatKind::kMx:
      return "mx";
    case FormatKind::kNvfp4:
      return "nvfp4";
    case FormatKind::kPlain:
      return "plain";
    case FormatKind::kEmulated:
      return "emulated";
    case FormatKind::kNone:
      break;
  }
  return "none";
}

// nvfp4 can be named in an experiment, and is refused when it is to be computed.
bool is_computed(const FormatInfo& info) { return info.kind != FormatKind::kNvfp4; }

// "448", "1.75"
std::string number(double value) {
  std::string text = format_fixed(value, 6);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text;
}

// bfloat16's largest number has 39 digits.
std::string largest(double value) { return value < 1e6 ? number(value) : Json(value).dump(); }

// "2^-9": magnitudes that are powers of two.
std::string power_of_two(double value) {
  int exponent = 0;
  return std::frexp(value, &exponent) == 0.5 ? "2^" + std::to_string(exponent - 1) : number(value);
}

template <class Names, class Parse>
Json described(const Names& names, Parse parse) {
  Json list = Json::array();
  for (const std::string_view name : names) {
    list.push_back({{"name", name}, {"description", describe(*parse(name))}});
  }
  return list;
}

int formats(bool json) {
  Json list = Json::array();
  for (const FormatInfo& info : all_formats()) {
    if (info.format == Format::kNone) {
      continue;
    }
    Json entry = {{"name", info.name},
                  {"kind", kind_name(info.kind)},
                  {"element_bits", info.element_bits},
                  {"exponent_bits", info.exponent_bits},
                  {"mantissa_bits", info.mantissa_bits},
                  {"emax", info.emax},
                  {"max", info.max},
                  {"smallest_normal", nullptr},
                  {"smallest_subnormal", info.smallest_subnormal},
                  {"default_block", info.default_block},
                  {"bits_per_value", bits_per_value(info.format, info.default_block)},
                  {"available", is_computed(info)},
                  {"description", info.description}};
    if (info.smallest_normal > 0) {
      entry["smallest_normal"] = info.smallest_normal;
    }
    list.push_back(std::move(entry));
  }
  if (json) {
    write_json({{"formats", list},
                {"scales", described(scale_rule_names(), parse_scale_rule)},
                {"roundings", described(rounding_names(), parse_rounding)},
                {"presets", described(preset_names(), parse_preset)}});
    return kDone;
  }
  TextTable table;
  table.add_column("format");
  for (const char* header : {"e/m", "max", "smallest", "block", "bits/value"}) {
    table.add_column(header, Align::kRight);
  }
  table.add_column("what it is");
  for (const FormatInfo& info : all_formats()) {
    if (info.format == Format::kNone) {
      continue;
    }
    const bool fixed = info.exponent_bits == 0;
    table.add_row(
        {std::string(info.name),
         fixed ? "1." + std::to_string(info.mantissa_bits)
               : std::to_string(info.exponent_bits) + "/" + std::to_string(info.mantissa_bits),
         largest(info.max), power_of_two(info.smallest_subnormal),
         info.default_block > 0 ? std::to_string(info.default_block) : "",
         number(bits_per_value(info.format, info.default_block)), std::string(info.description)});
  }
  std::string text = table.render(0, rule());
  const auto section = [&text](const char* title, const auto& names, auto parse) {
    text += std::string("\n") + title + "\n";
    for (const std::string_view name : names) {
      std::string head(name);
      head.resize(std::max<std::size_t>(head.size(), 13), ' ');
      text += "  " + head + std::string(describe(*parse(name))) + "\n";
    }
  };
  section("Scale rules (--scale)", scale_rule_names(), parse_scale_rule);
  section("Roundings (--rounding)", rounding_names(), parse_rounding);
  section("Presets (--preset)", preset_names(), parse_preset);
  write_stdout(text);
  return kDone;
}

struct ProtocolText {
  std::string_view name;
  std::string_view windows;
  std::string_view scored;
};

// NUMERICS section 6 in one line each.
constexpr std::array<ProtocolText, 7> kProtocols = {{
    {"windows",
     "samples joined, tokenised once and cut into rows of the context; the tail is dropped",
     "every position but the last of a row"},
    {"concat2048", "WikiText rows joined by a blank line, rows of 2048 (GPTQ, AWQ)",
     "the same; PPL from the mean over rows"},
    {"sliding", "overlapping rows that begin every stride (Hugging Face guide)",
     "tokens past the end of the row before"},
    {"lm-eval", "one document each, disjoint windows (lm-evaluation-harness)",
     "all tokens; word and byte perplexity"},
    {"llama.cpp", "rows of 512, begin token written over the first of each",
     "the second half of each row"},
    {"seed", "each sample cut or padded to 512 on the right",
     "all positions against the model's own argmax: argmax_* only"},
    {"documents", "each sample on its own, cut to the context", "next token, no padding counted"},
}};

bool implemented(std::string_view name) {
  const auto names = protocol_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

int protocols(bool json) {
  if (json) {
    Json list = Json::array();
    for (const ProtocolText& protocol : kProtocols) {
      list.push_back({{"name", protocol.name},
                      {"windows", protocol.windows},
                      {"scored", protocol.scored},
                      {"available", implemented(protocol.name)}});
    }
    write_json({{"protocols", list}});
    return kDone;
  }
  std::string text;
  for (const ProtocolText& protocol : kProtocols) {
    text += std::string(protocol.name) +
            (implemented(protocol.name) ? "\n" : "  (not in this version)\n");
    text += "    windows  " + std::string(protocol.windows) + "\n";
    text += "    scored   " + std::string(protocol.scored) + "\n";
  }
  write_stdout(text);
  return kDone;
}

int devices(bool json) {
  if (json) {
    write_json({{"devices", devices_json()}});
    return kDone;
  }
  TextTable table;
  table.add_column("device");
  table.add_column("name");
  table.add_column("free", Align::kRight);
  table.add_column("of", Align::kRight);
  table.add_column("cores", Align::kRight);
  table.add_column("compute", Align::kRight);
  for (const DeviceDescription& device : describe_devices()) {
    table.add_row(
        {device.id, device.name, format_bytes(device.free_bytes), format_bytes(device.total_bytes),
         device.cores > 0 ? std::to_string(device.cores) : "", device.compute_capability});
  }
  write_stdout(table.render(0, rule()));
  return kDone;
}

int version(bool json) {
  Json about = {{"version", MXSCOPE_VERSION}};
  about.update(engine::environment());
  if (json) {
    write_json(about);
    return kDone;
  }
  std::string text = "mxscope " MXSCOPE_VERSION "\n";
  for (const auto& [key, value] : about.items()) {
    if (key != "version" && !value.is_structured()) {
      text +=
          "  " + key + ": " + (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
    }
  }
  write_stdout(text);
  return kDone;
}

}  // namespace

void add_formats_command(Program& program) {
  Command& command = program.add(
      "formats", "number formats, scale rules, roundings and presets", "Tell",
      {"[--json]",
       "Lists the number formats with their bits, largest and smallest magnitude, default block "
       "and stored bits per value, then the scale rules, roundings and presets.",
       {{"Names alone:", "mxscope formats --json | jq -r '.formats[].name'"}}});
  const auto json = add_json_flag(command, "Print one JSON document.");
  command.action = [json] { return formats(*json); };
}

void add_protocols_command(Program& program) {
  Command& command =
      program.add("protocols", "how text becomes windows and what is scored", "Tell",
                  {"[--json]",
                   "Lists the protocols of an experiment. Figures of different protocols are never "
                   "to be subtracted.",
                   {{"All of them:", "mxscope protocols"}}});
  const auto json = add_json_flag(command, "Print one JSON document.");
  command.action = [json] { return protocols(*json); };
}

void add_devices_command(Program& program) {
  Command& command =
      program.add("devices", "processors and GPUs with their free memory", "Tell",
                  {"[--json]",
                   "Lists the CPU and the GPUs that runs can use. GPUs are asked through the "
                   "driver's NVML, so that no memory is taken on them.",
                   {{"Free memory of the first GPU in bytes:",
                     "mxscope devices --json | jq '.devices[1].free_bytes'"}}});
  const auto json = add_json_flag(command, "Print one JSON document.");
  command.action = [json] { return devices(*json); };
}

void add_version_command(Program& program) {
  Command& command = program.add("version", "version of the program and its parts", "Tell",
                                 {"[--json]",
                                  "Shows what is kept with every result as its environment.",
                                  {{"For a bug report:", "mxscope version --json"}}});
  const auto json = add_json_flag(command, "Print one JSON document.");
  command.action = [json] { return version(*json); };
}

}  // namespace mxscope::cli
