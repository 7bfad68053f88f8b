// All log directories of a broker: opens what is there, makes and removes the logs of partitions.
//
// No lock: one owner, at start the composition root, then the lane of the replica layer. A Log, once handed
// out, belongs to its partition's lane; the registry remembers only where it lies. Everything here may block:
// I/O threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "broker/storage/log.h"
#include "broker/storage/log_directory.h"
#include "lib/env/blocking_pool.h"
#include "lib/env/random.h"
#include "lib/env/task.h"

namespace dohle::storage {

struct LoadedLog {
  TopicPartition partition;
  TopicId topic_id;  // zero: the directory has no partition.metadata
  PartitionDirectoryKind kind = PartitionDirectoryKind::kCurrent;  // kCurrent, kFuture or kStray
  DirectoryId directory_id;
  std::unique_ptr<Log> log;
  std::optional<Offset> cleaned_to;  // of the cleaner's checkpoint
};

struct LoadFailure {
  TopicPartition partition;
  std::string path;
  Status status;
};

struct LoadReport {
  std::vector<LoadedLog> logs;
  std::vector<LoadFailure> failures;  // of single partitions; an I/O error also took the directory offline
  std::vector<std::string> to_be_removed;  // -delete directories that the last run left
};

// What a directory's checkpoints say of one partition; collected by the replica layer from its lanes.
struct PartitionCheckpoint {
  TopicPartition partition;
  DirectoryId directory_id;
  Offset recovery_point;
  std::optional<Offset> log_start_offset;  // if Log::needs_log_start_checkpoint()
  std::optional<Offset> high_watermark;
  std::optional<Offset> cleaned_to;  // by the log cleaner
};

class LogRegistry {
 public:
  using ConfigOf = std::function<std::shared_ptr<const LogConfig>(const std::string& topic)>;

  // Locks and reads the directories. One with an I/O error, or that may not be written to, is left out and
  // listed in offline_paths(); any other failure, or that none is left, fails. They must agree in cluster and
  // node.
  static StatusOr<std::unique_ptr<LogRegistry>> Open(env::FileSystem& file_system, env::Random& random,
                                                     const std::vector<std::string>& paths);

  // Opens every log, `parallel` at a time, and recovers those that need it. `config_of` is called on I/O
  // threads.
  env::Task<LoadReport> Load(env::BlockingPool& pool, ConfigOf config_of, int64_t now_ms, int parallel);

  // In the directory with the fewest partitions, one of the `avoided` (paths) only if all are; or in the one
  // named. Doesn't block: nothing is written yet (Log::Begin). kAlreadyExists, kNotFound (no such directory,
  // or none is online).
  StatusOr<LoadedLog> Begin(const TopicPartition& partition, const TopicId& topic_id,
                            std::shared_ptr<const LogConfig> config, int64_t now_ms,
                            std::optional<DirectoryId> directory = std::nullopt,
                            const std::vector<std::string>& avoided = {});
  // Renames the directory of a log to -delete (or -stray); the log may still serve reads that are under way.
  // The path is to be removed after file.delete.delay.ms with RemovePath.
  StatusOr<std::string> Remove(Log& log, PartitionDirectoryKind kind = PartitionDirectoryKind::kDelete);
  Status RemovePath(const std::string& path) { return file_system_.RemoveRecursively(path); }

  // Every partition that exists, one entry each: what isn't listed is forgotten. The directories whose device
  // failed at it are added to `failed`, for MarkOffline.
  Status WriteCheckpoints(const std::vector<PartitionCheckpoint>& partitions,
                          std::vector<std::pair<DirectoryId, Status>>* failed = nullptr);
  // How far the cleaner came, likewise.
  Status WriteCleanerOffsets(const std::vector<PartitionCheckpoint>& partitions);
  // After every log is closed: checkpoints, then the mark.
  Status ShutDown(const std::vector<PartitionCheckpoint>& partitions, BrokerEpoch broker_epoch,
                  const Uuid& unheard_incarnation = Uuid());
  // kNoOffset if there is none.
  OffsetCheckpoint ReadHighWatermarks() const;

  const std::vector<std::unique_ptr<LogDirectory>>& directories() const { return directories_; }
  const std::vector<std::string>& offline_paths() const { return offline_paths_; }
  LogDirectory* FindDirectory(const DirectoryId& id);
  std::optional<DirectoryId> DirectoryOf(const TopicPartition& partition) const;
  // After a failure of the device (env::IsDeviceFailure): true the first time.
  bool MarkOffline(const DirectoryId& id);
  // -1: unknown, or the directories disagree (one was replaced).
  BrokerEpoch previous_broker_epoch() const;
  Uuid unheard_incarnation() const;  // zero, too, where the directories don't agree

 private:
  struct LoadJob;
  LogRegistry(env::FileSystem& file_system, env::Random& random)
      : file_system_(file_system), random_(random) {}
  void RunJob(LoadJob& job, const ConfigOf& config_of, int64_t now_ms);
  LogDirectory* EmptiestDirectory(const std::vector<std::string>& avoided);
  void Place(const TopicPartition& partition, const DirectoryId& directory);
  std::vector<LoadJob> PlanLoad(LoadReport& report);

  env::FileSystem& file_system_;
  env::Random& random_;
  std::vector<std::unique_ptr<LogDirectory>> directories_;
  std::vector<std::string> offline_paths_;
  absl::flat_hash_map<TopicPartition, DirectoryId> placement_;
  absl::flat_hash_map<DirectoryId, size_t> counts_;  // of placement_
};

}  // namespace dohle::storage
