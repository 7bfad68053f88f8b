#include "broker/storage/cleaned_transactions.h"

#include <algorithm>
#include <utility>

namespace dohle::storage {

CleanedTransactions::CleanedTransactions(std::vector<AbortedTransactionEntry> aborted)
    : aborted_(std::move(aborted)) {
  std::sort(aborted_.begin(), aborted_.end(),
            [](const auto& a, const auto& b) { return a.first_offset > b.first_offset; });
}

void CleanedTransactions::BeginUpTo(Offset offset) {
  while (!aborted_.empty() && aborted_.back().first_offset <= offset) {
    ongoing_aborted_.try_emplace(aborted_.back().producer_id, Aborted{aborted_.back()});
    aborted_.pop_back();
  }
}

bool CleanedTransactions::OnBatch(const BatchHeader& header) {
  BeginUpTo(header.last_offset());
  if (!header.transactional()) return false;
  const auto found = ongoing_aborted_.find(header.producer_id);
  if (found == ongoing_aborted_.end()) {
    ongoing_committed_.insert(header.producer_id);
    return false;
  }
  found->second.has_batches = true;
  return true;
}

bool CleanedTransactions::OnControlBatch(const BatchHeader& header,
                                         const std::optional<EndTransactionMarker>& marker) {
  BeginUpTo(header.last_offset());
  // An empty one has been cleaned before.
  if (header.record_count == 0) return true;
  if (!marker) return false;
  if (!marker->abort) return ongoing_committed_.erase(header.producer_id) == 0;
  const auto found = ongoing_aborted_.find(header.producer_id);
  if (found == ongoing_aborted_.end()) return true;
  const bool has_batches = found->second.has_batches;
  if (has_batches) retained_.push_back(found->second.entry);
  ongoing_aborted_.erase(found);
  return !has_batches;
}

}  // namespace dohle::storage
