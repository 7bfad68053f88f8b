// Where logs note how long they take to reach the disk (Kafka's LogFlushStats). Copies note into the same.
// Any thread.
#pragma once

#include <utility>

#include "lib/base/metrics.h"
#include "lib/base/status.h"
#include "lib/env/clock.h"

namespace dohle::storage {

struct FlushTimes {
  const env::Clock* clock = nullptr;  // null: nobody measures
  metrics::Histogram time_us;

  // Runs `sync`, which answers a Status, and notes how long it took.
  template <typename Sync>
  Status Measure(Sync sync) const {
    if (clock == nullptr) return sync();
    const env::MonotonicTime began = clock->Now();
    Status synced = sync();
    time_us.Record((clock->Now().nanoseconds() - began.nanoseconds()) / 1000);
    return synced;
  }
};

}  // namespace dohle::storage
