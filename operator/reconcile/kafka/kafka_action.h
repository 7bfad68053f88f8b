// What a planner asks of a Kafka cluster: a step as data, taken by KafkaControl. Each is idempotent: taken
// twice it changes nothing more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/uuid.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// AlterPartitionReassignments (KIP-455).
struct ReassignPartitions {
  struct Move {
    std::string topic;
    int32_t partition = 0;
    Replicas
        replicas;  // that it shall have, the preferred leader first; empty: what is under way is cancelled
  };
  std::vector<Move> moves;
};

// ElectLeaders: preferred replicas lead again.
struct ElectPreferredLeaders {
  std::vector<std::pair<std::string, int32_t>> partitions;  // empty: all of the cluster
};

// IncrementalAlterConfigs of brokers or topics; no value: back to the default. Each resource by itself: one
// that is refused doesn't hold up the others, and the step fails with the first refusal.
struct AlterConfigs {
  enum class Kind { kBroker, kTopic };
  struct Change {
    Kind kind = Kind::kBroker;
    std::string name;  // a broker's id; "": the default of all brokers; a topic's name
    std::string key;
    std::optional<std::string> value;
  };
  std::vector<Change> changes;
};

// KIP-853; the directory ids come of Topology::quorum.
struct AddVoter {
  NodeId id = kNoNode;
  DirectoryId directory;
  std::string host;  // of its controller listener
  int32_t port = 0;
  std::string listener;
};
struct RemoveVoter {
  NodeId id = kNoNode;
  DirectoryId directory;
};

// A broker that is fenced and holds no replicas is forgotten by the controller.
struct UnregisterBroker {
  NodeId id = kNoNode;
};

// UpdateFeatures: `level` of a feature (metadata.version, kraft.version, ...), upgrades and safe downgrades.
struct UpdateFeature {
  std::string feature;
  int16_t level = 0;
};

using KafkaAction = std::variant<ReassignPartitions, ElectPreferredLeaders, AlterConfigs, AddVoter,
                                 RemoveVoter, UnregisterBroker, UpdateFeature>;

}  // namespace dohle::reconcile
