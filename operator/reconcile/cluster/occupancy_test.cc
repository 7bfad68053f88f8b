#include "operator/reconcile/cluster/occupancy.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/test_topology.h"

namespace dohle::reconcile {
namespace {

constexpr NodeId k0(0), k1(1), k2(2), k3(3);

TEST(OccupancyTest, ABrokerIsEmptyWhenNothingIsLeftNorOnItsWayThere) {
  TestTopology topology({0, 1, 2, 3}, {0});
  topology.Topic("a", {{1, 0}}).Cordon(0).Cordon(1).Cordon(2);
  topology->partitions[0].adding = {k1};
  topology->partitions[0].removing = {k0};
  EXPECT_EQ(ReplicasOn(*topology, k0), 1) << "it leaves, and is there still";
  EXPECT_EQ(ReplicasOn(*topology, k1), 1) << "it is on its way";
  EXPECT_FALSE(IsEmpty(*topology, k1));
  EXPECT_TRUE(IsEmpty(*topology, k2));
  EXPECT_FALSE(IsEmpty(*topology, k3)) << "it takes replicas still";
  topology.Fence(3);
  EXPECT_TRUE(IsEmpty(*topology, k3));
  topology->partitions.clear();
  EXPECT_TRUE(IsEmpty(*topology, k1));
  EXPECT_FALSE(IsEmpty(*topology, k0)) << "it votes";
}

TEST(OccupancyTest, WhoIsNotRegisteredIsClosed) {
  EXPECT_TRUE(IsClosed(*TestTopology({0}), k1));
  EXPECT_FALSE(IsClosed(*TestTopology({0}), k0));
}

}  // namespace
}  // namespace dohle::reconcile
