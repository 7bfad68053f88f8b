#include "operator/reconcile/look_interval.h"

#include <gtest/gtest.h>

namespace dohle::reconcile {
namespace {

TEST(LookInterval, GrowsWithWhatThereIsToLookAt) {
  EXPECT_EQ(LookInterval(absl::Seconds(5), 0), absl::Seconds(5));
  EXPECT_EQ(LookInterval(absl::Seconds(5), kThingsAtFullRate), absl::Seconds(5));
  EXPECT_EQ(LookInterval(absl::Seconds(5), 10'000), absl::Seconds(25));
  EXPECT_EQ(LookInterval(absl::Seconds(5), 1'000'000'000), kLongestLook);
  EXPECT_EQ(LookInterval(absl::Minutes(5), 1'000'000'000), absl::Minutes(5))
      << "what is rare isn't made less rare";
}

}  // namespace
}  // namespace dohle::reconcile
