// Writes a snapshot as the metrics of the catalogue. Pure; runs on a blocking-pool thread.
#pragma once

#include "broker/server/metrics/metrics_source.h"
#include "lib/base/metrics.h"

namespace dohle::server {

// Sorts the snapshot's rows by name on the way.
void WriteSnapshot(MetricsSnapshot& snapshot, metrics::Exposition& out);

}  // namespace dohle::server
