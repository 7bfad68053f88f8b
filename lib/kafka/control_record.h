// Control records: what Kafka writes into a log for itself. Their batches have the control bit.
//
// The key is int16 version (0), int16 type. The value of a transaction marker (abort, commit) is EndTxnMarker
// behind its int16 version; that of the quorum's records (KIP-595, KIP-630, KIP-853) is the message alone,
// which holds its version itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::kafka {

enum class ControlRecordType : int16_t {
  kAbort = 0,
  kCommit = 1,
  kLeaderChange = 2,
  kSnapshotHeader = 3,
  kSnapshotFooter = 4,
  kKraftVersion = 5,
  kKraftVoters = 6,
};

std::string ControlRecordKey(ControlRecordType type);
// kInvalidArgument if too short, kUnimplemented for a type that we don't know (to be skipped).
absl::StatusOr<ControlRecordType> ParseControlRecordKey(std::string_view key);

// The marker that ends a producer's transaction in a partition. `options` name producer, epoch and offsets.
std::string EndTransactionBatch(BatchOptions options, bool commit, int32_t coordinator_epoch,
                                int64_t timestamp_ms);
// The coordinator epoch in the value of a transaction marker.
absl::StatusOr<int32_t> ParseEndTransactionValue(std::string_view value);

}  // namespace dohle::kafka
