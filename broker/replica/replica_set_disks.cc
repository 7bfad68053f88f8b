// What the replicas ask of their disks: background flushes, and what happens when a log directory fails.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "broker/replica/replica_set.h"
#include "broker/storage/flush_schedule.h"
#include "lib/base/log.h"

namespace dohle::replica {
namespace {

constexpr int64_t kCheckpointWhileFlushingMs = 5000;
constexpr size_t kFewFlushes = 16;
constexpr int kMostFlushLooks = 10;

}  // namespace

env::Task<void> ReplicaSet::FlushTails() {
  for (int look = 0; look < kMostFlushLooks; ++look) {
    const bool more = co_await FlushWhatIsDue();
    if (!more) co_return;
  }
}

env::Task<bool> ReplicaSet::FlushWhatIsDue() {
  const std::vector<std::shared_ptr<Partition>> all =
      partitions_.Some([](const Partition& partition) { return partition.unflushed_bytes() > 0; });
  std::vector<storage::UnflushedLog> unflushed;
  const int64_t now_ms = env_.clock.WallTimeMs();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i]->unflushed_bytes() > 0)
      unflushed.push_back({i, all[i]->unflushed_bytes(), now_ms - all[i]->unflushed_since_ms()});
  }
  std::map<DirectoryId, std::vector<std::shared_ptr<Partition>>> due;
  for (const size_t i : storage::PlanBackgroundFlush(unflushed, storage::FlushLimits())) {
    due[all[i]->directory_id()].push_back(all[i]);
  }
  bool many = false;
  for (const auto& [directory, partitions] : due) {
    // Thousands of fsyncs, each a commit of the file system's journal, would fall behind the producers.
    bool together = false;
    if (partitions.size() >= kFewFlushes) together = co_await FlushTogether(directory, partitions);
    if (!together) co_await FlushOneByOne(partitions);
    many = many || together;
  }
  if (due.empty()) co_return false;
  // A recovery starts at the recovery point that is in the checkpoint, not at the one in memory.
  Status written = co_await WriteCheckpoints();
  if (!written.ok()) log::Error("replica", "checkpoints: {}", Message(written));
  co_return many&& written.ok();
}

env::Task<bool> ReplicaSet::FlushTogether(DirectoryId id,
                                          const std::vector<std::shared_ptr<Partition>>& partitions) {
  std::shared_ptr<env::WholeFileSystem> whole;
  {
    env::LaneGuard in_lane = co_await registry_lane_.Enter();
    const storage::LogDirectory* directory = logs_.FindDirectory(id);
    if (directory != nullptr && !directory->offline()) whole = directory->whole_file_system();
  }
  if (whole == nullptr) co_return false;
  std::vector<std::pair<std::shared_ptr<Partition>, storage::FlushPlan>> begun;
  for (const auto& partition : partitions) {
    auto plan = co_await partition->BeginFlush();
    if (plan) begun.emplace_back(partition, *std::move(plan));
  }
  auto sync = [this, &whole] {
    return options_.flush_times.Measure([&whole] { return storage::FlushPlan::Judge(whole->Sync()); });
  };
  const Status synced = co_await env::RunBlocking<Status>(env_.blocking_pool, sync);
  const int64_t now_ms = env_.clock.WallTimeMs();
  for (auto& [partition, plan] : begun) co_await partition->EndFlush(std::move(plan), synced, now_ms);
  co_return true;
}

env::Task<void> ReplicaSet::FlushOneByOne(const std::vector<std::shared_ptr<Partition>>& partitions) {
  int64_t written_ms = env_.clock.WallTimeMs();
  for (const auto& partition : partitions) {
    Status flushed = co_await partition->Flush(env_.clock.WallTimeMs());
    if (!flushed.ok() && !absl::IsFailedPrecondition(flushed) && !env::IsDeviceFailure(flushed)) {
      log::Error("replica", "{} can't be flushed: {}", ToString(partition->name()), Message(flushed));
    }
    // A slow disk must not keep what is flushed already out of the checkpoint.
    if (env_.clock.WallTimeMs() - written_ms <= kCheckpointWhileFlushingMs) continue;
    Status early = co_await WriteCheckpoints();
    if (!early.ok()) log::Error("replica", "checkpoints: {}", Message(early));
    written_ms = env_.clock.WallTimeMs();
  }
}

// ---- failed directories

void ReplicaSet::PublishOffline() {
  auto offline = std::make_shared<OfflineDirectories>();
  offline->paths = logs_.offline_paths();
  for (const auto& directory : logs_.directories()) {
    if (directory->offline()) offline->ids.push_back(directory->properties().directory_id);
  }
  offline_.store(std::move(offline));
}

void ReplicaSet::DirectoryFailed(const DirectoryId& directory, const TopicPartition& partition,
                                 const Status& failure) {
  ++storage_errors_;
  Status why = MakeStatus(StatusCode::kDataLoss, "{}: {}", ToString(partition), Message(failure));
  env::Spawn(*env_.executors.front(), TakeOffline(directory, std::move(why)));
}

env::Task<void> ReplicaSet::TakeOffline(DirectoryId id, Status why) {
  std::string path;
  {
    env::LaneGuard in_lane = co_await registry_lane_.Enter();
    if (!logs_.MarkOffline(id)) co_return;
    path = logs_.FindDirectory(id)->path();
    PublishOffline();
  }
  log::Error("replica",
             "the log directory {} has failed and is offline, with every partition in it: {}; the other "
             "directories go on. Mend or replace the disk, then restart the broker",
             path, Message(why));
  const Status offline =
      env::MarkDeviceFailure(MakeStatus(StatusCode::kDataLoss, "the log directory {} is offline", path));
  std::vector<std::unique_ptr<storage::Log>> logs;
  for (const auto& partition : partitions_.All()) {
    if (partition->directory_id() != id) continue;
    std::unique_ptr<storage::Log> log = co_await partition->GoOffline(offline);
    logs.push_back(std::move(log));
  }
  auto close = [&logs] {
    logs.clear();
    return true;
  };
  co_await env::RunBlocking<bool>(env_.blocking_pool, close);
}

void ReplicaSet::RequestFailed(const TopicPartition& partition, std::string_view what,
                               const Status& failure) {
  ++storage_errors_;
  RepeatLimit& limit = absl::IsResourceExhausted(failure)  ? no_room_
                       : absl::IsPermissionDenied(failure) ? read_only_
                                                           : corrupt_;
  const std::optional<uint64_t> kept_back = limit.Admit(MonotonicMs());
  if (!kept_back) return;
  const std::string more =
      *kept_back == 0 ? "" : fmt::format("; {} more since the last such line", *kept_back);
  log::Error("replica", "{}: the {} fails: {}{}", ToString(partition), what, Message(failure), more);
}

std::vector<DirectoryAssignment> ReplicaSet::UnknownDirectories(const metadata::MetadataImage& image,
                                                                size_t max) const {
  std::vector<DirectoryAssignment> unknown;
  for (const auto& partition : partitions_.All()) {
    if (unknown.size() >= max) break;
    const auto* registration = image.topics.Partition(partition->name().topic, partition->name().partition);
    if (registration == nullptr || !registration->HasReplica(options_.node_id)) continue;
    if (registration->DirectoryOf(options_.node_id) == partition->directory_id()) continue;
    unknown.push_back({partition->topic_id(), partition->name().partition, partition->directory_id()});
  }
  return unknown;
}

}  // namespace dohle::replica
