// Partitions with replicas: a leader, followers made by hand, a controller that says what the test says.
// Virtual time; one executor.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/replica/partition.h"
#include "broker/storage/test_batches.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {

inline constexpr int64_t kLagMs = 10'000;

// A controller that answers when the test says so.
class FakeIsrUpdates : public IsrUpdates {
 public:
  env::Task<StatusOr<IsrVerdict>> Propose(IsrProposal proposal) override {
    proposals.push_back(std::move(proposal));
    if (error) {
      IsrVerdict verdict;
      verdict.error = *error;
      co_return verdict;
    }
    answer = std::make_shared<env::OneShot<bool>>();
    co_await answer->WaitForever();
    co_return Accept(proposals.back());
  }

  static IsrVerdict Accept(const IsrProposal& proposal) {
    IsrVerdict verdict;
    verdict.leader = NodeId(1);
    verdict.leader_epoch = proposal.leader_epoch;
    verdict.partition_epoch = PartitionEpoch(proposal.partition_epoch.value() + 1);
    for (const IsrMember& member : proposal.in_sync_replicas) verdict.in_sync_replicas.push_back(member.id);
    return verdict;
  }

  std::vector<IsrProposal> proposals;
  std::shared_ptr<env::OneShot<bool>> answer;  // Set: the last proposal is accepted
  std::optional<kafka::ErrorCode> error;       // at once, of all
};

class LeadTest : public ::testing::Test {
 protected:
  LeadTest() : world_(1), node_(world_.AddNode("node-1")) {
    context_.isr_updates = &updates_;
    context_.executor = node_.env().executors.front();
    context_.clock = &node_.env().clock;
    context_.max_lag_ms = kLagMs;
    context_.broker_state = [this](NodeId id) { return brokers_[id]; };
    for (const int32_t id : {1, 2, 3}) brokers_[NodeId(id)] = {true, false, BrokerEpoch(100 + id)};
    config_.flush_messages = INT64_MAX;
  }
  // Partitions don't outlive the chains that use them.
  ~LeadTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  std::shared_ptr<Partition> Open(int32_t node_id) {
    env::Env& env = node_.env();
    storage::LogOpenOptions options;
    options.file_system = &env.file_system;
    options.directory = "/data-" + std::to_string(node_id) + "/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<const storage::LogConfig>(config_);
    EXPECT_TRUE(env.file_system.CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.log = *storage::Log::Open(options);
    return std::make_shared<Partition>(NodeId(node_id), std::move(loaded), Offset(0), env.blocking_pool,
                                       storage::FlushTimes{}, nullptr, &context_);
  }

  template <typename T>
  using Result = std::shared_ptr<std::optional<T>>;
  template <typename T>
  static env::Task<void> Keep(env::Task<T> task, Result<T> result) {
    result->emplace(co_await std::move(task));
  }
  template <typename T>
  Result<T> Begin(env::Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    env::Spawn(*node_.env().executors.front(), Keep(std::move(task), result));
    return result;
  }
  template <typename T>
  T Run(env::Task<T> task) {
    Result<T> result = Begin(std::move(task));
    EXPECT_TRUE(world_.RunUntil([&] { return result->has_value(); }, absl::Minutes(10)));
    return std::move(**result);
  }
  void Settle() { world_.RunFor(absl::Milliseconds(50)); }

  LeadershipChange Lead(Partition& partition, std::vector<int32_t> in_sync, int32_t leader = 1,
                        int32_t leader_epoch = 0, int32_t partition_epoch = 0) {
    Leadership leadership;
    leadership.leader = NodeId(leader);
    leadership.leader_epoch = LeaderEpoch(leader_epoch);
    leadership.partition_epoch = PartitionEpoch(partition_epoch);
    leadership.replicas = {NodeId(1), NodeId(2), NodeId(3)};
    for (const int32_t id : in_sync) leadership.in_sync_replicas.push_back(NodeId(id));
    auto change = Run(partition.SetLeadership(std::move(leadership)));
    EXPECT_TRUE(change.ok()) << change.status();
    return change.ok() ? *change : LeadershipChange{};
  }

  static env::Task<StatusOr<Appended>> AppendTo(std::shared_ptr<Partition> partition, int records,
                                                bool acks_all) {
    std::string bytes = storage::testing::SimpleBatch(records, 1000);
    const std::span<char> batch(bytes.data(), bytes.size());
    AppendOptions options;
    options.acks_all = acks_all;
    co_return co_await partition->Append(batch, options);
  }
  // As Produce with acks=all.
  static env::Task<Status> Produce(std::shared_ptr<Partition> partition, int records,
                                   absl::Duration timeout = absl::Seconds(30)) {
    auto appended = co_await AppendTo(partition, records, true);
    if (!appended.ok()) co_return appended.status();
    if (appended->committed) co_return OkStatus();
    co_return co_await partition->WaitUntilCommitted(appended->last_offset + 1, appended->leader_epoch,
                                                     timeout);
  }
  // As a follower's Fetch.
  FetchedPartition Fetch(Partition& partition, int32_t follower, int64_t offset, int32_t leader_epoch = 0,
                         int32_t last_fetched_epoch = -1) {
    FetchOptions options;
    options.offset = Offset(offset);
    options.max_bytes = 1 << 20;
    options.min_one_batch = true;
    options.current_leader_epoch = LeaderEpoch(leader_epoch);
    options.last_fetched_epoch = LeaderEpoch(last_fetched_epoch);
    options.follower.emplace();
    options.follower->fetch.follower = NodeId(follower);
    options.follower->fetch.broker_epoch = BrokerEpoch(100 + follower);
    options.follower->fetch.log_start_offset = follower_log_start_;
    return Run(partition.Fetch(std::move(options), nullptr));
  }
  Offset HighWatermark(Partition& partition) { return Run(partition.Summarize()).high_watermark; }

  // One round of a follower: fetches and takes over what it is told. Whether anything was to do.
  bool Follow(Partition& leader, Partition& follower, int32_t id) {
    const FetchPosition at = Run(follower.FollowPosition());
    EXPECT_EQ(at.leader, NodeId(1));
    const FetchedPartition fetched =
        Fetch(leader, id, at.fetch_offset.value(), at.leader_epoch.value(), at.last_fetched_epoch.value());
    EXPECT_EQ(fetched.problem, FetchProblem::kNone);
    if (fetched.diverging_epoch) {
      auto cut = Run(follower.TruncateToDiverging(at.leader_epoch, *fetched.diverging_epoch));
      EXPECT_TRUE(cut.ok()) << cut.status();
      return true;
    }
    std::string bytes(fetched.records.length, '\0');
    if (!bytes.empty()) {
      EXPECT_EQ(*fetched.records.file->ReadAt(fetched.records.position, bytes.data(), bytes.size()),
                bytes.size());
    }
    const Status taken = Run(follower.AppendFetched(at.leader_epoch, bytes, fetched.high_watermark,
                                                    fetched.log_start_offset, 1000));
    EXPECT_TRUE(taken.ok()) << taken;
    return !bytes.empty();
  }

  env::SimWorld world_;
  env::SimNode& node_;
  FakeIsrUpdates updates_;
  ReplicationContext context_;
  std::map<NodeId, BrokerState> brokers_;
  storage::LogConfig config_;
  Offset follower_log_start_{0};
};

}  // namespace dohle::replica
