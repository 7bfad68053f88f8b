// The cheapest walk over the records of an uncompressed batch that still refuses malformed bytes: what a
// produce request costs per record. Kafka walks too.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/storage/varint.h"

namespace dohle::storage {

struct WalkedRecord {
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  bool has_key = false;
};

// Calls `see(index, record)` for each of `count` records. Null if all was well, otherwise what was wrong.
template <typename See>
const char* WalkRecords(std::string_view payload, int32_t count, See see) {
  VarintReader all(payload);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t size = all.Varint();
    VarintReader record(all.Raw(size));
    WalkedRecord walked;
    record.Raw(1);  // attributes, unused
    walked.timestamp_delta = record.Varlong();
    walked.offset_delta = record.Varint();
    const int32_t key_size = record.Varint();
    walked.has_key = key_size >= 0;
    if (key_size > 0) record.Raw(key_size);
    const int32_t value_size = record.Varint();
    if (value_size > 0) record.Raw(value_size);
    const int32_t headers = record.Varint();
    for (int32_t h = 0; h < headers && record.ok(); ++h) {
      record.Raw(record.Varint());
      const int32_t header_value_size = record.Varint();
      if (header_value_size > 0) record.Raw(header_value_size);
    }
    if (!all.ok() || !record.ok() || headers < 0) [[unlikely]]
      return "malformed record";
    if (!record.empty()) [[unlikely]]
      return "record is longer than its content";
    see(i, walked);
  }
  return all.empty() ? nullptr : "bytes behind the last record";
}

}  // namespace dohle::storage
