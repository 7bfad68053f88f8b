#include "operator/reconcile/kafka/kafka_clients.h"

#include <utility>

namespace dohle::reconcile {
namespace {

// The operator would rather say that nobody answers than wait: its status is what people look at then.
constexpr absl::Duration kConnectTimeout = absl::Seconds(3);
constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr absl::Duration kLongestPause = absl::Seconds(1);
constexpr absl::Duration kIdle = absl::Minutes(1);

}  // namespace

StatusOr<std::shared_ptr<KafkaClient>> KafkaClients::Get(const std::string& bootstrap) {
  DropIdle();
  const env::MonotonicTime now = executor_.clock().Now();
  if (const auto it = clusters_.find(bootstrap); it != clusters_.end()) {
    it->second.asked_for = now;
    return it->second.client;
  }
  DOHLE_ASSIGN_OR_RETURN(std::vector<env::Endpoint> endpoints,
                         kafka::client::ParseBootstrapServers(bootstrap));
  kafka::client::ClusterClientOptions options;
  options.connection.client_id = "dohle-operator";
  options.connection.connect_timeout = kConnectTimeout;
  options.connection.request_timeout = kRequestTimeout;
  options.longest_pause = kLongestPause;
  auto client = std::make_shared<KafkaClient>(transport_, executor_, std::move(endpoints), options);
  clusters_.emplace(bootstrap, Kept{client, now});
  return client;
}

// Who still holds one goes on with it.
void KafkaClients::DropIdle() {
  const env::MonotonicTime now = executor_.clock().Now();
  std::erase_if(clusters_, [&](const auto& entry) { return now - entry.second.asked_for > kIdle; });
}

void KafkaClients::Close() {
  for (const auto& [bootstrap, kept] : clusters_) kept.client->client.Close();
  clusters_.clear();
}

}  // namespace dohle::reconcile
