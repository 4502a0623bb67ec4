// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/experiment/linear_info.h"

namespace mxscope::test {

// `blocks` blocks of the named attention and MLP linears, and a head.
inline std::vector<LinearInfo> with_blocks(std::int64_t blocks, const std::string& prefix,
                                           const std::vector<std::string>& attention,
                                           const std::vector<std::string>& mlp) {
  std::vector<LinearInfo> linears;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::string start = prefix + std::to_string(block) + ".";
    for (const std::string& name : attention) {
      linears.push_back({start + name, block, LinearRole::kAttention, 64, 64});
    }
    for (const std::string& name : mlp) {
      linears.push_back({start + name, block, LinearRole::kMlp, 64, 256});
    }
  }
  linears.push_back({"lm_head", -1, LinearRole::kHead, 64, 1000});
  return linears;
}

inline std::vector<LinearInfo> llama_like(std::int64_t blocks) {
  return with_blocks(
      blocks, "model.layers.",
      {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"},
      {"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"});
}

inline Experiment small_experiment() {
  Experiment experiment;
  experiment.models.push_back({});
  experiment.models.front().source = "org/model";
  experiment.data.sources = {"text.txt"};
  return experiment;
}

}  // namespace mxscope::test
