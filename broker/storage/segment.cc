#include "broker/storage/segment.h"

#include <algorithm>

#include "broker/storage/batch_scanner.h"
#include "broker/storage/segment_recovery.h"
#include "lib/base/log.h"

namespace dohle::storage {

StatusOr<std::unique_ptr<Segment>> Segment::Open(const SegmentPlace& place, int64_t created_ms) {
  auto segment = std::unique_ptr<Segment>(new Segment(place, created_ms));
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment->file());
  DOHLE_ASSIGN_OR_RETURN(segment->size_, file->Size());
  segment->file_.reset();
  return segment;
}

StatusOr<std::unique_ptr<Segment>> Segment::Create(const SegmentPlace& place, int64_t created_ms) {
  std::unique_ptr<Segment> segment = Begin(place, created_ms);
  DOHLE_RETURN_IF_ERROR(segment->CreateFiles());
  return segment;
}

std::unique_ptr<Segment> Segment::Begin(const SegmentPlace& place, int64_t created_ms) {
  auto segment = std::unique_ptr<Segment>(new Segment(place, created_ms));
  segment->offset_index_.file().Begin();
  segment->time_index_.file().Begin();
  segment->max_timestamp_ = TimestampOffset{-1, place.base_offset};
  segment->maybe_transaction_index_ = false;
  return segment;
}

Status Segment::CreateFiles() {
  DOHLE_RETURN_IF_ERROR(place_.CreateEmptyFile(kLogSuffix));
  DOHLE_RETURN_IF_ERROR(offset_index_.file().Create(place_));
  return time_index_.file().Create(place_);
}

StatusOr<std::shared_ptr<env::File>> Segment::file() {
  used_ = true;
  if (file_ == nullptr) {
    auto opened = place_.file_system->Open(place_.Path(kLogSuffix), env::OpenMode::kReadWrite);
    if (!opened.ok()) return opened.status();
    file_ = std::move(*opened);
  }
  return file_;
}

void Segment::CloseFiles() {
  file_.reset();
  offset_index_.file().CloseFile();
  time_index_.file().CloseFile();
}

Status Segment::EnsureIndexesLoaded() {
  if (offset_index_.file().loaded() && time_index_.file().loaded()) return OkStatus();
  Status loaded = offset_index_.file().Load(place_);
  if (loaded.ok()) loaded = time_index_.file().Load(place_);
  if (loaded.code() != StatusCode::kNotFound) return loaded;
  log::Warning("storage", "{} has no index, rebuilding it", place_.Path(kLogSuffix));
  return RebuildIndexes();
}

Status Segment::RebuildIndexes() {
  SegmentRecovery recovery(*this);
  return recovery.RebuildIndexes();
}

Status Segment::Append(std::string_view bytes, std::span<const BatchHeader> headers,
                       int32_t index_interval_bytes) {
  DOHLE_RETURN_IF_ERROR(EnsureIndexesLoaded());
  DOHLE_RETURN_IF_ERROR(MaxTimestamp().status());
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, this->file());
  // Whole batches of an append that failed would be found by a recovery behind a shorter one that didn't.
  if (remains_) DOHLE_RETURN_IF_ERROR(CutRemains());
  Status done = file->WriteAt(size_, bytes);
  if (done.ok()) done = IndexAppended(headers, index_interval_bytes);
  if (done.ok()) {
    size_ += bytes.size();
    return done;
  }
  // The append has failed as a whole: its offsets are given out again, so its bytes may not stay.
  remains_ = true;
  if (Status cut = CutRemains(); !cut.ok()) {
    log::Error("storage",
               "cannot cut {} back to {} bytes after a failed append, trying again at the next: {}",
               place_.Path(kLogSuffix), size_, Message(cut));
  }
  return done;
}

Status Segment::CutRemains() {
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, this->file());
  DOHLE_RETURN_IF_ERROR(file->Truncate(size_));
  remains_ = false;
  return OkStatus();
}

Status Segment::IndexAppended(std::span<const BatchHeader> headers, int32_t index_interval_bytes) {
  const uint64_t offset_entries = offset_index_.file().count();
  const uint64_t time_entries = time_index_.file().count();
  const std::optional<TimestampOffset> max_timestamp = max_timestamp_;
  const std::optional<int64_t> first_timestamp_ms = first_timestamp_ms_;
  const uint64_t bytes_since_index_entry = bytes_since_index_entry_;
  Status indexed = IndexBatches(headers, size_, index_interval_bytes);
  if (indexed.ok()) {
    // The records are written: that an index entry isn't (disk full) delays it, no more.
    if (offset_index_.file().write_due() || time_index_.file().write_due()) (void)WriteIndexes();
    return indexed;
  }
  offset_index_.file().DropPending(offset_entries);
  time_index_.file().DropPending(time_entries);
  max_timestamp_ = max_timestamp;
  first_timestamp_ms_ = first_timestamp_ms;
  bytes_since_index_entry_ = bytes_since_index_entry;
  return indexed;
}

Status Segment::IndexBatches(std::span<const BatchHeader> headers, uint64_t position,
                             int32_t index_interval_bytes) {
  for (const BatchHeader& header : headers) {
    if (position == 0) first_timestamp_ms_ = header.max_timestamp;
    if (header.max_timestamp > max_timestamp_->timestamp_ms)
      max_timestamp_ = TimestampOffset{header.max_timestamp, header.last_offset()};
    if (bytes_since_index_entry_ > static_cast<uint64_t>(index_interval_bytes)) {
      offset_index_.Append(place_, {header.last_offset(), static_cast<uint32_t>(position)});
      DOHLE_RETURN_IF_ERROR(time_index_.MaybeAppend(place_, *max_timestamp_));
      bytes_since_index_entry_ = 0;
    }
    position += static_cast<uint64_t>(header.size());
    bytes_since_index_entry_ += static_cast<uint64_t>(header.size());
  }
  return OkStatus();
}

Status Segment::WriteIndexes() {
  DOHLE_RETURN_IF_ERROR(offset_index_.file().Write(place_));
  return time_index_.file().Write(place_);
}

Status Segment::SyncIndexes() {
  for (IndexFile* index : {&offset_index_.file(), &time_index_.file()}) {
    DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, index->Open(place_));
    DOHLE_RETURN_IF_ERROR(file->Sync());
    index->CloseFile();
  }
  return OkStatus();
}

Status Segment::LoadFirstTimestamp() {
  if (first_timestamp_ms_.has_value() || size_ == 0) return OkStatus();
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, this->file());
  BatchScanner scanner(*file, 0, size_);
  DOHLE_ASSIGN_OR_RETURN(const bool found, scanner.Next());
  if (found) first_timestamp_ms_ = scanner.header().max_timestamp;
  return OkStatus();
}

StatusOr<bool> Segment::ShouldRoll(const RollLimits& limits, uint64_t bytes, Offset last_offset,
                                   int64_t max_timestamp_ms, int64_t now_ms) {
  if (size_ > 0 && size_ + bytes > limits.segment_bytes) return true;
  if (!CanHold(last_offset)) return true;
  DOHLE_RETURN_IF_ERROR(EnsureIndexesLoaded());
  if (offset_index_.file().count() >= limits.index_bytes / OffsetIndex::kEntryBytes) return true;
  if (time_index_.file().count() + 1 >= limits.index_bytes / TimeIndex::kEntryBytes) return true;
  if (size_ == 0) return false;
  DOHLE_RETURN_IF_ERROR(LoadFirstTimestamp());
  const bool has_time = first_timestamp_ms_.value_or(-1) >= 0;
  const int64_t waited_ms = has_time ? max_timestamp_ms - *first_timestamp_ms_ : now_ms - created_ms_;
  return waited_ms > limits.segment_ms;
}

StatusOr<std::optional<BatchPosition>> Segment::Find(Offset offset, bool may_block) {
  if (size_ == 0) return std::nullopt;
  DOHLE_RETURN_IF_ERROR(EnsureIndexesLoaded());
  SegmentPlace place = place_;
  place.may_block = may_block;
  DOHLE_ASSIGN_OR_RETURN(OffsetPosition start, offset_index_.Lookup(place, offset));
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, this->file());
  for (int attempt = 0; attempt < 2; ++attempt) {
    BatchScanner scanner(*file, std::min<uint64_t>(start.position, size_), size_, may_block);
    bool fits = start.position < size_;
    while (fits) {
      auto next = scanner.Next();
      if (!next.ok() && next.status().code() == StatusCode::kDataLoss &&
          scanner.position() == start.position && start.position > 0) {
        fits = false;  // the index may be what is wrong
        break;
      }
      if (absl::IsDataLoss(next.status()) && !env::IsDeviceFailure(next.status()))
        return MakeStatus(StatusCode::kDataLoss,
                          "{} is corrupt: {}; consumers must seek past it, or the file be restored",
                          place.Path(kLogSuffix), Message(next.status()));
      if (!next.ok()) return next.status();
      if (!*next) return std::nullopt;
      const BatchHeader& header = scanner.header();
      if (scanner.position() == start.position && start.position > 0 && header.base_offset > start.offset) {
        fits = false;
        break;
      }
      if (header.last_offset() >= offset)
        return BatchPosition{scanner.position(), static_cast<uint64_t>(header.size()), header.base_offset,
                             header.last_offset()};
    }
    if (attempt == 1) break;
    if (!may_block)
      return MakeStatus(StatusCode::kUnavailable, "index of {} must be rebuilt", place.Path(kLogSuffix));
    log::Warning("storage", "{} doesn't fit its log (position {}), rebuilding it", place_.Path(kIndexSuffix),
                 start.position);
    DOHLE_RETURN_IF_ERROR(RebuildIndexes());
    DOHLE_ASSIGN_OR_RETURN(start, offset_index_.Lookup(place, offset));
  }
  return MakeStatus(StatusCode::kDataLoss, "{} has no batch where its index says", place_.Path(kLogSuffix));
}

StatusOr<Offset> Segment::ReadNextOffset() {
  if (size_ == 0) return place_.base_offset;
  DOHLE_RETURN_IF_ERROR(EnsureIndexesLoaded());
  DOHLE_ASSIGN_OR_RETURN(const OffsetPosition start, offset_index_.Last(place_));
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, this->file());
  BatchScanner scanner(*file, start.position, size_);
  Offset next_offset = place_.base_offset;
  while (true) {
    DOHLE_ASSIGN_OR_RETURN(const bool more, scanner.Next());
    if (!more) return next_offset;
    next_offset = scanner.header().next_offset();
  }
}

StatusOr<TimestampOffset> Segment::MaxTimestamp() {
  if (!max_timestamp_.has_value()) {
    DOHLE_RETURN_IF_ERROR(EnsureIndexesLoaded());
    DOHLE_ASSIGN_OR_RETURN(max_timestamp_, time_index_.Last(place_));
  }
  return *max_timestamp_;
}

StatusOr<int64_t> Segment::LargestTimestampMs() {
  DOHLE_ASSIGN_OR_RETURN(const TimestampOffset max, MaxTimestamp());
  if (max.timestamp_ms >= 0) return max.timestamp_ms;
  return place_.file_system->ModifiedTimeMs(place_.Path(kLogSuffix));
}

StatusOr<uint64_t> Segment::TimestampSearchStart(int64_t timestamp_ms, Offset start_offset) {
  DOHLE_RETURN_IF_ERROR(EnsureIndexesLoaded());
  DOHLE_ASSIGN_OR_RETURN(const TimestampOffset entry, time_index_.Lookup(place_, timestamp_ms));
  DOHLE_ASSIGN_OR_RETURN(const OffsetPosition start,
                         offset_index_.Lookup(place_, std::max(entry.offset, start_offset)));
  return start.position;
}

Status Segment::Seal() {
  if (remains_) DOHLE_RETURN_IF_ERROR(CutRemains());
  DOHLE_ASSIGN_OR_RETURN(const TimestampOffset max, MaxTimestamp());
  if (max.timestamp_ms >= 0) DOHLE_RETURN_IF_ERROR(time_index_.MaybeAppend(place_, max));
  DOHLE_RETURN_IF_ERROR(offset_index_.file().Trim(place_));
  return time_index_.file().Trim(place_);
}

StatusOr<Offset> Segment::TruncateTo(Offset offset) {
  DOHLE_ASSIGN_OR_RETURN(const std::optional<BatchPosition> first, Find(offset));
  DOHLE_RETURN_IF_ERROR(EnsureIndexesLoaded());
  if (first.has_value()) {
    DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, this->file());
    DOHLE_RETURN_IF_ERROR(file->Truncate(first->position));
    size_ = first->position;
  }
  DOHLE_RETURN_IF_ERROR(offset_index_.Truncate(place_, offset));
  DOHLE_RETURN_IF_ERROR(time_index_.Truncate(place_, offset));
  SegmentRecovery recovery(*this);
  DOHLE_RETURN_IF_ERROR(recovery.ReadTailState());
  return first.has_value() ? std::min(offset, first->base_offset) : offset;
}

}  // namespace dohle::storage
