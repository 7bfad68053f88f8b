// What the cleaner leaves of one batch. Pure. Kafka's Cleaner.cleanInto with MemoryRecords.filterTo: offsets,
// sequences and the codec stay; tombstones and markers get a delete horizon (KIP-534) when they are met first
// and go once that has passed; the last batch of a producer stays, without records if need be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "broker/storage/batch_header.h"
#include "broker/storage/cleaned_transactions.h"
#include "broker/storage/log_config.h"
#include "broker/storage/offset_map.h"
#include "lib/base/status.h"
#include "lib/kafka/record.h"

namespace dohle::storage {

// The last thing that the log knows of a producer that hasn't expired.
struct LastRecord {
  Offset last_data_offset{-1};  // -1: it ended with a marker
  ProducerEpoch epoch{-1};
};
using LastRecords = absl::flat_hash_map<ProducerId, LastRecord>;

// No batch that a broker takes grows larger when it is decompressed: what does is broken.
inline constexpr size_t kMaxDecompressedBytes = INT32_MAX;

class BatchCleaner {
 public:
  // All outlive the cleaner. `latest_offset`: what lies past it isn't in the map, and stays. `round_end`: the
  // batch that ends there stays, so that the log doesn't forget where it was.
  struct Round {
    const OffsetMap& map;
    Offset latest_offset;
    const LastRecords& last_records;
    const LogConfig& config;
    Offset round_end;
    int64_t now_ms;
  };
  BatchCleaner(const Round& round, CleanedTransactions& transactions)
      : round_(round), transactions_(transactions) {}

  // Appends what stays of `batch` (whole) to `out`: nothing, the batch as it is, or a new one over the same
  // offsets. kDataLoss if the batch is corrupt.
  Status Clean(std::string_view batch, std::string& out);

 private:
  struct Kept {
    int32_t records = 0;
    int32_t of = 0;
    bool tombstones = false;
  };
  bool Keeps(const BatchHeader& header, const kafka::Record& record) const;
  bool MustStay(const BatchHeader& header) const;
  StatusOr<Kept> Count(const BatchHeader& header, std::string_view batch) const;
  Status Rebuild(const BatchHeader& header, std::string_view batch, bool set_horizon, std::string& out) const;

  const Round round_;
  CleanedTransactions& transactions_;
};

}  // namespace dohle::storage
