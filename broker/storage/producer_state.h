// What a log knows of its producers (KIP-98): the last batches of each, to refuse duplicates and gaps, and
// the transactions that are open. Pure state: the log feeds it every batch that it appends or replays.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "broker/storage/batch_header.h"
#include "broker/storage/log.h"
#include "lib/base/ids.h"

namespace dohle::storage {

struct ProducerBatch {
  int32_t last_sequence = -1;
  Offset last_offset{-1};
  int32_t offset_delta = 0;
  int64_t timestamp_ms = -1;

  Offset first_offset() const { return last_offset - offset_delta; }
  int32_t first_sequence() const;  // sequences wrap
};

// As the snapshot file has it, plus the batches before the last.
struct ProducerEntry {
  static constexpr size_t kRetainedBatches = 5;

  ProducerEpoch epoch{-1};
  int32_t coordinator_epoch = -1;
  int64_t last_timestamp_ms = -1;
  Offset current_transaction_first_offset{-1};  // -1: none is open
  std::array<ProducerBatch, kRetainedBatches> batches;
  uint8_t batch_count = 0;
  // Out of a snapshot, which holds the last batch alone: those before it were here, but are forgotten.
  bool batches_forgotten = false;

  const ProducerBatch* last_batch() const { return batch_count == 0 ? nullptr : &batches[batch_count - 1]; }
  int32_t last_sequence() const { return batch_count == 0 ? -1 : last_batch()->last_sequence; }
  bool in_transaction() const { return current_transaction_first_offset.value() >= 0; }
};

// One line of DescribeProducers.
struct ProducerDescription {
  ProducerId producer_id;
  ProducerEpoch epoch;
  int32_t last_sequence = -1;
  int64_t last_timestamp_ms = -1;
  int32_t coordinator_epoch = -1;
  Offset current_transaction_first_offset{-1};
};

// The value of a transaction marker (control record type 0 abort, 1 commit).
struct EndTransactionMarker {
  bool abort = false;
  int32_t coordinator_epoch = 0;
  int64_t timestamp_ms = -1;
};
// Of an uncompressed control batch with a header. Nothing if it is no transaction marker (or malformed).
std::optional<EndTransactionMarker> ParseEndTransactionMarker(std::string_view batch);

struct CompletedTransaction {
  ProducerId producer_id;
  Offset first_offset;
  Offset last_offset;  // of the marker
  bool aborted = false;
  Offset last_stable_offset;
};

class ProducerStates {
 public:
  struct Verdict {
    AppendRejection rejection = AppendRejection::kNone;
    std::string reason;
    std::optional<ProducerBatch> duplicate;
    // It was appended before this offset, where exactly is forgotten: a repetition, too.
    std::optional<Offset> appended_before;
  };

  // Would this batch be taken? `marker` of a control batch. Changes nothing.
  Verdict Check(const BatchHeader& batch, const std::optional<EndTransactionMarker>& marker,
                AppendOrigin origin) const;
  // The batch is in the log, with its final offsets. What it completed, if anything.
  std::optional<CompletedTransaction> Apply(const BatchHeader& batch,
                                            const std::optional<EndTransactionMarker>& marker);

  std::optional<Offset> first_unstable_offset() const;
  void OnHighWatermark(Offset high_watermark);
  bool HasOngoingTransaction(ProducerId producer_id, ProducerEpoch epoch) const;
  std::vector<ProducerDescription> Describe() const;
  // Forgets idle producers without an open transaction.
  void RemoveExpired(int64_t now_ms, int64_t expiration_ms);

  void Insert(ProducerId producer_id, const ProducerEntry& entry);  // out of a snapshot
  void Clear();
  const absl::flat_hash_map<ProducerId, ProducerEntry>& producers() const { return producers_; }
  // Everything below has been applied.
  Offset end_offset() const { return end_offset_; }
  void set_end_offset(Offset offset) { end_offset_ = offset; }

 private:
  struct Transaction {
    ProducerId producer_id;
    Offset last_offset{-1};  // -1: open
  };
  AppendRejection CheckSequence(const ProducerEntry* entry, const BatchHeader& batch,
                                std::string& reason) const;
  CompletedTransaction Complete(ProducerId producer_id, Offset first_offset, Offset last_offset,
                                bool aborted);

  absl::flat_hash_map<ProducerId, ProducerEntry> producers_;
  std::map<Offset, Transaction> ongoing_;       // by first offset
  std::map<Offset, Transaction> unreplicated_;  // finished, the marker not yet below the high watermark
  Offset end_offset_{0};
};

// `.snapshot`: version 1, CRC, entries. kDataLoss if it is corrupt.
std::string EncodeProducerSnapshot(const absl::flat_hash_map<ProducerId, ProducerEntry>& producers);
Status LoadProducerSnapshot(std::string_view bytes, ProducerStates& into);

}  // namespace dohle::storage
