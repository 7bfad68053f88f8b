#include "broker/storage/producer_state.h"
#include "lib/kafka/control_record.h"
#include "lib/kafka/record.h"

namespace dohle::storage {
namespace {

constexpr size_t kMaxMarkerBytes = 4096;

}  // namespace

std::optional<EndTransactionMarker> ParseEndTransactionMarker(std::string_view batch) {
  if (batch.size() < kBatchHeaderBytes) return std::nullopt;
  const kafka::RecordBatchView view(batch);
  if (!view.is_control() || view.size() > batch.size()) return std::nullopt;
  auto reader = kafka::RecordReader::Open(view, kMaxMarkerBytes);
  kafka::Record record;
  if (!reader.ok() || !reader->Next(&record) || !record.key || !record.value) return std::nullopt;
  const auto type = kafka::ParseControlRecordKey(*record.key);
  if (!type.ok()) return std::nullopt;
  const bool abort = *type == kafka::ControlRecordType::kAbort;
  if (!abort && *type != kafka::ControlRecordType::kCommit) return std::nullopt;
  const auto coordinator_epoch = kafka::ParseEndTransactionValue(*record.value);
  if (!coordinator_epoch.ok()) return std::nullopt;
  return EndTransactionMarker{abort, *coordinator_epoch, record.timestamp_ms};
}

}  // namespace dohle::storage
