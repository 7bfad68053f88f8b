// The request metrics of every API, made when an API is first asked for: a broker that serves ten of them
// keeps ten. Any thread; after the first request of an API and version nothing locks.
//
//   const ApiMetrics& api = table.For(ApiKey::kFetch);
//   api.Request(version, bytes);  …  api.Answered(times);
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "broker/server/metrics/server_metrics.h"
#include "lib/kafka/messages/api_keys.h"

namespace dohle::server {

// Where the time of a request went. Plain numbers: this is counted with every request.
struct RequestTimes {
  int64_t total_us = 0;           // from its last byte to the last byte of its answer
  int64_t remote_us = 0;          // waiting for records, replicas, group members
  int64_t served_us = 0;          // till the answer was ready, remote included
  int64_t response_queue_us = 0;  // till its turn to be sent had come
};

// The error codes of one answer: most are 0, and that is all that most answers have.
struct ErrorTally {
  uint32_t none = 0;
  std::vector<int16_t> others;

  void Add(int16_t code) {
    if (code == 0) {
      ++none;
    } else {
      others.push_back(code);
    }
  }
};

class ApiMetrics {
 public:
  // `also`: counts the same once more, as Kafka does for "FetchConsumer"; may be null. Both outlive this.
  ApiMetrics(const ServerMetrics& server, std::string name, const ApiMetrics* also);
  ~ApiMetrics();

  void Request(int16_t version, uint64_t bytes) const;
  void Errors(const ErrorTally& errors) const;
  void Answered(const RequestTimes& times) const;

 private:
  static constexpr size_t kMostVersions = 32;
  const metrics::Counter& OfVersion(size_t version) const;
  const metrics::Counter& OfError(int16_t code) const;

  const ServerMetrics& server_;
  const std::string name_;
  const ApiMetrics* const also_;
  const RequestMetrics metrics_;
  const metrics::Counter no_error_;
  mutable std::array<std::atomic<const metrics::Counter*>, kMostVersions> by_version_{};
  mutable std::mutex mutex_;  // held while a series is made or an error is counted
  mutable std::deque<metrics::Counter> versions_;
  mutable std::map<int16_t, metrics::Counter> errors_;
};

class RequestMetricsTable {
 public:
  // `server` outlives the table.
  explicit RequestMetricsTable(const ServerMetrics& server) : server_(server) {}

  // Lives as long as the table.
  const ApiMetrics& For(kafka::ApiKey key);

 private:
  static constexpr size_t kMostApiKeys = 128;
  const ApiMetrics& Make(kafka::ApiKey key);

  const ServerMetrics& server_;
  std::array<std::atomic<const ApiMetrics*>, kMostApiKeys> by_key_{};
  std::mutex mutex_;
  std::deque<std::unique_ptr<const ApiMetrics>> all_;
};

}  // namespace dohle::server
