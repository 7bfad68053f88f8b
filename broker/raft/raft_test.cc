// Elections and what becomes of a leader that goes.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "broker/raft/raft_node_test.h"

namespace dohle::raft {
namespace {

// ---- a quorum of one

TEST(RaftOfOne, ElectsItselfInTheNextEpoch) {
  One one(Voters({1}), {LeaderEpoch(4), NodeId(1), std::nullopt}, {4, 4});
  const Effects effects = one.Start();
  ASSERT_EQ(effects.size(), 4u);
  const ElectionState voted{LeaderEpoch(5), kNoNode, one.config.local};
  const ElectionState won{LeaderEpoch(5), NodeId(1), std::nullopt};
  EXPECT_EQ(std::get<PersistElection>(effects[0]).state, voted);
  EXPECT_EQ(std::get<PersistElection>(effects[1]).state, won);
  EXPECT_EQ(std::get<BecomeLeader>(effects[2]).epoch, LeaderEpoch(5));
  EXPECT_EQ(std::get<AppendLeaderChange>(effects[3]).voters, std::vector<NodeId>{NodeId(1)});
  EXPECT_FALSE(std::get<AppendLeaderChange>(effects[3]).with_voters);
  EXPECT_TRUE(one.raft->is_leader());
  EXPECT_EQ(one.raft->high_watermark(), kNoOffset);
  EXPECT_EQ(one.raft->deadline_ms(), INT64_MAX);
}

TEST(RaftOfOne, TheFirstLeaderCopiesTheVotersIntoTheLog) {
  One one(Voters({1}));
  one.config.voters_in_log = false;
  EXPECT_TRUE(std::get<AppendLeaderChange>(one.Start().back()).with_voters);
}

TEST(RaftOfOne, WritesItsNewEndpoints) {
  One one(Voters({1}));
  one.config.local_endpoints = {{"CONTROLLER", "elsewhere", 9093}};
  EXPECT_TRUE(std::get<AppendLeaderChange>(one.Start().back()).with_voters);
  EXPECT_EQ(one.raft->voters().voters[0].endpoints, one.config.local_endpoints);
}

TEST(RaftOfOne, CommitsNothingBeforeARecordOfItsOwnEpochIsOnDisk) {
  One one(Voters({1}), {LeaderEpoch(1), kNoNode, std::nullopt}, {1, 1});
  one.Start();
  EXPECT_TRUE(one.Step(Flushed{Offset(2)}).empty());
  one.log.Append({LeaderEpoch(2), 0, std::nullopt});
  EXPECT_TRUE(one.Step(Appended{one.log.End()}).empty());
  const Effects effects = one.Step(Flushed{Offset(3)});
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(std::get<AdvanceHighWatermark>(effects[0]).offset, Offset(3));
}

TEST(RaftOfOne, RefusesAnElectionOfAnotherTime) {
  One one(Voters({1}), {LeaderEpoch(2), kNoNode, std::nullopt}, {3});
  EXPECT_EQ(Raft::Create(one.config).status().code(), StatusCode::kFailedPrecondition);
}

TEST(RaftOfOne, PropertyHighWatermarkIsMonotonicAndOnDisk) {
  EXPECT_TRUE(rc::check("high watermark", [] {
    One one(Voters({1}));
    one.Start();
    int64_t flushed = 0, high_watermark = -1;
    const auto steps = *rc::gen::container<std::vector<std::pair<bool, uint8_t>>>(
        rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::arbitrary<uint8_t>()));
    for (const auto& [append, amount] : steps) {
      Effects effects;
      if (append) {
        for (int i = 0; i < amount; ++i) one.log.Append({one.raft->epoch(), 0, std::nullopt});
        effects = one.Step(Appended{one.log.End()});
      } else {
        const int64_t up_to = *rc::gen::inRange<int64_t>(0, one.log.End().offset.value() + 1);
        flushed = std::max(flushed, up_to);
        effects = one.Step(Flushed{Offset(up_to)});
      }
      for (const Effect& effect : effects) {
        const Offset advanced = std::get<AdvanceHighWatermark>(effect).offset;
        RC_ASSERT(advanced.value() > high_watermark);
        high_watermark = advanced.value();
      }
      RC_ASSERT(high_watermark <= flushed);
      RC_ASSERT(flushed == 0 || high_watermark == flushed);
      RC_ASSERT(one.raft->high_watermark().value() == high_watermark);
    }
  }));
}

// ---- elections

TEST(RaftElection, AsksForPreVotesThenForVotes) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt}, {2, 3});
  EXPECT_TRUE(one.Start().empty());
  const Effects asked = one.PassTo(one.raft->deadline_ms());
  EXPECT_EQ(one.raft->role(), Role::kProspective);
  ASSERT_EQ(Of<SendVote>(asked).size(), 2u);
  EXPECT_EQ(asked.size(), 2u);  // nothing is persisted for a pre-vote
  const SendVote pre_vote = Of<SendVote>(asked)[0];
  EXPECT_TRUE(pre_vote.request.pre_vote);
  EXPECT_EQ(pre_vote.request.epoch, LeaderEpoch(3));
  EXPECT_EQ(pre_vote.request.log_end, (OffsetAndEpoch{Offset(2), LeaderEpoch(3)}));
  EXPECT_EQ(pre_vote.request.voter, VoterOf(2).key);

  const Effects stood = one.Step(
      VoteAnswered{pre_vote.to, pre_vote.request, {RaftError::kNone, {kNoNode, LeaderEpoch(3), {}}, true}});
  EXPECT_EQ(one.raft->role(), Role::kCandidate);
  const ElectionState voted{LeaderEpoch(4), kNoNode, one.config.local};
  EXPECT_EQ(std::get<PersistElection>(stood[0]).state, voted);
  ASSERT_EQ(Of<SendVote>(stood).size(), 2u);
  const SendVote vote = Of<SendVote>(stood)[1];
  EXPECT_FALSE(vote.request.pre_vote);

  const Effects won =
      one.Step(VoteAnswered{vote.to, vote.request, {RaftError::kNone, {kNoNode, LeaderEpoch(4), {}}, true}});
  EXPECT_TRUE(one.raft->is_leader());
  const std::vector<NodeId> granting{NodeId(1), NodeId(3)};
  EXPECT_EQ(Of<AppendLeaderChange>(won)[0].granting_voters, granting);
  EXPECT_EQ(Of<SendBeginQuorumEpoch>(won).size(), 2u);
}

TEST(RaftElection, GoesOnWithoutPreVotesWhereTheyAreUnknown) {
  One one(Voters({1, 2, 3}));
  one.Start();
  const SendVote asked = Of<SendVote>(one.PassTo(one.raft->deadline_ms()))[0];
  one.Step(VoteAnswered{asked.to, asked.request, {RaftError::kUnsupportedVersion, {}, false}});
  EXPECT_EQ(one.raft->role(), Role::kCandidate);
}

TEST(RaftElection, APreVoteThatIsLostChangesNoEpoch) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt});
  one.Start();
  for (const SendVote& asked : Of<SendVote>(one.PassTo(one.raft->deadline_ms()))) {
    one.Step(VoteAnswered{asked.to, asked.request, {RaftError::kNone, {kNoNode, LeaderEpoch(3), {}}, false}});
  }
  EXPECT_EQ(one.raft->role(), Role::kUnattached);
  EXPECT_EQ(one.raft->epoch(), LeaderEpoch(3));
}

TEST(RaftElection, AnAnswerThatNamesTheLeaderMakesAFollower) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt});
  one.Start();
  const SendVote asked = Of<SendVote>(one.PassTo(one.raft->deadline_ms()))[0];
  const KnownLeader leader{NodeId(3), LeaderEpoch(3), VoterOf(3).endpoints};
  const Effects effects = one.Step(VoteAnswered{asked.to, asked.request, {RaftError::kNone, leader, false}});
  EXPECT_EQ(one.raft->role(), Role::kFollower);
  EXPECT_EQ(Of<PersistElection>(effects)[0].state.leader_id, NodeId(3));
  EXPECT_EQ(Of<LeaderChanged>(effects)[0].leader, NodeId(3));
  EXPECT_EQ(one.raft->fetch_target().kind, Raft::FetchTarget::Kind::kLeader);
}

TEST(RaftVote, IsPersistedWithItsDirectoryAndGivenOnceAnEpoch) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt});
  one.Start();
  const Answered<VoteResponse> given =
      one.raft->Vote({VoterOf(2).key, LeaderEpoch(4), {}, false, one.config.local}, kNow);
  EXPECT_TRUE(given.response.granted);
  const ElectionState voted{LeaderEpoch(4), kNoNode, VoterOf(2).key};
  ASSERT_EQ(given.effects.size(), 1u);  // epoch and vote at one go
  EXPECT_EQ(std::get<PersistElection>(given.effects[0]).state, voted);
  EXPECT_TRUE(one.Votes(2, 4, false));
  EXPECT_FALSE(one.Votes(3, 4, false));
  EXPECT_TRUE(one.Votes(3, 4, true));  // a pre-vote binds nobody
  EXPECT_TRUE(one.Votes(3, 5, false));
}

TEST(RaftVote, IsRefusedToALogThatIsBehind) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt}, {2, 3, 3});
  one.Start();
  EXPECT_FALSE(one.Votes(2, 4, true, {Offset(9), LeaderEpoch(2)}));
  EXPECT_FALSE(one.Votes(2, 4, false, {Offset(2), LeaderEpoch(3)}));
  EXPECT_TRUE(one.Votes(2, 4, true, {Offset(3), LeaderEpoch(3)}));
  EXPECT_TRUE(one.Votes(2, 5, false, {Offset(1), LeaderEpoch(4)}));
}

TEST(RaftVote, ErrorsOfRequests) {
  One one(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, std::nullopt});
  one.Start();
  const auto error = [&](VoteRequest request) { return one.raft->Vote(request, kNow).response.error; };
  const ReplicaKey other{NodeId(1), DirectoryId(8, 8)};
  EXPECT_EQ(error({VoterOf(2).key, LeaderEpoch(2), {}, false, {}}), RaftError::kFencedLeaderEpoch);
  EXPECT_EQ(error({VoterOf(2).key, LeaderEpoch(3), {Offset(1), LeaderEpoch(3)}, false, {}}),
            RaftError::kInvalidRequest);
  EXPECT_EQ(error({VoterOf(2).key, LeaderEpoch(3), {Offset(1), LeaderEpoch(3)}, true, {}}), RaftError::kNone);
  EXPECT_EQ(error({VoterOf(2).key, LeaderEpoch(3), {}, false, other}), RaftError::kInvalidVoterKey);
  EXPECT_EQ(error({{kNoNode, {}}, LeaderEpoch(3), {}, false, {}}), RaftError::kInvalidRequest);
}

TEST(RaftVote, AFollowerGrantsPreVotesOnlyWithoutAFetchFromItsLeader) {
  One one(Voters({1, 2, 3}));
  one.Start();
  one.Follow(3, 1);
  EXPECT_TRUE(one.Votes(2, 1, true));
  EXPECT_FALSE(one.Votes(2, 1, false));  // the epoch has a leader
  one.FetchFromLeader();
  EXPECT_FALSE(one.Votes(2, 1, true));
  one.Step(PeerGone{NodeId(3)});
  EXPECT_TRUE(one.Votes(2, 1, true));
}

TEST(RaftVote, RolesAfterARestart) {
  One led(Voters({1, 2, 3}), {LeaderEpoch(3), NodeId(1), std::nullopt});
  EXPECT_EQ(Of<SendEndQuorumEpoch>(led.Start()).size(), 2u);
  EXPECT_EQ(led.raft->role(), Role::kResigned);
  EXPECT_FALSE(led.Votes(2, 3, false));
  EXPECT_TRUE(led.Votes(2, 3, true));
  One stood(Voters({1, 2, 3}), {LeaderEpoch(3), kNoNode, VoterOf(1).key});
  EXPECT_TRUE(Of<SendVote>(stood.Start()).empty());  // what it claimed to have may be lost
  EXPECT_FALSE(stood.Votes(2, 3, false));
  One followed(Voters({1, 2, 3}), {LeaderEpoch(3), NodeId(2), VoterOf(3).key});
  followed.Start();
  EXPECT_EQ(followed.raft->role(), Role::kFollower);
  EXPECT_EQ(followed.raft->election().voted, VoterOf(3).key);
}

// ---- a leader that goes

TEST(RaftFailover, AFollowerOfADeadProcessStandsSoon) {
  One one(Voters({1, 2, 3}));
  one.Start();
  one.Follow(3, 1);
  one.FetchFromLeader();
  EXPECT_GE(one.raft->deadline_ms(), kNow + 2000);
  one.Step(PeerGone{NodeId(2)});
  EXPECT_GE(one.raft->deadline_ms(), kNow + 2000);
  one.Step(PeerGone{NodeId(3)});
  EXPECT_LT(one.raft->deadline_ms(), kNow + 50);
  EXPECT_EQ(one.raft->fetch_target().kind, Raft::FetchTarget::Kind::kBootstrapServer);
  const std::vector<SendVote> asked = Of<SendVote>(one.PassTo(one.raft->deadline_ms()));
  ASSERT_EQ(asked.size(), 2u);  // also who seemed gone before may be back
  one.Step(PeerGone{NodeId(3)});
  EXPECT_EQ(one.raft->role(), Role::kProspective);
  // Node 2 hasn't noticed, so this ends it; it tries again soon.
  const KnownLeader leader{NodeId(3), LeaderEpoch(1), VoterOf(3).endpoints};
  one.Step(VoteAnswered{asked[0].to, asked[0].request, {RaftError::kNone, leader, false}});
  EXPECT_EQ(one.raft->role(), Role::kFollower);
  EXPECT_LT(one.raft->deadline_ms(), one.now + 200);
  EXPECT_EQ(one.raft->epoch(), LeaderEpoch(1));
}

TEST(RaftFailover, AFalseAlarmEndsWithAWordOfTheLeader) {
  One one(Voters({1, 2, 3}));
  one.Start();
  one.Follow(3, 1);
  one.Step(PeerGone{NodeId(3)});
  one.Follow(3, 1);
  EXPECT_GE(one.raft->deadline_ms(), kNow + 2000);
  EXPECT_EQ(one.raft->fetch_target().kind, Raft::FetchTarget::Kind::kLeader);
}

TEST(RaftFailover, AResignedLeaderThatNamesItselfStillGrants) {
  One one(Voters({1, 2, 3}));
  one.Start();
  one.Follow(3, 1);
  (void)one.raft->EndQuorumEpoch({NodeId(3), LeaderEpoch(1), {VoterOf(1).key}, {}}, kNow);
  const std::vector<SendVote> asked = Of<SendVote>(one.PassTo(kNow));
  const KnownLeader itself{NodeId(3), LeaderEpoch(1), VoterOf(3).endpoints};
  one.Step(VoteAnswered{asked[1].to, asked[1].request, {RaftError::kNone, itself, true}});
  EXPECT_EQ(one.raft->role(), Role::kCandidate);
}

TEST(RaftFailover, AfterAFailedFetchSomebodyElseIsAskedOnce) {
  One one(Voters({1, 2, 3}));
  one.Start();
  one.Follow(3, 1);
  one.Step(RequestFailed{NodeId(3)});
  EXPECT_EQ(one.raft->fetch_target().kind, Raft::FetchTarget::Kind::kBootstrapServer);
  const KnownLeader leader{NodeId(3), LeaderEpoch(1), VoterOf(3).endpoints};
  one.Step(FetchAnswered{NodeId(2), {RaftError::kNotLeaderOrFollower, leader, kNoOffset, {}, {}}});
  EXPECT_EQ(one.raft->fetch_target().kind, Raft::FetchTarget::Kind::kLeader);
  // The leader itself says that it leads no more.
  one.Step(FetchAnswered{NodeId(3), {RaftError::kNotLeaderOrFollower, leader, kNoOffset, {}, {}}});
  EXPECT_LT(one.raft->deadline_ms(), kNow + 50);
}

TEST(RaftFailover, TheBestSuccessorOfAResignedLeaderStandsAtOnce) {
  One first(Voters({1, 2, 3}));
  first.Start();
  first.Follow(3, 1);
  first.FetchFromLeader();
  (void)first.raft->EndQuorumEpoch({NodeId(3), LeaderEpoch(1), {VoterOf(1).key, VoterOf(2).key}, {}}, kNow);
  EXPECT_EQ(first.raft->deadline_ms(), kNow);
  One second(Voters({1, 2, 3}));
  second.Start();
  second.Follow(3, 1);
  second.FetchFromLeader();
  (void)second.raft->EndQuorumEpoch({NodeId(3), LeaderEpoch(1), {VoterOf(2).key, VoterOf(1).key}, {}}, kNow);
  EXPECT_GT(second.raft->deadline_ms(), kNow);
  EXPECT_LE(second.raft->deadline_ms(), kNow + 100);
  EXPECT_TRUE(second.Votes(2, 1, true));
}

TEST(RaftFailover, AStoppingLeaderNamesTheFurthestFirst) {
  One one(Voters({1, 2, 3}));
  one.Lead();
  one.FetchBy(2, 0, 0);
  one.FetchBy(3, 1, 1);
  const Effects effects = one.Step(Resign{});
  EXPECT_EQ(one.raft->role(), Role::kResigned);
  EXPECT_EQ(Of<LeaderChanged>(effects)[0].leader, kNoNode);
  const std::vector<ReplicaKey> successors{VoterOf(3).key, VoterOf(2).key};
  EXPECT_EQ(Of<SendEndQuorumEpoch>(effects)[0].request.preferred_successors, successors);
  EXPECT_EQ(one.FetchBy(2, 0, 0).response.error, RaftError::kNotLeaderOrFollower);
}

}  // namespace
}  // namespace dohle::raft
