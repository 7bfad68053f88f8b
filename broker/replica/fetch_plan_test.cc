#include "broker/replica/fetch_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dohle::replica {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;
using Kind = FetchVerdict::Kind;

constexpr TopicId kTopic{0, 7};
constexpr TopicId kOther{0, 8};
constexpr BrokerEpoch kBrokerEpoch{55};
constexpr int32_t kSession = 9;

TopicIdPartition Key(int32_t partition, TopicId topic = kTopic) { return {topic, PartitionIndex(partition)}; }

FetchPosition At(int64_t offset, int32_t leader_epoch = 3, int32_t last_epoch = 2) {
  FetchPosition position;
  position.leader = NodeId(2);
  position.leader_epoch = LeaderEpoch(leader_epoch);
  position.fetch_offset = Offset(offset);
  position.last_fetched_epoch = LeaderEpoch(last_epoch);
  return position;
}

// "7:0@100 1@5 -7:2": what is asked for, by the last digit of the topic id, and what is forgotten.
std::string Show(const std::optional<FetchRequest>& request) {
  if (!request) return "nothing";
  std::string text;
  for (const auto& topic : request->topics) {
    for (const auto& partition : topic.partitions) {
      text +=
          fmt::format("{}:{}@{} ", topic.topic_id.bytes()[15], partition.partition, partition.fetch_offset);
    }
  }
  for (const auto& topic : request->forgotten_topics_data) {
    for (const int32_t partition : topic.partitions) {
      text += fmt::format("-{}:{} ", topic.topic_id.bytes()[15], partition);
    }
  }
  return text;
}

FetchResponse::PartitionData Data(int32_t partition, ErrorCode error = ErrorCode::kNone) {
  FetchResponse::PartitionData data;
  data.partition_index = partition;
  data.error_code = static_cast<int16_t>(error);
  data.high_watermark = 1000;
  return data;
}

class FetchPlanTest : public testing::Test {
 protected:
  static FetchPlanOptions Options() {
    FetchPlanOptions options;
    options.node_id = NodeId(1);
    return options;
  }
  std::optional<FetchRequest> Next() { return plan_.Next(kBrokerEpoch, now_ms_); }
  // Nothing new: the leader only waited.
  SessionVerdict Answer(ErrorCode error = ErrorCode::kNone, int32_t session = kSession) {
    FetchResponse response;
    response.error_code = static_cast<int16_t>(error);
    response.session_id = session;
    return plan_.NoteAnswer(response);
  }
  std::string Fetch() {
    const std::string asked = Show(Next());
    if (asked == "nothing") return asked;
    EXPECT_EQ(Answer(), SessionVerdict::kFine);
    return asked;
  }
  Kind Judge(int32_t partition, ErrorCode error = ErrorCode::kNone) {
    return plan_.Judge(kTopic, Data(partition, error), now_ms_).kind;
  }

  FetchPlan plan_{Options()};
  int64_t now_ms_ = 1'000'000;
};

TEST_F(FetchPlanTest, AsksAsAReplicaOfItsEpoch) {
  EXPECT_EQ(Show(Next()), "nothing");
  FetchPosition position = At(100);
  position.log_start_offset = Offset(40);
  EXPECT_TRUE(plan_.Follow(Key(0), position));
  const auto request = Next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->replica_id, 1);
  EXPECT_EQ(request->replica_state.replica_id, 1);
  EXPECT_EQ(request->replica_state.replica_epoch, 55);
  EXPECT_EQ(request->max_wait_ms, 500);
  EXPECT_EQ(request->min_bytes, 1);
  EXPECT_EQ(request->max_bytes, 10 << 20);
  EXPECT_EQ(request->session_id, 0);
  EXPECT_EQ(request->session_epoch, 0);
  const auto& partition = request->topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.current_leader_epoch, 3);
  EXPECT_EQ(partition.last_fetched_epoch, 2);
  EXPECT_EQ(partition.log_start_offset, 40);
  EXPECT_EQ(partition.partition_max_bytes, 1 << 20);
}

TEST_F(FetchPlanTest, ASessionSaysOnlyWhatHasChanged) {
  for (int i = 0; i < 3; ++i) plan_.Follow(Key(i), At(100));
  plan_.Follow(Key(0, kOther), At(7));
  EXPECT_EQ(Fetch(), "7:0@100 7:1@100 7:2@100 8:0@7 ");
  EXPECT_EQ(Fetch(), "");
  EXPECT_EQ(Judge(1), Kind::kAppend);
  plan_.MoveTo(Key(1), At(120), Offset(130));
  EXPECT_EQ(plan_.lag(Key(1)), 10);
  EXPECT_EQ(plan_.max_lag(), 10);
  plan_.Forget(Key(2));
  plan_.Follow(Key(5), At(1));
  EXPECT_EQ(Fetch(), "7:1@120 7:5@1 -7:2 ");
  EXPECT_EQ(Fetch(), "");
  const auto request = Next();
  EXPECT_EQ(request->session_id, kSession);
  EXPECT_EQ(request->session_epoch, 4);
}

TEST_F(FetchPlanTest, WhatLeavesAndComesBackIsNamedAndNotForgotten) {
  plan_.Follow(Key(0), At(100));
  plan_.Follow(Key(1), At(100));
  EXPECT_EQ(Fetch(), "7:0@100 7:1@100 ");
  plan_.Forget(Key(0));
  plan_.Follow(Key(0), At(90, 4));
  EXPECT_EQ(Fetch(), "7:0@90 ");
}

TEST_F(FetchPlanTest, OnlyANewerLeaderEpochChangesThePosition) {
  EXPECT_TRUE(plan_.Follow(Key(0), At(100, 3)));
  EXPECT_FALSE(plan_.Follow(Key(0), At(5, 3)));
  EXPECT_FALSE(plan_.Follow(Key(0), At(5, 2)));
  EXPECT_EQ(Fetch(), "7:0@100 ");
  EXPECT_TRUE(plan_.Follow(Key(0), At(50, 4)));
  EXPECT_EQ(Fetch(), "7:0@50 ");
  plan_.MoveTo(Key(0), At(70, 3), Offset(1));
  EXPECT_EQ(Fetch(), "");
}

TEST_F(FetchPlanTest, SessionsThatAreGoneBeginAnew) {
  struct Case {
    ErrorCode error;
    int32_t session;
    SessionVerdict verdict;
    int32_t next_id;
  };
  for (const Case& c : {Case{ErrorCode::kFetchSessionIdNotFound, 0, SessionVerdict::kNewSession, 0},
                        Case{ErrorCode::kInvalidFetchSessionEpoch, 0, SessionVerdict::kNewSession, kSession},
                        Case{ErrorCode::kFetchSessionTopicIdError, 0, SessionVerdict::kNewSession, kSession},
                        Case{ErrorCode::kUnknownServerError, 0, SessionVerdict::kRefused, kSession},
                        Case{ErrorCode::kNone, 77, SessionVerdict::kNewSession, kSession}}) {
    SCOPED_TRACE(static_cast<int>(c.error));
    plan_ = FetchPlan(Options());
    plan_.Follow(Key(0), At(100));
    plan_.Follow(Key(1), At(200));
    Fetch();
    plan_.Forget(Key(1));
    EXPECT_EQ(Show(Next()), "-7:1 ");
    EXPECT_EQ(Answer(c.error, c.session), c.verdict);
    const auto request = Next();
    EXPECT_EQ(Show(request), "7:0@100 ");
    EXPECT_EQ(request->session_id, c.next_id);
    EXPECT_EQ(request->session_epoch, 0);
    // One that can't even begin must not be tried without a pause.
    EXPECT_NE(Answer(ErrorCode::kInvalidFetchSessionEpoch, 0), SessionVerdict::kNewSession);
  }
}

TEST_F(FetchPlanTest, ALostAnswerEndsTheSession) {
  plan_.Follow(Key(0), At(100));
  plan_.Follow(Key(1), At(100));
  Fetch();
  plan_.Forget(Key(1));
  Next();
  plan_.NoteLost();
  const auto request = Next();
  EXPECT_EQ(Show(request), "7:0@100 ");
  EXPECT_EQ(request->session_id, kSession);
  EXPECT_EQ(request->session_epoch, 0);
}

TEST_F(FetchPlanTest, WithoutSessionsEverybodyHasHisTurn) {
  for (int i = 0; i < 3; ++i) plan_.Follow(Key(i), At(100));
  EXPECT_EQ(Show(Next()), "7:0@100 7:1@100 7:2@100 ");
  Answer(ErrorCode::kNone, 0);
  FetchResponse::PartitionData data = Data(0);
  data.records = kafka::Records(std::string("bytes"));
  EXPECT_EQ(plan_.Judge(kTopic, data, now_ms_).kind, Kind::kAppend);
  plan_.MoveTo(Key(0), At(110), Offset(200));
  const auto request = Next();
  EXPECT_EQ(Show(request), "7:1@100 7:2@100 7:0@110 ");
  EXPECT_EQ(request->session_epoch, 0);
}

TEST_F(FetchPlanTest, EveryErrorHasItsConsequence) {
  struct Case {
    ErrorCode error;
    Kind kind;
    std::string next;   // at once
    std::string later;  // when delays are over
    size_t failed = 0;
  };
  for (const Case& c : {
           Case{ErrorCode::kNone, Kind::kAppend, "", ""},
           Case{ErrorCode::kOffsetOutOfRange, Kind::kFindOffsets, "-7:0 ", ""},
           Case{ErrorCode::kFencedLeaderEpoch, Kind::kFailed, "-7:0 ", "", 1},
           Case{ErrorCode::kUnknownLeaderEpoch, Kind::kNothing, "-7:0 ", "7:0@100 "},
           Case{ErrorCode::kNotLeaderOrFollower, Kind::kNothing, "-7:0 ", "7:0@100 "},
           Case{ErrorCode::kUnknownTopicOrPartition, Kind::kNothing, "-7:0 ", "7:0@100 "},
           Case{ErrorCode::kUnknownTopicId, Kind::kNothing, "-7:0 ", "7:0@100 "},
           Case{ErrorCode::kInconsistentTopicId, Kind::kNothing, "-7:0 ", "7:0@100 "},
           Case{ErrorCode::kCorruptMessage, Kind::kNothing, "-7:0 ", "7:0@100 "},
           Case{ErrorCode::kKafkaStorageError, Kind::kNothing, "-7:0 ", "7:0@100 "},
           Case{ErrorCode::kOffsetMovedToTieredStorage, Kind::kNothing, "-7:0 ", "7:0@100 "},
       }) {
    SCOPED_TRACE(static_cast<int>(c.error));
    plan_ = FetchPlan(Options());
    plan_.Follow(Key(0), At(100));
    plan_.Follow(Key(1), At(100));
    Fetch();
    const FetchVerdict verdict = plan_.Judge(kTopic, Data(0, c.error), now_ms_);
    EXPECT_EQ(verdict.kind, c.kind);
    EXPECT_EQ(verdict.leader_epoch, LeaderEpoch(3));
    EXPECT_EQ(plan_.failed(), c.failed);
    EXPECT_EQ(Fetch(), c.next);
    now_ms_ += 1000;
    EXPECT_EQ(Fetch(), c.later);
    // Whatever it was: a newer leader epoch is a new beginning.
    plan_.Follow(Key(0), At(60, 4));
    EXPECT_EQ(Fetch(), "7:0@60 ");
    EXPECT_EQ(plan_.failed(), 0U);
  }
}

TEST_F(FetchPlanTest, ADivergingLogIsHeldUntilItIsMended) {
  plan_.Follow(Key(0), At(100));
  plan_.Follow(Key(1), At(100));
  Fetch();
  FetchResponse::PartitionData data = Data(0);
  data.diverging_epoch = {1, 80};
  const FetchVerdict verdict = plan_.Judge(kTopic, data, now_ms_);
  EXPECT_EQ(verdict.kind, Kind::kTruncate);
  EXPECT_EQ(verdict.diverging_epoch, (storage::EpochEnd{LeaderEpoch(1), Offset(80)}));
  const auto meanwhile = Next();
  EXPECT_EQ(Show(meanwhile), "-7:0 ");
  EXPECT_EQ(meanwhile->max_wait_ms, 10);  // it joins soon
  Answer();
  plan_.MoveTo(Key(0), At(80, 3, 1), kNoOffset);
  const auto next = Next();
  EXPECT_EQ(Show(next), "7:0@80 ");
  EXPECT_EQ(next->max_wait_ms, 500);
  EXPECT_EQ(next->topics.at(0).partitions.at(0).last_fetched_epoch, 1);
  // An epoch that the leader doesn't know at all.
  Answer();
  data.diverging_epoch = {-1, 0};
  EXPECT_EQ(plan_.Judge(kTopic, data, now_ms_).kind, Kind::kTruncate);
}

TEST_F(FetchPlanTest, AnswersToWhatHasChangedSinceAreLeftAlone) {
  for (int i = 0; i < 5; ++i) plan_.Follow(Key(i), At(100));
  Next();
  plan_.Follow(Key(0), At(100, 4));
  plan_.Forget(Key(1));
  plan_.MoveTo(Key(2), At(90), kNoOffset);
  plan_.Delay(Key(3), LeaderEpoch(3), now_ms_);
  plan_.Follow(Key(9), At(1));
  Answer();
  for (const int i : {0, 1, 2, 3, 9, 77}) EXPECT_EQ(Judge(i), Kind::kNothing) << i;
  EXPECT_EQ(Judge(4), Kind::kAppend);
  EXPECT_EQ(plan_.Judge(kOther, Data(0), now_ms_).kind, Kind::kNothing);
  EXPECT_EQ(Judge(0, ErrorCode::kFencedLeaderEpoch), Kind::kNothing);
  EXPECT_EQ(plan_.failed(), 0U);
}

TEST_F(FetchPlanTest, DelaysGrowUpToTheBackOff) {
  plan_.Follow(Key(0), At(100));
  std::vector<int64_t> delays;
  for (int i = 0; i < 10; ++i) {
    Fetch();
    Judge(0, ErrorCode::kNotLeaderOrFollower);
    EXPECT_EQ(Show(Next()), "nothing");
    delays.push_back(*plan_.next_due_ms() - now_ms_);
    now_ms_ = *plan_.next_due_ms();
  }
  EXPECT_EQ(delays, (std::vector<int64_t>{10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000}));
  Fetch();
  plan_.MoveTo(Key(0), At(101), Offset(200));
  EXPECT_EQ(plan_.attempts(Key(0)), 0);
}

TEST_F(FetchPlanTest, AQuotaDelaysWithoutCounting) {
  plan_.Follow(Key(0), At(100));
  plan_.Follow(Key(1), At(100));
  Fetch();
  plan_.DelayUntil(Key(0), LeaderEpoch(3), now_ms_ + 300);
  EXPECT_EQ(plan_.attempts(Key(0)), 0);
  const auto request = Next();
  EXPECT_EQ(Show(request), "-7:0 ");
  EXPECT_EQ(request->max_wait_ms, 300);
  Answer();
  now_ms_ += 300;
  EXPECT_EQ(Fetch(), "7:0@100 ");
}

TEST_F(FetchPlanTest, CostsOfAFetchGrowWithWhatChanges) {
  constexpr int kPartitions = 20000;
  for (int i = 0; i < kPartitions; ++i) plan_.Follow(Key(i), At(100));
  Fetch();
  // A hundred thousand fetches over all partitions would take minutes.
  for (int i = 0; i < 100'000; ++i) {
    plan_.MoveTo(Key(i % 7), At(101 + i), Offset(1'000'000));
    ASSERT_EQ(Fetch(), fmt::format("7:{}@{} ", i % 7, 101 + i));
  }
}

}  // namespace
}  // namespace dohle::replica
