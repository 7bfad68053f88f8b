#include "operator/runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "lib/base/metrics.h"

namespace dohle::runtime {
namespace {

using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,  0.5,    1,     2.5,  5,     10,   30};

// Writes what the sources tell.
class TextSink : public MetricSink {
 public:
  explicit TextSink(metrics::Exposition* text) : text_(text) {}

  void Gauge(std::string_view name, std::string_view help) override {
    text_->Family(name, help, metrics::Type::kGauge);
  }
  void Counter(std::string_view name, std::string_view help) override {
    text_->Family(name, help, metrics::Type::kCounter);
  }
  void Sample(const MetricLabels& labels, double value) override {
    labels_.clear();
    for (const auto& [name, text] : labels) labels_.emplace_back(name, text);
    text_->Sample(labels_, value);
  }

 private:
  metrics::Exposition* text_;
  metrics::Labels labels_;
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
  metrics::Exposition text;
  TextSink sink(&text);
  for (const MetricSource& source : parts_->sources) source(sink);
  return prometheus::TextSerializer().Serialize(parts_->registry.Collect()) + text.Take();
}

}  // namespace dohle::runtime
