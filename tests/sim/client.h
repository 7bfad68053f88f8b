// What every client of a simulation shares: its node, the brokers it knows, and connections that are made
// again when they are lost. The calls are lib/kafka/client's; what they mean is the workload's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/sleep.h"
#include "lib/kafka/client/connection.h"
#include "lib/kafka/error_code.h"
#include "tests/sim/history.h"

namespace dohle::sim {

// Who is to answer.
struct Whom {
  static Whom Any() { return {}; }
  static Whom LeaderOf(TopicPartition partition) { return {.partition = std::move(partition)}; }
  static Whom CoordinatorOf(std::string group) { return {.partition = {}, .group = std::move(group)}; }

  std::optional<TopicPartition> partition = {};
  std::optional<std::string> group = {};

  friend auto operator<=>(const Whom&, const Whom&) = default;
};

// Lives as long as the coroutines that use it.
class Client {
 public:
  using ConnectionPtr = std::shared_ptr<kafka::client::BrokerConnection>;

  // `brokers` isn't empty.
  Client(env::Env& env, std::vector<env::Endpoint> brokers, std::string id)
      : env_(env), brokers_(std::move(brokers)), id_(std::move(id)) {}

  MonotonicTime now() const { return env_.clock.Now(); }
  int64_t wall_ms() const { return env_.clock.WallTimeMs(); }
  env::Executor& executor() { return *env_.executors.front(); }
  const std::string& id() const { return id_; }

  // A connection that is shared by the requests under way; asks who it is and connects if need be.
  // kUnavailable, kDeadlineExceeded.
  env::Task<StatusOr<ConnectionPtr>> Connect(Whom whom);
  // Somebody else may be it by now: it is asked for anew.
  void Forget(const Whom& whom) { known_.erase(whom); }
  void Disconnect();

  // On that connection, which is dropped if it fails.
  template <typename Response, typename Request>
  env::Task<StatusOr<kafka::client::Answer<Response>>> Call(Whom whom, Request request, int16_t version) {
    StatusOr<ConnectionPtr> connected = co_await Connect(whom);
    if (!connected.ok()) co_return connected.status();
    const ConnectionPtr connection = *connected;
    auto answer = co_await connection->Call<Response>(std::move(request), version);
    if (!answer.ok()) Lost(whom, connection);
    co_return answer;
  }

 private:
  env::Task<StatusOr<ConnectionPtr>> Open(env::Endpoint endpoint);
  env::Task<StatusOr<ConnectionPtr>> ConnectToAny();
  env::Task<StatusOr<env::Endpoint>> AskForLeader(TopicPartition partition);
  env::Task<StatusOr<env::Endpoint>> AskForCoordinator(std::string group);
  void Lost(const Whom& whom, const ConnectionPtr& connection);

  env::Env& env_;
  const std::vector<env::Endpoint> brokers_;
  const std::string id_;
  size_t next_ = 0;                                   // of the brokers, for those who ask any
  std::map<std::string, ConnectionPtr> connections_;  // by endpoint
  std::map<Whom, env::Endpoint> known_;
};

}  // namespace dohle::sim
