// The operator's own metrics, kept by prometheus-cpp; this is its adapter.
//
// Counters and histograms are counted as things happen; what describes the world (lag, partitions,
// conditions) is asked of sources when somebody scrapes, and written as it comes: of thousands of topics
// prometheus-cpp's objects would take several times the memory of the text. One executor. docs/metrics.md
// lists the names.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/status.h"

namespace dohle::runtime {

using MetricLabels = std::vector<std::pair<std::string_view, std::string_view>>;

// What a source writes into, family by family; each family from one source only.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void Gauge(std::string_view name, std::string_view help) = 0;
  virtual void Counter(std::string_view name, std::string_view help) = 0;
  // Of the family begun last.
  virtual void Sample(const MetricLabels& labels, double value) = 0;
};
using MetricSource = std::function<void(MetricSink&)>;

class OperatorMetrics {
 public:
  OperatorMetrics();
  ~OperatorMetrics();

  void Reconciled(const std::string& controller, const Status& result, absl::Duration took);
  // `code`: "ok" or the status' name.
  void ApiRequest(std::string_view verb, std::string_view resource, std::string_view code,
                  absl::Duration took);
  void EventRecorded(std::string_view reason);

  // Called at each scrape, in the order added.
  void AddSource(MetricSource source);
  // Prometheus text format 0.0.4.
  std::string Collect() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dohle::runtime
