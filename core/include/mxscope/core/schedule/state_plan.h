// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace mxscope {

// What a variant does to one linear: indices into the job's table of distinct operands, where 0
// stands for "not quantised".
struct LinearOps {
  int weight = 0;
  int activation = 0;
  int output = 0;

  [[nodiscard]] bool any() const noexcept { return weight != 0 || activation != 0 || output != 0; }
  auto operator<=>(const LinearOps&) const = default;  // NOLINT(modernize-use-nullptr): clang 14
};

// One point of a step's tree of hidden states: the state that results when `parent` (a node of the
// step before; for the first step 0, the embedding) goes through the step with operations `config`.
struct StateNode {
  int parent = 0;
  int config = 0;             // index into StepPlan::configs
  std::vector<int> variants;  // variants that have this state; the first one names it
};

struct StepPlan {
  std::vector<int> linears;                     // indices of the linears of this step
  std::vector<std::vector<LinearOps>> configs;  // distinct operations, parallel to `linears`
  std::vector<StateNode> nodes;
};

// How a job's variants go through the model in lock-step: variants share a hidden state until the
// first step that treats them differently. The last step is the head, whose nodes are logits.
struct StatePlan {
  std::vector<StepPlan> steps;
  std::vector<int> node_of_variant;  // in the last step

  // Sum over steps of the number of nodes: the work of one micro-batch, in step executions.
  [[nodiscard]] std::int64_t work() const;
  // Most states of a micro-batch alive while a step works on it: the parents and the results.
  [[nodiscard]] std::int64_t peak_states() const;
  // Most states of a micro-batch while no step works on it.
  [[nodiscard]] std::int64_t kept_states() const;
};

// `steps[s]` lists the linears of step s; `variants[v][l]` is what variant v does to linear l.
// Variant 0 is the baseline. Without `share` every variant gets states of its own; results must not
// depend on it. Any thread.
[[nodiscard]] StatePlan plan_states(const std::vector<std::vector<int>>& steps,
                                    const std::vector<std::vector<LinearOps>>& variants,
                                    bool share = true);

}  // namespace mxscope
