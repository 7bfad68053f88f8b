#include "operator/reconcile/kafka/kafka_admin_control.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "lib/kafka/client/kafka_status.h"

namespace dohle::reconcile {
namespace {

namespace client = kafka::client;

constexpr const char* kMinInSyncReplicas = "min.insync.replicas";

Replicas ToReplicas(const std::vector<NodeId>& nodes) { return {nodes.begin(), nodes.end()}; }

// Where the partitions of a topic begin in Topology::partitions, by its name. Views into `topology`.
using Beginnings = std::map<std::string_view, size_t>;

PartitionPlace* Find(Topology& topology, const Beginnings& beginnings, std::string_view topic,
                     int32_t index) {
  const auto beginning = beginnings.find(topic);
  if (beginning == beginnings.end()) return nullptr;
  const auto first = topology.partitions.begin() + static_cast<ptrdiff_t>(beginning->second);
  const uint32_t of = first == topology.partitions.end() ? 0 : first->topic;
  const auto it = std::lower_bound(first, topology.partitions.end(), std::pair(of, index),
                                   [](const PartitionPlace& partition, const auto& wanted) {
                                     return std::pair(partition.topic, partition.index) < wanted;
                                   });
  if (it == topology.partitions.end() || it->topic != of || it->index != index) return nullptr;
  return &*it;
}

void AddSizes(const client::LogDirs& dirs, const Beginnings& beginnings, Topology* topology) {
  std::map<NodeId, bool> cordoned;
  for (const client::LogDirDescription& dir : dirs.dirs) {
    const auto broker = std::find_if(topology->brokers.begin(), topology->brokers.end(),
                                     [&](const BrokerPlace& place) { return place.id == dir.broker; });
    if (broker == topology->brokers.end()) continue;
    if (dir.status.ok()) {
      bool& all = cordoned.emplace(dir.broker, true).first->second;
      broker->cordoned = all = all && dir.cordoned;
    } else if (client::KafkaError(dir.status) == kafka::ErrorCode::kKafkaStorageError) {
      broker->failed_directories.push_back(dir.path);
    }
    if (dir.total_bytes >= 0) broker->disk_bytes = std::max<int64_t>(broker->disk_bytes, 0) + dir.total_bytes;
    if (dir.usable_bytes >= 0)
      broker->disk_free_bytes = std::max<int64_t>(broker->disk_free_bytes, 0) + dir.usable_bytes;
    for (const client::ReplicaSize& replica : dir.replicas) {
      broker->bytes += replica.bytes;
      if (PartitionPlace* place = Find(*topology, beginnings, replica.topic, replica.partition))
        place->bytes = std::max(place->bytes, replica.bytes);
    }
  }
}

QuorumPlace ToQuorum(const client::QuorumDescription& quorum) {
  QuorumPlace place;
  place.leader = quorum.leader;
  place.leader_epoch = quorum.leader_epoch;
  place.high_watermark = quorum.high_watermark;
  // The leader is caught up with itself at the moment in which it answers: its clock.
  int64_t now_ms = -1;
  for (const client::QuorumReplica& voter : quorum.voters) {
    if (voter.id == quorum.leader) now_ms = voter.last_caught_up_ms;
  }
  const auto add = [&](const std::vector<client::QuorumReplica>& from, std::vector<QuorumVoter>* to) {
    for (const client::QuorumReplica& replica : from) {
      const bool known = now_ms >= 0 && replica.last_caught_up_ms >= 0;
      to->push_back({replica.id, replica.directory, replica.log_end_offset,
                     known ? std::max<int64_t>(now_ms - replica.last_caught_up_ms, 0) : -1});
    }
  };
  add(quorum.voters, &place.voters);
  add(quorum.observers, &place.observers);
  return place;
}

}  // namespace

Topology TopologyOf(const client::ClusterDescription& cluster,
                    const std::vector<client::TopicDescription>& topics,
                    const std::vector<client::OngoingReassignment>& reassignments,
                    const client::QuorumDescription& quorum, const client::LogDirs& dirs) {
  Topology topology;
  topology.cluster_id = cluster.cluster_id;
  for (const client::BrokerDescription& broker : cluster.brokers) {
    BrokerPlace& place = topology.brokers.emplace_back();
    place.id = broker.id;
    place.rack = broker.rack;
    place.fenced = broker.fenced;
  }
  Beginnings beginnings;
  for (const client::TopicDescription& topic : topics) {
    beginnings[topic.name] = topology.partitions.size();
    for (const client::PartitionDescription& partition : topic.partitions) {
      PartitionPlace& place = topology.partitions.emplace_back();
      place.topic = static_cast<uint32_t>(topology.topics.size());
      place.index = partition.index;
      place.leader = partition.leader;
      place.replicas = ToReplicas(partition.replicas);
      place.in_sync = ToReplicas(partition.isr);
    }
    TopicPlace& place = topology.topics.emplace_back();
    place.name = topic.name;
    place.id = topic.id;
  }
  for (const client::OngoingReassignment& reassignment : reassignments) {
    PartitionPlace* place = Find(topology, beginnings, reassignment.topic, reassignment.partition);
    if (place == nullptr) continue;
    place->adding = ToReplicas(reassignment.adding);
    place->removing = ToReplicas(reassignment.removing);
  }
  AddSizes(dirs, beginnings, &topology);
  topology.quorum = ToQuorum(quorum);
  return topology;
}

env::Task<StatusOr<Topology>> KafkaAdminControl::Observe(std::string bootstrap) {
  const auto cluster = clusters_.Get(bootstrap);
  if (!cluster.ok()) co_return cluster.status();
  const std::shared_ptr<KafkaClient> kafka = *cluster;
  const auto description = co_await kafka->cluster_admin.DescribeCluster();
  if (!description.ok()) co_return description.status();
  const auto topics = co_await kafka->admin.ListTopics();
  if (!topics.ok()) co_return topics.status();
  const auto reassignments = co_await kafka->cluster_admin.ListReassignments();
  if (!reassignments.ok()) co_return reassignments.status();
  const auto quorum = co_await kafka->cluster_admin.DescribeQuorum();
  if (!quorum.ok()) co_return quorum.status();
  // Sizes are worth having, and nothing without which the rest would be wrong.
  const client::LogDirs dirs = co_await kafka->admin.DescribeLogDirs();
  Topology topology = TopologyOf(*description, *topics, *reassignments, *quorum, dirs);
  if (WantsTopicConfigs(topology)) co_await AddTopicConfigs(kafka->cluster_admin, &topology);
  auto defaults = co_await kafka->cluster_admin.DescribeBrokerDefaults();
  if (defaults.ok()) topology.broker_defaults = *std::move(defaults);
  if (HasThrottle(topology)) co_await AddThrottledTopics(kafka->cluster_admin, &topology);
  co_return topology;
}

bool HasThrottle(const Topology& topology) {
  const auto& defaults = topology.broker_defaults;
  return defaults && (defaults->contains(kLeaderThrottle) || defaults->contains(kFollowerThrottle));
}

env::Task<void> KafkaAdminControl::AddThrottledTopics(client::ClusterAdmin& admin, Topology* topology) {
  std::vector<std::string> names;
  for (const TopicPlace& topic : topology->topics) names.push_back(topic.name);
  const auto values = co_await admin.DescribeTopicConfig(std::move(names), kThrottledReplicas);
  std::map<std::string, std::string> throttled;
  for (size_t i = 0; i < values.size(); ++i) {
    // One that was deleted meanwhile has nothing set.
    if (!values[i].ok() && !absl::IsNotFound(values[i].status())) co_return;
    if (values[i].ok() && !values[i]->empty()) throttled[topology->topics[i].name] = *values[i];
  }
  topology->throttled_topics = std::move(throttled);
}

bool WantsTopicConfigs(const Topology& topology) { return topology.brokers.size() > 1; }

env::Task<void> KafkaAdminControl::AddTopicConfigs(client::ClusterAdmin& admin, Topology* topology) {
  TopicConfigs& known = configs_[topology->cluster_id];
  const bool fresh = clock_.Now() - known.asked < kTopicConfigAge;
  std::vector<std::string> unknown;
  for (const TopicPlace& topic : topology->topics) {
    if (!fresh || !known.min_in_sync_replicas.contains(topic.name)) unknown.push_back(topic.name);
  }
  if (!fresh) known.asked = clock_.Now();
  const std::vector<std::string> names = unknown;
  const auto values = co_await admin.DescribeTopicConfig(std::move(unknown), kMinInSyncReplicas);
  // Others may have asked meanwhile.
  StringMap<int32_t>& of_topic = configs_[topology->cluster_id].min_in_sync_replicas;
  for (size_t i = 0; i < names.size(); ++i) {
    int32_t value = 0;
    if (!values[i].ok()) continue;
    const char* end = values[i]->data() + values[i]->size();
    if (std::from_chars(values[i]->data(), end, value).ptr == end) of_topic[names[i]] = value;
  }
  StringMap<int32_t> there;
  for (TopicPlace& topic : topology->topics) {
    const auto it = of_topic.find(std::string_view(topic.name));
    if (it == of_topic.end()) continue;
    topic.min_in_sync_replicas = it->second;
    there.emplace(topic.name, it->second);
  }
  of_topic = std::move(there);
}

namespace {

std::vector<client::Reassignment> ToReassignments(const ReassignPartitions& action) {
  std::vector<client::Reassignment> reassignments;
  for (const ReassignPartitions::Move& move : action.moves) {
    reassignments.push_back({move.topic, move.partition, {move.replicas.begin(), move.replicas.end()}});
  }
  return reassignments;
}

std::vector<client::ConfigChange> ToConfigChanges(const AlterConfigs& action) {
  std::vector<client::ConfigChange> changes;
  for (const AlterConfigs::Change& change : action.changes) {
    const auto kind = change.kind == AlterConfigs::Kind::kTopic ? client::ConfigChange::Kind::kTopic
                                                                : client::ConfigChange::Kind::kBroker;
    changes.push_back({kind, change.name, change.key, change.value});
  }
  return changes;
}

client::VoterEndpoint ToVoter(const AddVoter& action) {
  return {action.id, action.directory, action.listener,
          env::Endpoint{action.host, static_cast<uint16_t>(action.port)}};
}

// One overload for each action. `admin` outlives the tasks.
struct Taker {
  client::ClusterAdmin& admin;
  env::Task<Status> operator()(const ReassignPartitions& action) const {
    return admin.AlterReassignments(ToReassignments(action));
  }
  env::Task<Status> operator()(const ElectPreferredLeaders& action) const {
    return admin.ElectPreferredLeaders(action.partitions);
  }
  env::Task<Status> operator()(const AlterConfigs& action) const {
    return admin.AlterConfigs(ToConfigChanges(action));
  }
  env::Task<Status> operator()(const AddVoter& action) const { return admin.AddVoter(ToVoter(action)); }
  env::Task<Status> operator()(const RemoveVoter& action) const {
    return admin.RemoveVoter(action.id, action.directory);
  }
  env::Task<Status> operator()(const UnregisterBroker& action) const {
    return admin.UnregisterBroker(action.id);
  }
  env::Task<Status> operator()(const UpdateFeature& action) const {
    return admin.UpdateFeature(action.feature, action.level);
  }
};

}  // namespace

env::Task<Status> KafkaAdminControl::Take(std::string bootstrap, KafkaAction action) {
  const auto cluster = clusters_.Get(bootstrap);
  if (!cluster.ok()) co_return cluster.status();
  const std::shared_ptr<KafkaClient> kafka = *cluster;
  const Taker taker{kafka->cluster_admin};
  co_return co_await std::visit(taker, action);
}

env::Task<Features> KafkaAdminControl::DescribeFeatures(std::string bootstrap) {
  Features features;
  const auto cluster = clusters_.Get(bootstrap);
  if (!cluster.ok()) co_return features;
  const std::shared_ptr<KafkaClient> kafka = *cluster;
  const auto described = co_await kafka->cluster_admin.DescribeFeatures();
  if (!described.ok()) co_return features;
  for (const client::FeatureDescription& feature : *described)
    features[feature.name] = {feature.finalized, feature.max_supported};
  co_return features;
}

env::Task<CanarySong> KafkaAdminControl::Sing(std::string bootstrap, int32_t brokers) {
  const auto cluster = clusters_.Get(bootstrap);
  if (!cluster.ok()) co_return CanarySong{cluster.status(), absl::ZeroDuration()};
  const std::shared_ptr<KafkaClient> kafka = *cluster;
  co_return co_await reconcile::Sing(*kafka, clock_, brokers);
}

}  // namespace dohle::reconcile
