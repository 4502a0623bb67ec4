// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "mxscope/core/base/issue.h"

namespace mxscope::cli {

// Flags that describe an experiment, wholly or as changes to a file. They become the same JSON
// document that a file holds, so that one parser judges both.
struct ExperimentFlags {
  std::string file;
  std::vector<std::string> models;
  std::string dtype;
  std::string tokenizer;
  std::vector<std::string> data;
  std::string rows;
  std::string field;
  std::optional<std::int64_t> max_samples;
  std::string protocol;
  std::optional<std::int64_t> context;
  std::optional<std::int64_t> stride;
  std::string bos;
  std::optional<std::int64_t> max_windows;
  std::vector<std::string> tiers;
  std::vector<std::string> match;
  std::string rules_file;
  std::vector<std::string> formats;
  std::vector<std::int64_t> blocks;
  std::string scale;
  std::string rounding;
  std::string preset;
  bool weight_only = false;
  std::string sweep;
  std::vector<std::string> devices;
  std::optional<std::int64_t> threads;
  std::string batch;
  bool noise_floor = false;
  std::string name;
};

// An experiment as text, and what is needed to speak about it.
struct ExperimentDocument {
  std::string text;            // JSON
  std::filesystem::path base;  // relative paths start here
  std::string subject;         // "tiers.mxscope", or "the experiment" made of flags
  // Field paths that came from a flag, e.g. "protocol.context" -> "--context".
  std::map<std::string, std::string> flag_of;
};

// Adds the flags to a command. FILE is the first positional argument.
void add_experiment_flags(CLI::App& app, ExperimentFlags& flags);

// The flags that choose what is quantised, alone (`inspect` takes them too).
void add_quantiser_flags(CLI::App& app, ExperimentFlags& flags, const std::string& group);

// Reads FILE (or standard input for "-") and applies the flags, or makes an experiment of them.
// Throws UsageError where flags contradict each other, Error where FILE cannot be read.
[[nodiscard]] ExperimentDocument make_document(const ExperimentFlags& flags);

// The variants that --tier, --match, --rules and what belongs to them describe, as an array of an
// experiment; empty without them. Throws UsageError, and Error where --rules cannot be read.
[[nodiscard]] nlohmann::ordered_json quantiser_variants(const ExperimentFlags& flags);

// The rules or variants of a JSON file for --rules: a list of rules, {"rules": [...]} or an
// experiment. Throws Error naming the file.
[[nodiscard]] nlohmann::ordered_json read_rule_variants(const std::string& path);

// Field paths replaced by the flags that set them.
[[nodiscard]] Issues with_flag_names(Issues issues, const ExperimentDocument& document);

// Checks for CLI11: the text is a whole number, or one of a list of them.
[[nodiscard]] CLI::Validator whole_number();

}  // namespace mxscope::cli
