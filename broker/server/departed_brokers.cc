#include "broker/server/departed_brokers.h"

#include <memory>
#include <utility>

#include "broker/metadata/delta.h"

namespace dohle::server {
namespace {

bool Serves(const metadata::MetadataImage& image, NodeId broker) {
  const metadata::BrokerRegistration* registration = image.cluster.Broker(broker);
  return registration != nullptr && !registration->fenced;
}

}  // namespace

bool DepartedBrokers::JustLeft(NodeId broker) const {
  const auto fenced_at = fenced_at_.Current();
  const auto it = fenced_at->find(broker);
  return it != fenced_at->end() && clock_.Now() - it->second < linger_;
}

void DepartedBrokers::Note(const metadata::MetadataUpdate& update) {
  if (update.changes.brokers.empty() && !update.changes.everything) return;
  const env::MonotonicTime now = clock_.Now();
  auto fenced_at = std::make_shared<std::map<NodeId, env::MonotonicTime>>(*fenced_at_.Current());
  for (const auto& [id, registration] : update.after->cluster.brokers) {
    if (registration.fenced && Serves(*update.before, id)) fenced_at->insert_or_assign(id, now);
  }
  std::erase_if(*fenced_at, [&](const auto& departed) {
    const metadata::BrokerRegistration* there = update.after->cluster.Broker(departed.first);
    return there == nullptr || !there->fenced || now - departed.second >= linger_;
  });
  fenced_at_.Set(std::move(fenced_at));
}

}  // namespace dohle::server
