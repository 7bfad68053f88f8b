#include "operator/runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace dohle::runtime {
namespace {

using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,  0.5,    1,     2.5,  5,     10,   30};

// Collects what one source writes.
class FamilyCollector : public MetricSink {
 public:
  explicit FamilyCollector(std::vector<prometheus::MetricFamily>* families) : families_(families) {}

  void Gauge(std::string_view name, std::string_view help) override {
    Begin(name, help, prometheus::MetricType::Gauge);
  }
  void Counter(std::string_view name, std::string_view help) override {
    Begin(name, help, prometheus::MetricType::Counter);
  }
  void Sample(const MetricLabels& labels, double value) override {
    prometheus::MetricFamily& family = families_->back();
    prometheus::ClientMetric metric;
    metric.label.reserve(labels.size());
    for (const auto& [key, text] : labels) metric.label.push_back({std::string(key), std::string(text)});
    metric.gauge.value = value;
    metric.counter.value = value;
    family.metric.push_back(std::move(metric));
  }

 private:
  void Begin(std::string_view name, std::string_view help, prometheus::MetricType type) {
    prometheus::MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_->push_back(std::move(family));
  }

  std::vector<prometheus::MetricFamily>* families_;
};

template <typename Builder>
auto& Family(prometheus::Registry& registry, Builder builder, const char* name, const char* help) {
  return builder.Name(name).Help(help).Register(registry);
}

}  // namespace

struct OperatorMetrics::Parts {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& reconciliations =
      Family(registry, prometheus::BuildCounter(), "dohle_operator_reconciliations_total",
             "Reconciliations that ended, by controller and result.");
  prometheus::Family<Histogram>& reconcile_seconds =
      Family(registry, prometheus::BuildHistogram(), "dohle_operator_reconciliation_duration_seconds",
             "How long a reconciliation took.");
  prometheus::Family<prometheus::Counter>& api_requests =
      Family(registry, prometheus::BuildCounter(), "dohle_operator_api_requests_total",
             "Requests to the Kubernetes API, by verb, resource and result.");
  prometheus::Family<Histogram>& api_seconds =
      Family(registry, prometheus::BuildHistogram(), "dohle_operator_api_request_duration_seconds",
             "How long the Kubernetes API took to answer.");
  prometheus::Family<prometheus::Counter>& events =
      Family(registry, prometheus::BuildCounter(), "dohle_operator_events_total",
             "Events that were recorded on resources, by reason.");
  std::vector<MetricSource> sources;
};

OperatorMetrics::OperatorMetrics() : parts_(std::make_unique<Parts>()) {}
OperatorMetrics::~OperatorMetrics() = default;

void OperatorMetrics::Reconciled(const std::string& controller, const Status& result, absl::Duration took) {
  const std::string code = result.ok() ? "ok" : absl::StatusCodeToString(result.code());
  parts_->reconciliations.Add({{"controller", controller}, {"result", code}}).Increment();
  parts_->reconcile_seconds.Add({{"controller", controller}}, kSeconds).Observe(absl::ToDoubleSeconds(took));
}

void OperatorMetrics::ApiRequest(std::string_view verb, std::string_view resource, std::string_view code,
                                 absl::Duration took) {
  const std::string verb_text(verb);
  const std::string resource_text(resource);
  parts_->api_requests.Add({{"verb", verb_text}, {"resource", resource_text}, {"code", std::string(code)}})
      .Increment();
  parts_->api_seconds.Add({{"verb", verb_text}}, kSeconds).Observe(absl::ToDoubleSeconds(took));
}

void OperatorMetrics::EventRecorded(std::string_view reason) {
  parts_->events.Add({{"reason", std::string(reason)}}).Increment();
}

void OperatorMetrics::AddSource(MetricSource source) { parts_->sources.push_back(std::move(source)); }

std::string OperatorMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families = parts_->registry.Collect();
  FamilyCollector collector(&families);
  for (const MetricSource& source : parts_->sources) source(collector);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace dohle::runtime
