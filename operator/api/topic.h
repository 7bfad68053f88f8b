// The Topic resource: what its user asks for and what the operator answers. Plain data; described in
// topic_fields.cc (see cluster.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/api/condition.h"

namespace dohle::api {

// What happens to a topic that exists already when its resource comes.
enum class AdoptionPolicy {
  kAdopt,   // it is taken over; fewer partitions than asked grow, configs are set
  kRefuse,  // the resource gets a condition, the topic is left alone
};

// Whether records of one key may come to lie in two partitions.
enum class KeyOrder {
  kStrict,   // never: a topic that has had records doesn't grow
  kRelaxed,  // they may, once partitions are added
};

// Of partitions. At least one target is set.
struct TopicAutoscaling {
  int32_t max_partitions = 0;
  std::optional<std::string> target_bytes_per_second;  // a quantity; of what producers bring each partition
  std::optional<int32_t> target_lag_seconds;
  KeyOrder key_order = KeyOrder::kStrict;
};

struct TopicSpec {
  std::optional<std::string> cluster;            // name of a Cluster in the same namespace; immutable
  std::optional<std::string> bootstrap_servers;  // or: any Kafka cluster, "host:port,host:port"; immutable
  std::optional<std::string> topic_name;         // unset: metadata.name; immutable
  int32_t partitions = 1;                        // only grows
  int32_t replicas = 1;
  StringPairs config;  // Kafka's topic properties
  DeletionPolicy deletion_policy = DeletionPolicy::kDelete;
  AdoptionPolicy adoption_policy = AdoptionPolicy::kAdopt;
  std::optional<TopicAutoscaling> autoscaling;
};

struct TopicLag {
  std::string group;
  int64_t records = 0;
  double seconds = 0;
};

struct TopicStatus {
  int64_t observed_generation = 0;
  std::vector<Condition> conditions;
  std::string topic_name;
  std::string topic_id;  // Kafka's form: 22 characters of base64
  int32_t partitions = 0, replicas = 0;
  int64_t bytes = 0;
  double bytes_in_per_second = 0, bytes_out_per_second = 0, records_in_per_second = 0;
  std::optional<TopicLag> largest_lag;
  std::optional<AutoscalingStatus> autoscaling;
};

}  // namespace dohle::api
