// Leading, following, changes of voters.
#include <gtest/gtest.h>

#include "broker/raft/test_raft_node.h"

namespace dohle::raft {
namespace {

// ---- leading

TEST(RaftLeader, CommitsWhatAMajorityHas) {
  One one(Voters({1, 2, 3, 4, 5}), {LeaderEpoch(1), kNoNode, std::nullopt}, {1});
  one.config.persisted.epoch = LeaderEpoch(1);
  one.Start();
  one.PassTo(one.raft->deadline_ms());
  for (const bool pre_vote : {true, false}) {
    for (const int voter : {2, 3}) {
      const VoteRequest request{one.config.local, one.raft->epoch(), one.log.End(), pre_vote, {}};
      one.Step(VoteAnswered{
          VoterOf(voter).key, request, {RaftError::kNone, {kNoNode, one.raft->epoch(), {}}, true}});
    }
  }
  ASSERT_TRUE(one.raft->is_leader());
  EXPECT_EQ(one.raft->epoch_start_offset(), Offset(1));
  one.log.Append({LeaderEpoch(2), 0, std::nullopt});
  one.Step(Appended{one.log.End()});
  one.FetchBy(2, 2, 2);
  // All have the record of epoch 1; that doesn't commit it.
  EXPECT_TRUE(one.FetchBy(3, 1, 1).effects.empty());
  const Answered<FetchDecision> last = one.FetchBy(4, 2, 2);
  EXPECT_TRUE(last.effects.empty());  // its own disk hasn't, and it is one of the three
  EXPECT_EQ(last.response.high_watermark, kNoOffset);
  EXPECT_EQ(Of<AdvanceHighWatermark>(one.Step(Flushed{Offset(2)}))[0].offset, Offset(2));
  EXPECT_EQ(one.FetchBy(5, 1, 1).response.high_watermark, Offset(2));
}

TEST(RaftLeader, AnswersFetchesByWhereTheLogsPart) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt}, {1, 1, 3});
  one.Lead();
  const OffsetAndEpoch end_of_1{Offset(2), LeaderEpoch(1)};
  EXPECT_FALSE(one.FetchBy(2, 2, 1).response.diverging.has_value());
  EXPECT_EQ(one.FetchBy(2, 4, 1).response.diverging, end_of_1);
  EXPECT_EQ(one.FetchBy(2, 5, 2).response.diverging, end_of_1);
  const auto error = [&](int epoch, int64_t offset, int last) {
    return one.raft->Fetch({VoterOf(2).key, LeaderEpoch(epoch), Offset(offset), LeaderEpoch(last)}, kNow)
        .response.error;
  };
  EXPECT_EQ(error(3, 0, 0), RaftError::kFencedLeaderEpoch);
  EXPECT_EQ(error(5, 0, 0), RaftError::kUnknownLeaderEpoch);
  EXPECT_EQ(error(4, -1, 0), RaftError::kInvalidRequest);
  EXPECT_EQ(error(4, 0, 5), RaftError::kInvalidRequest);
  one.log.TakeSnapshot(Offset(3));
  const OffsetAndEpoch snapshot{Offset(3), LeaderEpoch(3)};
  EXPECT_EQ(one.FetchBy(2, 0, 0).response.snapshot, snapshot);
  EXPECT_EQ(one.FetchBy(2, 2, 1).response.snapshot, snapshot);
  EXPECT_EQ(one.FetchBy(2, 3, 2).response.snapshot, snapshot);
  EXPECT_FALSE(one.FetchBy(2, 3, 3).response.snapshot.has_value());
}

TEST(RaftLeader, ResignsWithoutItsMajority) {
  One one(Voters({1, 2, 3}));
  one.Lead();
  const int64_t began = one.now;
  one.now += 2000;
  one.FetchBy(2, 1, 1);
  one.PassTo(began + 3000);
  EXPECT_TRUE(one.raft->is_leader());
  one.FetchBy(9, 1, 1);  // an observer
  one.PassTo(began + 5000);
  EXPECT_EQ(one.raft->role(), Role::kResigned);
}

TEST(RaftLeader, LeavesForANewerEpoch) {
  One one(Voters({1, 2, 3}));
  one.Lead();
  EXPECT_TRUE(one.Votes(2, 9, false, one.log.End()));
  EXPECT_EQ(one.raft->role(), Role::kUnattached);
  EXPECT_TRUE(one.raft->Voters(kNow).empty());
}

// ---- following

TEST(RaftFollower, AcceptsCutsAndFetchesSnapshotsAsTheLeaderSays) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt}, {1, 1, 2, 3});
  one.Start();
  one.Follow(2, 4);
  const KnownLeader leader{NodeId(2), LeaderEpoch(4), {}};
  const auto answered = [&](FetchResponse response) { return one.Step(FetchAnswered{NodeId(2), response}); };
  const Effects records = answered({RaftError::kNone, leader, Offset(2), {}, {}});
  EXPECT_EQ(Of<AcceptRecords>(records).size(), 1u);
  EXPECT_EQ(Of<AdvanceHighWatermark>(records)[0].offset, Offset(2));
  const OffsetAndEpoch diverging{Offset(3), LeaderEpoch(2)};
  EXPECT_EQ(Of<TruncateTo>(answered({RaftError::kNone, leader, Offset(2), diverging, {}}))[0].offset,
            Offset(3));
  one.log.TruncateTo(Offset(3));
  one.Step(Truncated{one.log.End()});
  // What is committed isn't cut.
  const OffsetAndEpoch below{Offset(1), LeaderEpoch(1)};
  EXPECT_TRUE(answered({RaftError::kNone, leader, Offset(2), below, {}}).empty());
  const OffsetAndEpoch snapshot{Offset(20), LeaderEpoch(4)};
  EXPECT_EQ(Of<FetchSnapshot>(answered({RaftError::kNone, leader, Offset(20), {}, snapshot}))[0].id,
            snapshot);
  one.log.Install({snapshot, Voters({1, 2, 3})});
  EXPECT_EQ(Of<AdvanceHighWatermark>(one.Step(Truncated{one.log.End()}))[0].offset, Offset(20));
}

TEST(RaftFollower, AnObserverLooksForTheLeaderAndNeverStands) {
  One one(Voters({2, 3, 4}));
  one.Start();
  EXPECT_EQ(one.raft->fetch_target().kind, Raft::FetchTarget::Kind::kBootstrapServer);
  EXPECT_TRUE(one.PassTo(kNow + 100'000).empty());
  const KnownLeader leader{NodeId(3), LeaderEpoch(2), VoterOf(3).endpoints};
  one.Step(FetchAnswered{kNoNode, {RaftError::kFencedLeaderEpoch, leader, kNoOffset, {}, {}}});
  EXPECT_EQ(one.raft->fetch_target().leader, NodeId(3));
  one.PassTo(kNow + 200'000);
  EXPECT_EQ(one.raft->role(), Role::kFollower);
  EXPECT_EQ(one.raft->fetch_target().kind, Raft::FetchTarget::Kind::kBootstrapServer);
}

// ---- changes of voters

TEST(RaftVoters, AreAddedWhenCaughtUpOneAtATime) {
  One one(Voters({1, 2, 3}));
  one.Lead();
  const auto add = [&](int id) { return one.raft->AddVoter(VoterOf(id), one.now); };
  EXPECT_EQ(add(4).response, RaftError::kRequestTimedOut);  // no high watermark yet
  one.FetchBy(2, 1, 1);
  EXPECT_EQ(add(3).response, RaftError::kDuplicateVoter);
  EXPECT_EQ(add(4).response, RaftError::kRequestTimedOut);  // never seen
  one.FetchBy(4, 1, 1);
  const Answered<RaftError> added = add(4);
  EXPECT_EQ(added.response, RaftError::kNone);
  ASSERT_EQ(Of<AppendVoters>(added.effects)[0].voters, Voters({1, 2, 3, 4}));
  EXPECT_EQ(one.raft->RemoveVoter(VoterOf(2).key, one.now).response, RaftError::kRequestTimedOut);
  one.log.Append({LeaderEpoch(1), 0, Voters({1, 2, 3, 4})});
  one.Step(VotersChanged{Voters({1, 2, 3, 4}), Offset(1)});
  one.Step(Appended{one.log.End()});
  one.Step(Flushed{Offset(2)});
  EXPECT_TRUE(one.FetchBy(2, 2, 1).effects.empty());  // two of four
  const Effects done = one.FetchBy(4, 2, 1).effects;
  EXPECT_EQ(Of<VoterChangeDone>(done)[0].error, RaftError::kNone);
  EXPECT_EQ(one.raft->Voters(one.now).size(), 4u);
}

// Kafka's leader counts from before the other voter was there (LeaderState.timeUntilCheckQuorumExpires).
TEST(RaftVoters, ALoneLeaderGivesTheSecondVoterItsTime) {
  One one(Voters({1}));
  one.Start();
  one.log.Append({LeaderEpoch(1), 0, std::nullopt});
  one.Step(Appended{one.log.End()});
  one.Step(Flushed{one.log.End().offset});
  one.PassTo(one.now + 60'000);
  one.FetchBy(2, 1, 1);
  ASSERT_EQ(one.raft->AddVoter(VoterOf(2), one.now).response, RaftError::kNone);
  one.log.Append({LeaderEpoch(1), 0, Voters({1, 2})});
  one.Step(VotersChanged{Voters({1, 2}), Offset(1)});
  one.Step(Appended{one.log.End()});
  one.Step(Flushed{Offset(2)});
  const int64_t joined = one.now;
  one.PassTo(joined + 1);
  ASSERT_TRUE(one.raft->is_leader());
  EXPECT_EQ(Of<VoterChangeDone>(one.FetchBy(2, 2, 1).effects)[0].error, RaftError::kNone);
  one.PassTo(joined + 2000);
  ASSERT_TRUE(one.raft->is_leader());
  // From then on it is missed as any other.
  one.PassTo(joined + 4000);
  EXPECT_EQ(one.raft->role(), Role::kResigned);
}

TEST(RaftVoters, ARemovedLeaderCountsNoMoreAndLeavesWhenItIsCommitted) {
  One one(Voters({1, 2, 3}));
  one.Lead();
  one.FetchBy(2, 1, 1);
  EXPECT_EQ(one.raft->RemoveVoter({NodeId(2), DirectoryId(9, 9)}, one.now).response,
            RaftError::kVoterNotFound);
  EXPECT_EQ(one.raft->RemoveVoter(VoterOf(1).key, one.now).response, RaftError::kNone);
  one.log.Append({LeaderEpoch(1), 0, Voters({2, 3})});
  one.Step(VotersChanged{Voters({2, 3}), Offset(1)});
  one.Step(Appended{one.log.End()});
  one.Step(Flushed{Offset(2)});
  EXPECT_TRUE(one.FetchBy(2, 2, 1).effects.empty());  // one of two
  const Effects done = one.FetchBy(3, 2, 1).effects;
  EXPECT_EQ(Of<VoterChangeDone>(done)[0].error, RaftError::kNone);
  EXPECT_EQ(one.raft->role(), Role::kResigned);
  one.PassTo(one.raft->deadline_ms());
  one.PassTo(one.raft->deadline_ms() == INT64_MAX ? one.now : one.raft->deadline_ms());
  while (one.raft->role() == Role::kResigned) one.PassTo(one.now + 500);
  EXPECT_EQ(one.raft->role(), Role::kUnattached);
  EXPECT_EQ(one.raft->epoch(), LeaderEpoch(2));
}

TEST(RaftVoters, AreStaticWithVersion0) {
  One one(Voters({1, 2, 3}));
  one.config.kraft_version = 0;
  one.Lead();
  one.FetchBy(2, 1, 1);
  EXPECT_EQ(one.raft->AddVoter(VoterOf(4), one.now).response, RaftError::kUnsupportedVersion);
  EXPECT_EQ(one.raft->RemoveVoter(VoterOf(2).key, one.now).response, RaftError::kUnsupportedVersion);
  EXPECT_EQ(one.raft->UpdateVoter(VoterOf(2), one.now).response, RaftError::kNone);
}

TEST(RaftVoters, AreUpdatedInPlace) {
  One one(Voters({1, 2, 3}));
  one.Lead();
  one.FetchBy(2, 1, 1);
  Voter moved = VoterOf(2);
  moved.endpoints[0].host = "elsewhere";
  const Answered<RaftError> updated = one.raft->UpdateVoter(moved, one.now);
  EXPECT_EQ(updated.response, RaftError::kNone);
  EXPECT_EQ(Of<AppendVoters>(updated.effects)[0].voters.voters[1], moved);
}

}  // namespace
}  // namespace dohle::raft
