// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <sstream>

#include "exit_code.h"
#include "mxscope/core/formats/suggest.h"
#include "output.h"
#include "text.h"

namespace mxscope::cli {
namespace {

constexpr std::size_t kHelpWidth = 96;
constexpr std::size_t kIndent = 4;

constexpr const char* kExitStatus =
    "  0  done\n"
    "  1  usage or invalid input: the message says what to correct\n"
    "  2  some runs failed; the others are complete and written\n"
    "  3  cancelled; what was finished is written\n"
    "  4  environment: memory, disk, device or driver\n";

std::string heading(const std::string& title) { return title + "\n"; }

std::string option_names(const CLI::Option& option) {
  if (option.get_positional()) {
    return option.get_name(true);
  }
  std::string names;
  for (const std::string& name : option.get_snames()) {
    names += (names.empty() ? "-" : ", -") + name;
  }
  for (const std::string& name : option.get_lnames()) {
    names += (names.empty() ? "--" : ", --") + name;
  }
  if (option.get_type_size() != 0 && !option.get_type_name().empty()) {
    names += " " + option.get_type_name();
  }
  return names;
}

std::string option_text(const CLI::Option& option) {
  return std::string(kIndent, ' ') + option_names(option) + "\n" +
         wrap(option.get_description(), 2 * kIndent, kHelpWidth);
}

std::string issue_line(const Issue& issue) {
  return (issue.path.empty() ? std::string{} : issue.path + ": ") + issue.message;
}

nlohmann::ordered_json error_json(const Error& error) {
  nlohmann::ordered_json body = {{"code", to_string(error.code())}, {"message", error.what()}};
  if (const auto* invalid = dynamic_cast<const InvalidInput*>(&error)) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Issue& issue : invalid->issues()) {
      list.push_back({{"severity", issue.severity == Issue::Severity::kError ? "error" : "warning"},
                      {"path", issue.path},
                      {"message", issue.message}});
    }
    body["issues"] = std::move(list);
  }
  return {{"error", std::move(body)}};
}

// The sentence for standard error: one problem per line.
std::string error_text(const std::string& program, const Error& error) {
  const auto* invalid = dynamic_cast<const InvalidInput*>(&error);
  if (invalid == nullptr) {
    return program + ": error: " + error.what() + "\n";
  }
  const auto count =
      std::count_if(invalid->issues().begin(), invalid->issues().end(),
                    [](const Issue& issue) { return issue.severity == Issue::Severity::kError; });
  std::string text = program + ": error: " + invalid->subject() + " has " +
                     (count == 1 ? "a problem" : std::to_string(count) + " problems") + ":\n";
  for (const Issue& issue : invalid->issues()) {
    text += issue.severity == Issue::Severity::kError ? "  " : "  warning: ";
    text += issue_line(issue) + "\n";
  }
  return text;
}

}  // namespace

InvalidInput::InvalidInput(std::string subject, Issues issues)
    : Error(
          ErrorCode::kInvalidInput,
          subject + ": " + (issues.empty() ? std::string("invalid") : issue_line(issues.front()))),
      subject_(std::move(subject)),
      issues_(std::move(issues)) {}

Program::Program() : app_("what microscaling quantisation does to a language model", "mxscope") {
  app_.set_help_flag("-h,--help", "Show this page and exit.");
  app_.add_flag("--version", version_, "Show the version and exit.");
  app_.require_subcommand(0, 1);
  app_.formatter(std::make_shared<CLI::FormatterLambda>(
      [this](const CLI::App* app, const std::string&, CLI::AppFormatMode) { return help(*app); }));
}

Command& Program::add(const std::string& name, const std::string& summary, const std::string& group,
                      Manual manual) {
  auto command = std::make_unique<Command>();
  command->app = app_.add_subcommand(name, summary);
  command->app->group(group);
  command->app->set_help_flag("-h,--help", "Show this page and exit.");
  command->manual = std::move(manual);
  commands_.push_back(std::move(command));
  return *commands_.back();
}

const Command* Program::find(const CLI::App* app) const {
  const auto it = std::find_if(commands_.begin(), commands_.end(),
                               [app](const auto& command) { return command->app == app; });
  return it == commands_.end() ? nullptr : it->get();
}

std::string Program::help(const CLI::App& app) const {
  const Command* command = find(&app);
  if (command == nullptr) {
    return overview();
  }
  const std::string name = "mxscope " + app.get_name();
  std::string text =
      heading("NAME") + wrap(name + " - " + app.get_description(), kIndent, kHelpWidth);
  text += "\n" + heading("SYNOPSIS");
  std::istringstream forms(command->manual.synopsis);
  for (std::string form; std::getline(forms, form);) {
    text += std::string(kIndent, ' ') + name + (form.empty() ? "" : " ") + form + "\n";
  }
  text += "\n" + heading("DESCRIPTION") + wrap(command->manual.description, kIndent, kHelpWidth);

  std::vector<std::string> groups;
  for (const CLI::Option* option : app.get_options()) {
    const std::string& group = option->get_group();
    if (!group.empty() && std::find(groups.begin(), groups.end(), group) == groups.end()) {
      groups.push_back(group);
    }
  }
  // General options (--help, --json) stand at the end, whatever order they were added in.
  std::stable_partition(groups.begin(), groups.end(),
                        [](const std::string& group) { return group != "Options"; });
  for (const std::string& group : groups) {
    std::string title = group == "Options" && groups.size() > 1 ? "GENERAL OPTIONS" : group;
    std::transform(title.begin(), title.end(), title.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    text += "\n" + heading(title);
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_group() == group) {
        text += option_text(*option);
      }
    }
  }
  if (!command->manual.examples.empty()) {
    text += "\n" + heading("EXAMPLES");
    for (const auto& [what, line] : command->manual.examples) {
      text += wrap(what, kIndent, kHelpWidth) + wrap("  " + line, 2 * kIndent, kHelpWidth);
    }
  }
  if (!command->manual.notes.empty()) {
    text += "\n" + command->manual.notes;
  }
  return text + "\n" + heading("EXIT STATUS") + wrap(kExitStatus, kIndent - 2, kHelpWidth);
}

std::string Program::overview() const {
  std::string text = heading("NAME") +
                     wrap("mxscope - what microscaling (MX) quantisation does to a language model",
                          kIndent, kHelpWidth);
  text +=
      "\n" + heading("SYNOPSIS") + wrap(" mxscope COMMAND [OPTION...]", kIndent - 1, kHelpWidth);
  text += "\n" + heading("DESCRIPTION") +
          wrap(
              "Evaluates a checkpoint and any number of quantised variants of it on the same "
              "tokens, in one pass, and tells what each costs in perplexity, cross entropy, "
              "entropy and divergence, with an error bar on every difference.\n\n"
              "Figures go to standard output, the log and the progress bar to standard error. "
              "With --json every command prints one JSON document instead of a table.",
              kIndent, kHelpWidth);
  std::vector<std::string> groups;
  for (const auto& command : commands_) {
    if (std::find(groups.begin(), groups.end(), command->app->get_group()) == groups.end()) {
      groups.push_back(command->app->get_group());
    }
  }
  text += "\n" + heading("COMMANDS");
  for (const std::string& group : groups) {
    text += std::string(kIndent, ' ') + group + "\n";
    for (const auto& command : commands_) {
      if (command->app->get_group() == group) {
        std::string name = command->app->get_name();
        name.resize(std::max<std::size_t>(name.size(), 11), ' ');
        text += std::string(kIndent + 2, ' ') + name + command->app->get_description() + "\n";
      }
    }
  }
  text += "\n" + heading("EXAMPLES");
  text += wrap("Perplexity of a model with every MLP matrix in MXFP4, with blocks of 32 and 64:",
               kIndent, kHelpWidth);
  text += wrap(
      "  mxscope run --model ./llama --data wiki.test.raw --tier A --format mxfp4_e2m1 "
      "--block 32,64 -o out",
      kIndent, 200);
  text +=
      wrap("What an experiment file would need, then the experiment itself:", kIndent, kHelpWidth);
  text += wrap("  mxscope estimate tiers.mxscope\n  mxscope run tiers.mxscope -o out", kIndent,
               kHelpWidth);
  text +=
      "\n" + heading("ENVIRONMENT") +
      wrap(
          "NO_COLOR\n    Set and not empty: no colours.\nCUDA_VISIBLE_DEVICES\n    GPUs that may "
          "be used; cuda:0 is the first of them.",
          kIndent, kHelpWidth);
  text += "\n" + heading("EXIT STATUS") + wrap(kExitStatus, kIndent - 2, kHelpWidth);
  return text + "\nMore about a command: mxscope COMMAND --help\n";
}

int Program::report_parse_error(const CLI::ParseError& error) {
  const auto chosen = app_.get_subcommands();
  const CLI::App* app = chosen.empty() ? &app_ : chosen.front();
  const std::string name = chosen.empty() ? "mxscope" : "mxscope " + app->get_name();
  std::string message = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> extras = app_.remaining(true);
    const std::string first = extras.empty() ? std::string{} : extras.front();
    std::vector<std::string> known;
    if (chosen.empty() && first.compare(0, 1, "-") != 0) {
      for (const auto& command : commands_) {
        known.push_back(command->app->get_name());
      }
      message = "there is no command '" + printable(first) + "'";
    } else {
      for (const CLI::Option* option : app->get_options()) {
        for (const std::string& long_name : option->get_lnames()) {
          known.push_back("--" + long_name);
        }
      }
      message = (first.compare(0, 1, "-") == 0 ? "there is no option '" : "unexpected argument '") +
                printable(first.substr(0, first.find('='))) + "'";
    }
    const std::vector<std::string_view> views(known.begin(), known.end());
    message += "." + suggestion(first.substr(0, first.find('=')), views);
  }
  write_stderr(name + ": error: " + printable(message) + "\nTry '" + name + " --help'.\n");
  return kUsage;
}

int Program::run(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app_.get_subcommands();
    return write_stdout(help(chosen.empty() ? app_ : *chosen.front())) ? kDone : kDone;
  } catch (const CLI::ParseError& error) {
    return report_parse_error(error);
  }

  const auto chosen = app_.get_subcommands();
  const Command* command = chosen.empty() ? nullptr : find(chosen.front());
  const std::string name = command == nullptr ? "mxscope" : "mxscope " + chosen.front()->get_name();
  const auto fail = [&](const Error& error) {
    const bool usage = dynamic_cast<const UsageError*>(&error) != nullptr;
    write_stderr(error_text(name, error) + (usage ? "Try '" + name + " --help'.\n" : ""));
    if (command != nullptr && command->json != nullptr && *command->json) {
      try {
        write_json(error_json(error));
      } catch (const Error&) {
        return static_cast<int>(kEnvironment);  // said already; standard output is what failed
      }
    }
    return static_cast<int>(exit_code(error.code()));
  };
  try {
    if (version_) {
      write_stdout("mxscope " MXSCOPE_VERSION "\n");
      return kDone;
    }
    if (command == nullptr) {
      write_stderr("mxscope: error: a command is missing\nTry 'mxscope --help'.\n");
      return kUsage;
    }
    return command->action();
  } catch (const Error& error) {
    return fail(error);
  } catch (const std::bad_alloc&) {
    return fail(Error(ErrorCode::kOutOfMemory, "not enough memory"));
  } catch (const std::exception& error) {
    return fail(Error(ErrorCode::kInternal, std::string("internal error: ") + error.what()));
  }
}

std::shared_ptr<bool> add_json_flag(Command& command, const std::string& what) {
  auto flag = std::make_shared<bool>(false);
  command.app->add_flag("--json", *flag, what);
  command.json = flag.get();
  return flag;
}

}  // namespace mxscope::cli
