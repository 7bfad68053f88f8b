#include "broker/storage/segment_recovery.h"

#include <algorithm>
#include <string>

#include "broker/storage/batch_scanner.h"
#include "broker/storage/big_endian.h"
#include "broker/storage/whole_batch_reader.h"
#include "lib/base/log.h"

namespace dohle::storage {
namespace {

constexpr int32_t kDefaultIndexIntervalBytes = 4096;

}  // namespace

Status SegmentRecovery::LoadOrCreateIndexes() {
  const SegmentPlace& place = segment_.place_;
  Status loaded = segment_.offset_index_.file().Load(place);
  if (loaded.ok()) loaded = segment_.time_index_.file().Load(place);
  if (loaded.code() != StatusCode::kNotFound) return loaded;
  DOHLE_RETURN_IF_ERROR(segment_.offset_index_.file().Create(place));
  return segment_.time_index_.file().Create(place);
}

StatusOr<bool> SegmentRecovery::EntryFits(const OffsetPosition& entry) {
  if (entry.position >= segment_.size_) return false;
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment_.file());
  BatchScanner scanner(*file, entry.position, segment_.size_);
  auto next = scanner.Next();
  if (!next.ok()) {
    if (next.status().code() == StatusCode::kDataLoss) return false;
    return next.status();
  }
  return *next && scanner.header().last_offset() == entry.offset;
}

// How many entries from the first on ascend and lie below `trusted`. After a loss of power there may be holes
// in what wasn't synced, so no entry is believed for the sake of a later one.
StatusOr<uint64_t> SegmentRecovery::AscendingEntries(Offset trusted) {
  OffsetIndex& index = segment_.offset_index_;
  DOHLE_ASSIGN_OR_RETURN(const std::string bytes, ReadEntries(index.file(), OffsetIndex::kEntryBytes));
  int64_t offset = -1;
  int64_t position = 0;
  uint64_t good = 0;
  for (size_t at = 0; at + OffsetIndex::kEntryBytes <= bytes.size(); at += OffsetIndex::kEntryBytes, ++good) {
    const int64_t next_offset = LoadBig<int32_t>(bytes.data() + at);
    const int64_t next_position = LoadBig<uint32_t>(bytes.data() + at + 4);
    if (next_offset <= offset || next_position <= position) break;
    if (segment_.place_.base_offset + next_offset >= trusted) break;
    offset = next_offset;
    position = next_position;
  }
  return good;
}

// The same for the time index, up to the batch that ends with `last`.
StatusOr<uint64_t> SegmentRecovery::AscendingTimes(Offset last) {
  DOHLE_ASSIGN_OR_RETURN(const std::string bytes,
                         ReadEntries(segment_.time_index_.file(), TimeIndex::kEntryBytes));
  int64_t timestamp = -1;
  int64_t offset = -1;
  uint64_t good = 0;
  for (size_t at = 0; at + TimeIndex::kEntryBytes <= bytes.size(); at += TimeIndex::kEntryBytes, ++good) {
    const auto next_timestamp = LoadBig<int64_t>(bytes.data() + at);
    const int64_t next_offset = LoadBig<int32_t>(bytes.data() + at + 8);
    if (next_timestamp <= timestamp || next_offset <= offset) break;
    if (segment_.place_.base_offset + next_offset > last) break;
    timestamp = next_timestamp;
    offset = next_offset;
  }
  return good;
}

StatusOr<std::string> SegmentRecovery::ReadEntries(IndexFile& index, size_t entry_bytes) {
  std::string bytes(index.count() * entry_bytes, '\0');
  if (bytes.empty()) return bytes;
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, index.Open(segment_.place_));
  DOHLE_ASSIGN_OR_RETURN(const size_t read, file->ReadAt(0, bytes.data(), bytes.size()));
  bytes.resize(read);
  return bytes;
}

// The last index entry below `trusted` that fits the log; entries after it are dropped.
StatusOr<OffsetPosition> SegmentRecovery::TrustedStart(Offset trusted) {
  const SegmentPlace& place = segment_.place_;
  OffsetIndex& index = segment_.offset_index_;
  TimeIndex& times = segment_.time_index_;
  DOHLE_ASSIGN_OR_RETURN(uint64_t count, AscendingEntries(trusted));
  OffsetPosition start{place.base_offset, 0};
  for (; count > 0; --count) {
    DOHLE_ASSIGN_OR_RETURN(const OffsetPosition last, index.Entry(place, count - 1));
    DOHLE_ASSIGN_OR_RETURN(const bool fits, EntryFits(last));
    if (!fits) continue;
    start = last;
    break;
  }
  // Most of what goes here comes back out of the batches: the files are cut when that is known (Seal).
  index.file().Rewind(count);
  DOHLE_ASSIGN_OR_RETURN(const uint64_t time_count,
                         AscendingTimes(count == 0 ? place.base_offset - 1 : start.offset));
  times.file().Rewind(time_count);
  DOHLE_ASSIGN_OR_RETURN(segment_.max_timestamp_, times.Last(place));
  segment_.bytes_since_index_entry_ = 0;
  return start;
}

StatusOr<SegmentRecovery::Result> SegmentRecovery::Recover(Offset trusted, int32_t index_interval_bytes,
                                                           const OnBatch& on_batch) {
  DOHLE_RETURN_IF_ERROR(LoadOrCreateIndexes());
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment_.file());
  DOHLE_ASSIGN_OR_RETURN(OffsetPosition start, TrustedStart(trusted));
  // The first batch tells where offsets stand: it must be whole itself.
  while (start.position > 0) {
    WholeBatchReader first(*file, start.position, segment_.size_);
    DOHLE_ASSIGN_OR_RETURN(const std::string_view batch, first.Next());
    if (!batch.empty() && BatchCrcMatches(batch)) break;
    DOHLE_ASSIGN_OR_RETURN(start, TrustedStart(start.offset));
  }
  Result result;
  result.next_offset = segment_.place_.base_offset;
  uint64_t valid = start.position;
  WholeBatchReader reader(*file, start.position, segment_.size_);
  while (true) {
    DOHLE_ASSIGN_OR_RETURN(const std::string_view batch, reader.Next());
    if (batch.empty()) break;
    const BatchHeader header = DecodeBatchHeader(batch.data());
    const bool follows = header.base_offset >= result.next_offset && segment_.CanHold(header.last_offset());
    if (!follows || !BatchCrcMatches(batch)) break;
    DOHLE_RETURN_IF_ERROR(segment_.IndexBatches({&header, 1}, valid, index_interval_bytes));
    if (on_batch) on_batch(header);
    valid = reader.position();
    result.next_offset = header.next_offset();
  }
  result.scanned_bytes = valid - start.position;
  result.truncated_bytes = segment_.size_ - valid;
  if (result.truncated_bytes > 0) {
    log::Warning("storage", "{}: the batch at position {} is not whole, cutting {} bytes off",
                 segment_.place_.Path(kLogSuffix), valid, result.truncated_bytes);
    DOHLE_RETURN_IF_ERROR(file->Truncate(valid));
    // Else a loss of power could bring it back behind what is appended next.
    DOHLE_RETURN_IF_ERROR(file->Sync());
    segment_.size_ = valid;
  }
  DOHLE_RETURN_IF_ERROR(segment_.Seal());
  if (result.truncated_bytes > 0) DOHLE_RETURN_IF_ERROR(segment_.SyncIndexes());
  return result;
}

Status SegmentRecovery::RebuildIndexes() {
  const SegmentPlace& place = segment_.place_;
  DOHLE_RETURN_IF_ERROR(segment_.offset_index_.file().Create(place));
  DOHLE_RETURN_IF_ERROR(segment_.time_index_.file().Create(place));
  segment_.max_timestamp_ = TimestampOffset{-1, place.base_offset};
  segment_.bytes_since_index_entry_ = 0;
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment_.file());
  BatchScanner scanner(*file, 0, segment_.size_);
  while (true) {
    auto more = scanner.Next();
    // A torn or corrupt batch is for recovery, or for the reader of that batch: the rest stays readable.
    if (more.status().code() == StatusCode::kDataLoss) break;
    if (!more.ok()) return more.status();
    if (!*more) break;
    DOHLE_RETURN_IF_ERROR(
        segment_.IndexBatches({&scanner.header(), 1}, scanner.position(), kDefaultIndexIntervalBytes));
  }
  return segment_.Seal();
}

Status SegmentRecovery::ReadTailState() {
  const SegmentPlace& place = segment_.place_;
  segment_.first_timestamp_ms_.reset();
  DOHLE_ASSIGN_OR_RETURN(segment_.max_timestamp_, segment_.time_index_.Last(place));
  DOHLE_ASSIGN_OR_RETURN(const OffsetPosition timed,
                         segment_.offset_index_.Lookup(place, segment_.max_timestamp_->offset));
  DOHLE_ASSIGN_OR_RETURN(const OffsetPosition last, segment_.offset_index_.Last(place));
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment_.file());
  BatchScanner scanner(*file, std::min<uint64_t>(timed.position, segment_.size_), segment_.size_);
  while (true) {
    auto more = scanner.Next();
    // An entry that a loss of power tore: the headers know better.
    if (more.status().code() == StatusCode::kDataLoss && scanner.position() == timed.position)
      return RebuildIndexes();
    if (!more.ok()) return more.status();
    if (!*more) break;
    const BatchHeader& header = scanner.header();
    if (header.max_timestamp > segment_.max_timestamp_->timestamp_ms)
      segment_.max_timestamp_ = TimestampOffset{header.max_timestamp, header.last_offset()};
  }
  segment_.bytes_since_index_entry_ = segment_.size_ - std::min<uint64_t>(last.position, segment_.size_);
  return OkStatus();
}

}  // namespace dohle::storage
