// Records of a shard to and from batches.
#include "broker/coordinator/shard_driver.h"
#include "lib/base/check.h"
#include "lib/kafka/control_record.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::coordinator {
namespace {

// Of one decompressed batch; the topic's max.message.bytes bounds only the compressed size.
constexpr size_t kMaxDecompressedBatch = 256 * 1024 * 1024;

Status ReplayControl(const kafka::RecordBatchView& batch, std::string_view key, GroupShard* shard) {
  const auto type = kafka::ParseControlRecordKey(key);
  if (!type.ok()) return type.status().code() == StatusCode::kUnimplemented ? OkStatus() : type.status();
  if (*type == kafka::ControlRecordType::kCommit) shard->EndTransaction(batch.producer_id(), true);
  if (*type == kafka::ControlRecordType::kAbort) shard->EndTransaction(batch.producer_id(), false);
  return OkStatus();
}

}  // namespace

Status ReplayBatches(std::string_view batches, GroupShard* shard) {
  kafka::BatchCursor cursor(batches);
  kafka::Record record;
  while (const auto batch = cursor.Next()) {
    DOHLE_RETURN_IF_ERROR(kafka::CheckCrc(*batch));
    DOHLE_RETURN_IF_ERROR(kafka::CheckHeader(*batch));
    DOHLE_ASSIGN_OR_RETURN(kafka::RecordReader reader,
                           kafka::RecordReader::Open(*batch, kMaxDecompressedBatch));
    while (reader.Next(&record)) {
      if (!record.key)
        return MakeStatus(StatusCode::kDataLoss, "record {} has no key", record.offset.value());
      if (batch->is_control()) {
        DOHLE_RETURN_IF_ERROR(ReplayControl(*batch, *record.key, shard));
        continue;
      }
      const Status replayed = shard->Replay(record.offset, batch->producer_id(), *record.key, record.value);
      if (!replayed.ok()) {
        return MakeStatus(StatusCode::kDataLoss, "record {}: {}", record.offset.value(), Message(replayed));
      }
    }
    DOHLE_RETURN_IF_ERROR(reader.status());
  }
  DOHLE_RETURN_IF_ERROR(cursor.status());
  if (!cursor.rest().empty()) return MakeStatus(StatusCode::kDataLoss, "the last batch is cut off");
  return OkStatus();
}

std::string EncodeBatch(const std::vector<Record>& records, int64_t timestamp_ms) {
  kafka::BatchOptions options;
  options.base_sequence = 0;
  kafka::RecordBatchBuilder builder(options);
  for (const Record& record : records) {
    std::optional<std::string_view> value;
    if (record.value) value = *record.value;
    builder.Append(timestamp_ms, record.key, value);
  }
  StatusOr<std::string> batch = builder.Build();
  DOHLE_CHECK(batch.ok());  // only codecs fail
  return *std::move(batch);
}

}  // namespace dohle::coordinator
