// What a handler knows of the request besides its body, and the few things it may say of its answer.
//
// Lives from the first byte of the request until its answer is encoded; belongs to the connection's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/server/metrics/request_metrics_table.h"
#include "lib/env/clock.h"

namespace dohle::server {

class Dispatcher;
struct Services;

// What stays the same over the life of a connection, but for the software name, which ApiVersions brings.
// Belongs to the connection's thread.
struct ConnectionInfo {
  std::string client_host;     // the peer's address without its port
  std::string client_address;  // "/127.0.0.1": the same as Java prints it, in descriptions of members
  std::string listener_name;   // that it came in on
  std::string software_name;
  std::string software_version;
  std::function<void()> on_end;  // if set, called once when the connection has ended
};

class RequestContext {
 public:
  RequestContext(Services& all_services, ConnectionInfo& info, std::span<char> frame, env::MonotonicTime now)
      : services(all_services), connection(info), received_at(now), frame_(frame) {}

  Services& services;
  ConnectionInfo& connection;
  const env::MonotonicTime received_at;
  int16_t api_version = 0;
  int32_t correlation_id = 0;
  std::string_view client_id;              // "" if the client sent none
  const Dispatcher* dispatcher = nullptr;  // that serves it; set once the API is known

  // For metrics. The API's, once it is known and if anybody counts; what the answer says of errors; how long
  // the request waited for others.
  const ApiMetrics* metrics = nullptr;
  bool tally_errors = false;  // count them even without metrics
  ErrorTally errors;
  int64_t remote_us = 0;

  // The order of what this request does against the next one of the connection is settled: the next may
  // start, though this one is not answered yet. Answers leave in order all the same. Idempotent.
  void AllowNext() {
    if (std::exchange(next_allowed_, true)) return;
    if (on_next_allowed_) on_next_allowed_();
  }
  bool next_allowed() const { return next_allowed_; }
  // `tell` is called on the connection's thread by the first AllowNext.
  void OnNextAllowed(std::function<void()> tell) { on_next_allowed_ = std::move(tell); }

  // No answer is sent (Produce with acks=0).
  void Unanswered() { unanswered_ = true; }
  bool unanswered() const { return unanswered_; }

  // The connection is closed, after what was answered before has been sent.
  void CloseConnection() { close_ = true; }
  bool close_connection() const { return close_; }

  // The whole request, header and body.
  std::string_view frame() const { return {frame_.data(), frame_.size()}; }
  // The response may borrow from `what` until it is encoded.
  void Keep(std::shared_ptr<const void> what) { kept_.push_back(std::move(what)); }
  // The same bytes of the request, writable: a record batch gets its offsets where it arrived.
  // `part` must lie inside the request.
  std::span<char> Writable(std::string_view part) const;

 private:
  const std::span<char> frame_;
  bool next_allowed_ = false;
  std::function<void()> on_next_allowed_;
  bool unanswered_ = false;
  bool close_ = false;
  std::vector<std::shared_ptr<const void>> kept_;
};

}  // namespace dohle::server
