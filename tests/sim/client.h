// What every client of a simulation shares: its node, the brokers it knows and a connection that is made
// again when it is lost. The calls are lib/kafka/client's; what they mean is the workload's.
#pragma once

#include <memory>
#include <string>

#include "lib/env/env.h"
#include "lib/env/sleep.h"
#include "lib/kafka/client/connection.h"
#include "lib/kafka/error_code.h"
#include "tests/sim/history.h"

namespace dohle::sim {

// Lives as long as the coroutines that use it.
class Client {
 public:
  Client(env::Env& env, env::Endpoint broker, std::string id)
      : env_(env), broker_(std::move(broker)), id_(std::move(id)) {}

  MonotonicTime now() const { return env_.clock.Now(); }
  int64_t wall_ms() const { return env_.clock.WallTimeMs(); }
  env::Executor& executor() { return *env_.executors.front(); }
  const std::string& id() const { return id_; }

  // Connects if need be. kUnavailable, kDeadlineExceeded.
  env::Task<Status> Connect();
  // A connection that is shared by the requests under way; null before Connect.
  std::shared_ptr<kafka::client::BrokerConnection> connection() { return connection_; }
  void Disconnect() { connection_ = nullptr; }

  // On the connection, made if need be; dropped if it fails.
  template <typename Response, typename Request>
  env::Task<StatusOr<kafka::client::Answer<Response>>> Call(Request request, int16_t version) {
    Status connected = co_await Connect();
    if (!connected.ok()) co_return connected;
    const auto connection = connection_;
    auto answer = co_await connection->Call<Response>(std::move(request), version);
    if (!answer.ok() && connection_ == connection) connection_ = nullptr;
    co_return answer;
  }

 private:
  env::Env& env_;
  const env::Endpoint broker_;
  const std::string id_;
  std::shared_ptr<kafka::client::BrokerConnection> connection_;
};

}  // namespace dohle::sim
