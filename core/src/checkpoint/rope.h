// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config_reader.h"

namespace mxscope {

// How one family reads its rotary options.
struct RopeRules {
  int64_t head_dim = 0;
  int64_t max_positions = 0;
  double theta = 10000.0;     // where the config is silent
  double rotary_share = 1.0;  // where the config is silent
  bool partial = false;       // the family honours a share below one
  bool phi3 = false;          // its old names of longrope, its place of the original length
  const char* theta_names = "rope_theta";
  const char* share_names = "partial_rotary_factor";
};

// The rotary part of a spec, from `rope_parameters` or from `rope_theta` and `rope_scaling`. Types:
// default, linear, dynamic (exact up to max_positions, which is all a window may have), llama3,
// yarn, longrope. The frequencies are computed in float32 in the order of
// transformers/modeling_rope_utils.py, so that they differ by one unit in the last place at most.
[[nodiscard]] RopeSpec read_rope(const ConfigReader& config, const RopeRules& rules);

}  // namespace mxscope
