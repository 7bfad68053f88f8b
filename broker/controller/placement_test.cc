#include "broker/controller/placement.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using testing::SeededRandom;

TEST(Placement, SaysInKafkasWordsWhyNot) {
  constexpr std::string_view kAllFenced =
      "All brokers are currently fenced, or have all their log directories cordoned.";
  SeededRandom random(1);
  EXPECT_EQ(std::get<std::string>(PlaceReplicas({}, 1, 1, random)), kAllFenced);
  const std::vector<UsableBroker> fenced{{NodeId(1), std::nullopt, true}};
  EXPECT_EQ(std::get<std::string>(PlaceReplicas(fenced, 1, 1, random)), kAllFenced);
  const std::vector<UsableBroker> one{{NodeId(1), std::nullopt, false}};
  EXPECT_EQ(std::get<std::string>(PlaceReplicas(one, 1, 2, random)),
            "The target replication factor of 2 cannot be reached because only 1 broker(s) are registered "
            "or some brokers have all their log directories cordoned.");
  EXPECT_EQ(std::get<Placement>(PlaceReplicas(one, 3, 1, random)).size(), 3u);
}

TEST(Placement, PropertyReplicasAreDistinctAndLeadersLive) {
  EXPECT_TRUE(rc::check("placement", [] {
    SeededRandom random(*rc::gen::arbitrary<uint64_t>());
    const int brokers = *rc::gen::inRange(1, 9);
    const int racks = *rc::gen::inRange(1, 4);
    std::vector<UsableBroker> usable;
    std::set<NodeId> live;
    for (int i = 0; i < brokers; ++i) {
      const bool fenced = i > 0 && *rc::gen::inRange(0, 4) == 0;
      usable.push_back({NodeId(i), "rack" + std::to_string(i % racks), fenced});
      if (!fenced) live.insert(NodeId(i));
    }
    const auto replication_factor = static_cast<int16_t>(*rc::gen::inRange(1, brokers + 1));
    const int partitions = *rc::gen::inRange(1, 40);
    const auto placed = std::get<Placement>(PlaceReplicas(usable, partitions, replication_factor, random));
    RC_ASSERT(placed.size() == static_cast<size_t>(partitions));
    for (const metadata::Replicas& replicas : placed) {
      const std::set<NodeId> distinct(replicas.begin(), replicas.end());
      RC_ASSERT(distinct.size() == static_cast<size_t>(replication_factor));
      RC_ASSERT(live.contains(replicas.front()));
    }
  }));
}

}  // namespace
}  // namespace dohle::controller
