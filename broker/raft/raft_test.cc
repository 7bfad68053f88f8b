#include "broker/raft/raft.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "broker/raft/flat_json.h"

namespace dohle::raft {
namespace {

const DirectoryId kDirectory{7, 9};

RaftConfig ConfigOfOne() {
  RaftConfig config;
  config.local = {NodeId(1), kDirectory};
  config.voters.voters.push_back({config.local, {{"CONTROLLER", "localhost", 9093}}, 0, 1});
  return config;
}

TEST(Raft, TheOnlyVoterElectsItselfInTheNextEpoch) {
  RaftConfig config = ConfigOfOne();
  config.persisted = {LeaderEpoch(4), NodeId(1), std::nullopt};
  config.log_end = {Offset(100), LeaderEpoch(4)};
  StatusOr<Raft> raft = Raft::Create(config);
  ASSERT_TRUE(raft.ok());
  const Effects effects = raft->Step(Started{});
  ASSERT_EQ(effects.size(), 4u);
  const ElectionState voted{LeaderEpoch(5), kNoNode, config.local};
  const ElectionState won{LeaderEpoch(5), NodeId(1), std::nullopt};
  EXPECT_EQ(std::get<PersistElection>(effects[0]).state, voted);
  EXPECT_EQ(std::get<PersistElection>(effects[1]).state, won);
  EXPECT_EQ(std::get<BecomeLeader>(effects[2]).epoch, LeaderEpoch(5));
  EXPECT_EQ(std::get<AppendLeaderChange>(effects[3]).voters, std::vector<NodeId>{NodeId(1)});
  EXPECT_FALSE(std::get<AppendLeaderChange>(effects[3]).with_voters);
  EXPECT_TRUE(raft->is_leader());
  EXPECT_EQ(raft->high_watermark(), kNoOffset);
}

TEST(Raft, TheFirstLeaderCopiesTheVotersIntoTheLog) {
  RaftConfig config = ConfigOfOne();
  config.voters_in_log = false;
  StatusOr<Raft> raft = Raft::Create(config);
  ASSERT_TRUE(raft.ok());
  const Effects effects = raft->Step(Started{});
  EXPECT_TRUE(std::get<AppendLeaderChange>(effects.back()).with_voters);
}

TEST(Raft, CommitsNothingBeforeARecordOfItsOwnEpochIsOnDisk) {
  RaftConfig config = ConfigOfOne();
  config.persisted.epoch = LeaderEpoch(1);
  config.log_end = {Offset(100), LeaderEpoch(1)};
  StatusOr<Raft> raft = Raft::Create(config);
  ASSERT_TRUE(raft.ok());
  raft->Step(Started{});
  EXPECT_TRUE(raft->Step(Flushed{Offset(100)}).empty());
  raft->Step(Appended{{Offset(101), LeaderEpoch(2)}});
  const Effects effects = raft->Step(Flushed{Offset(101)});
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(std::get<AdvanceHighWatermark>(effects[0]).offset, Offset(101));
}

TEST(Raft, RefusesWhatItDoesNotServe) {
  RaftConfig two = ConfigOfOne();
  two.voters.voters.push_back({{NodeId(2), DirectoryId(1, 2)}, {}, 0, 1});
  EXPECT_EQ(Raft::Create(two).status().code(), StatusCode::kUnimplemented);
  RaftConfig other_directory = ConfigOfOne();
  other_directory.local.directory_id = DirectoryId(8, 8);
  EXPECT_EQ(Raft::Create(other_directory).status().code(), StatusCode::kUnimplemented);
  RaftConfig stale = ConfigOfOne();
  stale.log_end = {Offset(5), LeaderEpoch(3)};
  EXPECT_EQ(Raft::Create(stale).status().code(), StatusCode::kFailedPrecondition);
}

TEST(Raft, PropertyHighWatermarkIsMonotonicAndOnDisk) {
  EXPECT_TRUE(rc::check("high watermark", [] {
    StatusOr<Raft> raft = Raft::Create(ConfigOfOne());
    raft->Step(Started{});
    int64_t end = 0, flushed = 0, high_watermark = -1;
    const auto steps = *rc::gen::container<std::vector<std::pair<bool, uint8_t>>>(
        rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::arbitrary<uint8_t>()));
    for (const auto& [append, amount] : steps) {
      Effects effects;
      if (append) {
        end += amount;
        effects = raft->Step(Appended{{Offset(end), raft->epoch()}});
      } else {
        const int64_t up_to = *rc::gen::inRange<int64_t>(0, end + 1);
        flushed = std::max(flushed, up_to);
        effects = raft->Step(Flushed{Offset(up_to)});
      }
      for (const Effect& effect : effects) {
        const Offset advanced = std::get<AdvanceHighWatermark>(effect).offset;
        RC_ASSERT(advanced.value() > high_watermark);
        high_watermark = advanced.value();
      }
      RC_ASSERT(high_watermark <= flushed);
      RC_ASSERT(flushed == 0 || high_watermark == flushed);
      RC_ASSERT(raft->high_watermark().value() == high_watermark);
    }
  }));
}

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
