// Runs the cases in testdata/heal_plan.txt: a name, a sight (test_sight.h), `----`, what is planned, a blank
// line. DOHLE_REWRITE_TESTDATA=1 writes what was planned into the file instead: look at the difference.
#include "operator/reconcile/healing/heal_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "operator/reconcile/healing/test_sight.h"

namespace dohle::reconcile {
namespace {

constexpr char kFile[] = DOHLE_TESTDATA "/heal_plan.txt";

struct Case {
  std::string name, scene, planned;
};

std::vector<Case> ReadCases() {
  std::ifstream in(kFile);
  std::vector<Case> cases;
  std::string line;
  bool planned = false, named = false;
  while (std::getline(in, line)) {
    if (line.empty()) {
      named = planned = false;
    } else if (!named) {
      cases.push_back({line, "", ""});
      named = true;
    } else if (line == "----") {
      planned = true;
    } else {
      (planned ? cases.back().planned : cases.back().scene) += line + "\n";
    }
  }
  return cases;
}

TEST(HealPlanTest, AsInTheFile) {
  std::vector<Case> cases = ReadCases();
  ASSERT_GT(cases.size(), 15U);
  const bool rewrite = std::getenv("DOHLE_REWRITE_TESTDATA") != nullptr;
  std::string whole;
  for (const Case& one : cases) {
    const SightText text(one.scene);
    const HealPlan plan = PlanHealing(text.sight());
    const std::string planned = ToText(plan);
    if (!rewrite) {
      EXPECT_EQ(planned, one.planned) << one.name;
    }
    whole += fmt::format("{}{}\n{}----\n{}", whole.empty() ? "" : "\n", one.name, one.scene, planned);
    const auto taken = std::count_if(plan.steps.begin(), plan.steps.end(), [](const HealStep& step) {
      return step.kind == HealStep::Kind::kRestartPod && !step.blocked();
    });
    EXPECT_LE(taken, 1) << one.name;
  }
  if (rewrite) std::ofstream(kFile) << whole;
}

}  // namespace
}  // namespace dohle::reconcile
