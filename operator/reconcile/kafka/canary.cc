#include "operator/reconcile/kafka/canary.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/kafka/client/one_record.h"

namespace dohle::reconcile {
namespace {

constexpr int32_t kPatienceMs = 2'000;  // more is a failure
constexpr int32_t kReplicas = 3;
constexpr int32_t kMostPartitions = 100;

// It must keep nobody from being restarted: one replica in sync will do.
kafka::client::NewTopic TopicOf(int32_t brokers) {
  kafka::client::NewTopic topic;
  topic.name = kCanaryTopic;
  topic.partitions = std::clamp(brokers, 1, kMostPartitions);
  topic.replication_factor = static_cast<int16_t>(std::clamp(brokers, 1, kReplicas));
  topic.configs = {{"min.insync.replicas", "1"},
                   {"cleanup.policy", "delete"},
                   {"retention.ms", "600000"},
                   {"segment.bytes", "1048576"}};
  return topic;
}

env::Task<Status> ThereAndBack(KafkaClient& kafka, const env::Clock& clock, NodeId leader, int32_t index) {
  const TopicPartition partition{std::string(kCanaryTopic), PartitionIndex(index)};
  const int64_t now_ms = clock.WallTimeMs();
  const std::string sent = fmt::format("{}", now_ms);
  const auto offset =
      co_await kafka::client::ProduceOne(kafka.client, leader, partition, sent, now_ms, kPatienceMs);
  if (!offset.ok()) co_return offset.status();
  const auto read = co_await kafka::client::FetchOne(kafka.client, leader, partition, *offset, kPatienceMs);
  if (!read.ok()) co_return read.status();
  if (*read == sent) co_return OkStatus();
  co_return MakeStatus(StatusCode::kDataLoss, "another record came back than was sent");
}

}  // namespace

env::Task<CanarySong> Sing(KafkaClient& kafka, const env::Clock& clock, int32_t brokers) {
  CanarySong song;
  std::vector<std::string> names = {std::string(kCanaryTopic)};
  const auto topics = co_await kafka.admin.DescribeTopics(std::move(names));
  if (absl::IsNotFound(topics[0].status())) {
    std::vector<kafka::client::NewTopic> wanted = {TopicOf(brokers)};
    const auto made = co_await kafka.admin.CreateTopics(std::move(wanted));
    song.status = absl::IsAlreadyExists(made[0].status()) ? OkStatus() : made[0].status();
    co_return song;
  }
  song.status = topics[0].status();
  if (!song.status.ok()) co_return song;
  for (const auto& partition : topics[0]->partitions) {
    const env::MonotonicTime begin = clock.Now();
    Status status;
    if (partition.leader == kNoNode) {
      status = MakeStatus(StatusCode::kUnavailable, "nobody leads it");
    } else {
      status = co_await ThereAndBack(kafka, clock, partition.leader, partition.index);
    }
    if (status.ok()) {
      song.longest = std::max(song.longest, clock.Now() - begin);
    } else {
      song.status = MakeStatus(status.code(), "{}-{}: {}", kCanaryTopic, partition.index, Message(status));
      // Enough is known; each further one may take as long.
      break;
    }
  }
  co_return song;
}

}  // namespace dohle::reconcile
