// What the fetchers of replicas need of the rest of the broker.
#pragma once

#include <functional>
#include <string>

#include "broker/metadata/publisher.h"
#include "broker/replica/replica_fetchers.h"

namespace dohle::replica {
class ReplicaSet;
}

namespace dohle::server {

struct BrokerConfig;
struct ServerMetrics;

// Leaders are reached on `inter_broker_listener`, as the metadata says at that moment. `metadata` and
// `replicas` outlive the fetchers; `broker_epoch` is called from any thread.
replica::FetcherOptions MakeFetcherOptions(const BrokerConfig& config, std::string inter_broker_listener,
                                           const metadata::MetadataCache& metadata,
                                           std::function<BrokerEpoch()> broker_epoch,
                                           replica::ReplicaSet& replicas);
replica::FetcherCounters MakeFetcherCounters(const ServerMetrics& metrics);

}  // namespace dohle::server
