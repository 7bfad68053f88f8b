// The snapshot format: int16 version, uint32 CRC-32C of the rest, int32 count, then for each producer its id,
// epoch, last sequence, last offset, offset delta, timestamp, coordinator epoch and the first offset of its
// open transaction (-1).
#include <algorithm>
#include <vector>

#include "broker/storage/big_endian.h"
#include "broker/storage/producer_state.h"
#include "lib/base/crc32c.h"

namespace dohle::storage {
namespace {

constexpr int16_t kVersion = 1;
constexpr size_t kCrcEnd = 6;
constexpr size_t kHeaderBytes = 10;
constexpr size_t kEntryBytes = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

}  // namespace

std::string EncodeProducerSnapshot(const absl::flat_hash_map<ProducerId, ProducerEntry>& producers) {
  std::string body;
  body.reserve(4 + producers.size() * kEntryBytes);
  AppendBig<int32_t>(body, static_cast<int32_t>(producers.size()));
  // By id: the same state makes the same file.
  std::vector<ProducerId> ids;
  ids.reserve(producers.size());
  for (const auto& [id, entry] : producers) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const ProducerId id : ids) {
    const ProducerEntry& entry = producers.at(id);
    const ProducerBatch* last = entry.last_batch();
    AppendBig<int64_t>(body, id.value());
    AppendBig<int16_t>(body, entry.epoch.value());
    AppendBig<int32_t>(body, entry.last_sequence());
    AppendBig<int64_t>(body, last == nullptr ? -1 : last->last_offset.value());
    AppendBig<int32_t>(body, last == nullptr ? 0 : last->offset_delta);
    AppendBig<int64_t>(body, entry.last_timestamp_ms);
    AppendBig<int32_t>(body, entry.coordinator_epoch);
    AppendBig<int64_t>(body, entry.current_transaction_first_offset.value());
  }
  std::string bytes;
  bytes.reserve(kCrcEnd + body.size());
  AppendBig<int16_t>(bytes, kVersion);
  AppendBig<uint32_t>(bytes, Crc32c(body));
  bytes += body;
  return bytes;
}

Status LoadProducerSnapshot(std::string_view bytes, ProducerStates& into) {
  if (bytes.size() < kHeaderBytes) return MakeStatus(StatusCode::kDataLoss, "producer snapshot is cut");
  const auto version = LoadBig<int16_t>(bytes.data());
  if (version != kVersion)
    return MakeStatus(StatusCode::kDataLoss, "producer snapshot of version {}", version);
  if (LoadBig<uint32_t>(bytes.data() + 2) != Crc32c(bytes.substr(kCrcEnd)))
    return MakeStatus(StatusCode::kDataLoss, "producer snapshot is corrupt: wrong CRC");
  const auto count = LoadBig<int32_t>(bytes.data() + kCrcEnd);
  if (count < 0 || bytes.size() - kHeaderBytes != static_cast<size_t>(count) * kEntryBytes)
    return MakeStatus(StatusCode::kDataLoss, "producer snapshot has {} bytes for {} producers", bytes.size(),
                      count);
  const char* at = bytes.data() + kHeaderBytes;
  for (int32_t i = 0; i < count; ++i, at += kEntryBytes) {
    ProducerEntry entry;
    const ProducerId id(LoadBig<int64_t>(at));
    entry.epoch = ProducerEpoch(LoadBig<int16_t>(at + 8));
    entry.last_timestamp_ms = LoadBig<int64_t>(at + 26);
    entry.coordinator_epoch = LoadBig<int32_t>(at + 34);
    entry.current_transaction_first_offset = Offset(LoadBig<int64_t>(at + 38));
    const Offset last_offset(LoadBig<int64_t>(at + 14));
    if (last_offset.value() >= 0) {
      entry.batches[0] = {LoadBig<int32_t>(at + 10), last_offset, LoadBig<int32_t>(at + 22),
                          entry.last_timestamp_ms};
      entry.batch_count = 1;
    }
    into.Insert(id, entry);
  }
  return OkStatus();
}

}  // namespace dohle::storage
