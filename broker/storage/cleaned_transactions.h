// Which transactional batches the cleaner may drop, told batch by batch in the order of the log. Pure.
// Kafka's CleanedTransactionMetadata: the records of aborted transactions go, a marker goes once no batch of
// its transaction is left.
#pragma once

#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "broker/storage/batch_header.h"
#include "broker/storage/producer_state.h"
#include "broker/storage/transaction_index.h"

namespace dohle::storage {

class CleanedTransactions {
 public:
  // `aborted`: those whose marker lies at or after the first batch that will be told.
  explicit CleanedTransactions(std::vector<AbortedTransactionEntry> aborted);

  // A batch of records. True: it belongs to an aborted transaction.
  bool OnBatch(const BatchHeader& header);
  // A control batch; `marker` if it holds one. True: nothing needs it any more.
  bool OnControlBatch(const BatchHeader& header, const std::optional<EndTransactionMarker>& marker);

  // The aborted transactions whose marker was seen, and has to stay, since the last call.
  std::vector<AbortedTransactionEntry> TakeRetained() { return std::exchange(retained_, {}); }

 private:
  struct Aborted {
    AbortedTransactionEntry entry;
    bool has_batches = false;
  };
  void BeginUpTo(Offset offset);

  std::vector<AbortedTransactionEntry> aborted_;  // the next one last
  absl::flat_hash_map<ProducerId, Aborted> ongoing_aborted_;
  absl::flat_hash_set<ProducerId> ongoing_committed_;
  std::vector<AbortedTransactionEntry> retained_;
};

}  // namespace dohle::storage
