// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/state_plan.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace mxscope {

std::int64_t StatePlan::work() const {
  std::int64_t sum = 0;
  for (const StepPlan& step : steps) {
    sum += static_cast<std::int64_t>(step.nodes.size());
  }
  return sum;
}

std::int64_t StatePlan::peak_states() const {
  std::int64_t peak = 1;
  std::int64_t before = 1;
  // The head's results are logits, which live for a chunk only, so it is left out.
  for (std::size_t s = 0; s + 1 < steps.size(); ++s) {
    const auto now = static_cast<std::int64_t>(steps[s].nodes.size());
    peak = std::max(peak, before + now);
    before = now;
  }
  return peak;
}

std::int64_t StatePlan::kept_states() const {
  std::int64_t most = 1;
  for (std::size_t s = 0; s + 1 < steps.size(); ++s) {
    most = std::max(most, static_cast<std::int64_t>(steps[s].nodes.size()));
  }
  return most;
}

StatePlan plan_states(const std::vector<std::vector<int>>& steps,
                      const std::vector<std::vector<LinearOps>>& variants, bool share) {
  StatePlan plan;
  std::vector<int> state(variants.size(), 0);
  bool first = true;
  for (const std::vector<int>& linears : steps) {
    StepPlan step;
    step.linears = linears;
    std::map<std::vector<LinearOps>, int> config_index;
    // Without sharing the variant is part of the key, so no two variants meet in a node.
    std::map<std::tuple<int, int, int>, int> node_index;
    for (std::size_t v = 0; v < variants.size(); ++v) {
      std::vector<LinearOps> ops;
      ops.reserve(linears.size());
      for (int linear : linears) {
        ops.push_back(variants[v][static_cast<std::size_t>(linear)]);
      }
      const auto [config, new_config] =
          config_index.try_emplace(ops, static_cast<int>(step.configs.size()));
      if (new_config) {
        step.configs.push_back(std::move(ops));
      }
      const int owner = share ? -1 : static_cast<int>(v);
      const int parent = first ? 0 : state[v];
      const auto [node, new_node] = node_index.try_emplace({parent, config->second, owner},
                                                           static_cast<int>(step.nodes.size()));
      if (new_node) {
        step.nodes.push_back({parent, config->second, {}});
      }
      step.nodes[static_cast<std::size_t>(node->second)].variants.push_back(static_cast<int>(v));
      state[v] = node->second;
    }
    plan.steps.push_back(std::move(step));
    first = false;
  }
  plan.node_of_variant = std::move(state);
  return plan;
}

}  // namespace mxscope
