// What an administrator asks of a Kafka cluster, typed and in batches: each call makes as few requests as
// Kafka's limits allow, and every item has a result of its own.
//
// Errors of Kafka's are statuses with Kafka's name and words (kafka_status.h). A request that fails as a
// whole (kUnavailable, kDeadlineExceeded) gives its status to each of its items and to all behind it: those
// behind weren't sent. What is asked for by a list is answered in the order of the list.
//
// Kafka 3.0 and later. On the executor of its ClusterClient.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/kafka/client/cluster_client.h"

namespace dohle::kafka::client {

struct PartitionDescription {
  int32_t index = 0;
  NodeId leader = kNoNode;
  std::vector<NodeId> replicas;
  std::vector<NodeId> isr;
};
struct TopicDescription {
  std::string name;
  TopicId id;
  bool internal = false;
  std::vector<PartitionDescription> partitions;  // by index, ascending
};

struct NewTopic {
  std::string name;
  int32_t partitions = 1;
  int16_t replication_factor = 1;
  std::vector<std::pair<std::string, std::string>> configs;
};

struct TopicGrowth {
  std::string name;
  int32_t partitions = 0;  // that it shall have
  int32_t added = 0;       // how many of them are new
};

// Values that were set for the topic itself, by key.
using TopicConfigs = std::map<std::string, std::string, std::less<>>;
struct TopicConfigChange {
  std::string topic;
  std::vector<std::pair<std::string, std::optional<std::string>>> changes;  // no value: back to the default
};

struct GroupListing {
  std::string id;
  std::string protocol_type;  // "consumer"; "" for groups that only commit
  std::string state;          // "Stable", "Empty", …; "" before Kafka 2.6
  std::string type;           // "Classic", "Consumer", "Share", …; "" before Kafka 3.8
  NodeId coordinator = kNoNode;
};
struct GroupListings {
  std::vector<GroupListing> groups;
  Status status;  // of the first broker that didn't answer: its groups are missing
};
struct GroupDescription {
  std::string id;
  std::string state;
  int members = 0;
};

struct CommittedOffset {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
};

struct LeaderOfPartition {
  std::string topic;
  int32_t partition = 0;
  NodeId leader = kNoNode;
};

struct ReplicaSize {
  std::string topic;
  int32_t partition = 0;
  int64_t bytes = 0;
};
struct LogDirDescription {
  NodeId broker = kNoNode;
  std::string path;
  Status status;             // whether the directory works
  int64_t total_bytes = -1;  // of its file system; -1 = unknown, as is usable_bytes
  int64_t usable_bytes = -1;
  bool cordoned = false;              // no new replicas are placed there (KIP-1066)
  std::vector<ReplicaSize> replicas;  // without those that are on their way to here
};
struct LogDirs {
  std::vector<LogDirDescription> dirs;
  Status status;  // of the first broker that didn't answer
};

class Admin {
 public:
  // `client` outlives it, and it outlives its calls.
  explicit Admin(ClusterClient& client) : client_(client) {}

  env::Task<StatusOr<ClusterView>> DescribeCluster() { return client_.RefreshView(); }

  // All topics, in the order of the broker's answer: one Metadata.
  env::Task<StatusOr<std::vector<TopicDescription>>> ListTopics();
  // kNotFound; kInvalidArgument: no topic can be called so.
  env::Task<std::vector<StatusOr<TopicDescription>>> DescribeTopics(std::vector<std::string> names);

  env::Task<std::vector<StatusOr<TopicId>>> CreateTopics(std::vector<NewTopic> topics);
  env::Task<std::vector<Status>> DeleteTopics(std::vector<TopicId> ids);
  env::Task<std::vector<Status>> CreatePartitions(std::vector<TopicGrowth> topics);

  // Only what was set for the topic itself, not what it has by default or from its broker.
  env::Task<std::vector<StatusOr<TopicConfigs>>> DescribeTopicConfigs(std::vector<std::string> topics);
  env::Task<std::vector<Status>> AlterTopicConfigs(std::vector<TopicConfigChange> changes);

  // Of all brokers.
  env::Task<GroupListings> ListGroups();
  // Of classic groups; others are kNotFound from Kafka 4.0 on.
  env::Task<std::vector<StatusOr<GroupDescription>>> DescribeGroups(std::vector<std::string> groups);
  // All that each group has committed.
  env::Task<std::vector<StatusOr<std::vector<CommittedOffset>>>> FetchOffsets(
      std::vector<std::string> groups);

  // The offset behind the last record that consumers can see.
  env::Task<std::vector<StatusOr<int64_t>>> LatestOffsets(std::vector<LeaderOfPartition> partitions);
  // Of all brokers.
  env::Task<LogDirs> DescribeLogDirs();

 private:
  ClusterClient& client_;
};

// --- how lists are cut into requests. Pure.

struct Slice {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Slice&) const = default;
};
// A KRaft controller writes at most 10,000 records for one request
// (QuorumController.MAX_RECORDS_PER_USER_OP).
inline constexpr size_t kRecordsOfRequest = 8000;
inline constexpr size_t kItemsOfRequest = 1000;
// `costs` has the records that each item takes; an item that takes too many stands alone.
std::vector<Slice> CutByCost(const std::vector<size_t>& costs, size_t most_items = kItemsOfRequest,
                             size_t most_cost = kRecordsOfRequest);
std::vector<Slice> CutByCount(size_t n, size_t most_items = kItemsOfRequest);

}  // namespace dohle::kafka::client
