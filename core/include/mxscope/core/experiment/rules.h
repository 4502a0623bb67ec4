// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/base/issue.h"
#include "mxscope/core/experiment/linear_info.h"
#include "mxscope/core/experiment/variants.h"
#include "mxscope/core/formats/operand_spec.h"

namespace mxscope {

// One compiled selector (DESIGN section 3): plain text is a case-insensitive substring of the
// name; with '*' or '?' it is a glob on the whole name, '*' crossing dots; "re:" is an RE2 pattern
// that searches anywhere, case-sensitive; "@mlp @attention @experts @lm_head @all" are roles. A
// compiled selector may be used from any thread. Matching takes time linear in the name.
class Selector {
 public:
  // Throws Error kInvalidInput: empty text, unknown role (with a suggestion), a pattern that RE2
  // refuses (with its message).
  explicit Selector(std::string_view text);
  ~Selector();
  Selector(Selector&&) noexcept;
  Selector& operator=(Selector&&) noexcept;

  [[nodiscard]] bool matches(const LinearInfo& linear) const;
  [[nodiscard]] const std::string& text() const noexcept;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

// The problem with a selector as a sentence, or nothing; for validation while typing.
[[nodiscard]] std::string check_selector(std::string_view text);

// What the rules of a variant do to one linear.
struct LinearDecision {
  int rule = -1;  // index of the first rule that matches; -1: none
  OperandSpec weight;
  OperandSpec activation;
  OperandSpec output;

  [[nodiscard]] bool quantised() const noexcept {
    return weight.quantised() || activation.quantised() || output.quantised();
  }
  bool operator==(const LinearDecision&) const = default;
};

struct MatchReport {
  std::vector<LinearDecision> linears;  // parallel to the linears given
  std::vector<std::int64_t> decided;    // per rule: linears that it decides
  std::vector<std::int64_t> matched;    // per rule: linears that it matches, decided above or not
  std::int64_t layers = 0;              // linears with any operand quantised
  Issues warnings;                      // a rule that matches or decides nothing; path "rules[i]"
};

// The rules of a variant, compiled once and used for any number of models. Any thread.
class RuleMatcher {
 public:
  // Throws Error kInvalidInput when a selector does not compile.
  explicit RuleMatcher(const std::vector<ResolvedRule>& rules);
  ~RuleMatcher();
  RuleMatcher(RuleMatcher&&) noexcept;
  RuleMatcher& operator=(RuleMatcher&&) noexcept;

  // Index of the first rule that matches, or -1.
  [[nodiscard]] int first_match(const LinearInfo& linear) const;
  [[nodiscard]] MatchReport match(const std::vector<LinearInfo>& linears) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

// RuleMatcher of the variant's rules applied to `linears`.
[[nodiscard]] MatchReport match_rules(const ResolvedVariant& variant,
                                      const std::vector<LinearInfo>& linears);

}  // namespace mxscope
