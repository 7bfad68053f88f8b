// For tests of this folder: makes record batches of format v2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/batch_header.h"

namespace dohle::storage::testing {

inline void AppendVarint(std::string& to, int64_t value) {
  auto bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (bits >= 0x80) {
    to.push_back(static_cast<char>(bits | 0x80));
    bits >>= 7;
  }
  to.push_back(static_cast<char>(bits));
}

struct TestRecord {
  std::string key;  // empty: null
  std::string value;
  bool null_value = false;
  int64_t timestamp_ms = 1000;
  int32_t offset_delta = -1;  // -1: as it comes
};

struct TestBatch {
  Offset base_offset{0};
  LeaderEpoch leader_epoch{0};
  int16_t attributes = 0;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch{-1};
  int32_t base_sequence = -1;
  std::vector<TestRecord> records;
};

inline std::string EncodeRecords(const TestBatch& batch) {
  const int64_t base_timestamp = batch.records.empty() ? 0 : batch.records.front().timestamp_ms;
  std::string bytes;
  int32_t delta = 0;
  for (const TestRecord& record : batch.records) {
    std::string body(1, '\0');
    AppendVarint(body, record.timestamp_ms - base_timestamp);
    AppendVarint(body, record.offset_delta >= 0 ? record.offset_delta : delta);
    ++delta;
    AppendVarint(body, record.key.empty() ? -1 : static_cast<int64_t>(record.key.size()));
    body += record.key;
    AppendVarint(body, record.null_value ? -1 : static_cast<int64_t>(record.value.size()));
    if (!record.null_value) body += record.value;
    AppendVarint(body, 0);
    AppendVarint(bytes, static_cast<int64_t>(body.size()));
    bytes += body;
  }
  return bytes;
}

// `records`: encoded, compressed if the attributes say so.
inline std::string Assemble(const TestBatch& batch, std::string_view records) {
  int64_t max_timestamp = -1;
  for (const TestRecord& record : batch.records) max_timestamp = std::max(max_timestamp, record.timestamp_ms);
  std::string bytes;
  AppendBig<int64_t>(bytes, batch.base_offset.value());
  AppendBig<int32_t>(bytes, static_cast<int32_t>(kBatchHeaderBytes - kBatchOverheadBytes + records.size()));
  AppendBig<int32_t>(bytes, batch.leader_epoch.value());
  bytes.push_back(2);
  AppendBig<uint32_t>(bytes, 0);
  AppendBig<int16_t>(bytes, batch.attributes);
  const auto count = static_cast<int32_t>(batch.records.size());
  const int32_t last_delta =
      count > 0 && batch.records.back().offset_delta >= 0 ? batch.records.back().offset_delta : count - 1;
  AppendBig<int32_t>(bytes, last_delta);
  AppendBig<int64_t>(bytes, batch.records.empty() ? 0 : batch.records.front().timestamp_ms);
  AppendBig<int64_t>(bytes, max_timestamp);
  AppendBig<int64_t>(bytes, batch.producer_id.value());
  AppendBig<int16_t>(bytes, batch.producer_epoch.value());
  AppendBig<int32_t>(bytes, batch.base_sequence);
  AppendBig<int32_t>(bytes, count);
  bytes += records;
  StoreBig<uint32_t>(bytes.data() + 17, kafka::RecordBatchView(bytes).ComputeCrc());
  return bytes;
}

inline std::string Encode(const TestBatch& batch) { return Assemble(batch, EncodeRecords(batch)); }

// `count` records of `bytes` bytes each, without keys.
inline std::string SimpleBatch(int count, int64_t timestamp_ms = 1000, size_t bytes = 10, char fill = 'v') {
  TestBatch batch;
  for (int i = 0; i < count; ++i)
    batch.records.push_back({.value = std::string(bytes, fill), .timestamp_ms = timestamp_ms + i});
  return Encode(batch);
}

inline std::string ProducerBatchOf(int64_t id, int16_t epoch, int32_t sequence, int count,
                                   bool transactional = false) {
  TestBatch batch;
  batch.producer_id = ProducerId(id);
  batch.producer_epoch = ProducerEpoch(epoch);
  batch.base_sequence = sequence;
  if (transactional) batch.attributes = 16;
  for (int i = 0; i < count; ++i) batch.records.push_back({.value = "v"});
  return Encode(batch);
}

inline std::string MarkerBatch(int64_t id, int16_t epoch, bool abort, int32_t coordinator_epoch = 0) {
  TestBatch batch;
  batch.producer_id = ProducerId(id);
  batch.producer_epoch = ProducerEpoch(epoch);
  batch.attributes = 16 | 32;
  std::string key;
  AppendBig<int16_t>(key, 0);
  AppendBig<int16_t>(key, abort ? 0 : 1);
  std::string value;
  AppendBig<int16_t>(value, 0);
  AppendBig<int32_t>(value, coordinator_epoch);
  batch.records.push_back({.key = key, .value = value});
  return Encode(batch);
}

}  // namespace dohle::storage::testing
