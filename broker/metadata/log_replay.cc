#include "broker/metadata/log_replay.h"

#include "lib/base/check.h"
#include "lib/kafka/messages/abort_transaction_record.h"
#include "lib/kafka/messages/begin_transaction_record.h"
#include "lib/kafka/messages/end_transaction_record.h"
#include "lib/kafka/record.h"

namespace dohle::metadata {
namespace {

// Kafka's KafkaRaftClient.MAX_BATCH_SIZE_BYTES is 8 MiB; compressed batches are bounded by the same.
constexpr size_t kMaxBatchContent = size_t{64} << 20;

// Framed: version of the frame, then the type, which is below 128 in all that are known.
int16_t TypeOf(std::string_view framed) {
  return framed.size() < 2 ? int16_t{-1} : static_cast<int16_t>(static_cast<uint8_t>(framed[1]));
}

}  // namespace

Status LogReplay::Apply(const kafka::RecordBatchView& batch) {
  DOHLE_RETURN_IF_ERROR(kafka::CheckCrc(batch));
  DOHLE_RETURN_IF_ERROR(kafka::CheckHeader(batch));
  StatusOr<kafka::RecordReader> reader = kafka::RecordReader::Open(batch, kMaxBatchContent);
  if (!reader.ok()) return reader.status();
  kafka::Record record;
  while (reader->Next(&record)) {
    if (!record.value.has_value()) {
      return MakeStatus(StatusCode::kDataLoss, "record without value at offset {} of the metadata log",
                        record.offset.value());
    }
    if (batch.is_control()) {
      StatusOr<SnapshotMark> mark =
          ApplyControlRecord(record.key.value_or(""), *record.value, &control_, &snapshot_timestamp_ms_);
      if (!mark.ok()) return mark.status();
      saw_header_ |= *mark == SnapshotMark::kHeader;
      saw_footer_ |= *mark == SnapshotMark::kFooter;
      delta_.SetKraftVersion(control_.kraft_version);
      continue;
    }
    if (const Status status = ApplyRecord(*record.value); !status.ok()) {
      return MakeStatus(
          status.code() == StatusCode::kUnimplemented ? StatusCode::kUnimplemented : StatusCode::kDataLoss,
          "offset {} of the metadata log: {}", record.offset.value(), Message(status));
    }
  }
  if (!reader->status().ok()) {
    return MakeStatus(StatusCode::kDataLoss, "batch at offset {} of the metadata log: {}",
                      batch.base_offset().value(), Message(reader->status()));
  }
  provenance_ = {batch.last_offset(), batch.partition_leader_epoch(), batch.max_timestamp()};
  return OkStatus();
}

Status LogReplay::ApplyRecord(std::string_view framed) {
  switch (TypeOf(framed)) {
    case kafka::BeginTransactionRecord::kMetadataRecordType:
      if (in_transaction())
        return MakeStatus(StatusCode::kDataLoss, "transaction begins within a transaction");
      before_transaction_ = delta_;
      break;
    case kafka::EndTransactionRecord::kMetadataRecordType:
      if (!in_transaction()) return MakeStatus(StatusCode::kDataLoss, "end of no transaction");
      before_transaction_.reset();
      break;
    case kafka::AbortTransactionRecord::kMetadataRecordType:
      if (!in_transaction()) return MakeStatus(StatusCode::kDataLoss, "abort of no transaction");
      delta_ = std::move(*before_transaction_);
      before_transaction_.reset();
      break;
    default:
      break;
  }
  return delta_.Replay(framed);
}

void LogReplay::set_control(ControlState control) {
  control_ = std::move(control);
  delta_.SetKraftVersion(control_.kraft_version);
}

MetadataUpdate LogReplay::Take() {
  DOHLE_CHECK(!in_transaction());
  return delta_.Take(provenance_);
}

}  // namespace dohle::metadata
