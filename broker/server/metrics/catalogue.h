// The names, types, labels and meanings of all metrics that a broker serves, as one table. Pure; any thread.
#pragma once

#include <span>
#include <string_view>

#include "lib/base/metrics.h"

namespace dohle::server {

enum class MetricType : uint8_t { kCounter, kGauge, kQuantiles };

struct MetricInfo {
  std::string_view name;
  MetricType type;
  std::string_view labels;  // comma-separated, without "quantile"
  std::string_view help;
};

std::span<const MetricInfo> MetricCatalogue();  // ordered by name
// DOHLE_CHECKs that there is such a metric: code names only what the table describes.
const MetricInfo& MetricNamed(std::string_view name);

// The registry's functions, with type and help from the catalogue. `scale`: see Registry::AddHistogram.
metrics::Counter AddCounter(metrics::Registry& registry, std::string_view name, metrics::Labels labels = {});
metrics::Gauge AddGauge(metrics::Registry& registry, std::string_view name, metrics::Labels labels,
                        std::function<double()> read);
metrics::Histogram AddQuantiles(metrics::Registry& registry, std::string_view name, metrics::Labels labels,
                                double scale);
// Begins a family of the catalogue in `out`.
void BeginFamily(metrics::Exposition& out, std::string_view name);

}  // namespace dohle::server
