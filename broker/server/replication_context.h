// What the replicas need of the rest of the broker to be replicated.
#pragma once

#include "broker/metadata/publisher.h"
#include "broker/replica/replication_context.h"

namespace dohle::env {
struct Env;
}
namespace dohle::server {

struct BrokerConfig;
struct ServerMetrics;

// All outlive the context, and `isr_updates` (null: the ISRs change by the metadata only) too.
replica::ReplicationContext MakeReplicationContext(env::Env& env, const BrokerConfig& config,
                                                   const metadata::MetadataCache& metadata,
                                                   const ServerMetrics& metrics,
                                                   replica::IsrUpdates* isr_updates = nullptr);

}  // namespace dohle::server
