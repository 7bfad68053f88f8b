#include <algorithm>

#include "broker/storage/batch_scanner.h"
#include "broker/storage/leader_epoch_cache.h"
#include "broker/storage/log.h"
#include "broker/storage/record_search.h"
#include "broker/storage/segment_list.h"
#include "broker/storage/transaction_index.h"
#include "lib/base/log.h"

namespace dohle::storage {

StatusOr<ReadResult> Log::Read(const ReadOptions& options) {
  if (options.offset < log_start_offset_ || options.offset > log_end_offset_)
    return MakeStatus(StatusCode::kOutOfRange, "offset {} of {} is not in [{}, {}]", options.offset.value(),
                      ToString(partition_), log_start_offset_.value(), log_end_offset_.value());
  const Offset upper_bound = std::min(options.upper_bound, log_end_offset_);
  size_t i = segments_->IndexOf(options.offset);
  if (options.offset < upper_bound) {
    // A compacted segment may have lost its last batches: the next one goes on.
    for (; i < segments_->size() && segments_->at(i).base_offset() < upper_bound; ++i) {
      DOHLE_ASSIGN_OR_RETURN(std::optional<ReadResult> result, ReadSegment(i, options, upper_bound));
      if (result.has_value()) return *std::move(result);
    }
  }
  ReadResult nothing;
  const Segment& segment = segments_->at(std::min(i, segments_->size() - 1));
  nothing.segment_base_offset = segment.base_offset();
  nothing.position = segment.size();
  return nothing;
}

// Where in the segment the batch with `upper_bound` begins; the segment's end if that comes later.
StatusOr<uint64_t> Log::UpperPosition(size_t index, Offset upper_bound, bool may_block) {
  Segment& segment = segments_->at(index);
  const bool last = index + 1 == segments_->size();
  if (upper_bound >= (last ? log_end_offset_ : segments_->at(index + 1).base_offset())) return segment.size();
  if (const auto known = segments_->recent().Find(upper_bound, segment.base_offset())) return *known;
  DOHLE_ASSIGN_OR_RETURN(const auto found, segment.Find(upper_bound, may_block));
  const uint64_t position = found.has_value() ? found->position : segment.size();
  segments_->recent().Add(upper_bound, segment.base_offset(), position);
  return position;
}

StatusOr<std::optional<ReadResult>> Log::ReadSegment(size_t index, const ReadOptions& options,
                                                     Offset upper_bound) {
  Segment& segment = segments_->at(index);
  DOHLE_ASSIGN_OR_RETURN(const uint64_t end, UpperPosition(index, upper_bound, options.may_block));
  ReadResult result;
  result.segment_base_offset = segment.base_offset();
  std::optional<uint64_t> start = segments_->recent().Find(options.offset, segment.base_offset());
  uint64_t first_batch_bytes = 0;
  if (!start.has_value() || *start >= end) {
    DOHLE_ASSIGN_OR_RETURN(const auto found, segment.Find(options.offset, options.may_block));
    if (!found.has_value() || found->position >= end) return std::nullopt;
    start = found->position;
    first_batch_bytes = found->size;
  }
  result.position = *start;
  const uint64_t available = end - *start;
  uint64_t length = std::min(available, options.max_bytes);
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment.file());
  if (length < available) {
    if (first_batch_bytes == 0) {
      BatchScanner scanner(*file, *start, end, options.may_block);
      DOHLE_RETURN_IF_ERROR(scanner.Next().status());
      first_batch_bytes = static_cast<uint64_t>(scanner.header().size());
    }
    if (length < first_batch_bytes) {
      length = options.min_one_batch ? std::min(first_batch_bytes, available) : length;
      result.first_batch_cut = length < first_batch_bytes;
    }
  }
  result.records = env::FileSlice{std::move(file), *start, length};
  if (options.aborted_transactions)
    DOHLE_RETURN_IF_ERROR(CollectAborted(index, options.offset, upper_bound, result.aborted));
  return result;
}

Status Log::CollectAborted(size_t index, Offset from, Offset upper_bound,
                           std::vector<AbortedTransaction>& into) {
  for (; index < segments_->size(); ++index) {
    Segment& segment = segments_->at(index);
    if (!segment.maybe_has_transaction_index()) continue;
    DOHLE_ASSIGN_OR_RETURN(const std::vector<AbortedTransactionEntry> entries,
                           ReadTransactionIndex(segment.place()));
    if (entries.empty()) segment.set_maybe_has_transaction_index(false);
    for (const AbortedTransactionEntry& entry : entries) {
      if (entry.last_offset >= from && entry.first_offset < upper_bound)
        into.push_back({entry.producer_id, entry.first_offset});
      // Whatever is aborted later began at or after that offset.
      if (entry.last_stable_offset >= upper_bound) return OkStatus();
    }
  }
  return OkStatus();
}

StatusOr<std::optional<TimestampedOffset>> Log::SearchTimestamp(Segment& segment, int64_t timestamp_ms,
                                                                Offset upper_bound) {
  DOHLE_ASSIGN_OR_RETURN(uint64_t start, segment.TimestampSearchStart(timestamp_ms, log_start_offset_));
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment.file());
  if (start > 0) {
    BatchScanner first(*file, start, segment.size());
    if (first.Next().status().code() == StatusCode::kDataLoss) {
      DOHLE_RETURN_IF_ERROR(segment.RebuildIndexes());
      start = 0;
    }
  }
  BatchScanner scanner(*file, start, segment.size());
  while (true) {
    DOHLE_ASSIGN_OR_RETURN(const bool more, scanner.Next());
    if (!more || scanner.header().base_offset >= upper_bound) return std::nullopt;
    const BatchHeader& header = scanner.header();
    if (header.max_timestamp < timestamp_ms || header.last_offset() < log_start_offset_) continue;
    std::string batch(static_cast<size_t>(header.size()), '\0');
    DOHLE_RETURN_IF_ERROR(file->ReadAt(scanner.position(), batch.data(), batch.size()).status());
    DOHLE_ASSIGN_OR_RETURN(const std::optional<TimestampOffset> found,
                           FindRecordByTimestamp(batch, timestamp_ms, log_start_offset_));
    if (found.has_value()) {
      if (found->offset >= upper_bound) return std::nullopt;
      return TimestampedOffset{found->timestamp_ms, found->offset, header.leader_epoch};
    }
  }
}

StatusOr<std::optional<TimestampedOffset>> Log::OffsetForTimestamp(int64_t timestamp_ms, Offset upper_bound) {
  for (size_t i = 0; i < segments_->size(); ++i) {
    Segment& segment = segments_->at(i);
    if (segment.base_offset() >= upper_bound) break;
    DOHLE_ASSIGN_OR_RETURN(const TimestampOffset max, segment.MaxTimestamp());
    if (max.timestamp_ms < timestamp_ms) continue;
    DOHLE_ASSIGN_OR_RETURN(const auto found, SearchTimestamp(segment, timestamp_ms, upper_bound));
    if (found.has_value()) return found;
  }
  return std::nullopt;
}

StatusOr<std::optional<TimestampedOffset>> Log::MaxTimestamp() {
  int64_t largest = -1;
  size_t holder = 0;
  for (size_t i = 0; i < segments_->size(); ++i) {
    DOHLE_ASSIGN_OR_RETURN(const TimestampOffset max, segments_->at(i).MaxTimestamp());
    if (max.timestamp_ms > largest) {
      largest = max.timestamp_ms;
      holder = i;
    }
  }
  if (largest < 0) return std::nullopt;
  return SearchTimestamp(segments_->at(holder), largest, log_end_offset_);
}

}  // namespace dohle::storage
