#include "broker/storage/record_search.h"

#include <algorithm>

#include "lib/kafka/record.h"

namespace dohle::storage {
namespace {

// Of one batch, when decompressed. More than any producer's max.request.size allows to be sent uncompressed.
constexpr size_t kMaxDecompressedBytes = size_t{256} << 20;

}  // namespace

StatusOr<std::optional<TimestampOffset>> FindRecordByTimestamp(std::string_view batch, int64_t timestamp_ms,
                                                               Offset start_offset) {
  const kafka::RecordBatchView view(batch);
  if (view.timestamp_type() == kafka::TimestampType::kLogAppendTime)
    return TimestampOffset{view.max_timestamp(), std::max(view.base_offset(), start_offset)};
  DOHLE_ASSIGN_OR_RETURN(kafka::RecordReader reader, kafka::RecordReader::Open(view, kMaxDecompressedBytes));
  kafka::Record record;
  while (reader.Next(&record)) {
    if (record.timestamp_ms >= timestamp_ms && record.offset >= start_offset)
      return TimestampOffset{record.timestamp_ms, record.offset};
  }
  if (reader.status().ok()) return std::nullopt;
  return MakeStatus(StatusCode::kDataLoss, "batch at offset {}: {}", view.base_offset().value(),
                    Message(reader.status()));
}

}  // namespace dohle::storage
