#include "broker/storage/log_cleaner.h"

#include <algorithm>
#include <utility>

#include "broker/storage/batch_scanner.h"
#include "broker/storage/producer_snapshot_files.h"
#include "broker/storage/segment_list.h"
#include "broker/storage/whole_batch_reader.h"
#include "lib/base/log.h"

namespace dohle::storage {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kWriteBytes = 256 << 10;
constexpr std::string_view kSuffixes[] = {kLogSuffix, kIndexSuffix, kTimeIndexSuffix,
                                          kTransactionIndexSuffix};

Status Changed(std::string_view name) {
  return MakeStatus(StatusCode::kAborted, "{} changed while it was cleaned", name);
}

Status CheckGoingOn(const std::atomic<bool>& stop) {
  if (!stop.load(std::memory_order_relaxed)) return OkStatus();
  return MakeStatus(StatusCode::kCancelled, "cleaning was stopped");
}

StatusOr<int64_t> FirstTimestampOf(Segment& segment) {
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment.file());
  BatchScanner scanner(*file, 0, segment.size());
  DOHLE_ASSIGN_OR_RETURN(const bool found, scanner.Next());
  return found ? scanner.header().max_timestamp : int64_t{-1};
}

// Collects batches, and appends them to the segment in large writes.
class BatchWriter {
 public:
  BatchWriter(Segment& into, int32_t index_interval_bytes)
      : into_(into), index_interval_bytes_(index_interval_bytes) {}

  std::string& buffer() { return buffer_; }
  // What was added to the buffer since the last call is one batch, or nothing.
  Status Added() {
    if (buffer_.size() > seen_) {
      headers_.push_back(DecodeBatchHeader(buffer_.data() + seen_));
      seen_ = buffer_.size();
    }
    return buffer_.size() < kWriteBytes ? OkStatus() : Write();
  }
  Status Write() {
    if (buffer_.empty()) return OkStatus();
    DOHLE_RETURN_IF_ERROR(into_.Append(buffer_, headers_, index_interval_bytes_));
    buffer_.clear();
    headers_.clear();
    seen_ = 0;
    return OkStatus();
  }

 private:
  Segment& into_;
  const int32_t index_interval_bytes_;
  std::string buffer_;
  size_t seen_ = 0;
  std::vector<BatchHeader> headers_;
};

}  // namespace

LogCleaner::LogCleaner(Log& log, const Cleanliness& cleanliness, const CleaningLimits& limits,
                       const HashKey& hash_key, int64_t now_ms)
    : file_system_(*log.file_system_),
      directory_(log.directory_),
      name_(ToString(log.partition_)),
      config_(log.config_),
      cleanliness_(cleanliness),
      now_ms_(now_ms),
      log_generation_(log.generation_),
      map_(limits.offset_map_bytes, hash_key),
      latest_offset_(cleanliness.first_dirty - 1) {}

LogCleaner::~LogCleaner() { RemoveCleaned(); }

void LogCleaner::RemoveCleaned() {
  if (!cleaned_) return;
  for (const std::string_view suffix : kSuffixes)
    (void)file_system_.Remove(PlaceOf(*cleaned_, kCleanedSuffix).Path(suffix));
  cleaned_.reset();
}

SegmentPlace LogCleaner::PlaceOf(Offset base_offset, std::string_view state) const {
  return {&file_system_, &directory_, base_offset, state};
}

StatusOr<std::vector<SegmentToClean>> LogCleaner::InactiveSegments(Log& log, bool times) {
  std::vector<SegmentToClean> found;
  SegmentList& segments = *log.segments_;
  for (size_t i = 0; i + 1 < segments.size(); ++i) {
    Segment& segment = segments.at(i);
    SegmentToClean one;
    one.base_offset = segment.base_offset();
    one.end_offset = segments.at(i + 1).base_offset();
    one.bytes = segment.size();
    one.has_aborted = segment.maybe_has_transaction_index();
    if (times && segment.size() > 0 && log.config_->min_compaction_lag_ms > 0) {
      DOHLE_ASSIGN_OR_RETURN(one.largest_timestamp_ms, segment.LargestTimestampMs());
    }
    if (times && segment.size() > 0 && log.config_->max_compaction_lag_ms != INT64_MAX) {
      DOHLE_ASSIGN_OR_RETURN(one.earliest_timestamp_ms, FirstTimestampOf(segment));
    }
    found.push_back(one);
  }
  return found;
}

StatusOr<Cleanliness> LogCleaner::Judge(Log& log, std::optional<Offset> cleaned_to, Offset high_watermark,
                                        int64_t now_ms) {
  DOHLE_ASSIGN_OR_RETURN(const std::vector<SegmentToClean> segments, InactiveSegments(log, true));
  const Offset last_stable = std::min(log.first_unstable_offset().value_or(high_watermark), high_watermark);
  return JudgeCleanliness(segments, *log.config_, cleaned_to, log.log_start_offset_, last_stable, now_ms);
}

StatusOr<std::unique_ptr<LogCleaner>> LogCleaner::Plan(Log& log, const Cleanliness& cleanliness,
                                                       const CleaningLimits& limits, const HashKey& hash_key,
                                                       int64_t now_ms) {
  auto round = std::unique_ptr<LogCleaner>(new LogCleaner(log, cleanliness, limits, hash_key, now_ms));
  DOHLE_ASSIGN_OR_RETURN(round->segments_, InactiveSegments(log, false));
  std::erase_if(round->segments_, [&](const SegmentToClean& segment) {
    return segment.base_offset >= cleanliness.first_uncleanable;
  });
  for (SegmentToClean& segment : round->segments_) {
    Segment& stored = log.segments_->at(log.segments_->IndexOf(segment.base_offset));
    DOHLE_RETURN_IF_ERROR(stored.EnsureIndexesLoaded());
    segment.offset_index_bytes = stored.offset_index().file().count() * OffsetIndex::kEntryBytes;
    segment.time_index_bytes = stored.time_index().file().count() * TimeIndex::kEntryBytes;
  }
  for (const auto& [id, entry] : log.producers_->producers()) {
    const ProducerBatch* last = entry.last_batch();
    round->last_records_[id] = {last == nullptr ? kNoOffset : last->last_offset, entry.epoch};
  }
  // A transaction's marker may lie past what is cleaned.
  for (size_t i = 0; i < log.segments_->size(); ++i) {
    Segment& segment = log.segments_->at(i);
    if (!segment.maybe_has_transaction_index()) continue;
    DOHLE_ASSIGN_OR_RETURN(const std::vector<AbortedTransactionEntry> entries,
                           ReadTransactionIndex(segment.place()));
    for (const AbortedTransactionEntry& entry : entries) {
      if (entry.first_offset < cleanliness.first_uncleanable) round->aborted_.push_back(entry);
    }
  }
  return round;
}

StatusOr<std::unique_ptr<env::File>> LogCleaner::OpenSegment(const SegmentToClean& segment) const {
  auto file = file_system_.Open(PlaceOf(segment.base_offset, "").Path(kLogSuffix), env::OpenMode::kReadOnly);
  if (file.status().code() == StatusCode::kNotFound) return Changed(name_);
  return file;
}

// False: the map is full.
StatusOr<bool> LogCleaner::MapBatch(std::string_view batch, CleanedTransactions& transactions) {
  const BatchHeader header = DecodeBatchHeader(batch.data());
  if (!BatchCrcMatches(batch))
    return MakeStatus(StatusCode::kDataLoss, "{}: the batch at offset {} is corrupt: wrong CRC", name_,
                      header.base_offset.value());
  if (header.last_offset() < cleanliness_.first_dirty) return true;
  bool ignored = true;
  if (header.control()) {
    transactions.OnControlBatch(header, ParseEndTransactionMarker(batch));
  } else {
    ignored = transactions.OnBatch(header);
  }
  if (!ignored) {
    auto reader = kafka::RecordReader::Open(kafka::RecordBatchView(batch), kMaxDecompressedBytes);
    Status status = reader.status();
    kafka::Record record;
    while (status.ok() && reader->Next(&record)) {
      if (!record.key || record.offset < cleanliness_.first_dirty) continue;
      if (!map_.Put(*record.key, record.offset)) return false;
    }
    if (status.ok()) status = reader->status();
    if (!status.ok())
      return MakeStatus(StatusCode::kDataLoss, "{}: the batch at offset {} can't be read: {}", name_,
                        header.base_offset.value(), Message(status));
  }
  latest_offset_ = std::max(latest_offset_, header.last_offset());
  return true;
}

Status LogCleaner::MapSegment(const SegmentToClean& segment, CleanedTransactions& transactions,
                              const std::atomic<bool>& stop, bool* full) {
  DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> file, OpenSegment(segment));
  WholeBatchReader reader(*file, 0, segment.bytes, kReadBytes);
  while (reader.position() < segment.bytes) {
    DOHLE_RETURN_IF_ERROR(CheckGoingOn(stop));
    DOHLE_ASSIGN_OR_RETURN(const std::string_view batch, reader.Next());
    if (batch.empty())
      return MakeStatus(StatusCode::kDataLoss, "{} has no whole batch at position {}",
                        PlaceOf(segment.base_offset, "").Path(kLogSuffix), reader.position());
    DOHLE_ASSIGN_OR_RETURN(const bool fits, MapBatch(batch, transactions));
    if (fits) continue;
    *full = true;
    return OkStatus();
  }
  // Offsets may be missing at its end.
  latest_offset_ = std::max(latest_offset_, segment.end_offset - 1);
  return OkStatus();
}

Status LogCleaner::BuildOffsetMap(const std::atomic<bool>& stop) {
  std::vector<AbortedTransactionEntry> aborted;
  for (const AbortedTransactionEntry& entry : aborted_) {
    if (entry.last_offset >= cleanliness_.first_dirty) aborted.push_back(entry);
  }
  CleanedTransactions transactions(std::move(aborted));
  bool full = false;
  for (const SegmentToClean& segment : segments_) {
    if (full) break;
    if (segment.end_offset > cleanliness_.first_dirty)
      DOHLE_RETURN_IF_ERROR(MapSegment(segment, transactions, stop, &full));
  }
  std::erase_if(segments_,
                [&](const SegmentToClean& segment) { return segment.base_offset > latest_offset_; });
  groups_ = GroupSegments(segments_, *config_);
  transactions_.emplace(std::move(aborted_));
  return OkStatus();
}

Status LogCleaner::CopySegment(const SegmentToClean& segment, BatchCleaner& cleaner, Segment& into,
                               const std::atomic<bool>& stop) {
  DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> file, OpenSegment(segment));
  WholeBatchReader reader(*file, 0, segment.bytes, kReadBytes);
  BatchWriter writer(into, config_->index_interval_bytes);
  while (reader.position() < segment.bytes) {
    DOHLE_RETURN_IF_ERROR(CheckGoingOn(stop));
    DOHLE_ASSIGN_OR_RETURN(const std::string_view batch, reader.Next());
    if (batch.empty())
      return MakeStatus(StatusCode::kDataLoss, "{} has no whole batch at position {}",
                        PlaceOf(segment.base_offset, "").Path(kLogSuffix), reader.position());
    DOHLE_RETURN_IF_ERROR(cleaner.Clean(batch, writer.buffer()));
    DOHLE_RETURN_IF_ERROR(writer.Added());
  }
  return writer.Write();
}

Status LogCleaner::CleanGroup(const std::atomic<bool>& stop) {
  const SegmentGroup group = groups_[next_group_];
  const SegmentPlace place = PlaceOf(segments_[group.first].base_offset, kCleanedSuffix);
  cleaned_ = place.base_offset;
  cleaned_has_aborted_ = false;
  DOHLE_RETURN_IF_ERROR(file_system_.Remove(place.Path(kTransactionIndexSuffix)));
  auto created = Segment::Create(place, now_ms_);
  if (created.status().code() == StatusCode::kNotFound) return Changed(name_);
  if (!created.ok()) return created.status();
  Segment& cleaned = **created;
  BatchCleaner cleaner(
      {map_, latest_offset_, last_records_, *config_, cleanliness_.first_uncleanable, now_ms_},
      *transactions_);
  for (size_t i = group.first; i < group.first + group.count; ++i)
    DOHLE_RETURN_IF_ERROR(CopySegment(segments_[i], cleaner, cleaned, stop));
  for (const AbortedTransactionEntry& entry : transactions_->TakeRetained()) {
    DOHLE_RETURN_IF_ERROR(AppendToTransactionIndex(place, entry));
    cleaned_has_aborted_ = true;
  }
  DOHLE_RETURN_IF_ERROR(cleaned.Seal());
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, cleaned.file());
  DOHLE_RETURN_IF_ERROR(file->Sync());
  DOHLE_RETURN_IF_ERROR(cleaned.SyncIndexes());
  if (cleaned_has_aborted_) {
    DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> aborted,
                           file_system_.Open(place.Path(kTransactionIndexSuffix), env::OpenMode::kReadWrite));
    DOHLE_RETURN_IF_ERROR(aborted->Sync());
  }
  result_.bytes_after += cleaned.size();
  return OkStatus();
}

Status LogCleaner::RenameIfThere(const std::string& from, const std::string& to) {
  Status renamed = file_system_.Rename(from, to);
  return renamed.code() == StatusCode::kNotFound ? OkStatus() : renamed;
}

Status LogCleaner::Install(Log& log) {
  const SegmentGroup group = groups_[next_group_];
  SegmentList& list = *log.segments_;
  const size_t at = list.IndexOf(segments_[group.first].base_offset);
  bool same =
      log.generation_ == log_generation_ && log.directory_ == directory_ && at + group.count < list.size();
  for (size_t i = 0; same && i < group.count; ++i) {
    const SegmentToClean& planned = segments_[group.first + i];
    same = list.at(at + i).base_offset() == planned.base_offset && list.at(at + i).size() == planned.bytes;
  }
  if (!same) return Changed(name_);

  const Offset base = *cleaned_;
  const SegmentPlace cleaned = PlaceOf(base, kCleanedSuffix);
  const SegmentPlace swap = PlaceOf(base, kSwapSuffix);
  Status swapped;
  for (const std::string_view suffix : kSuffixes) {
    if (swapped.ok()) swapped = RenameIfThere(cleaned.Path(suffix), swap.Path(suffix));
  }
  if (swapped.ok()) swapped = file_system_.SyncDirectory(directory_);
  if (!swapped.ok()) {
    // Nothing has been taken away yet. A *.swap that stays would overwrite the log at the next start.
    for (const std::string_view suffix : kSuffixes) (void)file_system_.Remove(swap.Path(suffix));
    return swapped;
  }
  // From here on a crash ends with the cleaned segment, and a failure leaves a log that only a restart mends.
  cleaned_.reset();
  if (const Status replaced = Replace(log, base); !replaced.ok())
    return MakeStatus(StatusCode::kDataLoss, "{}: cleaned segments can't be put in place: {}", name_,
                      Message(replaced));
  ++next_group_;
  return OkStatus();
}

Status LogCleaner::Replace(Log& log, Offset base) {
  const SegmentGroup group = groups_[next_group_];
  SegmentList& list = *log.segments_;
  const size_t at = list.IndexOf(base);
  const SegmentPlace swap = PlaceOf(base, kSwapSuffix);
  for (size_t i = 0; i < group.count; ++i) {
    result_.bytes_before += list.at(at).size();
    DOHLE_RETURN_IF_ERROR(log.RemoveSegment(at));
  }
  for (const std::string_view suffix : kSuffixes)
    DOHLE_RETURN_IF_ERROR(RenameIfThere(swap.Path(suffix), PlaceOf(base, "").Path(suffix)));
  DOHLE_ASSIGN_OR_RETURN(std::unique_ptr<Segment> segment,
                         Segment::Open({&file_system_, &log.directory_, base, ""}, now_ms_));
  segment->set_maybe_has_transaction_index(cleaned_has_aborted_);
  list.Insert(std::move(segment));
  list.recent().Clear();
  DOHLE_RETURN_IF_ERROR(file_system_.SyncDirectory(directory_));
  result_.segments_before += group.count;
  ++result_.segments_after;
  if (group.count > 1) {
    const Status removed = log.snapshots_->RemoveStrays(file_system_, directory_, list);
    if (!removed.ok()) log::Warning("storage", "old producer snapshots stay: {}", Message(removed));
  }
  return OkStatus();
}

}  // namespace dohle::storage
