#include "broker/controller/decision.h"

#include <algorithm>
#include <charconv>

#include "broker/controller/rules.h"

namespace dohle::controller {

using metadata::ConfigMap;
using metadata::ConfigResourceType;

std::string EffectiveTopicConfig(const DecisionContext& context, std::string_view topic,
                                 std::string_view name, std::string fallback) {
  const auto& configs = context.image.configs;
  const std::string node = std::to_string(context.config.node_id.value());
  for (const ConfigMap* map : {&configs.Topic(topic), &configs.Find(ConfigResourceType::kBroker, node),
                               &configs.Find(ConfigResourceType::kBroker, "")}) {
    if (const auto found = map->find(name); found != map->end()) return found->second;
  }
  return fallback;
}

bool UncleanElectionEnabled(const DecisionContext& context, std::string_view topic) {
  return EffectiveTopicConfig(context, topic, "unclean.leader.election.enable",
                              context.config.unclean_leader_election ? "true" : "false") == "true";
}

TopicRules RulesOf(const DecisionContext& context, const metadata::TopicImage& topic) {
  const std::string value = EffectiveTopicConfig(context, topic.name, "min.insync.replicas",
                                                 std::to_string(context.config.default_min_insync_replicas));
  int32_t min_isr = 1;
  std::from_chars(value.data(), value.data() + value.size(), min_isr);
  // The first partition stands for all, as with Kafka.
  const metadata::PartitionRegistration* first = topic.Partition(PartitionIndex(0));
  const size_t replication_factor = first == nullptr ? 1 : first->replicas.size();
  return {std::clamp(min_isr, 1, std::max(1, static_cast<int32_t>(replication_factor))),
          UncleanElectionEnabled(context, topic.name) || !g_rules.elect_in_sync};
}

DirectoryId DefaultDirectory(const MetadataImage& image, NodeId broker) {
  const metadata::BrokerRegistration* registration = image.cluster.Broker(broker);
  if (registration == nullptr) return kUnassignedDirectory;
  if (registration->log_dirs.empty()) return kMigratingDirectory;
  return registration->log_dirs.size() == 1 ? registration->log_dirs.front() : kUnassignedDirectory;
}

}  // namespace dohle::controller
