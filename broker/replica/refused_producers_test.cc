#include "broker/replica/refused_producers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker/replica/partition.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {
namespace {

constexpr ProducerId kProducer(7);

ProducerSequence BatchOf(ProducerId producer, int32_t base_sequence = 0, int16_t epoch = 0) {
  return {producer, ProducerEpoch(epoch), base_sequence};
}

TEST(RefusedProducersTest, TellsThoseBehindAndNoMore) {
  RefusedProducers refused;
  EXPECT_TRUE(refused.TakeReason(kProducer).ok());
  refused.Note(BatchOf(kProducer), absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(refused.TakeReason(ProducerId(8)).ok());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(absl::IsResourceExhausted(refused.TakeReason(kProducer))) << i;
  EXPECT_TRUE(refused.TakeReason(kProducer).ok());
  EXPECT_TRUE(refused.empty());
}

TEST(RefusedProducersTest, TheLastReasonCounts) {
  RefusedProducers refused;
  refused.Note(BatchOf(kProducer), absl::ResourceExhaustedError("full"));
  refused.Note(BatchOf(kProducer), absl::UnavailableError("too few"));
  EXPECT_EQ(refused.size(), 1);
  EXPECT_TRUE(absl::IsUnavailable(refused.TakeReason(kProducer)));
  refused.Forget(kProducer);
  EXPECT_TRUE(refused.TakeReason(kProducer).ok());
}

TEST(RefusedProducersTest, KeepsAFew) {
  RefusedProducers refused;
  for (int i = 0; i < 1000; ++i) refused.Note(BatchOf(ProducerId(i)), absl::UnavailableError("too few"));
  EXPECT_EQ(refused.size(), 64);
  EXPECT_TRUE(refused.TakeReason(ProducerId(0)).ok());
  EXPECT_TRUE(absl::IsUnavailable(refused.TakeReason(ProducerId(999))));
}

TEST(RefusedProducersTest, WhatComesBehindTheFirst) {
  RefusedProducers refused;
  EXPECT_TRUE(refused.TakeReasonBefore(BatchOf(kProducer, 5)).ok());
  refused.Note(BatchOf(kProducer, 5), absl::UnavailableError("too few"));
  refused.Note(BatchOf(kProducer, 7), absl::UnavailableError("too few"));
  EXPECT_TRUE(refused.TakeReasonBefore(BatchOf(kProducer, 4)).ok());
  EXPECT_TRUE(refused.TakeReasonBefore(BatchOf(kProducer, 5)).ok()) << "the first itself, once more";
  EXPECT_FALSE(refused.TakeReasonBefore(BatchOf(kProducer, 6)).ok());
  EXPECT_FALSE(refused.TakeReasonBefore(BatchOf(kProducer, 9)).ok());
  EXPECT_TRUE(refused.TakeReasonBefore(BatchOf(kProducer, 9, 1)).ok()) << "another epoch counts anew";
  refused.Note(BatchOf(kProducer, 0, 1), absl::UnavailableError("too few"));
  EXPECT_TRUE(refused.TakeReasonBefore(BatchOf(kProducer, 9)).ok());
  EXPECT_FALSE(refused.TakeReasonBefore(BatchOf(kProducer, 9, 1)).ok());
}

TEST(RefusedProducersTest, SequencesWrap) {
  RefusedProducers refused;
  refused.Note(BatchOf(kProducer, INT32_MAX), absl::UnavailableError("too few"));
  EXPECT_TRUE(refused.TakeReasonBefore(BatchOf(kProducer, INT32_MAX - 1)).ok());
  EXPECT_FALSE(refused.TakeReasonBefore(BatchOf(kProducer, 0)).ok());
}

class RefusedByPartitionTest : public ::testing::Test {
 protected:
  RefusedByPartitionTest() : world_(1), node_(world_.AddNode("node-1")) {
    env::Env& env = node_.env();
    storage::LogOpenOptions options;
    options.file_system = &env.file_system;
    options.directory = "/data/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<const storage::LogConfig>();
    EXPECT_TRUE(env.file_system.CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.log = *storage::Log::Open(options);
    partition_ = std::make_shared<Partition>(NodeId(1), std::move(loaded), Offset(0), env.blocking_pool);
  }
  // Partitions don't outlive the chains that use them.
  ~RefusedByPartitionTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  static env::Task<void> TakeLead(std::shared_ptr<Partition> partition, int32_t epoch, bool* done) {
    Leadership leadership;
    leadership.leader = NodeId(1);
    leadership.leader_epoch = LeaderEpoch(epoch);
    leadership.in_sync_replicas = {NodeId(1)};
    const auto taken = co_await partition->SetLeadership(std::move(leadership));
    *done = taken.ok();
  }
  void Lead() {
    bool leads = false;
    env::Spawn(*node_.env().executors.front(), TakeLead(partition_, 0, &leads));
    ASSERT_TRUE(world_.RunUntil([&] { return leads; }, absl::Seconds(10)));
  }

  using Answer = std::optional<StatusOr<Appended>>;
  static env::Task<void> Send(std::shared_ptr<Partition> partition, int32_t sequence, Answer* answer) {
    std::string batch = storage::testing::ProducerBatchOf(kProducer.value(), 0, sequence, 1);
    const std::span<char> bytes(batch.data(), batch.size());
    const AppendOptions options;
    *answer = co_await partition->Append(bytes, options);
  }
  StatusOr<Appended> Send(int32_t sequence) {
    Answer answer;
    env::Spawn(*node_.env().executors.front(), Send(partition_, sequence, &answer));
    EXPECT_TRUE(world_.RunUntil([&] { return answer.has_value(); }, absl::Seconds(10)));
    return *std::move(answer);
  }

  env::SimWorld world_;
  env::SimNode& node_;
  std::shared_ptr<Partition> partition_;
};

TEST_F(RefusedByPartitionTest, BehindAFullDisk) {
  Lead();
  ASSERT_TRUE(Send(0).ok());
  node_.disk().set_capacity(0);
  EXPECT_TRUE(absl::IsResourceExhausted(Send(1).status()));
  node_.disk().set_capacity(1 << 20);
  EXPECT_TRUE(absl::IsResourceExhausted(Send(2).status())) << "in place of out of order";
  for (const int32_t sequence : {1, 2, 3}) {
    const auto appended = Send(sequence);
    ASSERT_TRUE(appended.ok()) << appended.status();
    EXPECT_EQ(appended->rejection, storage::AppendRejection::kNone);
  }
  EXPECT_EQ(Send(9)->rejection, storage::AppendRejection::kOutOfOrderSequenceNumber)
      << "nothing was refused before";
}

// A log that knows nothing of a producer takes any sequence: 0 and 1 would be out of order then.
TEST_F(RefusedByPartitionTest, BehindTheFirstBatchesOfAProducer) {
  Lead();
  node_.disk().set_capacity(0);
  EXPECT_TRUE(absl::IsResourceExhausted(Send(0).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Send(1).status()));
  node_.disk().set_capacity(1 << 20);
  EXPECT_TRUE(absl::IsResourceExhausted(Send(2).status()));
  for (const int32_t sequence : {0, 1, 2, 3}) {
    const auto appended = Send(sequence);
    ASSERT_TRUE(appended.ok()) << appended.status();
    EXPECT_EQ(appended->rejection, storage::AppendRejection::kNone);
  }
}

TEST_F(RefusedByPartitionTest, AProducerThatHasExpiredGoesOnWhereItWas) {
  Lead();
  node_.disk().set_capacity(0);
  EXPECT_TRUE(absl::IsResourceExhausted(Send(40).status()));
  node_.disk().set_capacity(1 << 20);
  for (const int32_t sequence : {40, 41}) {
    const auto appended = Send(sequence);
    ASSERT_TRUE(appended.ok()) << appended.status();
    EXPECT_EQ(appended->rejection, storage::AppendRejection::kNone);
  }
}

TEST_F(RefusedByPartitionTest, BehindAnAnswerOfANodeThatDidNotLeadYet) {
  Lead();
  ASSERT_TRUE(Send(0).ok());
  bool done = false;
  env::Spawn(*node_.env().executors.front(), [](std::shared_ptr<Partition> p, bool* told) -> env::Task<void> {
    Leadership leadership;
    leadership.leader = NodeId(2);
    leadership.leader_epoch = LeaderEpoch(1);
    leadership.in_sync_replicas = {NodeId(1), NodeId(2)};
    *told = (co_await p->SetLeadership(std::move(leadership))).ok();
  }(partition_, &done));
  ASSERT_TRUE(world_.RunUntil([&] { return done; }, absl::Seconds(10)));
  EXPECT_TRUE(absl::IsFailedPrecondition(Send(1).status()));
  done = false;
  env::Spawn(*node_.env().executors.front(), TakeLead(partition_, 2, &done));
  ASSERT_TRUE(world_.RunUntil([&] { return done; }, absl::Seconds(10)));
  EXPECT_TRUE(absl::IsFailedPrecondition(Send(2).status()));
  EXPECT_EQ(Send(1)->rejection, storage::AppendRejection::kNone);
  EXPECT_EQ(Send(2)->rejection, storage::AppendRejection::kNone);
}

}  // namespace
}  // namespace dohle::replica
