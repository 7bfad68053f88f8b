#include "broker/replica/replica_set.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_join.h"
#include "broker/replica/closing_logs.h"
#include "lib/base/log.h"

namespace dohle::replica {

using metadata::MetadataImage;
using metadata::MetadataUpdate;

ReplicaSet::ReplicaSet(ReplicaSetOptions options, env::Env& env, storage::LogRegistry& logs,
                       PartitionRegistry& partitions, LogConfigOf log_config_of)
    : options_(options),
      env_(env),
      logs_(logs),
      partitions_(partitions),
      log_config_of_(std::move(log_config_of)),
      leader_quota_(ReplicationQuota::Side::kLeader, options_.node_id),
      follower_quota_(ReplicationQuota::Side::kFollower, options_.node_id),
      life_(options_.node_id, options_.incarnation_id),
      cleaner_ran_ms_(MonotonicMs()) {}

std::shared_ptr<const storage::LogConfig> ReplicaSet::ConfigOf(const MetadataImage& image,
                                                               std::string_view topic) const {
  return image.configs.Topic(topic).empty() ? default_config_ : log_config_of_(image, topic);
}

env::Task<void> ReplicaSet::LoadStored(const MetadataUpdate& update) {
  env::LaneGuard in_lane = co_await registry_lane_.Enter();
  storage::LogRegistry::ConfigOf config_of = [this, image = update.after](const std::string& topic) {
    return ConfigOf(*image, topic);
  };
  const int64_t now_ms = env_.clock.WallTimeMs();
  storage::LoadReport report =
      co_await logs_.Load(env_.blocking_pool, std::move(config_of), now_ms, options_.recovery_threads);
  PublishOffline();
  for (std::string& path : report.to_be_removed) removals_.Add(std::move(path), now_ms);
  for (const storage::LoadFailure& failure : report.failures) {
    unloadable_.insert(failure.partition);
    log::Error("replica", "{} can't be loaded and stays offline: {}; mend or remove it, then restart",
               failure.path, Message(failure.status));
  }
  const storage::OffsetCheckpoint high_watermarks = logs_.ReadHighWatermarks();
  std::vector<std::shared_ptr<Partition>> found;
  for (storage::LoadedLog& loaded : report.logs) {
    const metadata::TopicImage* topic = update.after->topics.Find(loaded.partition.topic);
    const bool ours = topic != nullptr && (loaded.topic_id.is_zero() || loaded.topic_id == topic->id) &&
                      topic->Partition(loaded.partition.partition) != nullptr &&
                      topic->Partition(loaded.partition.partition)->HasReplica(options_.node_id);
    if (loaded.kind != storage::PartitionDirectoryKind::kCurrent) continue;
    if (const auto* directory = logs_.FindDirectory(loaded.directory_id); directory->offline()) {
      unloadable_.insert(loaded.partition);
      continue;
    }
    if (!ours) {
      log::Warning("replica", "{} belongs to no topic of this cluster and is set aside as stray",
                   loaded.log->directory());
      auto removed = logs_.Remove(*loaded.log, storage::PartitionDirectoryKind::kStray);
      if (!removed.ok()) log::Error("replica", "{}", Message(removed.status()));
      continue;
    }
    loaded.topic_id = topic->id;
    const auto known = high_watermarks.find(loaded.partition);
    const Offset high_watermark = known == high_watermarks.end() ? Offset(0) : known->second;
    found.push_back(std::make_shared<Partition>(options_.node_id, std::move(loaded), high_watermark,
                                                env_.blocking_pool, options_.flush_times, this,
                                                options_.replication));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a->name() < b->name(); });
  partitions_.Add(std::move(found));
}

// Nothing is written here: a topic of thousands of partitions is there at once, and each log gets its files
// with its first record, or from CreateFiles.
env::Task<void> ReplicaSet::BeginMissing(const MetadataUpdate& update, const std::vector<Touched>& touched) {
  std::vector<std::shared_ptr<Partition>> begun;
  env::LaneGuard in_lane = co_await registry_lane_.Enter();
  const int64_t now_ms = env_.clock.WallTimeMs();
  const std::vector<std::string> cordoned =
      options_.cordoned ? options_.cordoned() : std::vector<std::string>();
  const metadata::TopicImage* topic = nullptr;
  std::shared_ptr<const storage::LogConfig> config;
  for (const Touched& each : touched) {
    if (partitions_.Find(each.topic->id, each.partition) != nullptr || !MayCreate(update, each)) continue;
    if (std::exchange(topic, each.topic) != each.topic) config = ConfigOf(*update.after, topic->name);
    const DirectoryId directory = each.registration->DirectoryOf(options_.node_id);
    std::optional<DirectoryId> where;
    if (logs_.FindDirectory(directory) != nullptr) where = directory;
    const TopicPartition name{topic->name, each.partition};
    auto log = logs_.Begin(name, topic->id, config, now_ms, where, cordoned);
    if (!log.ok()) {
      log::Error("replica", "no replica of {} here: {}", ToString(name), Message(log.status()));
      continue;
    }
    begun.push_back(std::make_shared<Partition>(options_.node_id, std::move(*log), Offset(0),
                                                env_.blocking_pool, options_.flush_times, this,
                                                options_.replication));
  }
  new_partitions_.insert(new_partitions_.end(), begun.begin(), begun.end());
  partitions_.Add(std::move(begun));
}

env::Task<void> ReplicaSet::CreateFiles() {
  std::vector<std::shared_ptr<Partition>> due = std::exchange(without_files_, {});
  {
    env::LaneGuard in_lane = co_await registry_lane_.Enter();
    without_files_ = std::exchange(new_partitions_, {});
  }
  for (auto& partition : due) {
    const Status created = co_await partition->CreateFiles();
    if (absl::IsResourceExhausted(created)) without_files_.push_back(std::move(partition));
  }
}

env::Task<std::vector<storage::PartitionCheckpoint>> ReplicaSet::CollectCheckpoints() {
  std::vector<storage::PartitionCheckpoint> checkpoints;
  for (const auto& partition : partitions_.All()) {
    auto checkpoint = co_await partition->Checkpoint();
    if (checkpoint) checkpoints.push_back(std::move(*checkpoint));
  }
  co_return checkpoints;
}

env::Task<Status> ReplicaSet::WriteCheckpoints() {
  const std::vector<storage::PartitionCheckpoint> checkpoints = co_await CollectCheckpoints();
  env::LaneGuard in_lane = co_await registry_lane_.Enter();
  std::vector<std::pair<DirectoryId, Status>> failed;
  auto write = [&] { return logs_.WriteCheckpoints(checkpoints, &failed); };
  Status written = co_await env::RunBlocking<Status>(env_.blocking_pool, write);
  for (const auto& [directory, failure] : failed) {
    env::Spawn(*env_.executors.front(), TakeOffline(directory, failure));
  }
  co_return written;
}

env::Task<void> ReplicaSet::ApplyRetention() {
  for (const auto& partition : partitions_.All()) {
    const int64_t now_ms = env_.clock.WallTimeMs();
    auto deleted = co_await partition->Maintain(now_ms);
    if (!deleted.ok()) {
      if (absl::IsFailedPrecondition(deleted.status())) continue;  // deleted meanwhile
      log::Error("replica", "retention of {}: {}", ToString(partition->name()), Message(deleted.status()));
      continue;
    }
    if (deleted->empty()) continue;
    const int64_t due_ms = now_ms + partition->config()->file_delete_delay_ms;
    env::LaneGuard in_lane = co_await registry_lane_.Enter();
    for (std::string& path : *deleted) removals_.Add(std::move(path), due_ms);
  }
}

env::Task<std::shared_ptr<Partition>> ReplicaSet::FindDirtiest() {
  std::shared_ptr<Partition> dirtiest;
  double ratio = -1;
  double dirtiest_ratio = 0;
  for (const auto& partition : partitions_.All()) {
    const auto config = partition->config();
    if (!config->cleanup_compact || uncleanable_.contains(partition->name())) continue;
    auto judged = co_await partition->JudgeCleanliness(env_.clock.WallTimeMs());
    if (!judged.ok()) continue;
    dirtiest_ratio = std::max(dirtiest_ratio, judged->ratio());
    if (!judged->due(config->min_cleanable_dirty_ratio) || judged->ratio() <= ratio) continue;
    ratio = judged->ratio();
    dirtiest = partition;
  }
  max_dirty_ratio_ = dirtiest_ratio;
  cleaner_ran_ms_ = MonotonicMs();
  co_return dirtiest;
}

// What is missing past the recovery point of the checkpoint a recovery takes for lost.
env::Task<StatusOr<storage::CleaningResult>> ReplicaSet::Clean(Partition& partition) {
  DOHLE_CO_RETURN_IF_ERROR(co_await partition.Flush(env_.clock.WallTimeMs()));
  DOHLE_CO_RETURN_IF_ERROR(co_await WriteCheckpoints());
  const storage::CleaningLimits limits{options_.cleaner_memory_bytes};
  const storage::HashKey hash_key{env_.random.Next(), env_.random.Next()};
  co_return co_await partition.Clean(limits, hash_key, env_.clock.WallTimeMs(), cleaning_stopped_);
}

env::Task<void> ReplicaSet::CleanLogs() {
  while (!cleaning_stopped_) {
    std::shared_ptr<Partition> partition = co_await FindDirtiest();
    if (partition == nullptr) co_return;
    auto cleaned = co_await Clean(*partition);
    if (!cleaned.ok()) {
      // Stopped, deleted or truncated meanwhile; a full disk: later again.
      if (absl::IsCancelled(cleaned.status()) || absl::IsFailedPrecondition(cleaned.status())) co_return;
      if (absl::IsDataLoss(cleaned.status())) uncleanable_.insert(partition->name());
      log::Warning("replica", "{} isn't compacted{}: {}", ToString(partition->name()),
                   absl::IsDataLoss(cleaned.status()) ? ", nor will it be until the broker restarts" : "",
                   Message(cleaned.status()));
      co_return;
    }
    log::Info("replica", "compacted {}: {} segments with {} bytes became {} with {}",
              ToString(partition->name()), cleaned->segments_before, cleaned->bytes_before,
              cleaned->segments_after, cleaned->bytes_after);
    const std::vector<storage::PartitionCheckpoint> checkpoints = co_await CollectCheckpoints();
    env::LaneGuard in_lane = co_await registry_lane_.Enter();
    auto write = [&] { return logs_.WriteCleanerOffsets(checkpoints); };
    Status written = co_await env::RunBlocking<Status>(env_.blocking_pool, write);
    if (!written.ok()) log::Error("replica", "cleaner-offset-checkpoint: {}", Message(written));
  }
}

env::Task<void> ReplicaSet::CheckFollowers() {
  const auto followed = [](const Partition& partition) { return partition.has_followers(); };
  for (const auto& partition : partitions_.Some(followed)) co_await partition->CheckFollowers();
}

env::Task<void> ReplicaSet::CloseIdleFiles() {
  for (const auto& partition : partitions_.All()) co_await partition->CloseIdleFiles();
}

env::Task<void> ReplicaSet::RemoveWhatIsDue() {
  std::vector<std::string> due;
  {
    env::LaneGuard in_lane = co_await registry_lane_.Enter();
    due = removals_.TakeDue(env_.clock.WallTimeMs());
  }
  if (due.empty()) co_return;
  auto remove = [&] {
    for (const std::string& path : due) {
      Status removed = logs_.RemovePath(path);
      if (!removed.ok()) log::Error("replica", "{} can't be removed: {}", path, Message(removed));
    }
    return true;
  };
  co_await env::RunBlocking<bool>(env_.blocking_pool, remove);
}

env::Task<std::vector<DirectorySummary>> ReplicaSet::DescribeDirectories() {
  std::map<DirectoryId, std::vector<PartitionSummary>> by_directory;
  for (const auto& partition : partitions_.All()) {
    by_directory[partition->directory_id()].push_back(co_await partition->Summarize());
  }
  std::vector<DirectorySummary> summaries;
  env::LaneGuard in_lane = co_await registry_lane_.Enter();
  auto look = [&] {
    for (const auto& directory : logs_.directories()) {
      if (directory->offline()) continue;  // listed below
      DirectorySummary summary;
      summary.path = directory->path();
      if (auto space = directory->Space(); space.ok()) {
        summary.total_bytes = static_cast<int64_t>(space->total_bytes);
        summary.usable_bytes = static_cast<int64_t>(space->free_bytes);
      }
      summary.partitions = std::move(by_directory[directory->properties().directory_id]);
      summaries.push_back(std::move(summary));
    }
    for (const std::string& path : logs_.offline_paths()) {
      // One that failed while it was in use is among the directories too.
      const bool told = std::any_of(summaries.begin(), summaries.end(),
                                    [&](const DirectorySummary& summary) { return summary.path == path; });
      if (!told) summaries.push_back({path, true, -1, -1, {}});
    }
    return true;
  };
  co_await env::RunBlocking<bool>(env_.blocking_pool, look);
  co_return summaries;
}

env::Task<LogsHealth> ReplicaSet::CheckHealth() {
  LogsHealth health;
  health.storage_errors = storage_errors_.load(std::memory_order_relaxed);
  health.max_dirty_ratio = max_dirty_ratio_;
  health.ms_since_cleaner_ran = MonotonicMs() - cleaner_ran_ms_;
  if (fetchers_ != nullptr) health.fetchers = co_await fetchers_->Health();
  env::LaneGuard in_lane = co_await registry_lane_.Enter();
  health.offline_directories = logs_.offline_paths();
  health.directories = health.offline_directories;
  for (const auto& directory : logs_.directories()) {
    if (!directory->offline()) health.directories.push_back(directory->path());
  }
  co_return health;
}

int64_t ReplicaSet::MonotonicMs() const { return env_.clock.Now().nanoseconds() / 1'000'000; }

env::Task<Status> ReplicaSet::ShutDown(BrokerEpoch broker_epoch, Uuid unheard_incarnation) {
  std::vector<storage::PartitionCheckpoint> checkpoints;
  std::vector<ClosingLog> logs;
  for (const auto& partition : partitions_.All()) {
    auto checkpoint = co_await partition->Checkpoint();
    auto log = co_await partition->Release();
    if (log == nullptr || !checkpoint) continue;
    checkpoint->recovery_point = log->log_end_offset();
    checkpoints.push_back(std::move(*checkpoint));
    logs.push_back({std::move(log), nullptr});
  }
  env::LaneGuard in_lane = co_await registry_lane_.Enter();
  for (size_t i = 0; i < logs.size(); ++i)
    logs[i].directory = logs_.FindDirectory(checkpoints[i].directory_id);
  Status closed = co_await CloseLogs(env_.blocking_pool, logs, options_.recovery_threads);
  DOHLE_CO_RETURN_IF_ERROR(closed);
  auto mark = [&] { return logs_.ShutDown(checkpoints, broker_epoch, unheard_incarnation); };
  co_return co_await env::RunBlocking<Status>(env_.blocking_pool, mark);
}

}  // namespace dohle::replica
