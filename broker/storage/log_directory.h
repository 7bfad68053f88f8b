// One entry of log.dirs: whom it belongs to, its lock, its checkpoints, the partitions in it.
//
// Owned by LogRegistry. After an I/O error of the device it is offline: the partitions in it are to be taken
// away, the others go on (KIP-112).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/storage/checkpoint_file.h"
#include "broker/storage/meta_properties.h"
#include "broker/storage/partition_directory.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

inline constexpr std::string_view kRecoveryPointCheckpoint = "recovery-point-offset-checkpoint";
inline constexpr std::string_view kLogStartCheckpoint = "log-start-offset-checkpoint";
inline constexpr std::string_view kHighWatermarkCheckpoint = "replication-offset-checkpoint";
inline constexpr std::string_view kCleanerCheckpoint = "cleaner-offset-checkpoint";
inline constexpr std::string_view kCleanShutdownFile = ".kafka_cleanshutdown";
inline constexpr std::string_view kLockFile = ".lock";
inline constexpr std::string_view kMetadataPartition = "__cluster_metadata-0";

struct StoredPartition {
  TopicPartition partition;
  PartitionDirectoryKind kind = PartitionDirectoryKind::kCurrent;
  std::string path;
};

class LogDirectory {
 public:
  // Takes the lock, reads what the last run left, and takes the clean-shutdown mark away: from here on a
  // crash is a crash. kFailedPrecondition: another process has the directory. kNotFound: not formatted.
  static StatusOr<std::unique_ptr<LogDirectory>> Open(env::FileSystem& file_system, const std::string& path);

  const std::string& path() const { return path_; }
  const MetaProperties& properties() const { return properties_; }
  bool clean_shutdown() const { return clean_shutdown_; }
  // Of the last clean shutdown: goes into the registration, so that the controller knows that nothing was
  // lost (KIP-966). -1: unknown.
  BrokerEpoch previous_broker_epoch() const { return previous_broker_epoch_; }
  // Of who ended cleanly without having heard whether its registration was taken: who comes next goes on
  // under it, for the controller may know it by an epoch that nobody here has heard of. Zero: there is none.
  const Uuid& unheard_incarnation() const { return unheard_incarnation_; }
  const OffsetCheckpoint& recovery_points() const { return recovery_points_; }
  const OffsetCheckpoint& log_start_offsets() const { return log_start_offsets_; }

  // Without the metadata log.
  StatusOr<std::vector<StoredPartition>> ListPartitions() const;

  // Each replaces the whole file. The caller says what holds for the partitions in this directory.
  Status WriteRecoveryPoints(const OffsetCheckpoint& offsets);
  Status WriteLogStartOffsets(const OffsetCheckpoint& offsets);
  Status WriteHighWatermarks(const OffsetCheckpoint& offsets);
  Status WriteCleanerOffsets(const OffsetCheckpoint& offsets);
  StatusOr<OffsetCheckpoint> ReadHighWatermarks() const;
  StatusOr<OffsetCheckpoint> ReadCleanerOffsets() const;
  // Every log is closed and the checkpoints are written: the next start scans nothing.
  Status MarkCleanShutdown(BrokerEpoch broker_epoch, const Uuid& unheard_incarnation = Uuid());

  bool offline() const { return offline_; }
  void MarkOffline() { offline_ = true; }
  // Null where its file system can't be synced as a whole.
  const std::shared_ptr<env::WholeFileSystem>& whole_file_system() const { return whole_file_system_; }
  StatusOr<env::SpaceInfo> Space() const { return file_system_.Space(path_); }

 private:
  LogDirectory(env::FileSystem& file_system, std::string path)
      : file_system_(file_system), path_(std::move(path)) {}
  Status ReadCleanShutdownMark();
  StatusOr<OffsetCheckpoint> ReadLenient(std::string_view name) const;
  Status WriteCheckpoint(std::string_view name, const OffsetCheckpoint& offsets);

  env::FileSystem& file_system_;
  std::string path_;
  std::unique_ptr<env::FileLock> lock_;
  std::shared_ptr<env::WholeFileSystem> whole_file_system_;
  MetaProperties properties_;
  bool clean_shutdown_ = false;
  bool offline_ = false;
  BrokerEpoch previous_broker_epoch_{-1};
  Uuid unheard_incarnation_;
  OffsetCheckpoint recovery_points_;
  OffsetCheckpoint log_start_offsets_;
};

}  // namespace dohle::storage
