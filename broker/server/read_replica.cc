#include "broker/server/read_replica.h"

#include <tuple>

#include "broker/server/metadata_lookup.h"

namespace dohle::server {

NodeId ChooseReadReplica(const metadata::ClusterImage& cluster, std::string_view rack,
                         std::string_view listener, const std::vector<replica::ReadReplica>& replicas) {
  if (replicas.empty()) return kNoNode;
  const NodeId leader = replicas.front().id;
  const auto rank = [](const replica::ReadReplica& one) {
    return std::tuple(one.log_end_offset, -one.behind_ms, one.id);
  };
  const replica::ReadReplica* best = nullptr;
  for (const replica::ReadReplica& one : replicas) {
    const metadata::BrokerRegistration* broker = cluster.Broker(one.id);
    if (broker == nullptr || broker->fenced || broker->rack != rack) continue;
    if (EndpointFor(*broker, listener) == nullptr) continue;
    if (one.id == leader) return leader;
    if (best == nullptr || rank(one) > rank(*best)) best = &one;
  }
  return best == nullptr ? leader : best->id;
}

}  // namespace dohle::server
