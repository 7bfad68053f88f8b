// One scrape: asks the source slice by slice, yielding in between, and writes the text on an I/O thread; no
// event loop is held up. Any executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/server/metrics/metrics_source.h"
#include "lib/base/metrics.h"
#include "lib/env/env.h"

namespace dohle::server {

class MetricsScraper {
 public:
  // All outlive this, and this outlives the environment's Stop.
  MetricsScraper(env::Env& env, metrics::Registry& registry, MetricsSource& source);

  // The whole text of /metrics.
  env::Task<std::string> Scrape();

 private:
  env::Task<MetricsSnapshot> Collect();
  std::string Write(MetricsSnapshot& snapshot, env::MonotonicTime started);

  env::Env& env_;
  metrics::Registry& registry_;
  MetricsSource& source_;
};

}  // namespace dohle::server
