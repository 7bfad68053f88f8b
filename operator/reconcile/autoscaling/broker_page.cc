#include "operator/reconcile/autoscaling/broker_page.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"

namespace dohle::reconcile::autoscaling {
namespace {

constexpr size_t kMostBytesOfLine = 4096;  // lines that are looked at are short

std::optional<double> ValueOf(std::string_view line, std::string_view name) {
  if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') return std::nullopt;
  line.remove_prefix(name.size() + 1);
  line = line.substr(0, line.find_first_of(" \r"));
  double value = 0;
  if (!absl::SimpleAtod(std::string(line), &value) || !std::isfinite(value) || value < 0) return std::nullopt;
  return value;
}

std::optional<double> Rate(std::optional<double> before, std::optional<double> now, double seconds) {
  if (!before || !now || *now < *before) return std::nullopt;
  return (*now - *before) / seconds;
}

}  // namespace

void BrokerPageReader::TakeLine(std::string_view line) {
  if (const auto v = ValueOf(line, "process_cpu_seconds_total")) totals_.cpu_seconds = v;
  if (const auto v = ValueOf(line, "kafka_server_brokertopicmetrics_bytesin_total")) totals_.bytes_in = v;
  if (const auto v = ValueOf(line, "kafka_server_brokertopicmetrics_bytesout_total")) totals_.bytes_out = v;
}

void BrokerPageReader::Take(std::string_view piece) {
  for (size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    if (line_.empty()) {
      TakeLine(piece.substr(0, end));
    } else {
      line_ += piece.substr(0, end);
      TakeLine(line_);
      line_.clear();
    }
    piece.remove_prefix(end + 1);
  }
  if (line_.size() < kMostBytesOfLine) line_ += piece.substr(0, kMostBytesOfLine);
}

BrokerTotals BrokerPageReader::End() {
  TakeLine(line_);
  line_.clear();
  return totals_;
}

BrokerRates BrokerRateMeter::Add(const std::string& broker, int64_t time_ms, const BrokerTotals& totals) {
  BrokerRates rates;
  const auto [it, first] = looks_.try_emplace(broker, Look{time_ms, totals});
  if (first) return rates;
  const double seconds = static_cast<double>(time_ms - it->second.time_ms) / 1000.0;
  const BrokerTotals before = it->second.totals;
  it->second = {time_ms, totals};
  if (seconds <= 0) return rates;
  rates.cpu = Rate(before.cpu_seconds, totals.cpu_seconds, seconds);
  const auto in = Rate(before.bytes_in, totals.bytes_in, seconds);
  const auto out = Rate(before.bytes_out, totals.bytes_out, seconds);
  if (in && out) rates.bytes_per_second = *in + *out;
  return rates;
}

void BrokerRateMeter::KeepOnly(const std::vector<std::string>& brokers) {
  std::erase_if(looks_, [&](const auto& entry) {
    return std::find(brokers.begin(), brokers.end(), entry.first) == brokers.end();
  });
}

}  // namespace dohle::reconcile::autoscaling
