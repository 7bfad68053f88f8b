#include "broker/storage/log_registry.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "broker/storage/file_names.h"
#include "lib/base/log.h"
#include "lib/env/one_shot.h"

namespace dohle::storage {

struct LogRegistry::LoadJob {
  LogDirectory* directory = nullptr;
  StoredPartition stored;
  LoadedLog loaded;
  Status status;
  std::optional<Offset> cleaned_to;
};

StatusOr<std::unique_ptr<LogRegistry>> LogRegistry::Open(env::FileSystem& file_system, env::Random& random,
                                                         const std::vector<std::string>& paths) {
  auto registry = std::unique_ptr<LogRegistry>(new LogRegistry(file_system, random));
  Status failure;
  for (const std::string& path : paths) {
    auto directory = LogDirectory::Open(file_system, path);
    if (directory.ok()) {
      registry->directories_.push_back(*std::move(directory));
    } else if (env::IsDeviceFailure(directory.status()) || absl::IsPermissionDenied(directory.status())) {
      log::Error(
          "storage",
          "the log directory {} is offline, the partitions in it aren't served: {}; mend it or take it "
          "out of log.dirs, then restart the broker",
          path, Message(directory.status()));
      registry->offline_paths_.push_back(path);
      failure = directory.status();
    } else {
      return directory.status();
    }
  }
  if (registry->directories_.empty())
    return MakeStatus(StatusCode::kDataLoss, "none of the {} log directories can be used: {}", paths.size(),
                      Message(failure));
  const MetaProperties& first = registry->directories_.front()->properties();
  for (const auto& directory : registry->directories_) {
    const MetaProperties& own = directory->properties();
    if (own.cluster_id != first.cluster_id || own.node_id != first.node_id)
      return MakeStatus(StatusCode::kFailedPrecondition,
                        "{} belongs to node {} of cluster {}, {} to node {} of cluster {}: check log.dirs",
                        registry->directories_.front()->path(), first.node_id.value(), first.cluster_id,
                        directory->path(), own.node_id.value(), own.cluster_id);
  }
  return registry;
}

std::vector<LogRegistry::LoadJob> LogRegistry::PlanLoad(LoadReport& report) {
  std::vector<LoadJob> jobs;
  for (const auto& directory : directories_) {
    auto partitions = directory->ListPartitions();
    if (!partitions.ok()) {
      report.failures.push_back({{}, directory->path(), partitions.status()});
      MarkOffline(directory->properties().directory_id);
      continue;
    }
    auto cleaner_offsets = directory->ReadCleanerOffsets();
    if (!cleaner_offsets.ok())
      log::Warning("storage", "{}; compaction begins anew", Message(cleaner_offsets.status()));
    for (StoredPartition& stored : *partitions) {
      if (stored.kind == PartitionDirectoryKind::kDelete) {
        report.to_be_removed.push_back(stored.path);
      } else {
        LoadJob& job = jobs.emplace_back();
        job.directory = directory.get();
        job.stored = std::move(stored);
        if (!cleaner_offsets.ok() || job.stored.kind != PartitionDirectoryKind::kCurrent) continue;
        const auto cleaned = cleaner_offsets->find(job.stored.partition);
        if (cleaned != cleaner_offsets->end()) job.cleaned_to = cleaned->second;
      }
    }
  }
  return jobs;
}

void LogRegistry::RunJob(LoadJob& job, const ConfigOf& config_of, int64_t now_ms) {
  const auto offset_of = [&](const OffsetCheckpoint& offsets) {
    const auto found = offsets.find(job.stored.partition);
    return found == offsets.end() ? Offset(0) : found->second;
  };
  auto topic_id = ReadPartitionMetadata(file_system_, job.stored.path);
  if (!topic_id.ok() && topic_id.status().code() != StatusCode::kDataLoss) {
    job.status = topic_id.status();
    return;
  }
  if (!topic_id.ok()) log::Warning("storage", "{}", Message(topic_id.status()));
  LogOpenOptions options;
  options.file_system = &file_system_;
  options.directory = job.stored.path;
  options.partition = job.stored.partition;
  options.config = config_of(job.stored.partition.topic);
  options.clean_shutdown = job.directory->clean_shutdown();
  options.now_ms = now_ms;
  // The checkpoints speak of the partition's current log, not of a second copy of it.
  if (job.stored.kind == PartitionDirectoryKind::kCurrent) {
    options.recovery_point = offset_of(job.directory->recovery_points());
    options.log_start_offset = offset_of(job.directory->log_start_offsets());
    // This broker cleans what is flushed, and checkpointed as such (ReplicaSet::Clean); Kafka anything.
    options.was_cleaned = job.cleaned_to.value_or(Offset(0)) > options.recovery_point;
  }
  auto opened = Log::Open(options);
  job.status = opened.status();
  if (!opened.ok()) return;
  job.loaded = {job.stored.partition, topic_id.ok() ? *topic_id : TopicId(),
                job.stored.kind,      job.directory->properties().directory_id,
                *std::move(opened),   job.cleaned_to};
}

env::Task<LoadReport> LogRegistry::Load(env::BlockingPool& pool, ConfigOf config_of, int64_t now_ms,
                                        int parallel) {
  LoadReport report;
  std::vector<LoadJob> jobs = PlanLoad(report);
  // Each worker takes the next job until none is left.
  auto next = std::make_shared<std::atomic<size_t>>(0);
  std::vector<std::shared_ptr<env::OneShot<bool>>> workers;
  for (int i = 0; i < parallel; ++i) {
    auto done = std::make_shared<env::OneShot<bool>>();
    workers.push_back(done);
    pool.Submit([this, done, next, &jobs, &config_of, now_ms] {
      for (size_t job = (*next)++; job < jobs.size(); job = (*next)++) RunJob(jobs[job], config_of, now_ms);
      done->Set(true);
    });
  }
  for (const auto& worker : workers) co_await worker->WaitForever();
  for (LoadJob& job : jobs) {
    if (job.status.ok()) {
      if (job.stored.kind == PartitionDirectoryKind::kCurrent)
        Place(job.stored.partition, job.loaded.directory_id);
      report.logs.push_back(std::move(job.loaded));
    } else {
      log::Error("storage", "cannot load {}: {}", job.stored.path, Message(job.status));
      report.failures.push_back({job.stored.partition, job.stored.path, job.status});
      // Corrupt files are their partition's trouble only.
      if (env::IsDeviceFailure(job.status)) MarkOffline(job.directory->properties().directory_id);
    }
  }
  co_return report;
}

LogDirectory* LogRegistry::EmptiestDirectory(const std::vector<std::string>& avoided) {
  LogDirectory* emptiest = nullptr;
  auto least = std::make_pair(true, std::numeric_limits<size_t>::max());
  for (const auto& directory : directories_) {
    const bool avoid = std::find(avoided.begin(), avoided.end(), directory->path()) != avoided.end();
    const auto cost = std::make_pair(avoid, counts_[directory->properties().directory_id]);
    if (directory->offline() || cost >= least) continue;
    least = cost;
    emptiest = directory.get();
  }
  return emptiest;
}

void LogRegistry::Place(const TopicPartition& partition, const DirectoryId& directory) {
  placement_[partition] = directory;
  ++counts_[directory];
}

StatusOr<LoadedLog> LogRegistry::Begin(const TopicPartition& partition, const TopicId& topic_id,
                                       std::shared_ptr<const LogConfig> config, int64_t now_ms,
                                       std::optional<DirectoryId> wanted,
                                       const std::vector<std::string>& avoided) {
  if (placement_.contains(partition))
    return MakeStatus(StatusCode::kAlreadyExists, "{} has a log already", ToString(partition));
  const LogDirectory* chosen = wanted ? FindDirectory(*wanted) : EmptiestDirectory(avoided);
  if (chosen == nullptr || chosen->offline())
    return MakeStatus(StatusCode::kNotFound, "no log directory is online for {}", ToString(partition));
  LogOpenOptions options;
  options.file_system = &file_system_;
  options.directory = env::JoinPath(
      chosen->path(), PartitionDirectoryNameOf(partition, PartitionDirectoryKind::kCurrent, Uuid()));
  options.partition = partition;
  options.config = std::move(config);
  options.now_ms = now_ms;
  const DirectoryId id = chosen->properties().directory_id;
  Place(partition, id);
  return LoadedLog{partition,   topic_id, PartitionDirectoryKind::kCurrent, id, Log::Begin(options, topic_id),
                   std::nullopt};
}

StatusOr<std::string> LogRegistry::Remove(Log& log, PartitionDirectoryKind kind) {
  const std::string path = env::JoinPath(env::ParentPath(log.directory()),
                                         PartitionDirectoryNameOf(log.partition(), kind, random_.NextUuid()));
  DOHLE_RETURN_IF_ERROR(log.RenameDirectory(path));
  const auto placed = placement_.find(log.partition());
  if (placed != placement_.end()) {
    --counts_[placed->second];
    placement_.erase(placed);
  }
  return path;
}

Status LogRegistry::WriteCheckpoints(const std::vector<PartitionCheckpoint>& partitions,
                                     std::vector<std::pair<DirectoryId, Status>>* failed) {
  Status first_failure;
  for (const auto& directory : directories_) {
    if (directory->offline()) continue;
    OffsetCheckpoint recovery_points;
    OffsetCheckpoint log_starts;
    OffsetCheckpoint high_watermarks;
    for (const PartitionCheckpoint& partition : partitions) {
      if (partition.directory_id != directory->properties().directory_id) continue;
      recovery_points[partition.partition] = partition.recovery_point;
      if (partition.log_start_offset) log_starts[partition.partition] = *partition.log_start_offset;
      if (partition.high_watermark) high_watermarks[partition.partition] = *partition.high_watermark;
    }
    Status written = directory->WriteRecoveryPoints(recovery_points);
    if (written.ok()) written = directory->WriteLogStartOffsets(log_starts);
    if (written.ok()) written = directory->WriteHighWatermarks(high_watermarks);
    if (written.ok()) continue;
    log::Error("storage", "checkpoints of {} are not written: {}", directory->path(), Message(written));
    if (env::IsDeviceFailure(written) && failed != nullptr)
      failed->emplace_back(directory->properties().directory_id, written);
    if (first_failure.ok()) first_failure = written;
  }
  return first_failure;
}

Status LogRegistry::WriteCleanerOffsets(const std::vector<PartitionCheckpoint>& partitions) {
  Status first_failure;
  for (const auto& directory : directories_) {
    if (directory->offline()) continue;
    OffsetCheckpoint offsets;
    for (const PartitionCheckpoint& partition : partitions) {
      if (partition.cleaned_to && partition.directory_id == directory->properties().directory_id)
        offsets[partition.partition] = *partition.cleaned_to;
    }
    Status written = directory->WriteCleanerOffsets(offsets);
    if (!written.ok() && first_failure.ok()) first_failure = std::move(written);
  }
  return first_failure;
}

Status LogRegistry::ShutDown(const std::vector<PartitionCheckpoint>& partitions, BrokerEpoch broker_epoch,
                             const Uuid& unheard_incarnation) {
  DOHLE_RETURN_IF_ERROR(WriteCheckpoints(partitions));
  for (const auto& directory : directories_) {
    if (directory->offline()) continue;
    DOHLE_RETURN_IF_ERROR(directory->MarkCleanShutdown(broker_epoch, unheard_incarnation));
  }
  return OkStatus();
}

OffsetCheckpoint LogRegistry::ReadHighWatermarks() const {
  OffsetCheckpoint all;
  for (const auto& directory : directories_) {
    auto own = directory->ReadHighWatermarks();
    if (own.ok()) all.merge(*std::move(own));
  }
  return all;
}

LogDirectory* LogRegistry::FindDirectory(const DirectoryId& id) {
  for (const auto& directory : directories_) {
    if (directory->properties().directory_id == id) return directory.get();
  }
  return nullptr;
}

std::optional<DirectoryId> LogRegistry::DirectoryOf(const TopicPartition& partition) const {
  const auto found = placement_.find(partition);
  return found == placement_.end() ? std::nullopt : std::optional(found->second);
}

bool LogRegistry::MarkOffline(const DirectoryId& id) {
  LogDirectory* directory = FindDirectory(id);
  if (directory == nullptr || directory->offline()) return false;
  directory->MarkOffline();
  offline_paths_.push_back(directory->path());
  // Its topics can be deleted and made anew, elsewhere.
  absl::erase_if(placement_, [&id](const auto& placed) { return placed.second == id; });
  counts_.erase(id);
  return true;
}

BrokerEpoch LogRegistry::previous_broker_epoch() const {
  BrokerEpoch epoch = directories_.front()->previous_broker_epoch();
  for (const auto& directory : directories_) {
    if (directory->previous_broker_epoch() != epoch) return BrokerEpoch(-1);
  }
  return epoch;
}

Uuid LogRegistry::unheard_incarnation() const {
  const Uuid& incarnation = directories_.front()->unheard_incarnation();
  for (const auto& directory : directories_) {
    if (directory->unheard_incarnation() != incarnation) return Uuid();
  }
  return incarnation;
}

}  // namespace dohle::storage
