#include "broker/server/suspected_brokers.h"

#include <algorithm>
#include <utility>

#include "broker/metadata/delta.h"

namespace dohle::server {

void SuspectedBrokers::Lost(NodeId broker) {
  const std::lock_guard<std::mutex> lock(mutex_);
  suspicions_.try_emplace(broker, Suspicion{clock_.Now(), {}});
  count_ = suspicions_.size();
}

void SuspectedBrokers::Heard(NodeId broker) {
  if (count_ != 0) Clear(broker);
}

void SuspectedBrokers::Clear(NodeId broker) {
  std::vector<std::shared_ptr<env::OneShot<bool>>> waiting;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = suspicions_.find(broker);
    if (it == suspicions_.end()) return;
    waiting = std::move(it->second.waiting);
    suspicions_.erase(it);
    count_ = suspicions_.size();
  }
  for (const auto& waiter : waiting) waiter->Set(true);
}

absl::Duration SuspectedBrokers::Left(NodeId broker) const {
  const auto it = suspicions_.find(broker);
  if (it == suspicions_.end()) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), patience_ - (clock_.Now() - it->second.since));
}

bool SuspectedBrokers::Suspects(NodeId broker) const {
  if (count_ == 0) [[likely]]
    return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  return Left(broker) > absl::ZeroDuration();
}

env::Task<void> SuspectedBrokers::AwaitVerdict(NodeId broker) {
  const auto verdict = std::make_shared<env::OneShot<bool>>();
  absl::Duration left;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    left = Left(broker);
    if (left > absl::ZeroDuration()) suspicions_.find(broker)->second.waiting.push_back(verdict);
  }
  if (left > absl::ZeroDuration()) co_await verdict->WaitFor(left);
}

void SuspectedBrokers::Note(const metadata::MetadataUpdate& update) {
  if (count_ == 0) return;
  std::vector<NodeId> decided;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [broker, suspicion] : suspicions_) {
      const metadata::BrokerRegistration* registration = update.after->cluster.Broker(broker);
      if (registration == nullptr || registration->fenced) decided.push_back(broker);
    }
  }
  for (const NodeId broker : decided) Clear(broker);
}

}  // namespace dohle::server
