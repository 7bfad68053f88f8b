// The change of one partition, decided purely: who leads, who is in the ISR, who is an eligible leader
// (KIP-966), whether a reassignment is complete, whether the leader epoch rises. The rules are those of
// Kafka's PartitionChangeBuilder; every change of a partition but its creation goes through here.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "broker/controller/decision.h"

namespace dohle::controller {

enum class Election : uint8_t {
  kPreferred,  // the first replica if it can, else any
  kOnline,     // keep the leader if it can, else any of the ISR or ELR
  kUnclean,    // as kOnline, in the end any live replica
};

struct PartitionChange {
  const metadata::PartitionRegistration& partition;
  TopicId topic_id;
  PartitionIndex index;
  int16_t metadata_version = 0;
  int32_t min_isr = 1;
  bool elr_enabled = false;
  std::function<bool(NodeId)> acceptable_leader;
  std::function<DirectoryId(NodeId)> default_directory;
  // May be stopped any moment: leads only if it does already, or if nobody else can. None: nobody is.
  std::function<bool(NodeId)> going_away;
  Election election = Election::kOnline;
  // What is wanted; without: as it is.
  std::optional<metadata::Replicas> isr;
  std::optional<metadata::Replicas> replicas;
  std::optional<metadata::Replicas> removing;
  std::optional<metadata::Replicas> adding;
  std::optional<metadata::LeaderRecoveryState> leader_recovery_state;
  std::optional<std::pair<NodeId, DirectoryId>> directory;  // where that broker keeps its replica
  // Stopped uncleanly: it may have lost what it acknowledged, so it is no eligible leader any more.
  NodeId unclean_shutdown = kNoNode;
};

// Nothing if there is nothing to change.
std::optional<VersionedRecord> BuildPartitionChange(const PartitionChange& change);

// Filled in for `partition` of `context`'s image, with the acceptor that Kafka uses: the broker is active and
// its directory of the replica online. `rules` are those of the topic.
PartitionChange ChangeOf(const DecisionContext& context, const TopicRules& rules, const TopicId& topic,
                         PartitionIndex index, const metadata::PartitionRegistration& partition);
// Whether replicas are being moved (KIP-455).
bool IsReassigning(const metadata::PartitionRegistration& partition);
bool HasOnlineDirectory(const MetadataImage& image, NodeId broker, const DirectoryId& directory);

}  // namespace dohle::controller
