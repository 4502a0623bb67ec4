// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/state_plan.h"

#include <gtest/gtest.h>

namespace mxscope {
namespace {

using Variant = std::vector<LinearOps>;

// Three steps of one linear each, the last one being the head.
const std::vector<std::vector<int>> kSteps{{0}, {1}, {2}};

TEST(StatePlan, VariantsShareStatesUntilTheyDiffer) {
  const Variant baseline(3);
  Variant second_only = baseline;
  second_only[1].weight = 1;
  const StatePlan plan = plan_states(kSteps, {baseline, second_only});
  EXPECT_EQ(plan.steps[0].nodes.size(), 1U);
  EXPECT_EQ(plan.steps[1].nodes.size(), 2U);
  EXPECT_EQ(plan.steps[2].nodes.size(), 2U);
  EXPECT_NE(plan.node_of_variant[0], plan.node_of_variant[1]);
  EXPECT_EQ(plan.work(), 5);
  EXPECT_EQ(plan.peak_states(), 3);
  EXPECT_EQ(plan.kept_states(), 2);
}

TEST(StatePlan, VariantThatChangesNothingIsTheBaseline) {
  const StatePlan plan = plan_states(kSteps, {Variant(3), Variant(3)});
  EXPECT_EQ(plan.work(), 3);
  EXPECT_EQ(plan.node_of_variant[0], plan.node_of_variant[1]);
}

TEST(StatePlan, VariantsNeverMeetAgainOnceTheyDiffer) {
  Variant a(3);
  a[0].weight = 1;
  Variant b(3);
  b[0].weight = 2;
  const StatePlan plan = plan_states(kSteps, {Variant(3), a, b});
  EXPECT_EQ(plan.steps[2].nodes.size(), 3U);
  // All three run the same unquantised head.
  EXPECT_EQ(plan.steps[2].configs.size(), 1U);
}

TEST(StatePlan, WithoutSharingEveryVariantHasItsOwnStates) {
  const StatePlan plan = plan_states(kSteps, {Variant(3), Variant(3), Variant(3)}, false);
  EXPECT_EQ(plan.work(), 9);
  for (const StepPlan& step : plan.steps) {
    EXPECT_EQ(step.configs.size(), 1U);
    for (const StateNode& node : step.nodes) {
      EXPECT_EQ(node.variants.size(), 1U);
    }
  }
}

TEST(StatePlan, SweepOverStepsSharesThePrefix) {
  // Variant i quantises step i alone: it leaves the baseline's chain at step i.
  const int steps = 8;
  std::vector<std::vector<int>> linears;
  for (int s = 0; s < steps; ++s) {
    linears.push_back({s});
  }
  std::vector<Variant> variants{Variant(steps)};
  for (int s = 0; s < steps; ++s) {
    Variant v(steps);
    v[static_cast<std::size_t>(s)].weight = 1;
    variants.push_back(v);
  }
  const StatePlan plan = plan_states(linears, variants);
  EXPECT_EQ(plan.work(), 8 + 8 * 9 / 2);
}

}  // namespace
}  // namespace mxscope
