// Replicas that lead in turn, cut off from each other as chance will have it, come to the same log in the
// end.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/replica/fake_leader.h"
#include "broker/replica/replica_fetchers.h"
#include "broker/storage/test_batches.h"
#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::replica {
namespace {

constexpr TopicId kTopic{0, 7};
constexpr uint16_t kPort = 9092;
constexpr int kReplicas = 3;
const TopicIdPartition kKey{kTopic, PartitionIndex(0)};

// A broker with one replica: leads as FakeLeader, follows as ReplicaFetchers.
struct Broker {
  Broker(env::SimWorld& world, int number)
      : id(number), name(fmt::format("broker-{}", number)), node(world.AddNode(name)), leader(node, kPort) {
    leader.broker.delay = absl::Milliseconds(1);
    storage::LogOpenOptions options;
    options.file_system = &node.env().file_system;
    options.directory = "/data/t-0";
    options.partition = {"t", PartitionIndex(0)};
    storage::LogConfig config;
    config.segment_bytes = 400;
    options.config = std::make_shared<const storage::LogConfig>(config);
    EXPECT_TRUE(options.file_system->CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.topic_id = kTopic;
    loaded.log = std::move(*storage::Log::Open(options));
    log = loaded.log.get();
    partition = std::make_shared<Partition>(id, std::move(loaded), Offset(0), node.env().blocking_pool);
    FetcherOptions fetching;
    fetching.plan.node_id = id;
    fetching.plan.partition_max_bytes = 200;
    fetching.plan.backoff_ms = 50;
    fetching.socket_timeout = absl::Seconds(1);
    fetching.endpoint_of = [](NodeId to) {
      return std::optional(env::Endpoint{fmt::format("broker-{}", to.value()), kPort});
    };
    fetching.broker_epoch = [] { return BrokerEpoch(5); };
    fetching.metadata_version = [] { return int16_t{30}; };
    fetching.write_checkpoints = []() -> env::Task<Status> { co_return OkStatus(); };
    fetchers = std::make_unique<ReplicaFetchers>(fetching, node.env());
  }

  const NodeId id;
  const std::string name;
  env::SimNode& node;
  FakeLeader leader;
  storage::Log* log = nullptr;  // the partition's
  std::shared_ptr<Partition> partition;
  std::unique_ptr<ReplicaFetchers> fetchers;
};

std::string BytesOf(storage::Log& log) {
  std::string all;
  Offset offset = log.log_start_offset();
  while (offset < log.log_end_offset()) {
    storage::ReadOptions read;
    read.offset = offset;
    read.max_bytes = 1;
    read.upper_bound = log.log_end_offset();
    const auto result = log.Read(read);
    EXPECT_TRUE(result.ok()) << result.status();
    std::string bytes(result->records.length, '\0');
    EXPECT_TRUE(result->records.file->ReadAt(result->records.position, bytes.data(), bytes.size()).ok());
    const storage::BatchHeader header = storage::DecodeBatchHeader(bytes.data());
    EXPECT_EQ(bytes.size(), static_cast<size_t>(header.size()));
    all += bytes;
    offset = header.next_offset();
  }
  return all;
}

// One may have deleted more of its beginning.
bool SameLogs(storage::Log& a, storage::Log& b) {
  if (a.log_end_offset() != b.log_end_offset()) return false;
  const std::string all_a = BytesOf(a), all_b = BytesOf(b);
  const auto n = std::min(all_a.size(), all_b.size());
  return std::string_view(all_a).substr(all_a.size() - n) == std::string_view(all_b).substr(all_b.size() - n);
}

class History {
 public:
  explicit History(uint64_t seed) : world_(seed) {
    world_.network().set_pieces(false);
    for (int i = 0; i < kReplicas; ++i) brokers_.push_back(std::make_unique<Broker>(world_, i));
  }
  ~History() {
    for (const auto& broker : brokers_) Run(*broker, broker->fetchers->Stop());
    for (const auto& broker : brokers_) Run(*broker, Release(broker->partition));
  }

  void Play() {
    const int epochs = 2 + static_cast<int>(Chance(12));
    for (int i = 0; i < epochs; ++i) {
      PlayEpoch();
      Note("");
    }
    world_.network().HealAll();
    Elect(static_cast<int>(Chance(kReplicas)));
    Append(1 + Chance(3));
    const bool converged = world_.RunUntil(
        [this] {
          for (const auto& broker : brokers_) {
            if (!SameLogs(*broker->log, *brokers_[leader_]->log)) return false;
          }
          return true;
        },
        absl::Seconds(20));
    EXPECT_TRUE(converged) << story_;
  }

 private:
  uint64_t Chance(uint64_t below) { return world_.random().Next() % below; }
  static env::Task<void> Release(std::shared_ptr<Partition> partition) { co_await partition->Release(); }
  static env::Task<void> Mark(env::Task<void> task, bool* done) {
    co_await std::move(task);
    *done = true;
  }
  void Run(Broker& broker, env::Task<void> task) {
    bool done = false;
    env::Spawn(*broker.node.env().executors.front(), Mark(std::move(task), &done));
    EXPECT_TRUE(world_.RunUntil([&] { return done; }, absl::Minutes(1)));
  }
  static env::Task<void> Take(Broker* broker, NodeId leader, LeaderEpoch epoch) {
    Leadership leadership;
    leadership.leader = leader;
    leadership.leader_epoch = epoch;
    leadership.partition_epoch = PartitionEpoch(epoch.value());
    for (int i = 0; i < kReplicas; ++i) leadership.replicas.push_back(NodeId(i));
    leadership.in_sync_replicas = leadership.replicas;
    auto taken = co_await broker->partition->SetLeadership(std::move(leadership));
    EXPECT_TRUE(taken.ok());
    broker->leader.led.clear();
    if (leader == broker->id) broker->leader.led[kKey] = {broker->log, epoch};
    std::vector<ReplicaFetchers::Change> changes;
    changes.push_back({broker->partition, leader == broker->id ? kNoNode : leader});
    co_await broker->fetchers->Follow(std::move(changes));
  }
  // Not everybody hears of it.
  void Elect(int leader, bool all = true) {
    leader_ = static_cast<size_t>(leader);
    ++epoch_;
    for (const auto& broker : brokers_) {
      if (!all && broker->id != NodeId(leader) && Chance(3) == 0) continue;
      Run(*broker, Take(broker.get(), NodeId(leader), epoch_));
    }
  }
  void Append(uint64_t batches) {
    for (uint64_t i = 0; i < batches; ++i) {
      const char fill = static_cast<char>('a' + epoch_.value() % 26);
      std::string batch = storage::testing::SimpleBatch(1 + static_cast<int>(Chance(4)), 1000, 10, fill);
      EXPECT_TRUE(
          brokers_[leader_]
              ->log->Append({batch.data(), batch.size()}, storage::AppendOrigin::kClient, epoch_, 1000)
              .ok());
    }
  }
  void PlayEpoch() {
    Elect(static_cast<int>(Chance(kReplicas)), false);
    storage::Log& log = *brokers_[leader_]->log;
    for (const auto& broker : brokers_) {
      if (broker->id == brokers_[leader_]->id) continue;
      if (Chance(3) == 0) world_.network().CutBothWays(broker->name, brokers_[leader_]->name);
    }
    for (uint64_t i = Chance(4); i > 0; --i) {
      Append(Chance(4));
      world_.RunFor(absl::Milliseconds(static_cast<int64_t>(Chance(8))));
    }
    if (Chance(5) == 0 && log.log_end_offset() > log.log_start_offset()) DeleteSome(log);
    world_.RunFor(absl::Milliseconds(static_cast<int64_t>(Chance(20))));
    world_.network().HealAll();
  }
  void DeleteSome(storage::Log& log) {
    const Offset start(log.log_start_offset().value() +
                       static_cast<int64_t>(Chance(static_cast<uint64_t>(log.log_end_offset().value() -
                                                                         log.log_start_offset().value()))));
    ASSERT_TRUE(log.AdvanceLogStartOffset(start).ok());
    ASSERT_TRUE(log.ApplyRetention(1000, start).ok());
    Note(fmt::format("broker {} deletes below {}; ", leader_, start.value()));
  }
  void Note(const std::string& what) {
    story_ += what;
    if (!what.empty()) return;
    story_ += fmt::format("epoch {} of {}:", epoch_.value(), leader_);
    for (const auto& broker : brokers_) {
      story_ += fmt::format(" {}-{}@{}", broker->log->log_start_offset().value(),
                            broker->log->log_end_offset().value(), broker->log->latest_epoch().value());
    }
    story_ += "\n";
  }

  env::SimWorld world_;
  std::vector<std::unique_ptr<Broker>> brokers_;
  size_t leader_ = 0;
  LeaderEpoch epoch_{0};
  std::string story_;
};

TEST(TruncationPropertyTest, LogsConverge) {
  const uint64_t first = env::TestSeed();
  for (uint64_t seed = first; seed < first + 150; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    History history(seed);
    history.Play();
    if (testing::Test::HasFailure()) break;
  }
}

// A leader that had deleted the first record of its first batch told others to end within theirs, and led no
// more when they fetched on.
TEST(TruncationPropertyTest, LogsConvergeAfterACutIntoABatch) {
  History history(11906858565933540314u);
  history.Play();
}

}  // namespace
}  // namespace dohle::replica
