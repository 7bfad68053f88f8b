// Golden cases of planners, for tests. A file of them: a name, a scene, `----`, what is planned, a blank
// line. DOHLE_REWRITE_TESTDATA=1 writes what was planned into the file instead: look at the difference.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace dohle::reconcile {

struct PlanCase {
  std::string name, scene, planned;
};

inline std::vector<PlanCase> ReadPlanCases(const std::string& file) {
  std::ifstream in(file);
  std::vector<PlanCase> cases;
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

// `plan` makes the text of a case, and may expect more of it.
inline void CheckPlanCases(const std::string& file, const std::function<std::string(const PlanCase&)>& plan) {
  const std::vector<PlanCase> cases = ReadPlanCases(file);
  ASSERT_GT(cases.size(), 15U);
  const bool rewrite = std::getenv("DOHLE_REWRITE_TESTDATA") != nullptr;
  std::string whole;
  for (const PlanCase& one : cases) {
    const std::string planned = plan(one);
    if (!rewrite) {
      EXPECT_EQ(planned, one.planned) << one.name;
    }
    whole += fmt::format("{}{}\n{}----\n{}", whole.empty() ? "" : "\n", one.name, one.scene, planned);
  }
  if (rewrite) std::ofstream(file) << whole;
}

}  // namespace dohle::reconcile
