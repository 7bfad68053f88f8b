#include "broker/storage/producer_state.h"

#include <fmt/format.h>

#include <algorithm>

namespace dohle::storage {
namespace {

bool InSequence(int32_t last, int32_t next) {
  return int64_t{next} == int64_t{last} + 1 || (next == 0 && last == INT32_MAX);
}

void AddBatch(ProducerEntry& entry, const ProducerBatch& batch) {
  if (entry.batch_count == ProducerEntry::kRetainedBatches) {
    std::move(entry.batches.begin() + 1, entry.batches.end(), entry.batches.begin());
    --entry.batch_count;
    // The window is as full as a producer may rely on.
    entry.batches_forgotten = false;
  }
  entry.batches[entry.batch_count++] = batch;
}

void SetEpoch(ProducerEntry& entry, ProducerEpoch epoch) {
  if (entry.epoch == epoch) return;
  entry.epoch = epoch;
  entry.batch_count = 0;
  entry.batches_forgotten = false;
}

// Whether a batch that ends with `last_sequence` comes before one that begins with `first_sequence`, both
// being of the last few of a producer: sequences wrap.
bool Precedes(int32_t last_sequence, int32_t first_sequence) {
  constexpr uint32_t kHalf = uint32_t{1} << 30;
  const uint32_t distance =
      (static_cast<uint32_t>(first_sequence) - static_cast<uint32_t>(last_sequence)) & INT32_MAX;
  return distance > 0 && distance < kHalf;
}

}  // namespace

int32_t ProducerBatch::first_sequence() const {
  const int64_t first = int64_t{last_sequence} - offset_delta;
  return static_cast<int32_t>(first < 0 ? first + int64_t{INT32_MAX} + 1 : first);
}

AppendRejection ProducerStates::CheckSequence(const ProducerEntry* entry, const BatchHeader& batch,
                                              std::string& reason) const {
  // Nothing known (expired, or its records are deleted): any sequence is taken.
  if (entry == nullptr || entry->epoch.value() < 0) return AppendRejection::kNone;
  if (batch.producer_epoch != entry->epoch) {
    if (batch.base_sequence == 0) return AppendRejection::kNone;
    reason = fmt::format(
        "Invalid sequence number for new epoch of producer {}: {} (request epoch), {} (seq. number), "
        "{} (current producer epoch)",
        batch.producer_id.value(), batch.producer_epoch.value(), batch.base_sequence, entry->epoch.value());
    return AppendRejection::kOutOfOrderSequenceNumber;
  }
  if (InSequence(entry->last_sequence(), batch.base_sequence)) return AppendRejection::kNone;
  reason = fmt::format(
      "Out of order sequence number for producer {}: {} (incoming seq. number), {} (current end "
      "sequence number)",
      batch.producer_id.value(), batch.base_sequence, entry->last_sequence());
  return AppendRejection::kOutOfOrderSequenceNumber;
}

ProducerStates::Verdict ProducerStates::Check(const BatchHeader& batch,
                                              const std::optional<EndTransactionMarker>& marker,
                                              AppendOrigin origin) const {
  Verdict verdict;
  if (!batch.has_producer() || origin == AppendOrigin::kRaftLeader) return verdict;
  const auto found = producers_.find(batch.producer_id);
  const ProducerEntry* entry = found == producers_.end() ? nullptr : &found->second;
  if (entry != nullptr && origin == AppendOrigin::kClient && batch.producer_epoch == entry->epoch) {
    for (size_t i = 0; i < entry->batch_count; ++i) {
      const ProducerBatch& old = entry->batches[i];
      if (old.first_sequence() == batch.base_sequence && old.last_sequence == batch.last_sequence()) {
        verdict.duplicate = old;
        return verdict;
      }
    }
    // Batches of one epoch are appended in order only, so what comes before the oldest that is known was
    // here.
    if (entry->batches_forgotten && entry->batch_count > 0 && batch.base_sequence >= 0 &&
        Precedes(batch.last_sequence(), entry->batches[0].first_sequence())) {
      verdict.appended_before = entry->batches[0].first_offset();
      return verdict;
    }
  }
  if (entry != nullptr && batch.producer_epoch < entry->epoch) {
    verdict.rejection = AppendRejection::kInvalidProducerEpoch;
    verdict.reason =
        fmt::format("Epoch of producer {} is {}, which is smaller than the last seen epoch {}",
                    batch.producer_id.value(), batch.producer_epoch.value(), entry->epoch.value());
    return verdict;
  }
  if (batch.control()) {
    if (marker && entry != nullptr && entry->coordinator_epoch > marker->coordinator_epoch) {
      verdict.rejection = AppendRejection::kTransactionCoordinatorFenced;
      verdict.reason =
          fmt::format("Invalid coordinator epoch for producerId {}: {} (zombie), {} (current)",
                      batch.producer_id.value(), marker->coordinator_epoch, entry->coordinator_epoch);
    }
    return verdict;
  }
  if (origin == AppendOrigin::kClient) verdict.rejection = CheckSequence(entry, batch, verdict.reason);
  if (verdict.rejection == AppendRejection::kNone && entry != nullptr && entry->in_transaction() &&
      !batch.transactional()) {
    verdict.rejection = AppendRejection::kInvalidTxnState;
    verdict.reason = fmt::format("Expected transactional write from producer {}", batch.producer_id.value());
  }
  return verdict;
}

std::optional<CompletedTransaction> ProducerStates::Apply(const BatchHeader& batch,
                                                          const std::optional<EndTransactionMarker>& marker) {
  end_offset_ = batch.next_offset();
  if (!batch.has_producer()) return std::nullopt;
  if (!batch.control()) {
    ProducerEntry& entry = producers_[batch.producer_id];
    SetEpoch(entry, batch.producer_epoch);
    AddBatch(entry,
             {batch.last_sequence(), batch.last_offset(), batch.last_offset_delta, batch.max_timestamp});
    entry.last_timestamp_ms = batch.max_timestamp;
    if (batch.transactional() && !entry.in_transaction()) {
      entry.current_transaction_first_offset = batch.base_offset;
      ongoing_.emplace(batch.base_offset, Transaction{batch.producer_id});
    }
    return std::nullopt;
  }
  if (!marker) return std::nullopt;  // an emptied batch of a compacted log, or no transaction's
  ProducerEntry& entry = producers_[batch.producer_id];
  const Offset first = entry.current_transaction_first_offset;
  SetEpoch(entry, batch.producer_epoch);
  entry.coordinator_epoch = marker->coordinator_epoch;
  entry.last_timestamp_ms = marker->timestamp_ms;
  entry.current_transaction_first_offset = kNoOffset;
  // A marker without records changes no last stable offset.
  if (first.value() < 0) return std::nullopt;
  return Complete(batch.producer_id, first, batch.base_offset, marker->abort);
}

CompletedTransaction ProducerStates::Complete(ProducerId producer_id, Offset first_offset, Offset last_offset,
                                              bool aborted) {
  CompletedTransaction completed{producer_id, first_offset, last_offset, aborted, last_offset + 1};
  for (const auto& [first, transaction] : ongoing_) {
    if (transaction.producer_id == producer_id) continue;
    completed.last_stable_offset = first;
    break;
  }
  ongoing_.erase(first_offset);
  unreplicated_[first_offset] = Transaction{producer_id, last_offset};
  return completed;
}

std::optional<Offset> ProducerStates::first_unstable_offset() const {
  std::optional<Offset> first;
  if (!ongoing_.empty()) first = ongoing_.begin()->first;
  if (!unreplicated_.empty() && (!first || unreplicated_.begin()->first < *first))
    first = unreplicated_.begin()->first;
  return first;
}

void ProducerStates::OnHighWatermark(Offset high_watermark) {
  if (unreplicated_.empty()) return;
  std::erase_if(unreplicated_, [&](const auto& entry) { return entry.second.last_offset < high_watermark; });
}

bool ProducerStates::HasOngoingTransaction(ProducerId producer_id, ProducerEpoch epoch) const {
  const auto found = producers_.find(producer_id);
  return found != producers_.end() && found->second.in_transaction() && found->second.epoch == epoch;
}

std::vector<ProducerDescription> ProducerStates::Describe() const {
  std::vector<ProducerDescription> descriptions;
  descriptions.reserve(producers_.size());
  for (const auto& [id, entry] : producers_) {
    descriptions.push_back({id, entry.epoch, entry.last_sequence(), entry.last_timestamp_ms,
                            entry.coordinator_epoch, entry.current_transaction_first_offset});
  }
  std::sort(descriptions.begin(), descriptions.end(),
            [](const auto& a, const auto& b) { return a.producer_id < b.producer_id; });
  return descriptions;
}

void ProducerStates::RemoveExpired(int64_t now_ms, int64_t expiration_ms) {
  absl::erase_if(producers_, [&](const auto& entry) {
    return !entry.second.in_transaction() && now_ms - entry.second.last_timestamp_ms >= expiration_ms;
  });
}

void ProducerStates::Insert(ProducerId producer_id, const ProducerEntry& entry) {
  producers_[producer_id] = entry;
  producers_[producer_id].batches_forgotten = true;
  if (entry.in_transaction())
    ongoing_.emplace(entry.current_transaction_first_offset, Transaction{producer_id});
}

void ProducerStates::Clear() {
  producers_.clear();
  ongoing_.clear();
  unreplicated_.clear();
}

}  // namespace dohle::storage
