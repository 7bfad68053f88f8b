#include "broker/server/metrics/request_metrics_table.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/kafka/error_code.h"

namespace dohle::server {

ApiMetrics::ApiMetrics(const ServerMetrics& server, std::string name, const ApiMetrics* also)
    : server_(server),
      name_(std::move(name)),
      also_(also),
      metrics_(server.ForRequest(name_)),
      no_error_(server.Errors(name_, kafka::Name(kafka::ErrorCode::kNone))) {}

ApiMetrics::~ApiMetrics() = default;

void ApiMetrics::Request(int16_t version, uint64_t bytes) const {
  OfVersion(std::min<size_t>(static_cast<size_t>(version), kMostVersions - 1)).Increment();
  metrics_.request_bytes.Record(static_cast<int64_t>(bytes));
  if (also_ != nullptr) also_->Request(version, bytes);
}

void ApiMetrics::Errors(const ErrorTally& errors) const {
  if (errors.none > 0) no_error_.Increment(errors.none);
  for (const int16_t code : errors.others) OfError(code).Increment();
  if (also_ != nullptr) also_->Errors(errors);
}

void ApiMetrics::Answered(const RequestTimes& times) const {
  metrics_.total_time_us.Record(times.total_us);
  metrics_.local_time_us.Record(times.served_us - times.remote_us);
  metrics_.remote_time_us.Record(times.remote_us);
  metrics_.response_queue_time_us.Record(times.response_queue_us);
  metrics_.response_send_time_us.Record(times.total_us - times.served_us - times.response_queue_us);
  // There is no queue between reading a request and serving it, and nobody is throttled.
  metrics_.request_queue_time_us.Record(0);
  metrics_.throttle_time_us.Record(0);
  if (also_ != nullptr) also_->Answered(times);
}

const metrics::Counter& ApiMetrics::OfVersion(size_t version) const {
  const metrics::Counter* counter = by_version_[version].load(std::memory_order_acquire);
  if (counter != nullptr) [[likely]]
    return *counter;
  const std::lock_guard<std::mutex> lock(mutex_);
  counter = by_version_[version].load(std::memory_order_relaxed);
  if (counter == nullptr) {
    counter = &versions_.emplace_back(server_.Requests(name_, static_cast<int16_t>(version)));
    by_version_[version].store(counter, std::memory_order_release);
  }
  return *counter;
}

const metrics::Counter& ApiMetrics::OfError(int16_t code) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto found = errors_.find(code);
  if (found == errors_.end()) {
    found = errors_.emplace(code, server_.Errors(name_, kafka::Name(kafka::ErrorFromCode(code)))).first;
  }
  return found->second;
}

const ApiMetrics& RequestMetricsTable::For(kafka::ApiKey key) {
  const auto index = static_cast<size_t>(key);
  DOHLE_CHECK(index < kMostApiKeys);
  const ApiMetrics* metrics = by_key_[index].load(std::memory_order_acquire);
  if (metrics != nullptr) [[likely]]
    return *metrics;
  return Make(key);
}

const ApiMetrics& RequestMetricsTable::Make(kafka::ApiKey key) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& slot = by_key_[static_cast<size_t>(key)];
  if (const ApiMetrics* there = slot.load(std::memory_order_relaxed)) return *there;
  const ApiMetrics* also = nullptr;
  if (key == kafka::ApiKey::kFetch) {
    // Only consumers fetch: there are no followers yet.
    also = all_.emplace_back(std::make_unique<const ApiMetrics>(server_, "FetchConsumer", nullptr)).get();
  }
  auto made = std::make_unique<const ApiMetrics>(server_, std::string(kafka::ApiName(key)), also);
  slot.store(made.get(), std::memory_order_release);
  return *all_.emplace_back(std::move(made));
}

}  // namespace dohle::server
