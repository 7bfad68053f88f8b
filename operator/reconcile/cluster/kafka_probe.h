// Asks a cluster for its facts over Kafka's protocol. One executor.
#pragma once

#include "operator/reconcile/cluster/broker_facts.h"
#include "operator/reconcile/kafka_clients.h"

namespace dohle::reconcile {

class KafkaProbe : public ClusterProbe {
 public:
  explicit KafkaProbe(KafkaClients& clusters) : clusters_(clusters) {}
  env::Task<StatusOr<ClusterFacts>> Ask(std::string bootstrap) override;

 private:
  KafkaClients& clusters_;
};

// Pure: counts what the answers say.
ClusterFacts FactsOf(const kafka::client::ClusterView& view,
                     const std::vector<kafka::client::TopicDescription>& topics,
                     const kafka::client::LogDirs& dirs);

}  // namespace dohle::reconcile
