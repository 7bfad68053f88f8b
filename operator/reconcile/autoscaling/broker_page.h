// What a broker's metrics page says of its load as a whole, and how fast that goes. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dohle::reconcile::autoscaling {

// Counters since the broker began; nothing: not on the page.
struct BrokerTotals {
  std::optional<double> cpu_seconds;  // process_cpu_seconds_total
  std::optional<double> bytes_in;     // kafka_server_brokertopicmetrics_bytesin_total, of all topics
  std::optional<double> bytes_out;    // likewise
};

// Reads a page of Prometheus' text format 0.0.4 that comes piece by piece.
class BrokerPageReader {
 public:
  void Take(std::string_view piece);
  // Nothing more comes.
  BrokerTotals End();

 private:
  void TakeLine(std::string_view line);
  std::string line_;  // that isn't whole yet
  BrokerTotals totals_;
};

struct BrokerRates {
  std::optional<double> cpu;               // seconds of CPU a second
  std::optional<double> bytes_per_second;  // in and out
};

// Of several brokers, by a name.
class BrokerRateMeter {
 public:
  // Since the look before, if there was one and no counter has begun again since.
  BrokerRates Add(const std::string& broker, int64_t time_ms, const BrokerTotals& totals);
  void KeepOnly(const std::vector<std::string>& brokers);

 private:
  struct Look {
    int64_t time_ms;
    BrokerTotals totals;
  };
  std::map<std::string, Look> looks_;
};

}  // namespace dohle::reconcile::autoscaling
