// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace mxscope {

// One problem of an input that a person wrote. Validation reports all of them at once, so that a
// form can show each beside its field and the command can list them.
struct Issue {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  std::string path;     // field path, e.g. "variants[1].rules[0].match"; empty: the whole document
  std::string message;  // a sentence with the value found and what is accepted

  bool operator==(const Issue&) const = default;
};

using Issues = std::vector<Issue>;

// True when at least one issue is an error.
[[nodiscard]] inline bool has_errors(const Issues& issues) {
  for (const Issue& issue : issues) {
    if (issue.severity == Issue::Severity::kError) {
      return true;
    }
  }
  return false;
}

}  // namespace mxscope
