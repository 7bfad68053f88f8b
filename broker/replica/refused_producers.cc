#include "broker/replica/refused_producers.h"

#include <algorithm>
#include <utility>

namespace dohle::replica {
namespace {

constexpr int kMostBehind = 4;
constexpr size_t kMostProducers = 64;

// Sequences wrap, and those of one producer that are under way are near each other.
bool Precedes(const ProducerSequence& one, const ProducerSequence& other) {
  constexpr uint32_t kHalf = uint32_t{1} << 30;
  const uint32_t distance =
      (static_cast<uint32_t>(other.base_sequence) - static_cast<uint32_t>(one.base_sequence)) & INT32_MAX;
  return one.epoch == other.epoch && distance > 0 && distance < kHalf;
}

}  // namespace

std::vector<RefusedProducers::Refused>::iterator RefusedProducers::Find(ProducerId producer) {
  return std::find_if(refused_.begin(), refused_.end(),
                      [producer](const Refused& one) { return one.first.producer == producer; });
}

void RefusedProducers::Note(const ProducerSequence& batch, Status why) {
  ProducerSequence first = batch;
  if (const auto found = Find(batch.producer); found != refused_.end()) {
    if (Precedes(found->first, batch)) first = found->first;
    refused_.erase(found);
  }
  if (refused_.size() == kMostProducers) refused_.erase(refused_.begin());
  refused_.push_back({first, std::move(why), kMostBehind});
}

void RefusedProducers::Forget(ProducerId producer) {
  if (const auto found = Find(producer); found != refused_.end()) refused_.erase(found);
}

Status RefusedProducers::TakeReason(ProducerId producer) {
  const auto found = Find(producer);
  if (found == refused_.end()) return OkStatus();
  Status why = found->why;
  if (--found->left == 0) refused_.erase(found);
  return why;
}

Status RefusedProducers::TakeReasonBefore(const ProducerSequence& batch) {
  const auto found = Find(batch.producer);
  if (found == refused_.end() || !Precedes(found->first, batch)) return OkStatus();
  return TakeReason(batch.producer);
}

}  // namespace dohle::replica
