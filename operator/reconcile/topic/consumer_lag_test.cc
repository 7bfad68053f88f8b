#include "operator/reconcile/topic/consumer_lag.h"

#include <gtest/gtest.h>

namespace dohle::reconcile {
namespace {

std::vector<GroupOffsets> Committed(int64_t offset, const std::string& group = "g", int32_t partition = 0) {
  return {{group, "Stable", {{"orders", partition, offset}}}};
}
PartitionLag LagAt(const ConsumerLag& lag, int64_t now_ms, int64_t committed) {
  const LagSnapshot snapshot = lag.Measure(now_ms, Committed(committed));
  EXPECT_EQ(snapshot.lags.size(), 1u);
  return snapshot.lags.at(0);
}

TEST(OffsetHistoryTest, InterpolatesBetweenSamples) {
  OffsetHistory history;
  EXPECT_EQ(history.TimeOf(0), std::nullopt);
  history.Add(1000, 0);
  history.Add(2000, 100);
  EXPECT_EQ(history.TimeOf(0), 1000);
  EXPECT_EQ(history.TimeOf(50), 1500);
  EXPECT_EQ(history.TimeOf(100), std::nullopt) << "it isn't written yet";
}

TEST(OffsetHistoryTest, AfterAPauseRecordsCameAtItsEnd) {
  OffsetHistory history;
  history.Add(1000, 0);
  for (int64_t t = 2000; t <= 60'000; t += 1000) history.Add(t, 100);
  history.Add(61'000, 200);
  EXPECT_EQ(history.TimeOf(50), 1500);
  EXPECT_EQ(history.TimeOf(100), 60'000);
  EXPECT_EQ(history.TimeOf(150), 60'500);
  EXPECT_EQ(history.size(), 4u) << "while nothing comes, nothing is kept";
}

TEST(OffsetHistoryTest, IsBoundedAndReachesFar) {
  OffsetHistory history(16);
  for (int64_t i = 0; i <= 10'000; ++i) history.Add(i * 1000, i * 10);
  EXPECT_LE(history.size(), 16u);
  EXPECT_EQ(history.TimeOf(0), 0) << "the oldest stays";
  EXPECT_EQ(history.TimeOf(50'000), 5'000'000) << "records that come evenly are found whatever was left out";
  EXPECT_EQ(history.TimeOf(99'995), 9'999'500);
}

TEST(OffsetHistoryTest, AnEndThatWentBackIsAnotherPartition) {
  OffsetHistory history;
  history.Add(1000, 500);
  history.Add(2000, 10);
  EXPECT_EQ(history.TimeOf(5), 2000);
  EXPECT_EQ(history.RecordsPerSecond(1000), 0);
}

TEST(OffsetHistoryTest, Rates) {
  OffsetHistory history;
  history.Add(0, 0);
  EXPECT_EQ(history.RecordsPerSecond(1000), 0);
  history.Add(10'000, 100);
  history.Add(20'000, 400);
  EXPECT_EQ(history.RecordsPerSecond(10'000), 30);
  EXPECT_EQ(history.RecordsPerSecond(15'000), 20);
  EXPECT_EQ(history.RecordsPerSecond(1'000'000), 20);
}

TEST(ConsumerLagTest, InRecordsAndSeconds) {
  ConsumerLag lag;
  lag.AddEnds(10'000, {{"orders", 0, 100}}, {});
  lag.AddEnds(20'000, {{"orders", 0, 200}}, {});
  EXPECT_EQ(LagAt(lag, 21'000, 200).records, 0);
  EXPECT_EQ(LagAt(lag, 21'000, 200).seconds, 0);
  EXPECT_EQ(LagAt(lag, 21'000, 150).records, 50);
  EXPECT_EQ(LagAt(lag, 21'000, 150).seconds, 6) << "the first record behind was written at 15 s";
  EXPECT_EQ(LagAt(lag, 21'000, 20).records, 180);
  EXPECT_EQ(LagAt(lag, 21'000, 20).seconds, 11) << "at least since the first look";
  EXPECT_EQ(LagAt(lag, 21'000, 230).records, 0) << "it committed after the end was asked for";
}

TEST(ConsumerLagTest, AnIdleGroupThatIsAtTheEndIsNotBehind) {
  ConsumerLag lag;
  for (int64_t t = 0; t <= 600'000; t += 10'000) lag.AddEnds(t, {{"orders", 0, 100}}, {});
  EXPECT_EQ(LagAt(lag, 600'000, 100).seconds, 0);
  EXPECT_EQ(LagAt(lag, 600'000, 99).seconds, 600);
  lag.AddEnds(610'000, {{"orders", 0, 101}}, {});
  EXPECT_EQ(LagAt(lag, 615'000, 100).seconds, 15) << "written after the last look that didn't see it";
}

TEST(ConsumerLagTest, TheLargestOfATopic) {
  ConsumerLag lag;
  lag.AddEnds(0, {{"orders", 0, 0}, {"orders", 1, 0}}, {});
  lag.AddEnds(10'000, {{"orders", 0, 100}, {"orders", 1, 100}}, {});
  std::vector<GroupOffsets> groups = Committed(90);
  groups.push_back(Committed(50, "slow", 1).front());
  groups.push_back({"elsewhere", "Empty", {{"absent", 0, 5}, {"orders", 9, 5}}});
  const LagSnapshot snapshot = lag.Measure(10'000, groups);
  ASSERT_EQ(snapshot.lags.size(), 2u);
  EXPECT_EQ(snapshot.largest.at("orders").group, "slow");
  EXPECT_EQ(snapshot.largest.at("orders").records, 50);
  EXPECT_EQ(snapshot.largest.at("orders").seconds, 5);
  EXPECT_EQ(snapshot.records_in_per_second.at("orders"), 20);

  groups.push_back({"spread", "Empty", {{"orders", 0, 60}, {"orders", 1, 60}}});
  const LagSnapshot spread = lag.Measure(10'000, groups);
  EXPECT_EQ(spread.largest.at("orders").group, "spread");
  EXPECT_EQ(spread.largest.at("orders").records, 80) << "the partitions of a group add up";
}

TEST(ConsumerLagTest, WhatIsGoneIsForgottenAndWhatIsUnknownIsKept) {
  ConsumerLag lag;
  lag.AddEnds(0, {{"orders", 0, 0}, {"gone", 0, 7}}, {});
  lag.AddEnds(10'000, {{"orders", 0, 100}}, {});
  lag.AddEnds(20'000, {}, {{"orders", 0}});
  EXPECT_EQ(LagAt(lag, 20'000, 50).seconds, 15);
  const std::vector<GroupOffsets> groups = {{"g", "Stable", {{"gone", 0, 1}}}};
  EXPECT_TRUE(lag.Measure(20'000, groups).lags.empty());
}

TEST(ConsumerLagTest, BoundsWhatItLists) {
  ConsumerLag lag(2);
  lag.AddEnds(0, {{"orders", 0, 10}}, {});
  std::vector<GroupOffsets> groups;
  for (int i = 0; i < 5; ++i) groups.push_back(Committed(5 - i, "g" + std::to_string(i)).front());
  const LagSnapshot snapshot = lag.Measure(0, groups);
  EXPECT_EQ(snapshot.lags.size(), 2u);
  EXPECT_EQ(snapshot.left_out, 3);
  EXPECT_EQ(snapshot.largest.at("orders").group, "g4") << "the largest counts all";
}

}  // namespace
}  // namespace dohle::reconcile
