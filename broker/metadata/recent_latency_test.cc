#include "broker/metadata/recent_latency.h"

#include <gtest/gtest.h>

#include <cmath>

namespace dohle::metadata {
namespace {

TEST(RecentLatencyTest, NothingIsNotANumber) {
  RecentLatency latency;
  EXPECT_TRUE(std::isnan(latency.average_ms(0)));
  EXPECT_TRUE(std::isnan(latency.max_ms(1'000'000)));
}

TEST(RecentLatencyTest, LooksBackThirtyToSixtySeconds) {
  RecentLatency latency;
  latency.Note(1'000'000, 10);
  latency.Note(1'000'100, 20);
  EXPECT_EQ(latency.average_ms(1'010'000), 15);
  EXPECT_EQ(latency.max_ms(1'010'000), 20);
  latency.Note(1'035'000, 3);
  EXPECT_EQ(latency.average_ms(1'040'000), 11);
  EXPECT_EQ(latency.max_ms(1'040'000), 20);
  EXPECT_EQ(latency.average_ms(1'066'000), 3) << "the first window is over";
  EXPECT_EQ(latency.max_ms(1'066'000), 3);
  EXPECT_TRUE(std::isnan(latency.average_ms(1'500'000)));
}

}  // namespace
}  // namespace dohle::metadata
