#include "broker/metadata/quorum_messages.h"

#include <gtest/gtest.h>

#include "lib/kafka/codec.h"

namespace dohle::metadata {
namespace {

const QuorumNames kNames{"cluster", "CONTROLLER"};
const raft::ReplicaKey kOne{NodeId(1), DirectoryId(7, 1)};
const raft::ReplicaKey kTwo{NodeId(2), DirectoryId(7, 2)};
const raft::KnownLeader kLeader{NodeId(2), LeaderEpoch(5), {{"CONTROLLER", "two", 9093}}};

// Over the wire in that version.
template <typename Message>
Message Sent(const Message& message, int16_t version) {
  static std::vector<std::string> kept;
  kafka::Writer writer(kafka::EncodedSize(message, version));
  kafka::Encode(message, version, writer);
  kept.push_back(writer.Finish().bytes);
  Message out;
  EXPECT_TRUE(kafka::DecodeWhole(kept.back(), version, &out).ok());
  return out;
}

TEST(QuorumMessages, Vote) {
  const raft::VoteRequest request{kOne, LeaderEpoch(6), {Offset(42), LeaderEpoch(5)}, true, kTwo};
  const auto newest = FromWire(Sent(ToWire(request, kNames), 2));
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ(newest->candidate, kOne);
  EXPECT_EQ(newest->epoch, LeaderEpoch(6));
  EXPECT_EQ(newest->log_end, request.log_end);
  EXPECT_TRUE(newest->pre_vote);
  EXPECT_EQ(newest->voter, kTwo);
  const auto oldest = FromWire(Sent(ToWire(request, kNames), 0));
  EXPECT_FALSE(oldest->voter.has_value());
  EXPECT_TRUE(oldest->candidate.directory_id.is_zero());

  const raft::VoteResponse response{raft::RaftError::kInvalidVoterKey, kLeader, true};
  const auto answered = FromWire(Sent(ToWire(response, 2, kNames), 2), kNames);
  EXPECT_EQ(answered->error, raft::RaftError::kInvalidVoterKey);
  EXPECT_EQ(answered->leader, kLeader);
  EXPECT_TRUE(answered->granted);
  EXPECT_TRUE(FromWire(Sent(ToWire(response, 0, kNames), 0), kNames)->leader.endpoints.empty());

  kafka::VoteRequest other = ToWire(request, kNames);
  other.topics[0].topic_name = "topic";
  EXPECT_FALSE(FromWire(other).has_value());
  other.topics.clear();
  EXPECT_FALSE(FromWire(other).has_value());
  kafka::VoteResponse refused;
  refused.error_code = 104;
  EXPECT_FALSE(FromWire(refused, kNames).has_value());
}

TEST(QuorumMessages, BeginAndEndOfEpochs) {
  const auto begin = FromWire(Sent(ToWire(raft::BeginQuorumEpochRequest{kLeader, kOne}, kNames), 1));
  EXPECT_EQ(begin->leader, kLeader);
  EXPECT_EQ(begin->voter, kOne);
  const raft::EndQuorumEpochRequest ending{NodeId(2), LeaderEpoch(5), {kOne, kTwo}, kLeader.endpoints};
  const auto end = FromWire(Sent(ToWire(ending, kNames), 1));
  EXPECT_EQ(end->preferred_successors, ending.preferred_successors);
  EXPECT_EQ(end->leader_endpoints, kLeader.endpoints);
  const auto old = FromWire(Sent(ToWire(ending, kNames), 0));
  ASSERT_EQ(old->preferred_successors.size(), 2u);
  EXPECT_EQ(old->preferred_successors[1].id, NodeId(2));

  const raft::QuorumEpochResponse response{raft::RaftError::kFencedLeaderEpoch, kLeader};
  const auto answer = Sent(ToWire<kafka::EndQuorumEpochResponse>(response, 1, kNames), 1);
  EXPECT_EQ(EpochFromWire(answer, kNames)->error, raft::RaftError::kFencedLeaderEpoch);
  EXPECT_EQ(EpochFromWire(answer, kNames)->leader, kLeader);
}

TEST(QuorumMessages, Fetch) {
  const raft::FetchRequest request{kOne, LeaderEpoch(5), Offset(42), LeaderEpoch(4)};
  for (const int16_t version : {16, 17, 18}) {
    const auto wire = Sent(ToWire(request, Offset(40), FetchLimits(), kNames), version);
    EXPECT_EQ(wire.topics[0].partitions[0].high_watermark, version < 18 ? INT64_MAX : 40);
    const auto out = FromWire(wire);
    ASSERT_TRUE(out.has_value());
    EXPECT_EQ(out->replica.id, NodeId(1));
    EXPECT_EQ(out->replica.directory_id, version < 17 ? DirectoryId() : kOne.directory_id);
    EXPECT_EQ(out->current_leader_epoch, LeaderEpoch(5));
    EXPECT_EQ(out->fetch_offset, Offset(42));
    EXPECT_EQ(out->last_fetched_epoch, LeaderEpoch(4));
  }
  auto impossible = ToWire(request, Offset(40), FetchLimits(), kNames);
  impossible.topics[0].partitions[0].last_fetched_epoch = 6;
  EXPECT_FALSE(FromWire(impossible).has_value()) << "newer than the leader's epoch";

  raft::FetchDecision decision;
  decision.leader = kLeader;
  decision.high_watermark = Offset(41);
  decision.diverging = raft::OffsetAndEpoch{Offset(30), LeaderEpoch(3)};
  decision.snapshot = raft::OffsetAndEpoch{Offset(20), LeaderEpoch(2)};
  const kafka::FetchResponse whole = ToWire(decision, Offset(10), "bytes", 17, kNames);
  EXPECT_EQ(whole.responses[0].partitions[0].log_start_offset, 10);
  decision.diverging.reset();
  const auto wire = Sent(ToWire(decision, Offset(10), "", 17, kNames), 17);
  const auto answer = FromWire(wire, kNames);
  EXPECT_EQ(answer->leader, kLeader);
  EXPECT_EQ(answer->high_watermark, Offset(41));
  EXPECT_EQ(answer->snapshot, decision.snapshot);
  EXPECT_FALSE(answer->diverging.has_value());
  EXPECT_TRUE(RecordsOf(wire).empty());
}

TEST(QuorumMessages, NewVotersNeedADirectoryAndAnEndpoint) {
  const raft::Voter voter{kOne, {{"CONTROLLER", "one", 9093}}, 0, 1};
  const auto out = FromWire(Sent(ToWire(voter, LeaderEpoch(5), kNames), 0), kNames);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(*out, voter);
  raft::Voter bad = voter;
  bad.key.directory_id = DirectoryId();
  EXPECT_FALSE(FromWire(ToWire(bad, LeaderEpoch(5), kNames), kNames).has_value());
  bad = voter;
  bad.endpoints[0].name = "OTHER";
  EXPECT_FALSE(FromWire(ToWire(bad, LeaderEpoch(5), kNames), kNames).has_value());
  bad = voter;
  bad.max_kraft_version = -1;
  EXPECT_FALSE(FromWire(ToWire(bad, LeaderEpoch(5), kNames), kNames).has_value());
}

TEST(QuorumMessages, ErrorsAreThoseOfTheSameName) {
  for (const raft::RaftError error : {raft::RaftError::kNone, raft::RaftError::kFencedLeaderEpoch,
                                      raft::RaftError::kDuplicateVoter, raft::RaftError::kUnknownServerError})
    EXPECT_EQ(RaftErrorOf(static_cast<int16_t>(ErrorCodeOf(error))), error);
  EXPECT_EQ(RaftErrorOf(9999), raft::RaftError::kUnknownServerError);
}

}  // namespace
}  // namespace dohle::metadata
