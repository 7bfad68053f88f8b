#include "broker/replica/partition_registry.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/check.h"
#include "lib/base/string_map.h"

namespace dohle::replica {

// Partitions by index; null where the replica is elsewhere.
struct PartitionRegistry::Topic {
  std::string name;
  TopicId id;
  std::vector<std::shared_ptr<Partition>> partitions;

  std::shared_ptr<Partition> Find(PartitionIndex index) const {
    if (index < PartitionIndex(0) || static_cast<size_t>(index.value()) >= partitions.size()) return nullptr;
    return partitions[static_cast<size_t>(index.value())];
  }
};

namespace {

// A change copies one shard, not everything: creating 10,000 topics one by one stays linear.
constexpr size_t kShards = 256;

template <typename Map>
using Shards = std::array<std::shared_ptr<const Map>, kShards>;

size_t ShardOf(std::string_view name) { return std::hash<std::string_view>()(name) % kShards; }
size_t ShardOf(const TopicId& id) { return (id.bytes()[14] ^ id.bytes()[3]) % kShards; }

}  // namespace

struct PartitionRegistry::Table {
  using ByName = StringMap<std::shared_ptr<const Topic>>;
  using ById = absl::flat_hash_map<TopicId, std::shared_ptr<const Topic>>;
  Shards<ByName> by_name;
  Shards<ById> by_id;

  const Topic* Find(std::string_view name) const {
    const auto& shard = by_name[ShardOf(name)];
    if (shard == nullptr) return nullptr;
    const auto found = shard->find(name);
    return found == shard->end() ? nullptr : found->second.get();
  }
  const Topic* Find(const TopicId& id) const {
    const auto& shard = by_id[ShardOf(id)];
    if (shard == nullptr) return nullptr;
    const auto found = shard->find(id);
    return found == shard->end() ? nullptr : found->second.get();
  }

  // Replaces `old` (or nothing) by `topic` (or nothing).
  void Put(const Topic* old, std::shared_ptr<const Topic> topic) {
    const Topic& named = old != nullptr ? *old : *topic;
    auto& name_shard = by_name[ShardOf(named.name)];
    auto names = name_shard == nullptr ? std::make_shared<ByName>() : std::make_shared<ByName>(*name_shard);
    auto& id_shard = by_id[ShardOf(named.id)];
    auto ids = id_shard == nullptr ? std::make_shared<ById>() : std::make_shared<ById>(*id_shard);
    if (topic == nullptr) {
      names->erase(named.name);
      ids->erase(named.id);
    } else {
      (*names)[named.name] = topic;
      (*ids)[named.id] = topic;
    }
    name_shard = std::move(names);
    id_shard = std::move(ids);
  }
};

PartitionRegistry::PartitionRegistry() : table_(std::make_shared<const Table>()) {}
PartitionRegistry::~PartitionRegistry() = default;

std::shared_ptr<const PartitionRegistry::Table> PartitionRegistry::Current() const { return table_.load(); }

std::shared_ptr<Partition> PartitionRegistry::Find(std::string_view topic, PartitionIndex partition) const {
  const auto table = Current();
  const Topic* found = table->Find(topic);
  return found == nullptr ? nullptr : found->Find(partition);
}

std::shared_ptr<Partition> PartitionRegistry::Find(const TopicId& topic, PartitionIndex partition) const {
  const auto table = Current();
  const Topic* found = table->Find(topic);
  return found == nullptr ? nullptr : found->Find(partition);
}

std::vector<std::shared_ptr<Partition>> PartitionRegistry::All() const {
  return Some([](const Partition&) { return true; });
}

std::vector<std::shared_ptr<Partition>> PartitionRegistry::Some(
    absl::FunctionRef<bool(const Partition&)> chosen) const {
  const auto table = Current();
  std::vector<std::shared_ptr<Partition>> some;
  for (const auto& shard : table->by_name) {
    if (shard == nullptr) continue;
    for (const auto& [name, topic] : *shard) {
      for (const auto& partition : topic->partitions) {
        if (partition != nullptr && chosen(*partition)) some.push_back(partition);
      }
    }
  }
  std::sort(some.begin(), some.end(), [](const auto& a, const auto& b) { return a->name() < b->name(); });
  return some;
}

void PartitionRegistry::Add(std::vector<std::shared_ptr<Partition>> partitions) {
  auto table = std::make_shared<Table>(*Current());
  size_t next = 0;
  while (next < partitions.size()) {
    const TopicId id = partitions[next]->topic_id();
    const Topic* old = table->Find(id);
    auto topic = old == nullptr ? std::make_shared<Topic>() : std::make_shared<Topic>(*old);
    topic->name = partitions[next]->name().topic;
    topic->id = id;
    for (; next < partitions.size() && partitions[next]->topic_id() == id; ++next) {
      const auto index = static_cast<size_t>(partitions[next]->name().partition.value());
      if (topic->partitions.size() <= index) topic->partitions.resize(index + 1);
      DOHLE_CHECK(topic->partitions[index] == nullptr);
      topic->partitions[index] = std::move(partitions[next]);
      ++size_;
    }
    table->Put(old, std::move(topic));
  }
  table_.store(std::move(table));
}

void PartitionRegistry::Remove(const std::vector<std::shared_ptr<Partition>>& partitions) {
  auto table = std::make_shared<Table>(*Current());
  for (const auto& partition : partitions) {
    const Topic* old = table->Find(partition->topic_id());
    DOHLE_CHECK(old != nullptr && old->Find(partition->name().partition) == partition);
    auto topic = std::make_shared<Topic>(*old);
    topic->partitions[static_cast<size_t>(partition->name().partition.value())] = nullptr;
    --size_;
    const bool any = std::any_of(topic->partitions.begin(), topic->partitions.end(),
                                 [](const auto& left) { return left != nullptr; });
    table->Put(old, any ? topic : nullptr);
  }
  table_.store(std::move(table));
}

}  // namespace dohle::replica
