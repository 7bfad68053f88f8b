#include "operator/reconcile/cluster/kafka_probe.h"

#include <algorithm>
#include <utility>

namespace dohle::reconcile {
namespace {

namespace client = kafka::client;

BrokerFacts* FindFacts(ClusterFacts& facts, NodeId id) {
  const auto it = std::find_if(facts.brokers.begin(), facts.brokers.end(),
                               [&](const BrokerFacts& broker) { return broker.id == id.value(); });
  return it == facts.brokers.end() ? nullptr : &*it;
}

}  // namespace

ClusterFacts FactsOf(const client::ClusterView& view, const std::vector<client::TopicDescription>& topics,
                     const client::LogDirs& dirs) {
  ClusterFacts facts;
  facts.cluster_id = view.cluster_id;
  for (const client::BrokerAddress& broker : view.brokers) {
    BrokerFacts of_broker;
    of_broker.id = broker.id.value();
    facts.brokers.push_back(std::move(of_broker));
  }
  for (const client::TopicDescription& topic : topics) {
    for (const client::PartitionDescription& partition : topic.partitions) {
      if (partition.leader == kNoNode) ++facts.offline_partitions;
      if (partition.isr.size() < partition.replicas.size()) ++facts.under_replicated_partitions;
      if (BrokerFacts* leader = FindFacts(facts, partition.leader)) ++leader->leaders;
      for (const NodeId replica : partition.replicas) {
        if (BrokerFacts* holder = FindFacts(facts, replica)) ++holder->replicas;
      }
    }
  }
  for (const client::LogDirDescription& dir : dirs.dirs) {
    BrokerFacts* holder = FindFacts(facts, dir.broker);
    if (holder == nullptr) continue;
    for (const client::ReplicaSize& replica : dir.replicas) holder->bytes += replica.bytes;
  }
  return facts;
}

env::Task<StatusOr<ClusterFacts>> KafkaProbe::Ask(std::string bootstrap) {
  auto cluster = clusters_.Get(bootstrap);
  if (!cluster.ok()) co_return cluster.status();
  client::Admin& admin = (*cluster)->admin;
  const auto view = co_await admin.DescribeCluster();
  if (!view.ok()) co_return view.status();
  const auto topics = co_await admin.ListTopics();
  if (!topics.ok()) co_return topics.status();
  // Sizes are worth having, and nothing without which the rest would be wrong.
  const client::LogDirs dirs = co_await admin.DescribeLogDirs();
  co_return FactsOf(*view, *topics, dirs);
}

}  // namespace dohle::reconcile
