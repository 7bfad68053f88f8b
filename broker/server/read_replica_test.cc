#include "broker/server/read_replica.h"

#include <gtest/gtest.h>

namespace dohle::server {
namespace {

class ReadReplicaTest : public ::testing::Test {
 protected:
  void Add(int32_t id, std::optional<std::string> rack, bool fenced = false) {
    metadata::BrokerRegistration broker;
    broker.id = NodeId(id);
    broker.rack = std::move(rack);
    broker.fenced = fenced;
    broker.endpoints.push_back({"PLAINTEXT", "host", 9092, 0});
    cluster_.brokers.Set(broker.id, broker);
  }
  NodeId Choose(std::string_view rack, const std::vector<replica::ReadReplica>& replicas) {
    return ChooseReadReplica(cluster_, rack, "PLAINTEXT", replicas);
  }

  metadata::ClusterImage cluster_;
};

TEST_F(ReadReplicaTest, TheFurthestOneInTheRack) {
  Add(1, "a");
  Add(2, "b");
  Add(3, "b");
  Add(4, "b", true);
  const std::vector<replica::ReadReplica> replicas = {{NodeId(1), Offset(9), 0},
                                                      {NodeId(2), Offset(5), 0},
                                                      {NodeId(3), Offset(7), 3},
                                                      {NodeId(4), Offset(9), 0}};
  EXPECT_EQ(Choose("b", replicas), NodeId(3));
  EXPECT_EQ(Choose("a", replicas), NodeId(1));
  EXPECT_EQ(Choose("c", replicas), NodeId(1)) << "nobody there: the leader";
  EXPECT_EQ(ChooseReadReplica(cluster_, "b", "SSL", replicas), NodeId(1)) << "not to be reached";
  EXPECT_EQ(Choose("b", {}), kNoNode);
}

TEST_F(ReadReplicaTest, TheLeaderBeforeOthersOfItsRack) {
  Add(1, "a");
  Add(2, "a");
  EXPECT_EQ(Choose("a", {{NodeId(1), Offset(5), 0}, {NodeId(2), Offset(9), 0}}), NodeId(1));
}

TEST_F(ReadReplicaTest, OfEquallyFarTheLessLate) {
  Add(1, std::nullopt);
  Add(2, "a");
  Add(3, "a");
  EXPECT_EQ(Choose("a", {{NodeId(1), Offset(9), 0}, {NodeId(2), Offset(5), 10}, {NodeId(3), Offset(5), 20}}),
            NodeId(2));
}

}  // namespace
}  // namespace dohle::server
