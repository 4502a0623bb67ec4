// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/experiment/rules.h"

#include <re2/re2.h>

#include <array>
#include <utility>

#include "experiment/json_reader.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/formats/suggest.h"

namespace mxscope {
namespace {

constexpr std::size_t kLongestSelector = 4096;
// Bytes that one pattern may take when compiled: plenty for names, too little to hurt.
constexpr std::int64_t kPatternMemory = 1 << 20;
constexpr std::array<std::string_view, 5> kRoleNames = {"@mlp", "@attention", "@experts",
                                                        "@lm_head", "@all"};

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return lowered;
}

// Whole-text match; '*' stands for any run of characters, '?' for one. Going back only to the last
// '*' keeps the time within pattern times text.
bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

bool role_matches(std::string_view name, LinearRole role) {
  if (name == "@all") {
    return true;
  }
  if (name == "@mlp") {
    return role == LinearRole::kMlp || role == LinearRole::kExperts;
  }
  if (name == "@attention") {
    return role == LinearRole::kAttention;
  }
  if (name == "@experts") {
    return role == LinearRole::kExperts;
  }
  return role == LinearRole::kHead;
}

}  // namespace

struct Selector::Compiled {
  enum class Kind { kSubstring, kGlob, kRegex, kRole };
  std::string text;
  Kind kind = Kind::kSubstring;
  std::string folded;  // lower-cased text, glob or role
  std::unique_ptr<re2::RE2> regex;
};

Selector::Selector(std::string_view text) : compiled_(std::make_unique<Compiled>()) {
  const auto fail = [&](const std::string& message) {
    throw Error(ErrorCode::kInvalidInput, message);
  };
  if (text.empty()) {
    fail("A selector must not be empty.");
  }
  if (text.size() > kLongestSelector) {
    fail("A selector has at most " + std::to_string(kLongestSelector) + " bytes; this one has " +
         std::to_string(text.size()) + ".");
  }
  compiled_->text = text;
  if (text.starts_with("re:")) {
    compiled_->kind = Compiled::Kind::kRegex;
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemory);
    const std::string pattern(text.substr(3));
    if (pattern.empty()) {
      fail("The pattern after 're:' is empty.");
    }
    compiled_->regex = std::make_unique<re2::RE2>(pattern, options);
    if (!compiled_->regex->ok()) {
      fail("The pattern " + quote(pattern) +
           " is no regular expression: " + compiled_->regex->error() + ".");
    }
  } else if (text.starts_with('@')) {
    compiled_->kind = Compiled::Kind::kRole;
    compiled_->folded = lower(text);
    bool known = false;
    for (const std::string_view role : kRoleNames) {
      known = known || role == compiled_->folded;
    }
    if (!known) {
      fail("Unknown role " + quote(text) + "." + suggestion(text, kRoleNames) +
           " Accepted: " + join_choices(kRoleNames) + ".");
    }
  } else {
    compiled_->folded = lower(text);
    compiled_->kind = text.find_first_of("*?") == std::string_view::npos
                          ? Compiled::Kind::kSubstring
                          : Compiled::Kind::kGlob;
  }
}

Selector::~Selector() = default;
Selector::Selector(Selector&&) noexcept = default;
Selector& Selector::operator=(Selector&&) noexcept = default;

const std::string& Selector::text() const noexcept { return compiled_->text; }

bool Selector::matches(const LinearInfo& linear) const {
  switch (compiled_->kind) {
    case Compiled::Kind::kSubstring:
      return lower(linear.name).find(compiled_->folded) != std::string::npos;
    case Compiled::Kind::kGlob:
      return glob_matches(compiled_->folded, lower(linear.name));
    case Compiled::Kind::kRegex:
      return re2::RE2::PartialMatch(linear.name, *compiled_->regex);
    case Compiled::Kind::kRole:
      return role_matches(compiled_->folded, linear.role);
  }
  return false;
}

std::string check_selector(std::string_view text) {
  try {
    const Selector selector(text);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

struct RuleMatcher::Compiled {
  struct Rule {
    std::vector<Selector> match;
    std::vector<Selector> except;
    ResolvedRule resolved;

    [[nodiscard]] bool matches(const LinearInfo& linear) const {
      const auto any = [&](const std::vector<Selector>& selectors) {
        for (const Selector& selector : selectors) {
          if (selector.matches(linear)) {
            return true;
          }
        }
        return false;
      };
      return any(match) && !any(except);
    }
  };
  std::vector<Rule> rules;
};

RuleMatcher::RuleMatcher(const std::vector<ResolvedRule>& rules)
    : compiled_(std::make_unique<Compiled>()) {
  for (const ResolvedRule& rule : rules) {
    Compiled::Rule compiled;
    for (const std::string& text : rule.match) {
      compiled.match.emplace_back(text);
    }
    for (const std::string& text : rule.except) {
      compiled.except.emplace_back(text);
    }
    compiled.resolved = rule;
    compiled_->rules.push_back(std::move(compiled));
  }
}

RuleMatcher::~RuleMatcher() = default;
RuleMatcher::RuleMatcher(RuleMatcher&&) noexcept = default;
RuleMatcher& RuleMatcher::operator=(RuleMatcher&&) noexcept = default;

int RuleMatcher::first_match(const LinearInfo& linear) const {
  for (std::size_t i = 0; i < compiled_->rules.size(); ++i) {
    if (compiled_->rules[i].matches(linear)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

MatchReport RuleMatcher::match(const std::vector<LinearInfo>& linears) const {
  const auto& rules = compiled_->rules;
  MatchReport report;
  report.decided.assign(rules.size(), 0);
  report.matched.assign(rules.size(), 0);
  report.linears.reserve(linears.size());
  for (const LinearInfo& linear : linears) {
    LinearDecision decision;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (!rules[i].matches(linear)) {
        continue;
      }
      ++report.matched[i];
      if (decision.rule < 0) {
        const ResolvedRule& rule = rules[i].resolved;
        decision = {static_cast<int>(i), rule.weight, rule.activation, rule.output};
        ++report.decided[i];
      }
    }
    report.layers += decision.quantised() ? 1 : 0;
    report.linears.push_back(decision);
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (report.decided[i] > 0) {
      continue;
    }
    std::string selectors;
    for (const std::string& text : rules[i].resolved.match) {
      selectors += (selectors.empty() ? "" : " ") + text;
    }
    add_issue(report.warnings, "rules[" + std::to_string(i) + "]",
              "The rule " + quote(selectors) +
                  (report.matched[i] == 0
                       ? " matches none of the " + std::to_string(linears.size()) +
                             " linears of the model."
                       : " decides nothing: earlier rules match all " +
                             std::to_string(report.matched[i]) + " linears that it matches."),
              Issue::Severity::kWarning);
  }
  return report;
}

MatchReport match_rules(const ResolvedVariant& variant, const std::vector<LinearInfo>& linears) {
  return RuleMatcher(variant.rules).match(linears);
}

}  // namespace mxscope
