#include "operator/runtime/election.h"

#include <gtest/gtest.h>

namespace dohle::runtime {
namespace {

using Action = Election::Action;

env::MonotonicTime At(double seconds) {
  return env::MonotonicTime() + absl::Seconds(1000) + absl::Seconds(seconds);
}
std::optional<Election::Seen> HeldBy(const char* holder, const char* version) {
  return Election::Seen{holder, version, absl::Seconds(3)};
}

TEST(ElectionTest, TheFirstMakesTheLeaseAndLeadsFromWhenItBegan) {
  Election a("a", {});
  EXPECT_EQ(a.Decide(std::nullopt, At(0)), Action::kCreate);
  EXPECT_FALSE(a.Leads(At(0)));
  a.Succeeded(At(0));
  EXPECT_TRUE(a.Leads(At(1.9)));
  EXPECT_FALSE(a.Leads(At(2)));
}

TEST(ElectionTest, WhoLeadsRenews) {
  Election a("a", {});
  a.Succeeded(At(0));
  EXPECT_EQ(a.Decide(HeldBy("a", "1"), At(1)), Action::kRenew);
  a.Succeeded(At(1));
  EXPECT_TRUE(a.Leads(At(2.9)));
}

TEST(ElectionTest, AnotherWaitsUntilTheLeaseHasStoodStillForItsDuration) {
  Election b("b", {});
  EXPECT_EQ(b.Decide(HeldBy("a", "1"), At(0)), Action::kWait);
  EXPECT_EQ(b.Decide(HeldBy("a", "1"), At(2.9)), Action::kWait);
  EXPECT_EQ(b.Decide(HeldBy("a", "2"), At(2.95)), Action::kWait);  // renewed
  EXPECT_EQ(b.Decide(HeldBy("a", "2"), At(5.9)), Action::kWait);
  EXPECT_EQ(b.Decide(HeldBy("a", "2"), At(5.95)), Action::kTake);
}

TEST(ElectionTest, TheOldLeaderHasStoppedBeforeTheNewOneMayTake) {
  Election a("a", {});
  Election b("b", {});
  a.Succeeded(At(0));
  // b sees that renewal as soon as it is there, so its clock starts no earlier than a's.
  EXPECT_EQ(b.Decide(HeldBy("a", "1"), At(0)), Action::kWait);
  for (double t = 0; t < 6; t += 0.1) {
    if (b.Decide(HeldBy("a", "1"), At(t)) == Action::kTake) {
      EXPECT_FALSE(a.Leads(At(t)));
      return;
    }
  }
  FAIL() << "the lease is never taken";
}

TEST(ElectionTest, TheLimitsKeepTheRule) {
  const ElectionLimits limits;
  EXPECT_LT(limits.renew_deadline, limits.lease);
  EXPECT_EQ(limits.lease, absl::Seconds(absl::ToInt64Seconds(limits.lease)));
  // A renewal may fail once, with the jitter of a fifth, before leadership is lost.
  EXPECT_LT((limits.renew + limits.retry) * 1.2, limits.renew_deadline);
}

TEST(ElectionTest, AReleasedLeaseIsTakenAtOnce) {
  Election b("b", {});
  EXPECT_EQ(b.Decide(HeldBy("", "5"), At(0)), Action::kTake);
}

TEST(ElectionTest, WhoSeesAnotherHolderStopsAtOnce) {
  Election a("a", {});
  a.Succeeded(At(0));
  EXPECT_EQ(a.Decide(HeldBy("b", "2"), At(0.5)), Action::kWait);
  EXPECT_FALSE(a.Leads(At(0.5)));
}

TEST(ElectionTest, ALongerPromiseOfTheHolderIsHonoured) {
  Election b("b", {});
  const std::optional<Election::Seen> seen = Election::Seen{"a", "1", absl::Seconds(15)};
  EXPECT_EQ(b.Decide(seen, At(0)), Action::kWait);
  EXPECT_EQ(b.Decide(seen, At(14)), Action::kWait);
  EXPECT_EQ(b.Decide(seen, At(15)), Action::kTake);
}

}  // namespace
}  // namespace dohle::runtime
