#include "broker/controller/elections.h"

#include <algorithm>

#include "broker/controller/partition_change.h"

namespace dohle::controller {
namespace {

using metadata::PartitionRegistration;
using metadata::Replicas;
using metadata::TopicImage;

constexpr int8_t kPreferredElection = 0;
constexpr int8_t kUncleanElection = 1;

ApiError ElectOne(const DecisionContext& context, std::string_view topic_name, int32_t index, int8_t type,
                  RecordList* records) {
  const TopicImage* topic = context.image.topics.Find(topic_name);
  if (topic == nullptr) {
    return ApiError(ErrorCode::kUnknownTopicOrPartition, fmt::format("No such topic as {}", topic_name));
  }
  const PartitionRegistration* partition = topic->Partition(PartitionIndex(index));
  if (partition == nullptr) {
    return ApiError(ErrorCode::kUnknownTopicOrPartition,
                    fmt::format("No such partition as {}-{}", topic_name, index));
  }
  const bool preferred = type == kPreferredElection;
  if (preferred ? partition->leader == partition->preferred_leader() : partition->leader != kNoNode) {
    return ApiError(ErrorCode::kElectionNotNeeded);
  }
  PartitionChange change =
      ChangeOf(context, RulesOf(context, *topic), topic->id, PartitionIndex(index), *partition);
  change.election = preferred ? Election::kPreferred : Election::kUnclean;
  std::optional<VersionedRecord> record = BuildPartitionChange(change);
  if (!record.has_value()) {
    return ApiError(preferred ? ErrorCode::kPreferredLeaderNotAvailable
                              : ErrorCode::kEligibleLeadersNotAvailable);
  }
  records->push_back(std::move(*record));
  return ApiError();
}

bool IsConcerned(const PartitionRegistration& partition, Concerned concerned, NodeId broker) {
  switch (concerned) {
    case Concerned::kInIsr:
      return partition.InIsr(broker);
    case Concerned::kInElr:
      return std::find(partition.elr.begin(), partition.elr.end(), broker) != partition.elr.end();
    case Concerned::kLeaderless:
      return partition.leader == kNoNode;
  }
  return false;
}

// Holds the election that `election(rules)` names wherever `wanted(partition)`.
template <typename Wanted, typename ElectionOf>
Elections ElectWherever(const DecisionContext& context, Wanted&& wanted, ElectionOf&& election) {
  Elections elections;
  for (const auto& [id, topic] : context.image.topics.by_id) {
    std::optional<TopicRules> rules;
    for (const auto& [index, partition] : topic.partitions) {
      if (!wanted(partition)) continue;
      if (elections.records.size() >= kMaxElections) {
        elections.more = true;
        return elections;
      }
      if (!rules.has_value()) rules = RulesOf(context, topic);
      PartitionChange change = ChangeOf(context, *rules, id, index, partition);
      change.election = election(*rules);
      if (std::optional<VersionedRecord> record = BuildPartitionChange(change); record.has_value()) {
        elections.records.push_back(std::move(*record));
      }
    }
  }
  return elections;
}

void RefuseAll(const kafka::ElectLeadersRequest& request, const ApiError& error,
               kafka::ElectLeadersResponse* response) {
  response->error_code = kafka::ToCode(error.code);
  if (!request.topic_partitions.has_value()) return;
  for (const auto& topic : *request.topic_partitions) {
    auto& refused = response->replica_election_results.emplace_back();
    refused.topic = topic.topic;
    for (const int32_t index : topic.partitions) {
      auto& result = refused.partition_result.emplace_back();
      result.partition_id = index;
      SetError(error, &result);
    }
  }
}

}  // namespace

Decision<kafka::ElectLeadersResponse> ElectLeaders(const DecisionContext& context,
                                                   const kafka::ElectLeadersRequest& request) {
  Decision<kafka::ElectLeadersResponse> decision;
  if (request.election_type != kPreferredElection && request.election_type != kUncleanElection) {
    const ApiError error(ErrorCode::kInvalidRequest,
                         fmt::format("Unknown election type {}", request.election_type));
    RefuseAll(request, error, &decision.response);
    return decision;
  }
  const auto elect = [&](std::string_view topic, int32_t index, bool report_needless,
                         std::vector<kafka::ElectLeadersResponse::PartitionResult>* results) {
    const ApiError error = ElectOne(context, topic, index, request.election_type, &decision.records);
    if (error.code == ErrorCode::kElectionNotNeeded && !report_needless) return;
    auto& result = results->emplace_back();
    result.partition_id = index;
    SetError(error, &result);
  };
  if (request.topic_partitions.has_value()) {
    for (const auto& topic : *request.topic_partitions) {
      auto& result = decision.response.replica_election_results.emplace_back();
      result.topic = topic.topic;
      for (const int32_t index : topic.partitions) elect(topic.topic, index, true, &result.partition_result);
    }
  } else {
    for (const auto& [id, topic] : context.image.topics.by_id) {
      auto& result = decision.response.replica_election_results.emplace_back();
      result.topic = std::string(topic.name);
      for (const auto& [index, partition] : topic.partitions) {
        elect(topic.name, index.value(), false, &result.partition_result);
      }
    }
  }
  if (decision.records.size() > kMaxRecordsPerRequest) {
    decision = {};
    const ApiError error(ErrorCode::kPolicyViolation, "Unable to perform excessively large batch operation.");
    RefuseAll(request, error, &decision.response);
  }
  return decision;
}

bool AppendLeaderAndIsrUpdates(const DecisionContext& context, const BrokerChange& change,
                               Concerned concerned, NodeId broker, RecordList* records) {
  for (const auto& [id, topic] : context.image.topics.by_id) {
    std::optional<TopicRules> rules;
    for (const auto& [index, partition] : topic.partitions) {
      if (!IsConcerned(partition, concerned, broker)) continue;
      if (records->size() >= kMaxRecordsPerBatch) return false;
      if (!rules.has_value()) rules = RulesOf(context, topic);
      AppendLeaderAndIsrUpdate(context, change, *rules, id, index, partition, records);
    }
  }
  return true;
}

void AppendLeaderAndIsrUpdate(const DecisionContext& context, const BrokerChange& broker_change,
                              const TopicRules& rules, const TopicId& topic, PartitionIndex index,
                              const PartitionRegistration& partition, RecordList* records) {
  PartitionChange change = ChangeOf(context, rules, topic, index, partition);
  change.acceptable_leader = [&](NodeId candidate) {
    if (candidate == broker_change.removed || candidate == broker_change.stopped_uncleanly) return false;
    return (candidate == broker_change.added || context.image.cluster.IsActive(candidate)) &&
           HasOnlineDirectory(context.image, candidate, partition.DirectoryOf(candidate));
  };
  change.unclean_shutdown = broker_change.stopped_uncleanly;
  if (rules.unclean_election) change.election = Election::kUnclean;
  Replicas isr;
  for (const NodeId member : partition.isr) {
    if (member != broker_change.removed && member != broker_change.stopped_uncleanly) isr.push_back(member);
  }
  change.isr = std::move(isr);
  if (std::optional<VersionedRecord> record = BuildPartitionChange(change); record.has_value()) {
    records->push_back(std::move(*record));
  }
}

Elections ElectPreferred(const DecisionContext& context) {
  return ElectWherever(
      context,
      [&](const PartitionRegistration& partition) {
        const NodeId preferred = partition.preferred_leader();
        // Most of those that can't lead are told by this alone.
        return partition.leader != preferred && context.image.cluster.IsActive(preferred);
      },
      [](const TopicRules&) { return Election::kPreferred; });
}

Elections ElectForLeaderless(const DecisionContext& context) {
  return ElectWherever(
      context, [](const PartitionRegistration& partition) { return partition.leader == kNoNode; },
      [](const TopicRules& rules) {
        return rules.unclean_election ? Election::kUnclean : Election::kOnline;
      });
}

bool LeadsAny(const MetadataImage& image, NodeId broker) {
  for (const auto& [id, topic] : image.topics.by_id) {
    for (const auto& [index, partition] : topic.partitions) {
      if (partition.leader == broker) return true;
    }
  }
  return false;
}

}  // namespace dohle::controller
