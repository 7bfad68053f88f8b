#include "broker/server/replication_context.h"

#include "broker/server/config/broker_config.h"
#include "broker/server/metrics/server_metrics.h"
#include "lib/env/env.h"

namespace dohle::server {

replica::ReplicationContext MakeReplicationContext(env::Env& env, const BrokerConfig& config,
                                                   const metadata::MetadataCache& metadata,
                                                   const ServerMetrics& metrics,
                                                   replica::IsrUpdates* isr_updates) {
  replica::ReplicationContext context;
  context.isr_updates = isr_updates;
  context.executor = env.executors.front();
  context.clock = &env.clock;
  context.broker_state = [&metadata](NodeId id) {
    const metadata::ImagePtr image = metadata.Current();
    const metadata::BrokerRegistration* broker = image->cluster.Broker(id);
    if (broker == nullptr) return replica::BrokerState{};
    return replica::BrokerState{!broker->fenced, broker->in_controlled_shutdown, broker->epoch};
  };
  context.max_lag_ms = config.replication.replica_lag_time_max_ms;
  context.isr_expands = metrics.isr_expands;
  context.isr_shrinks = metrics.isr_shrinks;
  context.failed_isr_updates = metrics.failed_isr_updates;
  return context;
}

}  // namespace dohle::server
