#include "broker/storage/batch_cleaner.h"

#include "broker/storage/big_endian.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::storage {
namespace {

std::optional<int64_t> DeleteHorizonOf(const BatchHeader& header) {
  if (!header.has_delete_horizon()) return std::nullopt;
  return header.base_timestamp;
}

int CompressionLevel(const LogConfig& config, kafka::Codec codec) {
  switch (codec) {
    case kafka::Codec::kGzip:
      return config.gzip_level == -1 ? kafka::kDefaultCompressionLevel : config.gzip_level;
    case kafka::Codec::kLz4:
      return config.lz4_level;
    case kafka::Codec::kZstd:
      return config.zstd_level;
    default:
      return kafka::kDefaultCompressionLevel;
  }
}

// The header alone, as DefaultRecordBatch.writeEmptyHeader leaves it.
void AppendEmptied(std::string_view batch, std::string& out) {
  constexpr int16_t kKeptBits = kafka::kLogAppendTimeBit | kafka::kTransactionalBit | kafka::kControlBit;
  std::string header(batch.substr(0, kBatchHeaderBytes));
  const auto attributes = static_cast<int16_t>(LoadBig<int16_t>(header.data() + 21) & kKeptBits);
  StoreBig<int32_t>(header.data() + 8, static_cast<int32_t>(kBatchHeaderBytes - kBatchOverheadBytes));
  StoreBig<int16_t>(header.data() + 21, attributes);
  StoreBig<int64_t>(header.data() + 27, kafka::kNoTimestamp);
  StoreBig<int32_t>(header.data() + 57, 0);
  StoreBig<uint32_t>(header.data() + 17, kafka::RecordBatchView(header).ComputeCrc());
  out += header;
}

Status Corrupt(const BatchHeader& header, const Status& why) {
  return MakeStatus(StatusCode::kDataLoss, "the batch at offset {} can't be read: {}",
                    header.base_offset.value(), Message(why));
}

}  // namespace

bool BatchCleaner::Keeps(const BatchHeader& header, const kafka::Record& record) const {
  if (header.control() || record.offset > round_.latest_offset) return true;
  if (!record.key) return false;
  if (record.offset < round_.map.Get(*record.key)) return false;
  if (record.value) return true;
  const std::optional<int64_t> horizon = DeleteHorizonOf(header);
  return !horizon || round_.now_ms < *horizon;
}

bool BatchCleaner::MustStay(const BatchHeader& header) const {
  if (header.next_offset() == round_.round_end) return true;
  if (!header.has_producer()) return false;
  const auto last = round_.last_records.find(header.producer_id);
  if (last == round_.last_records.end()) return false;
  if (last->second.last_data_offset >= Offset(0))
    return header.last_offset() == last->second.last_data_offset;
  return header.control() && header.producer_epoch == last->second.epoch;
}

StatusOr<BatchCleaner::Kept> BatchCleaner::Count(const BatchHeader& header, std::string_view batch) const {
  Kept kept;
  auto reader = kafka::RecordReader::Open(kafka::RecordBatchView(batch), kMaxDecompressedBytes);
  if (!reader.ok()) return Corrupt(header, reader.status());
  kafka::Record record;
  while (reader->Next(&record)) {
    ++kept.of;
    if (!Keeps(header, record)) continue;
    ++kept.records;
    kept.tombstones |= !record.value.has_value();
  }
  if (!reader->status().ok()) return Corrupt(header, reader->status());
  return kept;
}

Status BatchCleaner::Rebuild(const BatchHeader& header, std::string_view batch, bool set_horizon,
                             std::string& out) const {
  const kafka::RecordBatchView view(batch);
  kafka::BatchOptions options;
  options.base_offset = header.base_offset;
  options.partition_leader_epoch = header.leader_epoch;
  options.codec = view.codec().value_or(kafka::Codec::kNone);
  options.compression_level = CompressionLevel(round_.config, options.codec);
  if (header.log_append_time()) options.log_append_time_ms = header.max_timestamp;
  options.producer_id = header.producer_id;
  options.producer_epoch = header.producer_epoch;
  options.base_sequence = header.base_sequence;
  options.transactional = header.transactional();
  options.control = header.control();
  options.delete_horizon_ms = DeleteHorizonOf(header);
  if (set_horizon) options.delete_horizon_ms = round_.now_ms + round_.config.delete_retention_ms;
  kafka::RecordBatchBuilder builder(options);
  auto reader = kafka::RecordReader::Open(view, kMaxDecompressedBytes);
  if (!reader.ok()) return Corrupt(header, reader.status());
  kafka::Record record;
  while (reader->Next(&record)) {
    if (Keeps(header, record))
      builder.AppendAt(record.offset, record.timestamp_ms, record.key, record.value, record.headers);
  }
  if (!reader->status().ok()) return Corrupt(header, reader->status());
  // Else a producer's next batch would look out of order.
  builder.ExtendTo(header.last_offset());
  DOHLE_ASSIGN_OR_RETURN(const std::string rebuilt, builder.Build());
  out += rebuilt;
  return OkStatus();
}

Status BatchCleaner::Clean(std::string_view batch, std::string& out) {
  const BatchHeader header = DecodeBatchHeader(batch.data());
  if (!BatchCrcMatches(batch))
    return MakeStatus(StatusCode::kDataLoss, "the batch at offset {} is corrupt: wrong CRC",
                      header.base_offset.value());
  bool discard = false;
  bool useless_marker = false;
  if (header.control()) {
    useless_marker = transactions_.OnControlBatch(header, ParseEndTransactionMarker(batch));
    const std::optional<int64_t> horizon = DeleteHorizonOf(header);
    discard = useless_marker && horizon && *horizon <= round_.now_ms;
  } else {
    discard = transactions_.OnBatch(header);
  }
  Kept kept;
  if (!discard) {
    DOHLE_ASSIGN_OR_RETURN(kept, Count(header, batch));
  }
  if (kept.records == 0) {
    if (MustStay(header)) AppendEmptied(batch, out);
    return OkStatus();
  }
  const bool set_horizon = (kept.tombstones || useless_marker) && !header.has_delete_horizon();
  if (kept.records < kept.of || set_horizon) return Rebuild(header, batch, set_horizon, out);
  out += batch;
  return OkStatus();
}

}  // namespace dohle::storage
