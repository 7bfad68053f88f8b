#include "broker/controller/directories.h"

#include "broker/controller/brokers.h"
#include "broker/controller/partition_change.h"

namespace dohle::controller {
namespace {

using metadata::PartitionRegistration;
using metadata::TopicImage;

ErrorCode AssignOne(const DecisionContext& context, NodeId broker, const DirectoryId& directory,
                    const TopicId& topic_id, PartitionIndex index, RecordList* records) {
  const TopicImage* topic = context.image.topics.Find(topic_id);
  if (topic == nullptr) return ErrorCode::kUnknownTopicId;
  const PartitionRegistration* partition = topic->Partition(index);
  if (partition == nullptr) return ErrorCode::kUnknownTopicOrPartition;
  if (!partition->HasReplica(broker)) return ErrorCode::kNotLeaderOrFollower;
  const TopicRules rules = RulesOf(context, *topic);
  PartitionChange change = ChangeOf(context, rules, topic->id, index, *partition);
  change.directory = {broker, directory};
  const bool offline = !HasOnlineDirectory(context.image, broker, directory);
  if (offline) {
    // The replica went where nobody can read it: it leaves the ISR in the same step.
    metadata::Replicas isr;
    for (const NodeId member : partition->isr) {
      if (member != broker) isr.push_back(member);
    }
    change.isr = std::move(isr);
    if (rules.unclean_election) change.election = Election::kUnclean;
    change.acceptable_leader = [usual = change.acceptable_leader, broker](NodeId candidate) {
      return candidate != broker && usual(candidate);
    };
  } else if (partition->leader == kNoNode) {
    // Whoever is back with another disk may be the only one who can lead, and nothing else would ask soon.
    change.acceptable_leader = [usual = change.acceptable_leader, broker, &context](NodeId candidate) {
      return candidate == broker ? context.image.cluster.IsActive(broker) : usual(candidate);
    };
  }
  if (std::optional<VersionedRecord> record = BuildPartitionChange(change); record.has_value()) {
    records->push_back(std::move(*record));
  }
  return ErrorCode::kNone;
}

}  // namespace

Decision<kafka::AssignReplicasToDirsResponse> AssignReplicasToDirs(
    const DecisionContext& context, const kafka::AssignReplicasToDirsRequest& request) {
  constexpr int16_t kDirectoryAssignment = 17;  // 3.7-IV2
  Decision<kafka::AssignReplicasToDirsResponse> decision;
  const NodeId broker(request.broker_id);
  ApiError error = CheckBrokerEpoch(context.image, broker, BrokerEpoch(request.broker_epoch));
  if (context.metadata_version() < kDirectoryAssignment) error = ApiError(ErrorCode::kUnsupportedVersion);
  if (!error.ok()) {
    decision.response.error_code = kafka::ToCode(error.code);
    return decision;
  }
  for (const auto& directory : request.directories) {
    auto& directory_result = decision.response.directories.emplace_back();
    directory_result.id = directory.id;
    for (const auto& topic : directory.topics) {
      auto& topic_result = directory_result.topics.emplace_back();
      topic_result.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        auto& result = topic_result.partitions.emplace_back();
        result.partition_index = partition.partition_index;
        result.error_code =
            kafka::ToCode(AssignOne(context, broker, directory.id, topic.topic_id,
                                    PartitionIndex(partition.partition_index), &decision.records));
      }
    }
  }
  return decision;
}

}  // namespace dohle::controller
