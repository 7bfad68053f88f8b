// When snapshots are taken, and what may go once they are.
#include <utility>

#include "broker/metadata/kraft_log.h"
#include "lib/base/log.h"
#include "lib/env/blocking_pool.h"

namespace dohle::metadata {

bool KraftLog::SnapshotDue() const {
  if (taking_snapshot_ || stopped_ || bytes_since_snapshot_ == 0) return false;
  if (bytes_since_snapshot_ >= static_cast<uint64_t>(options_.config.max_record_bytes_between_snapshots))
    return true;
  return options_.config.max_snapshot_interval_ms > 0 &&
         NowMs() - last_snapshot_ms_ >= options_.config.max_snapshot_interval_ms;
}

// For the interval; what is due by size is seen where it is published.
env::Task<void> KraftLog::SnapshotLoop(Hold) {
  while (!co_await stop_.SleepFor(absl::Seconds(60))) {
    bool due = false;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      due = SnapshotDue();
    }
    if (due) co_await SnapshotNow();
  }
}

env::Task<void> KraftLog::SnapshotInBackground(Hold) { co_await SnapshotNow(); }

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
    image = cache_.Current();
    if (published_end_ <= Offset(0) || image->provenance.end_offset() < log().log_start_offset())
      co_return MakeStatus(StatusCode::kUnavailable, "nothing is committed yet");
    taking_snapshot_ = true;
    control = member_.control().At(image->provenance.end_offset());
    bytes_since_snapshot_ = 0;
    last_snapshot_ms_ = NowMs();
  }
  const raft::OffsetAndEpoch id{image->provenance.end_offset(), image->provenance.last_contained_epoch};
  env::FileSystem* file_system = options_.file_system;
  const int64_t now_ms = NowMs();
  absl::AnyInvocable<StatusOr<std::vector<SnapshotFile>>()> write =
      [file_system, directory = member_.store().directory(), id, image, control,
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
    member_.store().NoteSnapshot(id);
    const Status deleted = member_.store().DeleteOld(*snapshots, options_.config,
                                                     member_.raft().high_watermark(), NowMs());
    if (!deleted.ok()) co_return deleted;
    member_.control().ForgetBelow(log().log_start_offset());
  }
  log::Info("metadata", "wrote a snapshot of the metadata up to offset {}", id.offset.value());
  co_return id;
}

}  // namespace dohle::metadata
