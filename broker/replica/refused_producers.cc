#include "broker/replica/refused_producers.h"

#include <algorithm>
#include <utility>

namespace dohle::replica {
namespace {

constexpr int kMostBehind = 4;
constexpr size_t kMostProducers = 64;

}  // namespace

void RefusedProducers::Note(ProducerId producer, Status why) {
  Forget(producer);
  if (refused_.size() == kMostProducers) refused_.erase(refused_.begin());
  refused_.push_back({producer, std::move(why), kMostBehind});
}

void RefusedProducers::Forget(ProducerId producer) {
  std::erase_if(refused_, [producer](const Refused& one) { return one.producer == producer; });
}

Status RefusedProducers::TakeReason(ProducerId producer) {
  const auto found = std::find_if(refused_.begin(), refused_.end(),
                                  [producer](const Refused& one) { return one.producer == producer; });
  if (found == refused_.end()) return OkStatus();
  Status why = found->why;
  if (--found->left == 0) refused_.erase(found);
  return why;
}

}  // namespace dohle::replica
