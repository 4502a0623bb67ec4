// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/issue.h"

// How the commands are put together: each file `*_command.cpp` adds one to the program.
namespace mxscope::cli {

// What `--help` prints around the options, in the order of a manual page.
struct Manual {
  std::string synopsis;     // one form per line, without the program's name
  std::string description;  // paragraphs; lines that begin with a blank are kept as they are
  std::vector<std::pair<std::string, std::string>> examples;  // what it does, command line
  std::string notes = {};  // further paragraphs after the examples, with headings in capitals
};

// One command: its options live as long as the program, its action runs after they are read.
struct Command {
  CLI::App* app = nullptr;
  Manual manual;
  std::function<int()> action;  // returns an ExitCode
  bool* json = nullptr;         // set where the command has --json
};

// The program: a CLI11 application and its commands.
class Program {
 public:
  Program();
  // Adds a command; `group` is the heading that the overview lists it under.
  Command& add(const std::string& name, const std::string& summary, const std::string& group,
               Manual manual);
  // Reads the flags and runs the command; returns the program's exit code. Nothing is thrown.
  int run(int argc, char** argv);

 private:
  [[nodiscard]] std::string help(const CLI::App& app) const;
  [[nodiscard]] std::string overview() const;
  int report_parse_error(const CLI::ParseError& error);
  [[nodiscard]] const Command* find(const CLI::App* app) const;

  CLI::App app_;
  std::vector<std::unique_ptr<Command>> commands_;
  bool version_ = false;
};

// Adds `--json` to a command and returns where its value is kept.
std::shared_ptr<bool> add_json_flag(Command& command, const std::string& what);

// An input with problems: all of them are listed, each with its field path.
class InvalidInput : public Error {
 public:
  InvalidInput(std::string subject, Issues issues);
  [[nodiscard]] const std::string& subject() const noexcept { return subject_; }
  [[nodiscard]] const Issues& issues() const noexcept { return issues_; }

 private:
  std::string subject_;
  Issues issues_;
};

// A combination of flags that makes no sense; the message ends with where help is to be had.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ErrorCode::kInvalidInput, message) {}
};

void add_run_command(Program& program);
void add_inspect_command(Program& program);
void add_estimate_command(Program& program);
void add_validate_command(Program& program);
void add_bench_command(Program& program);
void add_quantize_command(Program& program);
void add_logits_command(Program& program);
void add_export_command(Program& program);
void add_compare_command(Program& program);
void add_formats_command(Program& program);
void add_protocols_command(Program& program);
void add_devices_command(Program& program);
void add_serve_command(Program& program);
void add_version_command(Program& program);

}  // namespace mxscope::cli
