// SPDX-License-Identifier: Apache-2.0
// Any bytes as an experiment file: a list of problems, or an experiment that writes back to itself,
// expands and matches.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/experiment/rules.h"
#include "mxscope/core/experiment/variants.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  mxscope::Issues issues;
  const mxscope::Experiment experiment = mxscope::experiment_from_json(text, issues);
  mxscope::Issues again;
  if (mxscope::experiment_from_json(mxscope::to_json_text(experiment), again) != experiment) {
    std::abort();
  }
  if (mxscope::has_errors(issues)) {
    return 0;
  }
  const std::vector<mxscope::LinearInfo> linears = {
      {"model.layers.0.mlp.up_proj", 0, mxscope::LinearRole::kMlp, 8, 8},
      {"lm_head", -1, mxscope::LinearRole::kHead, 8, 8}};
  for (const mxscope::ResolvedVariant& variant : mxscope::expand_variants(experiment, &linears)) {
    (void)mxscope::match_rules(variant, linears);
    (void)variant.contract().dump();
  }
  return 0;
}
