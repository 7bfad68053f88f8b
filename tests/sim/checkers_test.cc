#include "tests/sim/checkers.h"

#include <gtest/gtest.h>

#include "lib/base/check.h"
#include "lib/kafka/record_batch_builder.h"
#include "tests/sim/quorum.h"
#include "tests/sim/replicas.h"

namespace dohle::sim {
namespace {

const TopicPartition kPartition{"t", PartitionIndex(0)};

class CheckersTest : public testing::Test {
 protected:
  // Three batches of two, acknowledged one after the other, and a log that holds them.
  CheckersTest() {
    history_.SetDurable("t", true);
    for (int i = 0; i < 3; ++i) {
      SentBatch batch;
      batch.producer = 1;
      batch.idempotent = true;
      batch.partition = kPartition;
      batch.first = 2 * i;
      batch.count = 2;
      batches_.push_back(batch);
      history_.Acknowledged(history_.Sent(batch), 2 * i, MonotonicTime(i + 1));
    }
    for (int i = 0; i < 6; ++i) Append(Value(i));
  }
  std::string Value(int i) { return RecordValue(batches_[static_cast<size_t>(i / 2)], i % 2); }
  void Append(std::string value) {
    log_.records.push_back({log_.high_watermark++, std::move(value), MonotonicTime(9)});
  }
  std::vector<std::string> Violations() {
    history_.Final(kPartition, log_);
    return Check(history_);
  }

  History history_;
  std::vector<SentBatch> batches_;
  FinalLog log_;
};

TEST_F(CheckersTest, AllIsWell) { EXPECT_TRUE(Violations().empty()); }

TEST_F(CheckersTest, ALossIsFound) {
  log_.records.resize(4);
  log_.high_watermark = 4;
  EXPECT_EQ(Violations().size(), 1U);
  history_.SetDurable("t", false);
  EXPECT_EQ(Violations().size(), 1U);
  history_.PowerCut(MonotonicTime(2));
  EXPECT_EQ(Violations().size(), 1U);
  history_.PowerCut(MonotonicTime(5));
  EXPECT_TRUE(Violations().empty());
}

TEST_F(CheckersTest, ARepetitionIsFound) {
  Append(Value(5));
  EXPECT_EQ(Violations().size(), 1U);
}

TEST_F(CheckersTest, AGapIsFound) {
  log_.records.erase(log_.records.begin() + 5);
  EXPECT_FALSE(Violations().empty());
  log_.high_watermark = 5;
  history_.SetDurable("t", false);
  history_.PowerCut(MonotonicTime(5));
  EXPECT_TRUE(Violations().empty());
  log_.records[4].offset = 5;
  EXPECT_FALSE(Violations().empty());
}

TEST_F(CheckersTest, WhatNobodySentIsFound) {
  Append("t-0/p1.0.77");
  EXPECT_EQ(Violations().size(), 1U);
}

TEST_F(CheckersTest, DisorderIsFound) {
  std::swap(log_.records[3].value, log_.records[4].value);
  EXPECT_FALSE(Violations().empty());
  history_.SetDurable("t", false);
  history_.PowerCut(MonotonicTime(5));
  EXPECT_EQ(Violations().size(), 1U);
}

TEST_F(CheckersTest, AReadThatIsUndoneIsFound) {
  history_.Read(kPartition, 2, Value(2), MonotonicTime(9));
  EXPECT_TRUE(Violations().empty());
  history_.Read(kPartition, 2, Value(3), MonotonicTime(9));
  EXPECT_EQ(Violations().size(), 1U);
}

TEST_F(CheckersTest, ACommitThatGoesBackIsFound) {
  const GroupPartition where{"g", kPartition};
  history_.Committed(where, 5, MonotonicTime(2), MonotonicTime(3));
  history_.SawCommitted(where, 4, MonotonicTime(2), MonotonicTime(4));  // asked before
  EXPECT_TRUE(Violations().empty());
  history_.SawCommitted(where, 5, MonotonicTime(4), MonotonicTime(5));
  EXPECT_TRUE(Violations().empty());
  history_.SawCommitted(where, -1, MonotonicTime(6), MonotonicTime(7));
  EXPECT_EQ(Violations().size(), 1U);
}

ReplicaLog ReplicaWith(std::string host, const std::vector<std::string>& values) {
  ReplicaLog replica;
  replica.host = std::move(host);
  for (const std::string& value : values) {
    kafka::BatchOptions options;
    options.base_offset = Offset(static_cast<int64_t>(replica.batches.size()));
    kafka::RecordBatchBuilder batch(options);
    batch.Append(1, std::nullopt, std::string_view(value));
    auto bytes = batch.Build();
    DOHLE_CHECK(bytes.ok());
    replica.batches[options.base_offset.value()] = std::move(*bytes);
  }
  return replica;
}

TEST(ReplicasTest, OnlyWhatLiesBelowTheHighWatermarkMustAgree) {
  const std::vector<ReplicaLog> replicas{ReplicaWith("a", {"x", "y", "z"}), ReplicaWith("b", {"x", "y"}),
                                         ReplicaWith("c", {"x", "q"})};
  EXPECT_TRUE(AllReach(replicas, 2));
  EXPECT_FALSE(AllReach(replicas, 3));
  EXPECT_EQ(Difference({replicas[0], replicas[1]}, 2), "");
  EXPECT_EQ(Difference(replicas, 1), "");
  EXPECT_NE(Difference({replicas[0], replicas[1]}, 3), "");
  EXPECT_NE(Difference(replicas, 2), "");
}

raft::ElectionState Led(int epoch, int leader) {
  raft::ElectionState state;
  state.epoch = LeaderEpoch(epoch);
  state.leader_id = NodeId(leader);
  return state;
}

TEST(LeadersSeenTest, AnEpochHasOneLeader) {
  LeadersSeen leaders;
  leaders.Note("a", Led(3, 1));
  leaders.Note("b", Led(3, 1));
  leaders.Note("b", Led(4, -1));
  leaders.Note("b", Led(4, 2));
  EXPECT_TRUE(leaders.violations().empty());
  leaders.Note("a", Led(4, 1));
  ASSERT_EQ(leaders.violations().size(), 1U);
  EXPECT_EQ(leaders.violations()[0], "metadata epoch 4 is led by node 2 says b, by node 1 says a");
}

TEST(LeadersSeenTest, NobodyGoesBackToAnOlderEpoch) {
  LeadersSeen leaders;
  leaders.Note("a", Led(4, -1));
  leaders.Note("b", Led(3, -1));
  EXPECT_TRUE(leaders.violations().empty());
  leaders.Note("a", Led(3, -1));
  EXPECT_EQ(leaders.violations().size(), 1U);
}

TEST(SnapshotDifferenceTest, LogsBeginWhereSnapshotsReach) {
  const std::string name = "00000000000000000020-0000000001.checkpoint";
  NodeSnapshots whole{"a", 0, {}};
  NodeSnapshots cut{"b", 20, {{name, {"one", "two"}}}};
  EXPECT_EQ(Difference({whole, cut}), "");
  cut.log_start_offset = 21;
  EXPECT_EQ(Difference({whole, cut}), "the metadata log of b begins at 21, no snapshot reaches so far");
}

TEST(SnapshotDifferenceTest, SnapshotsOfOneNameSayTheSame) {
  const std::string name = "00000000000000000020-0000000001.checkpoint";
  const NodeSnapshots a{"a", 0, {{name, {"one", "two"}}}};
  EXPECT_EQ(Difference({a, {"b", 0, {{name, {"one", "two"}}}}}), "");
  EXPECT_EQ(Difference({a, {"b", 0, {{name, {"one"}}}}}), "snapshot " + name + " of b isn't that of a: two");
}

}  // namespace
}  // namespace dohle::sim
