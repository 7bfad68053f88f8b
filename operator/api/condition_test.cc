#include "operator/api/condition.h"

#include <gtest/gtest.h>

namespace dohle::api {
namespace {

TEST(ConditionTest, TheTransitionTimeChangesWithTheStatusOnly) {
  std::vector<Condition> conditions;
  SetCondition(conditions, {"Ready", "False", "Starting", "a", 1}, 1000);
  SetCondition(conditions, {"Progressing", "True", "Starting", "b", 1}, 1000);
  SetCondition(conditions, {"Ready", "False", "Waiting", "c", 2}, 2000);
  ASSERT_EQ(conditions.size(), 2u);
  const Condition* ready = FindCondition(conditions, "Ready");
  EXPECT_EQ(ready->reason, "Waiting");
  EXPECT_EQ(ready->observed_generation, 2);
  EXPECT_EQ(ready->last_transition_time_ms, 1000);
  SetCondition(conditions, {"Ready", "True", "Serves", "d", 2}, 3000);
  EXPECT_EQ(FindCondition(conditions, "Ready")->last_transition_time_ms, 3000);
  EXPECT_EQ(FindCondition(conditions, "Degraded"), nullptr);
}

TEST(ConditionTest, LongMessagesAreCutBetweenCharacters) {
  std::vector<Condition> conditions;
  std::string message = "x";
  while (message.size() < 2000) message += "ä";
  SetCondition(conditions, {"Ready", "False", "R", message}, 1);
  const std::string& cut = conditions[0].message;
  EXPECT_LE(cut.size(), kMaxConditionMessageBytes);
  EXPECT_GE(cut.size(), kMaxConditionMessageBytes - 1);
  EXPECT_EQ(cut.substr(cut.size() - 5), "ä...");
}

}  // namespace
}  // namespace dohle::api
