#include "operator/reconcile/kafka_clients.h"

#include <utility>

namespace dohle::reconcile {
namespace {

// The operator would rather say that nobody answers than wait: its status is what people look at then.
constexpr absl::Duration kConnectTimeout = absl::Seconds(3);
constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr absl::Duration kLongestPause = absl::Seconds(1);

}  // namespace

StatusOr<std::shared_ptr<KafkaClient>> KafkaClients::Get(const std::string& bootstrap) {
  if (const auto it = clusters_.find(bootstrap); it != clusters_.end()) return it->second;
  DOHLE_ASSIGN_OR_RETURN(std::vector<env::Endpoint> endpoints,
                         kafka::client::ParseBootstrapServers(bootstrap));
  kafka::client::ClusterClientOptions options;
  options.connection.client_id = "dohle-operator";
  options.connection.connect_timeout = kConnectTimeout;
  options.connection.request_timeout = kRequestTimeout;
  options.longest_pause = kLongestPause;
  auto cluster = std::make_shared<KafkaClient>(transport_, executor_, std::move(endpoints), options);
  clusters_.emplace(bootstrap, cluster);
  return cluster;
}

void KafkaClients::Forget(const std::string& bootstrap) {
  const auto it = clusters_.find(bootstrap);
  if (it == clusters_.end()) return;
  it->second->client.Close();
  clusters_.erase(it);
}

void KafkaClients::Close() {
  for (const auto& [bootstrap, cluster] : clusters_) cluster->client.Close();
  clusters_.clear();
}

}  // namespace dohle::reconcile
