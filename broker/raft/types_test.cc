#include "broker/raft/types.h"

#include <gtest/gtest.h>

#include "broker/raft/flat_json.h"

namespace dohle::raft {
namespace {

const DirectoryId kDirectory{7, 9};

TEST(QuorumState, IsWhatKafkaWrites) {
  const ElectionState leader{LeaderEpoch(1), NodeId(1), std::nullopt};
  const std::string text =
      R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})";
  EXPECT_EQ(FormatQuorumState(leader, 1), text);
  StatusOr<ElectionState> parsed = ParseQuorumState(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, leader);
}

TEST(QuorumState, ReadsVersion0AndRoundTrips) {
  StatusOr<ElectionState> old = ParseQuorumState(
      R"({"clusterId":"","leaderId":2,"leaderEpoch":9,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0})");
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(old->epoch, LeaderEpoch(9));
  EXPECT_EQ(old->leader_id, NodeId(2));
  const ElectionState voted{LeaderEpoch(3), kNoNode, ReplicaKey{NodeId(1), kDirectory}};
  EXPECT_EQ(*ParseQuorumState(FormatQuorumState(voted, 1)), voted);
  // Kafka refuses version 0 without any of its fields.
  EXPECT_EQ(
      FormatQuorumState({LeaderEpoch(7), NodeId(2), std::nullopt}, 0),
      R"({"clusterId":"","leaderId":2,"leaderEpoch":7,"votedId":-1,"appliedOffset":0,"currentVoters":[],)"
      R"("data_version":0})");
}

TEST(QuorumState, RefusesDamage) {
  for (const char* damaged :
       {"", "{", "{}", "[]", R"({"leaderId":1})",
        R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":2})",
        R"({"leaderId":99999999999,"leaderEpoch":1,"votedId":-1,"data_version":1})",
        R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":1} x)", R"({"a":[[[)"}) {
    EXPECT_EQ(ParseQuorumState(damaged).status().code(), StatusCode::kDataLoss) << damaged;
  }
}

}  // namespace
}  // namespace dohle::raft
