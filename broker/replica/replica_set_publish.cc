// What an update of the metadata means for the replicas here: which come and go, who leads them, whom they
// follow.
#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "broker/replica/replica_fetchers.h"
#include "broker/replica/replica_set.h"
#include "lib/base/log.h"
#include "lib/env/for_each_bounded.h"

namespace dohle::replica {
namespace {

using metadata::MetadataUpdate;

// A partition that waits for a disk keeps so many others from their new leaders at most.
constexpr size_t kSetTogether = 64;

Leadership LeadershipOf(const metadata::PartitionRegistration& registration) {
  Leadership leadership;
  leadership.leader = registration.leader;
  leadership.leader_epoch = registration.leader_epoch;
  leadership.partition_epoch = registration.partition_epoch;
  leadership.in_sync_replicas.assign(registration.isr.begin(), registration.isr.end());
  leadership.replicas.assign(registration.replicas.begin(), registration.replicas.end());
  leadership.adding_replicas.assign(registration.adding_replicas.begin(), registration.adding_replicas.end());
  leadership.removing_replicas.assign(registration.removing_replicas.begin(),
                                      registration.removing_replicas.end());
  leadership.recovered = registration.leader_recovery_state == metadata::LeaderRecoveryState::kRecovered;
  return leadership;
}

// Sets it, and says whom the partition follows now, if that has changed.
env::Task<void> SetLeadershipOf(NodeId node_id, std::shared_ptr<Partition> partition, Leadership leadership,
                                ReplicaFetchers::Change* change) {
  auto taken = co_await partition->SetLeadership(std::move(leadership));
  if (!taken.ok()) {
    log::Error("replica", "{}: {}", ToString(partition->name()), Message(taken.status()));
    co_return;
  }
  if (taken->kind == LeadershipChange::Kind::kNothing) co_return;
  log::Debug("replica", "broker {} {} {} in leader epoch {}", node_id.value(),
             taken->kind == LeadershipChange::Kind::kLeader ? "leads" : "follows in",
             ToString(partition->name()), taken->leader_epoch.value());
  change->partition = std::move(partition);
  if (taken->kind == LeadershipChange::Kind::kFollower) change->leader = taken->leader;
}

// Whether what topics inherit may have changed.
bool TouchesDefaults(const MetadataUpdate& update) {
  const auto of_brokers = [](const metadata::ConfigResource& resource) {
    return resource.type == metadata::ConfigResourceType::kBroker;
  };
  return update.changes.everything ||
         std::any_of(update.changes.configs.begin(), update.changes.configs.end(), of_brokers);
}

}  // namespace

env::Task<void> ReplicaSet::Publish(const MetadataUpdate& update) {
  const bool first = !std::exchange(loaded_, true);
  if (first || TouchesDefaults(update)) default_config_ = log_config_of_(*update.after, "");
  if (first) co_await LoadStored(update);
  leader_quota_.Update(update);
  follower_quota_.Update(update);
  co_await RemoveGone(update);
  // What it leads was passed over until now.
  const bool all = life_.Begins(*update.after) || update.changes.everything;
  const std::vector<Touched> touched = TouchedBy(update, all);
  co_await BeginMissing(update, touched);
  co_await SetLeadership(touched);
  if (!first) co_await TakeOverConfigs(update);
}

bool ReplicaSet::MayCreate(const MetadataUpdate& update, const Touched& touched) const {
  if (unloadable_.empty() && logs_.offline_paths().empty()) return true;
  const TopicPartition partition{touched.topic->name, touched.partition};
  if (unloadable_.contains(partition)) return false;
  if (logs_.offline_paths().empty()) return true;
  // It was to be in a directory that is here, and isn't: it has never had files (KIP-858).
  const auto* directory = logs_.FindDirectory(touched.registration->DirectoryOf(options_.node_id));
  if (directory != nullptr && !directory->offline()) return true;
  // Its log may lie in the directory that isn't here: an empty one in its place would lose it.
  const auto* before = update.before == nullptr
                           ? nullptr
                           : update.before->topics.Partition(partition.topic, partition.partition);
  const bool was_here = before != nullptr && before->HasReplica(options_.node_id);
  if (!update.changes.everything && !was_here) return true;
  log::Warning("replica",
               "{} has no log in the directories that are online; it stays offline until {} is back",
               ToString(partition), absl::StrJoin(logs_.offline_paths(), " or "));
  return false;
}

std::vector<ReplicaSet::Touched> ReplicaSet::TouchedBy(const MetadataUpdate& update, bool all) const {
  std::vector<Touched> touched;
  const auto add = [&](const metadata::TopicImage& topic, PartitionIndex index) {
    const metadata::PartitionRegistration* registration = topic.Partition(index);
    if (registration != nullptr && registration->HasReplica(options_.node_id))
      touched.push_back({&topic, index, registration});
  };
  if (all) {
    for (const auto& [id, topic] : update.after->topics.by_id) {
      for (const auto& [index, registration] : topic.partitions) add(topic, index);
    }
    return touched;
  }
  for (const auto& [id, indexes] : update.changes.partitions) {
    const metadata::TopicImage* topic = update.after->topics.Find(id);
    if (topic == nullptr) continue;
    for (const PartitionIndex index : indexes) add(*topic, index);
  }
  return touched;
}

std::vector<std::shared_ptr<Partition>> ReplicaSet::GoneWith(const MetadataUpdate& update) const {
  std::vector<std::shared_ptr<Partition>> gone;
  const auto stays = [&](const TopicId& id, PartitionIndex index) {
    const metadata::TopicImage* topic = update.after->topics.Find(id);
    const auto* registration = topic == nullptr ? nullptr : topic->Partition(index);
    return registration != nullptr && registration->HasReplica(options_.node_id);
  };
  if (update.changes.everything) {
    for (auto& partition : partitions_.All()) {
      if (!stays(partition->topic_id(), partition->name().partition)) gone.push_back(std::move(partition));
    }
    return gone;
  }
  for (const auto& [id, name] : update.changes.deleted_topics) {
    const metadata::TopicImage* before = update.before->topics.Find(id);
    if (before == nullptr) continue;
    for (const auto& [index, registration] : before->partitions) {
      if (auto partition = partitions_.Find(id, index)) gone.push_back(std::move(partition));
    }
  }
  // Reassigned to others.
  for (const auto& [id, indexes] : update.changes.partitions) {
    for (const PartitionIndex index : indexes) {
      if (stays(id, index)) continue;
      if (auto partition = partitions_.Find(id, index)) gone.push_back(std::move(partition));
    }
  }
  return gone;
}

env::Task<void> ReplicaSet::RemoveGone(const MetadataUpdate& update) {
  const std::vector<std::shared_ptr<Partition>> gone = GoneWith(update);
  if (gone.empty()) co_return;
  partitions_.Remove(gone);
  if (fetchers_ != nullptr) {
    std::vector<ReplicaFetchers::Change> changes;
    for (const auto& partition : gone) changes.push_back({partition, kNoNode});
    co_await fetchers_->Follow(std::move(changes));
  }
  std::vector<std::unique_ptr<storage::Log>> logs;
  for (const auto& partition : gone) {
    auto log = co_await partition->Release();
    if (log != nullptr) logs.push_back(std::move(log));
  }
  env::LaneGuard in_lane = co_await registry_lane_.Enter();
  auto remove = [&] {
    const int64_t now_ms = env_.clock.WallTimeMs();
    for (auto& log : logs) {
      auto path = logs_.Remove(*log);
      if (path.ok()) {
        removals_.Add(std::move(*path), now_ms + log->config().file_delete_delay_ms);
      } else {
        log::Error("replica", "{} can't be removed: {}", log->directory(), Message(path.status()));
      }
    }
    return true;
  };
  co_await env::RunBlocking<bool>(env_.blocking_pool, remove);
}

env::Task<void> ReplicaSet::SetLeadership(const std::vector<Touched>& touched) {
  std::vector<ReplicaFetchers::Change> changes(touched.size());
  const auto nothing = []() -> env::Task<void> { co_return; };
  const auto set = [&](size_t i) -> env::Task<void> {
    if (touched[i].registration->leader == options_.node_id && !life_.begun()) return nothing();
    auto partition = partitions_.Find(touched[i].topic->id, touched[i].partition);
    if (partition == nullptr) return nothing();
    return SetLeadershipOf(options_.node_id, std::move(partition), LeadershipOf(*touched[i].registration),
                           &changes[i]);
  };
  co_await env::ForEachBounded(touched.size(), kSetTogether, set);
  std::erase_if(changes, [](const auto& change) { return change.partition == nullptr; });
  if (fetchers_ == nullptr || changes.empty()) co_return;
  co_await fetchers_->Follow(std::move(changes));
}

env::Task<void> ReplicaSet::TakeOverConfigs(const MetadataUpdate& update) {
  using metadata::ConfigResourceType;
  if (TouchesDefaults(update)) {
    for (const auto& partition : partitions_.All()) {
      co_await partition->SetConfig(ConfigOf(*update.after, partition->name().topic));
    }
    co_return;
  }
  for (const metadata::ConfigResource& resource : update.changes.configs) {
    if (resource.type != ConfigResourceType::kTopic) continue;
    const metadata::TopicImage* topic = update.after->topics.Find(resource.name);
    if (topic == nullptr || update.changes.created_topics.contains(topic->id)) continue;
    const auto config = ConfigOf(*update.after, resource.name);
    for (PartitionIndex index(0); index < PartitionIndex(topic->partition_count()); ++index) {
      if (auto partition = partitions_.Find(topic->id, index)) co_await partition->SetConfig(config);
    }
  }
}

}  // namespace dohle::replica
