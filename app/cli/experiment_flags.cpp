// SPDX-License-Identifier: Apache-2.0
#include "experiment_flags.h"

#include <algorithm>
#include <charconv>
#include <iostream>

#include "command.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/variants.h"
#include "output.h"

namespace mxscope::cli {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<T>& values,
                      const std::string& type, const std::string& text, const std::string& group) {
  return app.add_option(name, values, text)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name(type)
      ->group(group);
}

// Fields of the document that a flag decides; remembers which flag.
class Setter {
 public:
  Setter(Json& document, std::map<std::string, std::string>& flag_of)
      : document_(document), flag_of_(flag_of) {}

  void set(const std::string& section, const std::string& key, Json value,
           const std::string& flag) {
    Json& parent = section.empty() ? document_ : document_[section];
    parent[key] = std::move(value);
    flag_of_[section.empty() ? key : section + "." + key] = flag;
  }
  void text(const std::string& section, const std::string& key, const std::string& value,
            const std::string& flag) {
    if (!value.empty()) {
      set(section, key, value, flag);
    }
  }
  void number(const std::string& section, const std::string& key,
              const std::optional<std::int64_t>& value, const std::string& flag) {
    if (value) {
      set(section, key, *value, flag);
    }
  }

 private:
  Json& document_;
  std::map<std::string, std::string>& flag_of_;
};

// A path typed on the command line starts at the current folder, those of a file at the file's.
std::string from_current_folder(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error)
             ? std::filesystem::absolute(path, error).lexically_normal().string()
             : path;
}

Json batch_value(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) {
    return number;
  }
  return text;
}

bool has_quantiser_flags(const ExperimentFlags& flags) {
  return !flags.tiers.empty() || !flags.match.empty() || !flags.rules_file.empty() ||
         !flags.formats.empty() || !flags.blocks.empty() || !flags.scale.empty() ||
         !flags.rounding.empty() || !flags.preset.empty() || flags.weight_only;
}

// "mxfp4_e2m1/64 weights": what a variant made of flags is called.
std::string variant_name(const std::string& head, const std::string& format,
                         const std::optional<std::int64_t>& block, bool weight_only) {
  std::string name = head;
  if (!format.empty()) {
    name += (name.empty() ? "" : " ") + format;
    if (block) {
      name += "/" + (*block == 0 ? std::string("row") : std::to_string(*block));
    }
  }
  return name + (weight_only ? " weights" : "");
}

void add_contract(Json& variant, const ExperimentFlags& flags) {
  for (const auto& [key, value] :
       {std::pair{"scale", &flags.scale}, std::pair{"rounding", &flags.rounding},
        std::pair{"preset", &flags.preset}}) {
    if (!value->empty()) {
      variant[key] = *value;
    }
  }
}

Json rule_of(const std::vector<std::string>& match, const std::string& format,
             const std::optional<std::int64_t>& block, bool weight_only) {
  Json rule = {{"match", match}, {"weight", format}};
  rule["activation"] = weight_only ? "none" : format;
  if (block) {
    rule["block"] = *block;
  }
  return rule;
}

// One variant for each format and block on the linears that --match selects, or that the rules of a
// tier do when only weights are quantised (which the file's own `tier` cannot say).
void add_rule_variants(Json& variants, const ExperimentFlags& flags, const std::string& head,
                       const std::vector<TierRule>& rules) {
  std::vector<std::string> formats = flags.formats;
  if (formats.empty()) {
    formats.emplace_back();  // the tier's own
  }
  std::vector<std::optional<std::int64_t>> blocks(flags.blocks.begin(), flags.blocks.end());
  if (blocks.empty()) {
    blocks.emplace_back();
  }
  for (const std::string& format : formats) {
    for (const auto& block : blocks) {
      Json variant = {{"name", variant_name(head, format, block, flags.weight_only)}};
      variant["rules"] = Json::array();
      for (const TierRule& rule : rules) {
        variant["rules"].push_back(
            rule_of(rule.match, format.empty() ? std::string(to_string(rule.format)) : format,
                    block, flags.weight_only));
      }
      add_contract(variant, flags);
      variants.push_back(std::move(variant));
    }
  }
}

Json tier_variant(const ExperimentFlags& flags, const std::string& tier) {
  Json variant = {{"tier", tier}};
  if (!flags.formats.empty()) {
    variant["format"] =
        flags.formats.size() == 1 ? Json(flags.formats.front()) : Json(flags.formats);
  }
  if (!flags.blocks.empty()) {
    variant["block"] = flags.blocks.size() == 1 ? Json(flags.blocks.front()) : Json(flags.blocks);
  }
  add_contract(variant, flags);
  return variant;
}

// --sweep OVER or OVER:FORMAT,FORMAT
Json sweep_of(const ExperimentFlags& flags) {
  const std::size_t colon = flags.sweep.find(':');
  Json sweep = {{"over", flags.sweep.substr(0, colon)}};
  std::vector<std::string> formats = flags.formats;
  if (colon != std::string::npos) {
    formats = CLI::detail::split(flags.sweep.substr(colon + 1), ',');
  }
  if (formats.empty()) {
    throw UsageError("--sweep needs formats: '--sweep " + flags.sweep +
                     ":mxfp4_e2m1', or --format beside it.");
  }
  if (flags.blocks.size() > 1) {
    throw UsageError("--sweep takes one block size, " + std::to_string(flags.blocks.size()) +
                     " are given.");
  }
  sweep["formats"] = formats;
  if (!flags.blocks.empty()) {
    sweep["block"] = flags.blocks.front();
  }
  if (!flags.scale.empty()) {
    sweep["scale"] = flags.scale;
  }
  if (!flags.rounding.empty()) {
    sweep["rounding"] = flags.rounding;
  }
  if (!flags.match.empty()) {
    sweep["match"] = flags.match;
  }
  return sweep;
}

Json variants_of(const ExperimentFlags& flags) {
  Json variants = Json::array();
  if (!flags.rules_file.empty()) {
    if (!flags.tiers.empty() || !flags.match.empty() || !flags.formats.empty() ||
        !flags.blocks.empty() || flags.weight_only) {
      throw UsageError(
          "--rules says itself what is quantised: it takes no --tier, --match, "
          "--format, --block or --weight-only beside it.");
    }
    variants = read_rule_variants(flags.rules_file);
    for (Json& variant : variants) {
      if (variant.is_object()) {
        add_contract(variant, flags);
      }
    }
    return variants;
  }
  if (!flags.tiers.empty() && !flags.match.empty()) {
    throw UsageError("--tier and --match both select linears: give one of them.");
  }
  for (const std::string& name : flags.tiers) {
    const std::optional<Tier> tier = parse_tier(name);
    if (flags.weight_only && tier) {
      add_rule_variants(variants, flags, name, tier_rules(*tier));
    } else {
      variants.push_back(tier_variant(flags, name));
    }
  }
  if (!flags.match.empty()) {
    if (flags.formats.empty()) {
      throw UsageError("--match needs --format: what the selected linears are quantised to.");
    }
    std::string head;
    for (const std::string& selector : flags.match) {
      head += (head.empty() ? "" : ",") + selector;
    }
    add_rule_variants(variants, flags, head, {TierRule{flags.match, Format::kNone}});
  }
  if (variants.empty() && has_quantiser_flags(flags)) {
    throw UsageError(
        "which linears? --tier A (or B, C, D, all), --match SELECTOR or --rules FILE "
        "says what is quantised.");
  }
  return variants;
}

// `base_is_here`: relative paths of the document start at the current folder anyway.
void apply_common(Setter& setter, const ExperimentFlags& flags, bool base_is_here) {
  setter.text("", "name", flags.name, "--name");
  if (!flags.data.empty()) {
    std::vector<std::string> sources = flags.data;
    if (!base_is_here) {
      std::transform(sources.begin(), sources.end(), sources.begin(), from_current_folder);
    }
    setter.set("data", "source", sources.size() == 1 ? Json(sources.front()) : Json(sources),
               "--data");
  }
  setter.text("data", "rows", flags.rows, "--rows");
  setter.text("data", "field", flags.field, "--field");
  setter.number("data", "max_samples", flags.max_samples, "--max-samples");
  setter.text("protocol", "name", flags.protocol, "--protocol");
  setter.number("protocol", "context", flags.context, "--context");
  setter.number("protocol", "stride", flags.stride, "--stride");
  setter.text("protocol", "bos", flags.bos, "--bos");
  setter.number("protocol", "max_windows", flags.max_windows, "--max-windows");
  if (!flags.devices.empty()) {
    const bool word = flags.devices.size() == 1 &&
                      (flags.devices.front() == "all" || flags.devices.front() == "auto");
    setter.set("", "devices", word ? Json(flags.devices.front()) : Json(flags.devices), "--device");
  }
  setter.number("compute", "threads", flags.threads, "--threads");
  if (!flags.batch.empty()) {
    setter.set("compute", "batch", batch_value(flags.batch), "--batch");
  }
  if (flags.noise_floor) {
    setter.set("compute", "noise_floor", true, "--noise-floor");
  }
}

// Does the file's own shape allow a change at all? What is wrong is left to the parser, which says
// it better.
bool can_be_changed(const Json& document) {
  if (!document.is_object()) {
    return false;
  }
  for (const char* section : {"data", "protocol", "compute"}) {
    if (document.contains(section) && !document[section].is_object()) {
      return false;
    }
  }
  return true;
}

std::string read_document(const std::string& file) {
  if (file != "-") {
    return read_text_file(file, kMaxExperimentBytes);
  }
  std::string text;
  std::vector<char> piece(std::size_t{1} << 16U);
  while (std::cin.read(piece.data(), static_cast<std::streamsize>(piece.size())) ||
         std::cin.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(std::cin.gcount()));
    if (text.size() > kMaxExperimentBytes) {
      throw Error(ErrorCode::kInvalidInput, "the experiment on standard input is larger than " +
                                                std::to_string(kMaxExperimentBytes) + " bytes");
    }
  }
  return text;
}

ExperimentDocument changed_file(const ExperimentFlags& flags) {
  if (!flags.models.empty()) {
    throw UsageError("--model and an experiment file exclude each other: '" + flags.file +
                     "' names its models itself.");
  }
  if (has_quantiser_flags(flags) || !flags.sweep.empty()) {
    throw UsageError(
        "an experiment file names its variants itself: it takes no --tier, --match, "
        "--rules, --format, --block, --scale, --rounding, --preset, --weight-only or "
        "--sweep beside it.");
  }
  ExperimentDocument document;
  document.text = read_document(flags.file);
  document.subject = flags.file == "-" ? "the experiment on standard input" : flags.file;
  const std::filesystem::path folder = std::filesystem::path(flags.file).parent_path();
  document.base = flags.file == "-" || folder.empty() ? "." : folder;

  Issues ignored;
  std::optional<Json> json = parse_json(document.text, ignored);
  if (json && can_be_changed(*json)) {
    const Json before = *json;
    Setter setter(*json, document.flag_of);
    apply_common(setter, flags, false);
    if (json->contains("models") && (*json)["models"].is_array()) {
      std::size_t index = 0;
      for (Json& model : (*json)["models"]) {
        if (model.is_object()) {
          if (!flags.dtype.empty()) {
            model["dtype"] = flags.dtype;
            document.flag_of["models[" + std::to_string(index) + "].dtype"] = "--dtype";
          }
          if (!flags.tokenizer.empty()) {
            model["tokenizer"] = from_current_folder(flags.tokenizer);
            document.flag_of["models[" + std::to_string(index) + "].tokenizer"] = "--tokenizer";
          }
          if (!flags.batch.empty()) {
            model.erase("batch");  // the flag decides for every model
          }
        }
        ++index;
      }
    }
    if (*json != before) {
      document.text = json->dump();
    }
  }
  return document;
}

}  // namespace

Json quantiser_variants(const ExperimentFlags& flags) { return variants_of(flags); }

CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) {
        std::int64_t number = 0;
        const char* begin = text.data() + (text.compare(0, 1, "+") == 0 ? 1 : 0);
        const auto [end, error] = std::from_chars(begin, text.data() + text.size(), number);
        return error == std::errc{} && end == text.data() + text.size()
                   ? std::string{}
                   : "'" + text + "' is no whole number";
      },
      "");
}

void add_quantiser_flags(CLI::App& app, ExperimentFlags& flags, const std::string& group) {
  add_list(app, "--tier", flags.tiers, "TIER,...",
           "Pattern of the seed study: A (MLP), B (MLP and attention), C, D (mixed formats), all "
           "(every linear, needs --format). One variant each.",
           group);
  add_list(app, "--match", flags.match, "SELECTOR,...",
           "Linears to quantise instead of a tier: part of a name, a glob such as "
           "'*.mlp.down_proj', 're:PATTERN', or a role: @mlp @attention @experts @lm_head @all.",
           group);
  app.add_option("--rules", flags.rules_file,
                 "JSON file with a list of rules, {\"rules\": [...]}, or an experiment whose "
                 "variants are taken.")
      ->type_name("FILE")
      ->group(group);
  add_list(app, "--format", flags.formats, "FORMAT,...",
           "Number formats, see 'mxscope formats'; replaces the tier's. One variant each.", group);
  add_list(app, "--block", flags.blocks, "N,...",
           "Values that share a scale, 32 unless said; 0: the whole row. One variant each.", group)
      ->check(whole_number());
  app.add_option("--scale", flags.scale, "Scale rule: floor, rceil, ceil, even, vllm or mse.")
      ->type_name("RULE")
      ->group(group);
  app.add_option("--rounding", flags.rounding,
                 "Rounding of elements: even, nearest, floor or half_down.")
      ->type_name("MODE")
      ->group(group);
  app.add_option("--preset", flags.preset,
                 "Numeric contract of a peer: ocp, microxcaling, torchao, modelopt, quark or vllm.")
      ->type_name("NAME")
      ->group(group);
  app.add_flag("--weight-only", flags.weight_only, "Leave activations as they are.")->group(group);
}

void add_experiment_flags(CLI::App& app, ExperimentFlags& flags) {
  app.add_option("FILE", flags.file,
                 "Experiment (*.mxscope, JSON); '-' reads standard input. Without it the flags "
                 "below make one.")
      ->group("Arguments");
  const std::string source = "Model and text";
  add_list(app, "--model", flags.models, "MODEL,...",
           "Checkpoint folder or hub id; may be given several times.", source);
  app.add_option("--dtype", flags.dtype,
                 "Type that weights are held and computed in: auto, float32, bfloat16 or float16.")
      ->type_name("TYPE")
      ->group(source);
  app.add_option("--tokenizer", flags.tokenizer, "Folder or tokenizer.json; default: the model's.")
      ->type_name("PATH")
      ->group(source);
  add_list(app, "--data", flags.data, "FILE,...",
           "Text, JSON or JSON lines; several are read in order.", source);
  app.add_option("--rows", flags.rows,
                 "What one sample is: auto, file, lines, wikitext or records.")
      ->type_name("KIND")
      ->group(source);
  app.add_option("--field", flags.field, "Text field of a record, 'text' unless said.")
      ->type_name("NAME")
      ->group(source);
  app.add_option("--max-samples", flags.max_samples, "Read no more samples than this.")
      ->check(whole_number())
      ->type_name("N")
      ->group(source);

  const std::string protocol = "Protocol";
  app.add_option("--protocol", flags.protocol,
                 "How text becomes windows, see 'mxscope protocols'; default: windows.")
      ->type_name("NAME")
      ->group(protocol);
  app.add_option("--context", flags.context, "Tokens of a window.")
      ->check(whole_number())
      ->type_name("N")
      ->group(protocol);
  app.add_option("--stride", flags.stride, "Tokens from one window to the next.")
      ->check(whole_number())
      ->type_name("N")
      ->group(protocol);
  app.add_option("--bos", flags.bos, "Begin token: tokenizer, once, each or none.")
      ->type_name("WHERE")
      ->group(protocol);
  app.add_option("--max-windows", flags.max_windows, "Evaluate no more windows than this.")
      ->check(whole_number())
      ->type_name("N")
      ->group(protocol);

  add_quantiser_flags(app, flags, "What is quantised");
  app.add_option("--sweep", flags.sweep,
                 "Quantise one place at a time: block, linear or role, with formats as in "
                 "'block:mxfp4_e2m1,mxint8' or from --format; --match limits the places.")
      ->type_name("OVER[:FORMAT,...]")
      ->group("What is quantised");

  const std::string compute = "Computing";
  add_list(app, "--device,--devices", flags.devices, "DEVICE,...",
           "auto, all, cpu, or GPUs such as cuda:0,cuda:1.", compute);
  app.add_option("--threads", flags.threads, "CPU workers; default: cores.")
      ->check(whole_number())
      ->type_name("N")
      ->group(compute);
  app.add_option("--batch", flags.batch,
                 "Windows in one micro-batch, or auto. Part of the numeric contract.")
      ->type_name("N")
      ->group(compute);
  app.add_flag("--noise-floor", flags.noise_floor,
               "Also evaluate the baseline with rounded hidden states: what differences the "
               "arithmetic alone makes.")
      ->group(compute);
  app.add_option("--name", flags.name, "Name of the experiment.")->type_name("TEXT")->group(source);
}

Json read_rule_variants(const std::string& path) {
  const std::string text = read_text_file(path, kMaxExperimentBytes);
  Issues issues;
  const std::optional<Json> json = parse_json(text, issues);
  if (!json) {
    throw InvalidInput(path, std::move(issues));
  }
  const std::string name = std::filesystem::path(path).stem().string();
  if (json->is_array()) {
    return Json::array({Json{{"name", name}, {"rules", *json}}});
  }
  if (json->is_object() && json->contains("variants")) {
    return (*json)["variants"];
  }
  if (json->is_object() && json->contains("rules")) {
    Json variant = *json;
    if (!variant.contains("name")) {
      variant["name"] = name;
    }
    return Json::array({variant});
  }
  throw Error(ErrorCode::kInvalidInput, "'" + path +
                                            "' holds no rules: a list of rules, an object with "
                                            "\"rules\", or an experiment is accepted.");
}

ExperimentDocument make_document(const ExperimentFlags& flags) {
  if (!flags.file.empty()) {
    return changed_file(flags);
  }
  if (flags.models.empty() || flags.data.empty()) {
    const char* missing = flags.models.empty() && flags.data.empty() ? "--model and --data"
                          : flags.models.empty()                     ? "--model"
                                                                     : "--data";
    throw UsageError(std::string("without an experiment file, ") + missing +
                     (flags.models.empty() && flags.data.empty() ? " are needed." : " is needed."));
  }
  ExperimentDocument document;
  document.base = ".";
  document.subject = "the experiment that the flags describe";
  Json json = {{"format", "mxscope-experiment"}, {"version", 1}};
  Setter setter(json, document.flag_of);
  json["models"] = Json::array();
  for (const std::string& source : flags.models) {
    Json model = {{"source", source}};
    if (!flags.dtype.empty()) {
      model["dtype"] = flags.dtype;
    }
    if (!flags.tokenizer.empty()) {
      model["tokenizer"] = flags.tokenizer;
    }
    const std::string path = "models[" + std::to_string(json["models"].size()) + "]";
    document.flag_of[path + ".dtype"] = "--dtype";
    document.flag_of[path + ".tokenizer"] = "--tokenizer";
    document.flag_of[path] = "--model";
    json["models"].push_back(std::move(model));
  }
  apply_common(setter, flags, true);
  const bool sweep_alone = !flags.sweep.empty() && flags.tiers.empty() && flags.rules_file.empty();
  if (!sweep_alone) {
    json["variants"] = variants_of(flags);
  }
  if (!flags.sweep.empty()) {
    json["sweep"] = sweep_of(flags);
    document.flag_of["sweep"] = "--sweep";
  }
  document.text = json.dump();
  return document;
}

Issues with_flag_names(Issues issues, const ExperimentDocument& document) {
  // Fields inside "variants[...]" by their last key.
  static const std::map<std::string, std::string> kVariantFlags = {
      {"tier", "--tier"},   {"format", "--format"},     {"block", "--block"},
      {"scale", "--scale"}, {"rounding", "--rounding"}, {"preset", "--preset"},
      {"match", "--match"}, {"weight", "--format"},     {"activation", "--format"}};
  for (Issue& issue : issues) {
    if (document.flag_of.count("models[0]") != 0 && issue.path.compare(0, 9, "variants[") == 0) {
      std::string key = issue.path.substr(issue.path.rfind('.') + 1);
      key = key.substr(0, key.find('['));
      if (const auto found = kVariantFlags.find(key); found != kVariantFlags.end()) {
        issue.path = found->second;
        continue;
      }
    }
    // The longest path that is the issue's or leads to it.
    std::string best;
    for (const auto& [path, flag] : document.flag_of) {
      const bool leads = issue.path.compare(0, path.size(), path) == 0 &&
                         (issue.path.size() == path.size() || issue.path[path.size()] == '.' ||
                          issue.path[path.size()] == '[');
      if (leads && path.size() > best.size()) {
        best = path;
      }
    }
    if (!best.empty()) {
      issue.path = document.flag_of.at(best);
    }
  }
  return issues;
}

}  // namespace mxscope::cli
