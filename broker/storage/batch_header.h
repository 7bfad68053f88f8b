// The header of a stored record batch as plain numbers: what the log keeps at hand while it indexes, checks
// and replays batches without touching records. kafka::RecordBatchView knows the format.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/storage/big_endian.h"
#include "lib/base/ids.h"
#include "lib/kafka/record_batch.h"

namespace dohle::storage {

inline constexpr size_t kBatchHeaderBytes = kafka::kBatchHeaderSize;
inline constexpr size_t kBatchOverheadBytes = kafka::kBatchPrefixSize;

struct BatchHeader {
  Offset base_offset;
  int32_t length = 0;
  LeaderEpoch leader_epoch;
  int8_t magic = 0;
  int16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp = 0;
  int64_t max_timestamp = 0;
  ProducerId producer_id;
  ProducerEpoch producer_epoch;
  int32_t base_sequence = 0;
  int32_t record_count = 0;

  int64_t size() const { return int64_t{length} + static_cast<int64_t>(kBatchOverheadBytes); }
  Offset last_offset() const { return base_offset + last_offset_delta; }
  Offset next_offset() const { return base_offset + last_offset_delta + 1; }
  int codec() const { return attributes & 7; }
  bool log_append_time() const { return (attributes & 8) != 0; }
  bool transactional() const { return (attributes & 16) != 0; }
  bool control() const { return (attributes & 32) != 0; }
  bool has_delete_horizon() const { return (attributes & 64) != 0; }  // KIP-534
  bool has_producer() const { return producer_id.value() >= 0; }
  // Sequences wrap from INT32_MAX to 0.
  int32_t last_sequence() const {
    return base_sequence < 0 ? -1 : kafka::AddToSequence(base_sequence, last_offset_delta);
  }
  // Whether this can be the header of a stored v2 batch at all. Says nothing about the content.
  bool plausible() const {
    return magic == kafka::kBatchMagic && size() >= static_cast<int64_t>(kBatchHeaderBytes) &&
           base_offset.value() >= 0 && last_offset_delta >= 0;
  }
};

// `bytes` has at least kBatchHeaderBytes.
inline BatchHeader DecodeBatchHeader(const char* bytes) {
  const kafka::RecordBatchView view(std::string_view(bytes, kBatchHeaderBytes));
  BatchHeader header;
  header.base_offset = view.base_offset();
  header.length = view.length();
  header.leader_epoch = view.partition_leader_epoch();
  header.magic = view.magic();
  header.attributes = view.attributes();
  header.last_offset_delta = view.last_offset_delta();
  header.base_timestamp = view.base_timestamp();
  header.max_timestamp = view.max_timestamp();
  header.producer_id = view.producer_id();
  header.producer_epoch = view.producer_epoch();
  header.base_sequence = view.base_sequence();
  header.record_count = view.record_count();
  return header;
}

// `batch` is whole.
inline bool BatchCrcMatches(std::string_view batch) { return kafka::RecordBatchView(batch).CrcMatches(); }

}  // namespace dohle::storage
