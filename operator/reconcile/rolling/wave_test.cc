#include "operator/reconcile/rolling/wave.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "operator/reconcile/rolling/test_topology.h"

namespace dohle::reconcile {
namespace {

std::vector<NodeId> All(int brokers) {
  std::vector<NodeId> ids;
  for (int id = 0; id < brokers; ++id) ids.emplace_back(id);
  return ids;
}

std::string Text(const Wave& wave) {
  return fmt::format("{}: {}; {} after", ToText(wave.brokers), wave.reason, wave.waves_after);
}

TEST(WaveTest, WithoutPartitionsTheWidthDecides) {
  EXPECT_EQ(Text(NextWave(TestTopology(6, 0), All(6), 2)), "0 1: as many at once as may be; 2 after");
}

TEST(WaveTest, NeighboursInARingConflict) {
  Topology topology = TestTopology(9, 0);
  std::vector<std::vector<int>> ring;
  for (int id = 0; id < 9; ++id) ring.push_back({id, (id + 1) % 9, (id + 2) % 9});
  AddTopic(topology, "t", 2, ring);
  EXPECT_EQ(Text(NextWave(topology, All(9), 9)),
            "0 3 6: as many at once as no partition and no quorum forbids; 2 after");
}

TEST(WaveTest, ARackTogether) {
  Topology topology = TestTopology(9, 0, 3);
  std::vector<std::vector<int>> all;
  for (int a = 0; a < 9; a += 3) {
    for (int b = 1; b < 9; b += 3) {
      for (int c = 2; c < 9; c += 3) all.push_back({a, b, c});
    }
  }
  AddTopic(topology, "t", 2, all);
  EXPECT_EQ(Text(NextWave(topology, All(9), 3)), "0 3 6: as many at once as may be of rack a; 2 after");
  EXPECT_EQ(Text(NextWave(topology, {NodeId(1), NodeId(2), NodeId(4)}, 3)),
            "1 4: as many at once as no partition and no quorum forbids of rack b; 1 after");
}

TEST(WaveTest, APartitionThatSparesTwo) {
  Topology topology = TestTopology(5, 0);
  AddTopic(topology, "t", 1, {{0, 1, 2}, {0, 1, 3}});
  EXPECT_EQ(Text(NextWave(topology, All(5), 5)),
            "0 1 4: as many at once as no partition and no quorum forbids; 1 after");
}

TEST(WaveTest, WhatCantBeKeptUpGoesAlone) {
  Topology topology = TestTopology(4, 0);
  AddTopic(topology, "single", 1, {{0}});
  AddTopic(topology, "strict", 2, {{1, 2}});
  EXPECT_EQ(Text(NextWave(topology, {NodeId(0), NodeId(1)}, 4)),
            "0: alone, as single-0 has 1 in-sync replicas and min.insync.replicas 1; 1 after");
  EXPECT_EQ(Text(NextWave(topology, {NodeId(1), NodeId(2)}, 4)),
            "1: alone, as strict-0 has 2 in-sync replicas and min.insync.replicas 2; 1 after");
}

TEST(WaveTest, TheQuorumKeepsAMajority) {
  EXPECT_EQ(Text(NextWave(TestTopology(5, 5), All(4), 5)),
            "0 1: as many at once as no partition and no quorum forbids; 1 after");
  Topology lags = TestTopology(5, 3);
  lags.quorum.voters[1].ms_since_caught_up = 6'000;
  EXPECT_EQ(Text(NextWave(lags, {NodeId(0), NodeId(3), NodeId(4)}, 5)),
            "3 4: as many at once as no partition and no quorum forbids; 0 after");
  EXPECT_EQ(Text(NextWave(lags, {NodeId(0)}, 5)), ": voter 1 of the quorum lags behind; 0 after");
  // The one that lags isn't missed.
  EXPECT_EQ(Text(NextWave(lags, {NodeId(1)}, 5)),
            "1: as many at once as no partition and no quorum forbids; 0 after");
  EXPECT_EQ(Text(NextWave(TestTopology(2, 1), All(2), 2)),
            "0: alone, as a quorum of 1 can spare no voter; 1 after");
}

TEST(WaveTest, OneGoesWithTheLastWave) {
  const auto with_last = [](const Topology& topology, int last, size_t width) {
    return Text(NextWave(topology, All(static_cast<int>(topology.brokers.size())), width, NodeId(last)));
  };
  EXPECT_EQ(with_last(TestTopology(6, 0), 0, 3), "3 4 5: as many at once as may be; 1 after");
  EXPECT_EQ(with_last(TestTopology(3, 0), 0, 3), "1 2 0: as many at once as may be; 0 after");
  // Of three voters never two at once, and one that nobody can do without goes alone.
  EXPECT_EQ(with_last(TestTopology(3, 3), 2, 3),
            "0: as many at once as no partition and no quorum forbids; 2 after");
  EXPECT_EQ(with_last(TestTopology(3, 1), 0, 3),
            "1 2: as many at once as no partition and no quorum forbids; 1 after");
  EXPECT_EQ(Text(NextWave(TestTopology(3, 3), {NodeId(2)}, 3, NodeId(2))),
            "2: as many at once as no partition and no quorum forbids; 0 after");
}

TEST(WaveTest, AHundredBrokersAndAHundredThousandPartitions) {
  for (const int min_isr : {1, 2}) {
    Topology topology = TestTopology(100, 5, 5);
    std::mt19937 random(7);
    for (int t = 0; t < 100; ++t) {
      std::vector<std::vector<int>> placement;
      for (int p = 0; p < 1000; ++p) {
        // One in each of three racks that follow each other, near to each other.
        const int first = static_cast<int>(random() % 100);
        const int second = (first + 1 + 5 * static_cast<int>(random() % 3)) % 100;
        placement.push_back({first, second, (second + 1) % 100});
      }
      AddTopic(topology, "t" + std::to_string(t), min_isr, placement);
    }
    const std::clock_t begin = std::clock();
    const Wave wave = NextWave(topology, All(100), 33);
    const auto ms = (std::clock() - begin) * 1000 / CLOCKS_PER_SEC;
    EXPECT_FALSE(wave.brokers.empty());
    fmt::print("min.insync.replicas {}: {} brokers at once, {} waves after, {} ms\n", min_isr,
               wave.brokers.size(), wave.waves_after, ms);
    EXPECT_LT(ms, 2'000);  // some 20 on a machine that does nothing else
  }
}

}  // namespace
}  // namespace dohle::reconcile
