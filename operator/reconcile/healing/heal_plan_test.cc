// The cases in testdata/heal_plan.txt (test_plan_cases.h); a scene is a sight (test_sight.h).
#include "operator/reconcile/healing/heal_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "operator/reconcile/healing/test_sight.h"
#include "operator/reconcile/test_plan_cases.h"

namespace dohle::reconcile {
namespace {

TEST(HealPlanTest, AsInTheFile) {
  CheckPlanCases(DOHLE_TESTDATA "/heal_plan.txt", [](const PlanCase& one) {
    const SightText text(one.scene);
    const HealPlan plan = PlanHealing(text.sight());
    const auto taken = std::count_if(plan.steps.begin(), plan.steps.end(), [](const HealStep& step) {
      return step.kind == HealStep::Kind::kRestartPod && !step.blocked();
    });
    EXPECT_LE(taken, 1) << one.name;
    return ToText(plan);
  });
}

}  // namespace
}  // namespace dohle::reconcile
