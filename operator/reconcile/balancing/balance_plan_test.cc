// The cases in testdata/balance_plan.txt (test_plan_cases.h); a scene is a topology with goals
// (test_topology.h).
#include "operator/reconcile/balancing/balance_plan.h"

#include <gtest/gtest.h>

#include "operator/reconcile/balancing/test_topology.h"
#include "operator/reconcile/test_plan_cases.h"

namespace dohle::reconcile {
namespace {

TEST(BalancePlanTest, AsInTheFile) {
  CheckPlanCases(DOHLE_TESTDATA "/balance_plan.txt", [](const PlanCase& one) {
    const TopologyText text(one.scene);
    const BalancePlan plan = MakeBalancePlan(text.topology, text.goals);
    // What was planned leaves nothing to plan.
    const Topology reached = Reached(text.topology, plan);
    const BalancePlan again = MakeBalancePlan(reached, text.goals);
    EXPECT_TRUE(again.moves.empty() && again.elect.empty()) << one.name << "\n" << ToText(reached, again);
    return ToText(text.topology, plan);
  });
}

}  // namespace
}  // namespace dohle::reconcile
