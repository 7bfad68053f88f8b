// What takes away from a log: truncation, the log start offset, retention.
#include <algorithm>

#include "broker/storage/batch_scanner.h"
#include "broker/storage/leader_epoch_cache.h"
#include "broker/storage/log.h"
#include "broker/storage/log_internal.h"
#include "broker/storage/log_loader.h"
#include "broker/storage/producer_snapshot_files.h"
#include "broker/storage/retention.h"
#include "broker/storage/segment_list.h"
#include "broker/storage/transaction_index.h"
#include "lib/base/log.h"

namespace dohle::storage {

// Renames the files away, the log first: without it the rest is cleaned up by the next start.
Status Log::RemoveSegment(size_t index) {
  Segment& segment = segments_->at(index);
  segment.CloseFiles();
  for (const std::string_view suffix :
       {kLogSuffix, kIndexSuffix, kTimeIndexSuffix, kTransactionIndexSuffix}) {
    const std::string path = segment.place().Path(suffix);
    std::string deleted = path + std::string(kDeletedSuffix);
    const Status renamed = file_system_->Rename(path, deleted);
    if (renamed.code() == StatusCode::kNotFound) continue;
    DOHLE_RETURN_IF_ERROR(renamed);
    deleted_files_.push_back(std::move(deleted));
  }
  segments_->Remove(index);
  directory_entries_.Add();
  return OkStatus();
}

Status Log::TruncateTo(Offset offset) {
  if (offset >= log_end_offset_) {
    // An epoch that was begun here as leader, and never got a record: the next leader doesn't know it.
    if (epochs_->TruncateFromEnd(offset)) SaveEpochsSoon();
    return OkStatus();
  }
  if (offset < segments_->at(0).base_offset()) return TruncateFullyAndStartAt(offset);
  log::Info("storage", "truncating {} from {} to {}", ToString(partition_), log_end_offset_.value(),
            offset.value());
  segments_->recent().Clear();
  ++generation_;
  // From the end on, so that a crash between two leaves no hole.
  while (segments_->size() > 1 && segments_->active().base_offset() > offset)
    DOHLE_RETURN_IF_ERROR(RemoveSegment(segments_->size() - 1));
  Segment& active = segments_->active();
  DOHLE_ASSIGN_OR_RETURN(const Offset kept_to, active.TruncateTo(offset));
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, active.file());
  DOHLE_RETURN_IF_ERROR(file->Sync());
  DOHLE_RETURN_IF_ERROR(active.SyncIndexes());
  if (active.maybe_has_transaction_index())
    DOHLE_RETURN_IF_ERROR(TruncateTransactionIndex(active.place(), kept_to));
  log_start_offset_ = std::min(log_start_offset_, offset);
  // Batches go as a whole. Kafka's log ends at `offset` all the same, and so claims records that it hasn't:
  // as leader it would go on behind the gap, as follower it could take nothing of a leader without one.
  log_end_offset_ = std::max(kept_to, log_start_offset_);
  recovery_point_ = std::min(recovery_point_, log_end_offset_);
  if (epochs_->TruncateFromEnd(log_end_offset_)) SaveEpochsSoon();
  DOHLE_ASSIGN_OR_RETURN(const TimestampOffset newest, active.MaxTimestamp());
  DOHLE_RETURN_IF_ERROR(ReloadProducers(log_end_offset_, newest.timestamp_ms));
  return file_system_->SyncDirectory(directory_);
}

Status Log::ReloadProducers(Offset end_offset, int64_t now_ms) {
  LogLoader loader(*this, {});
  return loader.LoadProducers(end_offset, now_ms);
}

Status Log::TruncateFullyAndStartAt(Offset offset) {
  DOHLE_RETURN_IF_ERROR(CreateFiles());
  log::Info("storage", "removing all of {} and starting at {}", ToString(partition_), offset.value());
  segments_->recent().Clear();
  ++generation_;
  while (!segments_->empty()) DOHLE_RETURN_IF_ERROR(RemoveSegment(segments_->size() - 1));
  DOHLE_ASSIGN_OR_RETURN(std::unique_ptr<Segment> segment,
                         Segment::Create({file_system_, &directory_, offset, ""}, last_flush_ms_));
  segments_->Add(std::move(segment));
  producers_->Clear();
  producers_->set_end_offset(offset);
  DOHLE_RETURN_IF_ERROR(snapshots_->RemoveAll(*file_system_, directory_));
  DOHLE_RETURN_IF_ERROR(file_system_->SyncDirectory(directory_));
  log_start_offset_ = offset;
  log_end_offset_ = offset;
  recovery_point_ = std::min(recovery_point_, offset);
  unflushed_bytes_ = 0;
  if (epochs_->Clear()) SaveEpochsSoon();
  return OkStatus();
}

Status Log::AdvanceLogStartOffset(Offset offset) {
  if (offset > log_end_offset_)
    return MakeStatus(StatusCode::kOutOfRange, "log start offset {} of {} lies past the log end {}",
                      offset.value(), ToString(partition_), log_end_offset_.value());
  if (offset <= log_start_offset_) return OkStatus();
  log_start_offset_ = offset;
  if (epochs_->TruncateFromStart(offset)) SaveEpochsSoon();
  producers_->OnHighWatermark(offset);
  return OkStatus();
}

StatusOr<int> Log::ApplyRetention(int64_t now_ms, Offset high_watermark) {
  producers_->RemoveExpired(now_ms, config_->producer_id_expiration_ms);
  std::vector<SegmentFacts> facts;
  for (size_t i = 0; i < segments_->size(); ++i) {
    Segment& segment = segments_->at(i);
    SegmentFacts fact{segment.base_offset(), segment.size(), INT64_MAX};
    const bool times_matter = config_->cleanup_delete && config_->retention_ms >= 0;
    if (times_matter && segment.size() > 0) {
      DOHLE_ASSIGN_OR_RETURN(fact.largest_timestamp_ms, segment.LargestTimestampMs());
    }
    facts.push_back(fact);
    // The oldest go first: what follows one that stays, stays.
    if (times_matter && now_ms - fact.largest_timestamp_ms <= config_->retention_ms &&
        config_->retention_bytes < 0 && segment.base_offset() > log_start_offset_) {
      break;
    }
  }
  const RetentionPlan plan = PlanRetention(facts, segments_->size(), *config_, now_ms, high_watermark,
                                           log_start_offset_, log_end_offset_, size_bytes());
  if (plan.segments == 0) return 0;
  if (plan.segments == static_cast<int>(segments_->size()))
    DOHLE_RETURN_IF_ERROR(Roll(log_end_offset_, now_ms));
  for (int i = 0; i < plan.segments; ++i) {
    log::Info("storage", "{}: deleting the segment at {} ({})", ToString(partition_),
              segments_->at(0).base_offset().value(), plan.reason);
    DOHLE_RETURN_IF_ERROR(RemoveSegment(0));
  }
  const Offset first = segments_->at(0).base_offset();
  DOHLE_RETURN_IF_ERROR(snapshots_->RemoveBelow(*file_system_, directory_, first));
  DOHLE_RETURN_IF_ERROR(AdvanceLogStartOffset(first));
  recovery_point_ = std::max(recovery_point_, first);
  return plan.segments;
}

}  // namespace dohle::storage
