// What an administrator asks of the cluster itself rather than of topics (admin.h): its brokers, its metadata
// quorum, where replicas stand and are moved to, dynamic configs of brokers, feature levels.
//
// Errors of Kafka's are statuses with Kafka's name and words (kafka_status.h). Kafka 3.0 and later; what an
// older broker doesn't know is kUnimplemented. On the executor of its ClusterClient.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/base/uuid.h"
#include "lib/kafka/client/cluster_client.h"

namespace dohle::kafka::client {

struct BrokerDescription {
  NodeId id = kNoNode;
  std::string rack;     // "" = none
  bool fenced = false;  // always false before Kafka 4.0, which doesn't tell of fenced ones
};
struct ClusterDescription {
  std::string cluster_id;
  std::vector<BrokerDescription> brokers;  // by id, ascending
};

struct QuorumReplica {
  NodeId id = kNoNode;
  DirectoryId directory;  // zero in a static quorum, and before Kafka 3.9
  int64_t log_end_offset = -1;
  int64_t last_caught_up_ms = -1;  // wall clock of the leader
};
struct QuorumDescription {
  NodeId leader = kNoNode;
  int32_t leader_epoch = -1;
  int64_t high_watermark = -1;
  std::vector<QuorumReplica> voters, observers;
};

struct OngoingReassignment {
  std::string topic;
  int32_t partition = 0;
  std::vector<NodeId> adding, removing;
};
struct Reassignment {
  std::string topic;
  int32_t partition = 0;
  std::vector<NodeId> replicas;  // empty: what is under way is cancelled
};

struct ConfigChange {
  enum class Kind : int8_t { kTopic = 2, kBroker = 4 };  // ConfigResource.Type
  Kind kind = Kind::kBroker;
  std::string name;  // a topic, a broker's id, "" for the default of all brokers
  std::string key;
  std::optional<std::string> value;  // none: back to the default
};

struct VoterEndpoint {
  NodeId id = kNoNode;
  DirectoryId directory;
  std::string listener;
  env::Endpoint endpoint;
};

struct FeatureDescription {
  std::string name;           // "metadata.version"
  int16_t finalized = 0;      // what the cluster does; 0 = off
  int16_t max_supported = 0;  // what the broker that answered can do
};

class ClusterAdmin {
 public:
  // `client` outlives it, and it outlives its calls.
  explicit ClusterAdmin(ClusterClient& client) : client_(client) {}

  env::Task<StatusOr<ClusterDescription>> DescribeCluster();
  env::Task<StatusOr<QuorumDescription>> DescribeQuorum();
  env::Task<StatusOr<std::vector<OngoingReassignment>>> ListReassignments();
  // Values of one config of many topics, wherever they are set; in the order of `topics`.
  env::Task<std::vector<StatusOr<std::string>>> DescribeTopicConfig(std::vector<std::string> topics,
                                                                    std::string key);

  // By name (KIP-584); what any broker tells.
  env::Task<StatusOr<std::vector<FeatureDescription>>> DescribeFeatures();

  // What was set dynamically for all brokers, by key; without what is secret.
  env::Task<StatusOr<std::map<std::string, std::string>>> DescribeBrokerDefaults();

  // The first refusal; the others may have been done. To cancel what isn't under way is no failure.
  env::Task<Status> AlterReassignments(std::vector<Reassignment> reassignments);
  // Empty: of all partitions. What is led by its preferred replica already is no failure.
  env::Task<Status> ElectPreferredLeaders(std::vector<std::pair<std::string, int32_t>> partitions);
  // The first refusal; each resource is changed as a whole or not at all.
  env::Task<Status> AlterConfigs(std::vector<ConfigChange> changes);
  // A voter that is one already, one that is none: no failure.
  env::Task<Status> AddVoter(VoterEndpoint voter);
  env::Task<Status> RemoveVoter(NodeId id, DirectoryId directory);
  // One that isn't registered: no failure.
  env::Task<Status> UnregisterBroker(NodeId id);
  // Up, or down as far as that loses nothing.
  env::Task<Status> UpdateFeature(std::string feature, int16_t level);

 private:
  // Of one broker, or with kNoNode of topics and of all brokers.
  env::Task<Status> AlterConfigsOf(NodeId broker, std::vector<ConfigChange> changes);

  ClusterClient& client_;
};

}  // namespace dohle::kafka::client
