// Runs the cases in testdata/balance_plan.txt: a name, a topology with goals (test_topology.h), `----`, what
// is planned, a blank line. DOHLE_REWRITE_TESTDATA=1 writes what was planned into the file instead: look at
// the difference.
#include "operator/reconcile/balancing/balance_plan.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "operator/reconcile/balancing/test_topology.h"

namespace dohle::reconcile {
namespace {

constexpr char kFile[] = DOHLE_TESTDATA "/balance_plan.txt";

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

TEST(BalancePlanTest, AsInTheFile) {
  std::vector<Case> cases = ReadCases();
  ASSERT_GT(cases.size(), 15U);
  const bool rewrite = std::getenv("DOHLE_REWRITE_TESTDATA") != nullptr;
  std::string whole;
  for (const Case& one : cases) {
    const TopologyText text(one.scene);
    const BalancePlan plan = MakeBalancePlan(text.topology, text.goals);
    const std::string planned = ToText(text.topology, plan);
    if (!rewrite) {
      EXPECT_EQ(planned, one.planned) << one.name;
    }
    whole += fmt::format("{}{}\n{}----\n{}", whole.empty() ? "" : "\n", one.name, one.scene, planned);
    // What was planned leaves nothing to plan.
    const Topology reached = Reached(text.topology, plan);
    const BalancePlan again = MakeBalancePlan(reached, text.goals);
    EXPECT_TRUE(again.moves.empty() && again.elect.empty()) << one.name << "\n" << ToText(reached, again);
  }
  if (rewrite) std::ofstream(kFile) << whole;
}

}  // namespace
}  // namespace dohle::reconcile
