// A client of a whole Kafka cluster: knows its brokers, keeps a connection to each that it needs, negotiates
// versions on it, and brings every request where it belongs.
//
//   ClusterClient cluster(env.transport, executor, *ParseBootstrapServers("a:9092,b:9092"), options);
//   MetadataRequest request;
//   auto answer = co_await cluster.Call<MetadataResponse>(Route::Any(), std::move(request), {10, 13});
//
// A connection is opened when it is needed, and opened again when it is lost; while a broker can't be
// reached, attempts are spaced by a growing pause, and calls meanwhile fail at once with what the last
// attempt said. Requests are never sent twice: who asked knows whether that would do harm. Plaintext only.
//
// All on one executor. It outlives its calls: Close() makes those that are under way end soon.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/base/string_map.h"
#include "lib/env/transport.h"
#include "lib/kafka/client/connection.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka::client {

// "host:port,[::1]:port": at least one. kInvalidArgument with the part that is wrong.
StatusOr<std::vector<env::Endpoint>> ParseBootstrapServers(std::string_view text);

struct ClusterClientOptions {
  ConnectionOptions connection;
  size_t max_in_flight = 5;  // requests on one connection; more wait for their turn
  absl::Duration first_pause = absl::Milliseconds(100);
  absl::Duration longest_pause = absl::Seconds(5);
  absl::Duration metadata_max_age = absl::Minutes(1);  // of what is known of the brokers
};

// Who is to answer.
struct Route {
  enum class Kind { kAny, kController, kBroker, kCoordinator };

  static Route Any() { return {}; }
  // Under KRaft every broker hands on what is the controller's: if that one can't be reached, any other does.
  static Route Controller() { return {.kind = Kind::kController}; }
  static Route Broker(NodeId id) { return {.kind = Kind::kBroker, .broker = id}; }
  static Route Coordinator(std::string group) {
    return {.kind = Kind::kCoordinator, .broker = kNoNode, .group = std::move(group)};
  }

  Kind kind = Kind::kAny;
  NodeId broker = kNoNode;
  std::string group = {};
};

struct BrokerAddress {
  NodeId id;
  env::Endpoint endpoint;
};
struct ClusterView {
  std::string cluster_id;
  NodeId controller = kNoNode;
  std::vector<BrokerAddress> brokers;
};

class ClusterClient {
 public:
  // Both outlive it. `bootstrap` isn't empty.
  ClusterClient(env::Transport& transport, env::Executor& executor, std::vector<env::Endpoint> bootstrap,
                ClusterClientOptions options);
  ~ClusterClient();
  ClusterClient(const ClusterClient&) = delete;

  // In the highest version in `versions` that both ends speak. kUnavailable, kDeadlineExceeded: nobody could
  // be asked, or what was asked may or may not have been done; kUnimplemented: no such version; kCancelled:
  // Close was called; kInvalidArgument: the answer is malformed.
  template <typename Response, typename Request>
  env::Task<StatusOr<Answer<Response>>> Call(Route route, Request request, VersionRange versions) {
    const ApiKey key = Request::kApiKey;
    StatusOr<Slot> slot = co_await Reserve(std::move(route), key, Intersect(versions, Request::kVersions));
    if (!slot.ok()) co_return slot.status();
    const std::shared_ptr<BrokerConnection> connection = slot->connection;
    const int16_t version = slot->version;
    co_return co_await connection->Call<Response>(std::move(request), version);
  }

  // Asks for brokers and controller anew.
  env::Task<StatusOr<ClusterView>> RefreshView();
  // As known, or asked for if that is too long ago.
  env::Task<StatusOr<ClusterView>> View();

  // Each group's coordinator, in the order of `groups`; asked for once and remembered.
  env::Task<std::vector<StatusOr<NodeId>>> FindCoordinators(std::vector<std::string> groups);
  // The coordinator said that it isn't it, or can't be reached.
  void ForgetCoordinator(std::string_view group);

  // Calls fail from now on. Idempotent.
  void Close();

 private:
  struct Link;
  // A turn on a connection; gives it back when it ends.
  struct Slot {
    Slot(std::shared_ptr<Link> from, std::shared_ptr<BrokerConnection> on, int16_t in_version);
    Slot(Slot&&) noexcept = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot();
    std::shared_ptr<Link> link;
    std::shared_ptr<BrokerConnection> connection;
    int16_t version;
  };
  using Links = std::vector<std::shared_ptr<Link>>;

  static VersionRange Intersect(VersionRange a, VersionRange b);
  env::Task<StatusOr<Slot>> Reserve(Route route, ApiKey key, VersionRange versions);
  // Those that may answer, the preferred first.
  env::Task<StatusOr<Links>> Candidates(Route route);
  Links Everybody();
  StatusOr<Links> LinksOfBroker(NodeId id);
  std::shared_ptr<Link> LinkTo(const env::Endpoint& endpoint);
  const BrokerAddress* FindBroker(NodeId id) const;
  env::Task<Status> Connect(std::shared_ptr<Link> link);
  env::Task<Status> Negotiate(std::shared_ptr<Link> link);
  env::Task<Status> FindCoordinatorsOf(std::vector<std::string> groups);

  env::Transport& transport_;
  env::Executor& executor_;
  const std::vector<env::Endpoint> bootstrap_;
  const ClusterClientOptions options_;
  std::map<std::string, std::shared_ptr<Link>> links_;  // by "host:port"
  std::shared_ptr<Link> preferred_;                     // who answered last
  ClusterView view_;
  env::MonotonicTime view_stale_at_;
  StringMap<StatusOr<NodeId>> coordinators_;
  bool closed_ = false;
};

}  // namespace dohle::kafka::client
