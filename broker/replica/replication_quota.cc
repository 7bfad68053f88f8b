#include "broker/replica/replication_quota.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace dohle::replica {
namespace {

// How much of the past that wasn't used may be made up for: a second, Kafka's window.
constexpr int64_t kBurstUs = 1'000'000;

std::string_view RateName(ReplicationQuota::Side side) {
  return side == ReplicationQuota::Side::kLeader ? "leader.replication.throttled.rate"
                                                 : "follower.replication.throttled.rate";
}

std::string_view ReplicasName(ReplicationQuota::Side side) {
  return side == ReplicationQuota::Side::kLeader ? "leader.replication.throttled.replicas"
                                                 : "follower.replication.throttled.replicas";
}

int64_t RateOf(const metadata::MetadataImage& image, NodeId node_id, std::string_view name) {
  for (const std::string& resource : {std::to_string(node_id.value()), std::string()}) {
    const auto& configs = image.configs.Find(metadata::ConfigResourceType::kBroker, resource);
    const auto found = configs.find(name);
    int64_t rate = 0;
    if (found != configs.end() && absl::SimpleAtoi(found->second, &rate)) return std::max<int64_t>(0, rate);
  }
  return INT64_MAX;
}

}  // namespace

ReplicationQuota::Replicas ReplicationQuota::Parse(std::string_view list) const {
  Replicas replicas;
  for (const auto part : absl::StrSplit(absl::string_view(list.data(), list.size()), ',')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits(':', 1));
    int32_t partition = 0;
    int32_t broker = 0;
    if (part == "*") replicas.all = true;
    if (!absl::SimpleAtoi(pair.first, &partition) || !absl::SimpleAtoi(pair.second, &broker)) continue;
    if (NodeId(broker) == node_id_) replicas.partitions.insert(PartitionIndex(partition));
  }
  return replicas;
}

void ReplicationQuota::Update(const metadata::MetadataUpdate& update) {
  using metadata::ConfigResourceType;
  bool broker_changed = update.changes.everything;
  std::set<std::string> topics;
  for (const auto& resource : update.changes.configs) {
    if (resource.type == ConfigResourceType::kBroker) broker_changed = true;
    if (resource.type == ConfigResourceType::kTopic) topics.insert(resource.name);
  }
  if (update.changes.everything) {
    for (const auto& [id, topic] : update.after->topics.by_id) topics.insert(topic.name);
  }
  for (const auto& [id, name] : update.changes.deleted_topics) topics.insert(name);
  if (broker_changed) {
    bytes_per_second_.store(RateOf(*update.after, node_id_, RateName(side_)), std::memory_order_relaxed);
  }
  const auto before = throttled_.load();
  std::shared_ptr<Throttled> after;
  for (const std::string& topic : topics) {
    const auto& configs = update.after->configs.Topic(topic);
    const auto found = configs.find(ReplicasName(side_));
    if (found == configs.end() && !before->contains(topic)) continue;
    if (after == nullptr) after = std::make_shared<Throttled>(*before);
    after->erase(topic);
    if (found == configs.end()) continue;
    Replicas replicas = Parse(found->second);
    if (replicas.all || !replicas.partitions.empty()) (*after)[topic] = std::move(replicas);
  }
  if (after != nullptr) throttled_.store(std::move(after));
}

bool ReplicationQuota::IsThrottled(const TopicPartition& partition) const {
  if (bytes_per_second() == INT64_MAX) return false;
  const auto throttled = throttled_.load();
  const auto found = throttled->find(partition.topic);
  if (found == throttled->end()) return false;
  return found->second.all || found->second.partitions.contains(partition.partition);
}

int64_t ReplicationQuota::Record(uint64_t bytes, int64_t now_ms) {
  const int64_t rate = std::max<int64_t>(1, bytes_per_second());
  if (rate == INT64_MAX) return now_ms;
  const auto cost_us = static_cast<int64_t>(static_cast<double>(bytes) * 1e6 / static_cast<double>(rate));
  int64_t free_at_us = free_at_us_.load(std::memory_order_relaxed);
  int64_t next_us = 0;
  do {
    next_us = std::max(free_at_us, now_ms * 1000 - kBurstUs) + cost_us;
  } while (!free_at_us_.compare_exchange_weak(free_at_us, next_us, std::memory_order_relaxed));
  return next_us / 1000;
}

}  // namespace dohle::replica
