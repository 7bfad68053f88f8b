// What partitions that lead need of the rest of the broker to be replicated. One per broker; outlives them.
#pragma once

#include <cstdint>
#include <functional>

#include "broker/replica/isr_updates.h"
#include "broker/replica/replication.h"
#include "lib/base/metrics.h"
#include "lib/env/clock.h"
#include "lib/env/executor.h"

namespace dohle::replica {

struct ReplicationContext {
  IsrUpdates* isr_updates = nullptr;  // null: ISRs change by the metadata only
  env::Executor* executor = nullptr;  // where proposals wait for their verdict; with isr_updates
  const env::Clock* clock = nullptr;
  std::function<BrokerState(NodeId)> broker_state;  // as of now; any thread, within lanes
  int64_t max_lag_ms = 30'000;                      // replica.lag.time.max.ms
  metrics::Counter isr_expands;
  metrics::Counter isr_shrinks;
  metrics::Counter failed_isr_updates;
};

}  // namespace dohle::replica
