// When snapshots are taken, and what may go once they are.
#include <utility>

#include "broker/metadata/kraft_log.h"
#include "lib/base/log.h"

namespace dohle::metadata {

bool KraftLog::SnapshotDue() const {
  if (taking_snapshot_ || bytes_since_snapshot_ == 0) return false;
  if (bytes_since_snapshot_ >= static_cast<uint64_t>(options_.config.max_record_bytes_between_snapshots))
    return true;
  return options_.config.max_snapshot_interval_ms > 0 &&
         NowMs() - last_snapshot_ms_ >= options_.config.max_snapshot_interval_ms;
}

// For the interval; what is due by size is seen where it is written.
env::Task<void> KraftLog::SnapshotLoop() {
  while (!co_await stop_.SleepFor(absl::Seconds(60))) {
    bool due = false;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      due = SnapshotDue();
    }
    if (due) co_await SnapshotNow();
  }
}

env::Task<void> KraftLog::SnapshotNow() {
  const StatusOr<raft::OffsetAndEpoch> taken = co_await TakeSnapshot();
  if (taken.ok()) co_return;
  log::Warning("metadata", "no snapshot of the metadata could be written, the log grows on: {}",
               Message(taken.status()));
}

env::Task<StatusOr<raft::OffsetAndEpoch>> KraftLog::TakeSnapshot() {
  ImagePtr image;
  ControlState control;
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    if (Status refusal = Refusal(); !refusal.ok()) co_return refusal;
    if (taking_snapshot_) co_return MakeStatus(StatusCode::kUnavailable, "another snapshot is being written");
    taking_snapshot_ = true;
    image = cache_.Current();
    control = replay_.control();
    bytes_since_snapshot_ = 0;
    last_snapshot_ms_ = NowMs();
  }
  const raft::OffsetAndEpoch id{image->provenance.end_offset(), image->provenance.last_contained_epoch};
  env::FileSystem* file_system = options_.file_system;
  const int64_t now_ms = NowMs();
  absl::AnyInvocable<StatusOr<std::vector<SnapshotFile>>()> write =
      [file_system, directory = directory_, id, image, control,
       now_ms]() -> StatusOr<std::vector<SnapshotFile>> {
    DOHLE_RETURN_IF_ERROR(WriteSnapshot(*file_system, directory, id, *image, control, now_ms));
    return ListSnapshots(*file_system, directory);
  };
  StatusOr<std::vector<SnapshotFile>> snapshots =
      co_await env::RunBlocking<StatusOr<std::vector<SnapshotFile>>>(*options_.blocking_pool,
                                                                     std::move(write));
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    taking_snapshot_ = false;
    TellDrained();
    if (!snapshots.ok()) co_return snapshots.status();
    last_snapshot_ = id;
    if (const Status deleted = DeleteOld(*snapshots); !deleted.ok()) co_return deleted;
  }
  log::Info("metadata", "wrote a snapshot of the metadata up to offset {}", id.offset.value());
  co_return id;
}

// The newest snapshot always stays, and the log from there on.
Status KraftLog::DeleteOld(const std::vector<SnapshotFile>& snapshots) {
  uint64_t size = log_->size_bytes();
  for (const SnapshotFile& file : snapshots) size += file.size_bytes;
  const int64_t now_ms = NowMs();
  for (size_t i = 0; i + 1 < snapshots.size(); ++i) {
    const bool too_large = options_.config.max_retention_bytes >= 0 &&
                           size > static_cast<uint64_t>(options_.config.max_retention_bytes);
    bool too_old = false;
    if (options_.config.max_retention_ms >= 0) {
      DOHLE_ASSIGN_OR_RETURN(const int64_t written_ms,
                             options_.file_system->ModifiedTimeMs(snapshots[i].path));
      too_old = now_ms - written_ms > options_.config.max_retention_ms;
    }
    if (!too_large && !too_old) break;
    DOHLE_RETURN_IF_ERROR(options_.file_system->Remove(snapshots[i].path));
    const uint64_t log_size = log_->size_bytes();
    if (snapshots[i + 1].id.offset > log_->log_start_offset()) {
      DOHLE_RETURN_IF_ERROR(log_->AdvanceLogStartOffset(snapshots[i + 1].id.offset));
      DOHLE_RETURN_IF_ERROR(log_->ApplyRetention(now_ms, raft_->high_watermark()).status());
      for (const std::string& path : log_->TakeDeletedFiles()) {
        DOHLE_RETURN_IF_ERROR(options_.file_system->Remove(path));
      }
    }
    size -= snapshots[i].size_bytes + (log_size - log_->size_bytes());
  }
  return OkStatus();
}

}  // namespace dohle::metadata
