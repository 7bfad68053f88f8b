#include "broker/raft/raft.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "broker/raft/sim_log.h"

namespace dohle::raft {
namespace {

constexpr int64_t kNow = 5'000;

Voter VoterOf(int id) {
  return {{NodeId(id), DirectoryId(7, static_cast<uint64_t>(id))}, {{"CONTROLLER", "localhost", 9093}}, 0, 1};
}

VoterSet Voters(std::initializer_list<int> ids) {
  VoterSet voters;
  for (const int id : ids) voters.voters.push_back(VoterOf(id));
  return voters;
}

// The effects of one kind, in order.
template <typename T>
std::vector<T> Of(const Effects& effects) {
  std::vector<T> found;
  for (const Effect& effect : effects) {
    if (const T* one = std::get_if<T>(&effect); one != nullptr) found.push_back(*one);
  }
  return found;
}

// Node 1 and what it is told. Its log holds `records` of the given epochs.
struct One {
  explicit One(VoterSet voters, ElectionState persisted = {}, std::vector<int> epochs = {}) : log(voters) {
    for (const int epoch : epochs) log.Append({LeaderEpoch(epoch), 0, std::nullopt});
    config.local = VoterOf(1).key;
    config.voters = std::move(voters);
    config.persisted = persisted;
    config.local_endpoints = VoterOf(1).endpoints;
    config.log = &log;
  }

  Effects Start() {
    StatusOr<Raft> made = Raft::Create(config);
    EXPECT_TRUE(made.ok());
    raft.emplace(*std::move(made));
    return raft->Step(Started{}, now);
  }
  Effects Step(const Input& input) { return raft->Step(input, now); }
  Effects PassTo(int64_t ms) {
    now = ms;
    return raft->Step(TimePassed{}, now);
  }
  // As the leader of its next epoch, elected by node 2; its first record is on the disk.
  void Lead() {
    Start();
    PassTo(raft->deadline_ms());
    while (!raft->is_leader()) {
      const VoteRequest request{config.local, raft->epoch(), log.End(), raft->role() == Role::kProspective, {}};
      Step(VoteAnswered{VoterOf(2).key, request, {RaftError::kNone, {kNoNode, raft->epoch(), {}}, true}});
    }
    log.Append({raft->epoch(), 0, std::nullopt});
    Step(Appended{log.End()});
    Step(Flushed{log.End().offset});
  }
  void Follow(int leader, int epoch) {
    (void)raft->BeginQuorumEpoch({{NodeId(leader), LeaderEpoch(epoch), VoterOf(leader).endpoints}, {}}, now);
  }
  void FetchFromLeader() {
    Step(FetchAnswered{raft->leader_id(),
                       {RaftError::kNone, {raft->leader_id(), raft->epoch(), {}}, Offset(0), {}, {}}});
  }
  bool Votes(int candidate, int epoch, bool pre_vote, OffsetAndEpoch log_end = {}) {
    return raft->Vote({VoterOf(candidate).key, LeaderEpoch(epoch), log_end, pre_vote, config.local}, now)
        .response.granted;
  }
  Answered<FetchDecision> FetchBy(int replica, int64_t offset, int epoch_of_last) {
    return raft->Fetch({VoterOf(replica).key, raft->epoch(), Offset(offset), LeaderEpoch(epoch_of_last)}, now);
  }

  SimLog log;
  RaftConfig config;
  std::optional<Raft> raft;
  int64_t now = kNow;
};

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

  const Effects stood =
      one.Step(VoteAnswered{pre_vote.to, pre_vote.request, {RaftError::kNone, {kNoNode, LeaderEpoch(3), {}}, true}});
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
  one.PassTo(one.raft->deadline_ms());
  // Node 3 won't answer, so the refusal of node 2, which hasn't noticed, ends it; it tries again soon.
  EXPECT_EQ(one.raft->role(), Role::kFollower);
  EXPECT_LT(one.raft->deadline_ms(), one.now + 200);
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

// ---- leading

TEST(RaftLeader, CommitsWhatAMajorityHas) {
  One one(Voters({1, 2, 3, 4, 5}), {LeaderEpoch(1), kNoNode, std::nullopt}, {1});
  one.config.persisted.epoch = LeaderEpoch(1);
  one.Start();
  one.PassTo(one.raft->deadline_ms());
  for (const bool pre_vote : {true, false}) {
    for (const int voter : {2, 3}) {
      const VoteRequest request{one.config.local, one.raft->epoch(), one.log.End(), pre_vote, {}};
      one.Step(VoteAnswered{VoterOf(voter).key, request, {RaftError::kNone, {kNoNode, one.raft->epoch(), {}}, true}});
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
  EXPECT_EQ(Of<TruncateTo>(answered({RaftError::kNone, leader, Offset(2), diverging, {}}))[0].offset, Offset(3));
  one.log.TruncateTo(Offset(3));
  one.Step(Truncated{one.log.End()});
  // What is committed isn't cut.
  const OffsetAndEpoch below{Offset(1), LeaderEpoch(1)};
  EXPECT_TRUE(answered({RaftError::kNone, leader, Offset(2), below, {}}).empty());
  const OffsetAndEpoch snapshot{Offset(20), LeaderEpoch(4)};
  EXPECT_EQ(Of<FetchSnapshot>(answered({RaftError::kNone, leader, Offset(20), {}, snapshot}))[0].id, snapshot);
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

TEST(RaftVoters, ARemovedLeaderCountsNoMoreAndLeavesWhenItIsCommitted) {
  One one(Voters({1, 2, 3}));
  one.Lead();
  one.FetchBy(2, 1, 1);
  EXPECT_EQ(one.raft->RemoveVoter({NodeId(2), DirectoryId(9, 9)}, one.now).response, RaftError::kVoterNotFound);
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
