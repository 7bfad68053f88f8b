#include "tests/sim/client.h"

#include "lib/kafka/messages/find_coordinator_request.h"
#include "lib/kafka/messages/find_coordinator_response.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"

namespace dohle::sim {

env::Task<StatusOr<Client::ConnectionPtr>> Client::Open(env::Endpoint endpoint) {
  const std::string key = ToString(endpoint);
  const auto found = connections_.find(key);
  if (found != connections_.end() && !found->second->closed()) co_return found->second;
  kafka::client::ConnectionOptions options;
  options.client_id = id_;
  options.connect_timeout = absl::Seconds(2);
  options.request_timeout = absl::Seconds(5);
  auto opened = co_await kafka::client::BrokerConnection::Open(env_.transport, executor(),
                                                               std::move(endpoint), std::move(options));
  if (!opened.ok()) co_return opened.status();
  ConnectionPtr connection = std::move(*opened);
  connections_[key] = connection;
  co_return connection;
}

env::Task<StatusOr<Client::ConnectionPtr>> Client::ConnectToAny() {
  const env::Endpoint endpoint = brokers_[next_ % brokers_.size()];
  auto connection = co_await Open(endpoint);
  if (!connection.ok()) ++next_;
  co_return connection;
}

env::Task<StatusOr<Client::ConnectionPtr>> Client::Connect(Whom whom) {
  // With one broker it is everything.
  const bool any = brokers_.size() == 1 || whom == Whom::Any();
  if (any) co_return co_await ConnectToAny();
  if (!known_.contains(whom)) {
    StatusOr<env::Endpoint> endpoint;
    if (whom.partition) {
      endpoint = co_await AskForLeader(*whom.partition);
    } else {
      endpoint = co_await AskForCoordinator(*whom.group);
    }
    if (!endpoint.ok()) co_return endpoint.status();
    known_[whom] = *endpoint;
  }
  const env::Endpoint known = known_[whom];
  auto connection = co_await Open(known);
  if (!connection.ok()) Forget(whom);
  co_return connection;
}

env::Task<StatusOr<env::Endpoint>> Client::AskForLeader(TopicPartition partition) {
  kafka::MetadataRequest request;
  request.topics.emplace();
  request.topics->emplace_back().name = kafka::Text::Copy(partition.topic);
  request.allow_auto_topic_creation = false;
  auto answer = co_await Call<kafka::MetadataResponse>(Whom::Any(), std::move(request), 12);
  if (!answer.ok()) co_return answer.status();
  for (const auto& topic : answer->message.topics) {
    for (const auto& one : topic.partitions) {
      if (one.partition_index != partition.partition.value()) continue;
      for (const auto& broker : answer->message.brokers) {
        if (broker.node_id != one.leader_id) continue;
        co_return env::Endpoint{std::string(broker.host.view()), static_cast<uint16_t>(broker.port)};
      }
    }
  }
  ++next_;  // what this one doesn't know another may
  co_return MakeStatus(StatusCode::kUnavailable, "nobody leads {}", ToString(partition));
}

env::Task<StatusOr<env::Endpoint>> Client::AskForCoordinator(std::string group) {
  kafka::FindCoordinatorRequest request;
  request.coordinator_keys.push_back(kafka::Text::Copy(group));
  auto answer = co_await Call<kafka::FindCoordinatorResponse>(Whom::Any(), std::move(request), 4);
  if (!answer.ok()) co_return answer.status();
  const auto& found = answer->message.coordinators.at(0);
  if (found.error_code == 0) {
    co_return env::Endpoint{std::string(found.host.view()), static_cast<uint16_t>(found.port)};
  }
  ++next_;
  co_return MakeStatus(StatusCode::kUnavailable, "nobody coordinates {}", group);
}

void Client::Lost(const Whom& whom, const ConnectionPtr& connection) {
  std::erase_if(connections_, [&](const auto& entry) { return entry.second == connection; });
  Forget(whom);
  if (whom == Whom::Any()) ++next_;
}

void Client::Disconnect() {
  connections_.clear();
  known_.clear();
}

}  // namespace dohle::sim
