#include "lib/kafka/control_record.h"

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/messages/end_txn_marker.h"

namespace dohle::kafka {

std::string ControlRecordKey(ControlRecordType type) {
  Writer writer;
  writer.Int16(0);
  writer.Int16(static_cast<int16_t>(type));
  return writer.Finish().bytes;
}

StatusOr<ControlRecordType> ParseControlRecordKey(std::string_view key) {
  // A newer version may have more fields behind; the type stays where it is.
  Reader reader(key);
  const int16_t version = reader.Int16();
  const int16_t type = reader.Int16();
  if (reader.ok() && version < 0) reader.Fail("version of a control record's key");
  DOHLE_RETURN_IF_ERROR(reader.status());
  if (type < 0 || type > static_cast<int16_t>(ControlRecordType::kKraftVoters)) {
    return MakeStatus(StatusCode::kUnimplemented, "unknown control record type {}", type);
  }
  return static_cast<ControlRecordType>(type);
}

std::string EndTransactionBatch(BatchOptions options, bool commit, int32_t coordinator_epoch,
                                int64_t timestamp_ms) {
  options.control = true;
  options.transactional = true;
  options.codec = Codec::kNone;
  EndTxnMarker marker;
  marker.coordinator_epoch = coordinator_epoch;
  RecordBatchBuilder builder(options);
  builder.Append(timestamp_ms,
                 ControlRecordKey(commit ? ControlRecordType::kCommit : ControlRecordType::kAbort),
                 EncodeVersionPrefixed(marker, 0));
  StatusOr<std::string> batch = builder.Build();
  DOHLE_CHECK(batch.ok());  // nothing was compressed
  return *std::move(batch);
}

StatusOr<int32_t> ParseEndTransactionValue(std::string_view value) {
  // A newer version may have more fields behind; the epoch stays where it is.
  Reader reader(value);
  const int16_t version = reader.Int16();
  const int32_t coordinator_epoch = reader.Int32();
  if (reader.ok() && version < 0) reader.Fail("version of a transaction marker");
  DOHLE_RETURN_IF_ERROR(reader.status());
  return coordinator_epoch;
}

}  // namespace dohle::kafka
