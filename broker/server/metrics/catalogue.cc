#include "broker/server/metrics/catalogue.h"

#include <algorithm>

#include "lib/base/check.h"

namespace dohle::server {
namespace {

using enum MetricType;

constexpr MetricInfo kCatalogue[] = {
#include "broker/server/metrics/catalogue.inc"
};

}  // namespace

std::span<const MetricInfo> MetricCatalogue() { return kCatalogue; }

const MetricInfo& MetricNamed(std::string_view name) {
  const auto found =
      std::lower_bound(std::begin(kCatalogue), std::end(kCatalogue), name,
                       [](const MetricInfo& info, std::string_view wanted) { return info.name < wanted; });
  DOHLE_CHECK(found != std::end(kCatalogue) && found->name == name);
  return *found;
}

metrics::Counter AddCounter(metrics::Registry& registry, std::string_view name, metrics::Labels labels) {
  const MetricInfo& info = MetricNamed(name);
  DOHLE_CHECK(info.type == kCounter);
  return registry.AddCounter(name, info.help, std::move(labels));
}

metrics::Gauge AddGauge(metrics::Registry& registry, std::string_view name, metrics::Labels labels,
                        std::function<double()> read) {
  const MetricInfo& info = MetricNamed(name);
  DOHLE_CHECK(info.type == kGauge);
  return registry.AddGauge(name, info.help, std::move(labels), std::move(read));
}

metrics::Histogram AddQuantiles(metrics::Registry& registry, std::string_view name, metrics::Labels labels,
                                double scale) {
  const MetricInfo& info = MetricNamed(name);
  DOHLE_CHECK(info.type == kQuantiles);
  return registry.AddHistogram(name, info.help, std::move(labels), scale, metrics::HistogramForm::kQuantiles);
}

void BeginFamily(metrics::Exposition& out, std::string_view name) {
  const MetricInfo& info = MetricNamed(name);
  out.Family(name, info.help, info.type == kCounter ? metrics::Type::kCounter : metrics::Type::kGauge);
}

}  // namespace dohle::server
