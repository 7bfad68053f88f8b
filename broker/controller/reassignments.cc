#include "broker/controller/reassignments.h"

#include <algorithm>
#include <set>

#include "broker/controller/partition_change.h"
#include "broker/controller/topics.h"

namespace dohle::controller {
namespace {

using metadata::PartitionRegistration;
using metadata::Replicas;
using metadata::TopicImage;
using ReassignablePartition = kafka::AlterPartitionReassignmentsRequest::ReassignablePartition;
using Ongoing = kafka::ListPartitionReassignmentsResponse::OngoingPartitionReassignment;

bool Contains(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

// In order of their ids, as Kafka writes them.
Replicas Difference(const Replicas& from, const Replicas& without) {
  Replicas rest;
  for (const NodeId id : from) {
    if (!Contains(without, id)) rest.push_back(id);
  }
  std::sort(rest.begin(), rest.end());
  return rest;
}

Replicas Without(const Replicas& replicas, const Replicas& removed) {
  Replicas rest;
  for (const NodeId id : replicas) {
    if (!Contains(removed, id)) rest.push_back(id);
  }
  return rest;
}

std::vector<int32_t> Ids(const Replicas& replicas) {
  std::vector<int32_t> ids;
  for (const NodeId id : replicas) ids.push_back(id.value());
  return ids;
}

// What the replication factor will be when the reassignment under way, if any, is complete.
size_t ReplicationFactor(const PartitionRegistration& partition) {
  std::set<NodeId> replicas(partition.replicas.begin(), partition.replicas.end());
  replicas.insert(partition.adding_replicas.begin(), partition.adding_replicas.end());
  for (const NodeId id : partition.removing_replicas) replicas.erase(id);
  return replicas.size();
}

ApiError Unknown(std::string message) {
  return ApiError(ErrorCode::kUnknownTopicOrPartition, std::move(message));
}

// Whether of those in sync enough stay for what is acknowledged: it may be with those alone that would go.
// Kafka asks for one of them only.
bool EnoughStay(const DecisionContext& context, const TopicRules& rules,
                const PartitionRegistration& partition, const Replicas& replicas, const Replicas& isr) {
  if (!context.image.features.elr_enabled() || rules.unclean_election) return true;
  const auto min_isr = static_cast<size_t>(std::max(rules.min_isr, 1));
  return isr.size() >= std::min({min_isr, replicas.size(), partition.isr.size()});
}

ApiError Cancel(const DecisionContext& context, const TopicImage& topic, PartitionIndex index,
                const PartitionRegistration& partition, RecordList* records) {
  if (!IsReassigning(partition)) return ApiError(ErrorCode::kNoReassignmentInProgress);
  const TopicRules rules = RulesOf(context, topic);
  const Replicas replicas = Without(partition.replicas, partition.adding_replicas);
  Replicas isr = Without(partition.isr, partition.adding_replicas);
  if (replicas.empty()) {
    return ApiError(ErrorCode::kInvalidReplicaAssignment,
                    "Invalid replica assignment: addingReplicas contains all replicas.");
  }
  if (isr.empty()) {
    // Only new replicas are in sync: whoever comes first of the old ones may have less than they.
    if (!rules.unclean_election) {
      return ApiError(ErrorCode::kInvalidReplicaAssignment,
                      fmt::format("Unable to revert partition assignment for {}:{} because it would require "
                                  "an unclean leader election.",
                                  topic.name, index.value()));
    }
    isr.push_back(replicas.front());
  }
  if (!EnoughStay(context, rules, partition, replicas, isr)) {
    return ApiError(ErrorCode::kInvalidReplicaAssignment,
                    fmt::format("Unable to revert partition assignment for {}:{} because fewer than "
                                "min.insync.replicas of the replicas that would stay are in sync.",
                                topic.name, index.value()));
  }
  PartitionChange change = ChangeOf(context, rules, topic.id, index, partition);
  if (rules.unclean_election) change.election = Election::kUnclean;
  change.isr = std::move(isr);
  change.replicas = replicas;
  change.removing = Replicas();
  change.adding = Replicas();
  if (auto record = BuildPartitionChange(change); record.has_value()) records->push_back(*std::move(record));
  return ApiError();
}

ApiError Begin(const DecisionContext& context, const TopicImage& topic, PartitionIndex index,
               const PartitionRegistration& partition, const std::vector<int32_t>& wanted,
               bool allow_replication_factor_change, RecordList* records) {
  DOHLE_RETURN_IF_API_ERROR(CheckManualAssignment(context.image, wanted, std::nullopt));
  if (const size_t current = ReplicationFactor(partition);
      !allow_replication_factor_change && current != wanted.size()) {
    return ApiError(ErrorCode::kInvalidReplicationFactor,
                    fmt::format("The replication factor is changed from {} to {}", current, wanted.size()));
  }
  Replicas target;
  for (const int32_t id : wanted) target.push_back(NodeId(id));
  const Replicas removing = Difference(partition.replicas, target);
  const Replicas adding = Difference(target, partition.replicas);
  Replicas replicas = target;
  replicas.insert(replicas.end(), removing.begin(), removing.end());
  PartitionChange change = ChangeOf(context, RulesOf(context, topic), topic.id, index, partition);
  change.replicas = std::move(replicas);
  // Kafka leaves those of a reassignment under way as they are if the new one has none of a kind.
  if (!removing.empty()) change.removing = removing;
  if (!adding.empty()) change.adding = adding;
  if (auto record = BuildPartitionChange(change); record.has_value()) records->push_back(*std::move(record));
  return ApiError();
}

ApiError AlterOne(const DecisionContext& context, bool allow_replication_factor_change,
                  std::string_view topic_name, const ReassignablePartition& wanted, RecordList* records) {
  const TopicImage* topic = context.image.topics.Find(topic_name);
  if (topic == nullptr) return Unknown(fmt::format("Unable to find a topic named {}.", topic_name));
  const PartitionIndex index(wanted.partition_index);
  const PartitionRegistration* partition = topic->Partition(index);
  if (partition == nullptr) {
    return Unknown(fmt::format("Unable to find partition {}:{}.", topic_name, wanted.partition_index));
  }
  if (records->size() >= kMaxRecordsPerRequest) {
    return ApiError(ErrorCode::kPolicyViolation, "Unable to perform excessively large batch operation.");
  }
  if (!wanted.replicas.has_value()) return Cancel(context, *topic, index, *partition, records);
  return Begin(context, *topic, index, *partition, *wanted.replicas, allow_replication_factor_change,
               records);
}

void AppendOngoing(const TopicImage& topic, PartitionIndex index, std::vector<Ongoing>* ongoing) {
  const PartitionRegistration* partition = topic.Partition(index);
  if (partition == nullptr || !IsReassigning(*partition)) return;
  Ongoing& one = ongoing->emplace_back();
  one.partition_index = index.value();
  one.replicas = Ids(partition->replicas);
  one.adding_replicas = Ids(partition->adding_replicas);
  one.removing_replicas = Ids(partition->removing_replicas);
}

void AppendTopic(const TopicImage& topic, std::vector<Ongoing> ongoing,
                 kafka::ListPartitionReassignmentsResponse* response) {
  if (ongoing.empty()) return;
  auto& listed = response->topics.emplace_back();
  listed.name = std::string(topic.name);
  listed.partitions = std::move(ongoing);
}

}  // namespace

Decision<kafka::AlterPartitionReassignmentsResponse> AlterPartitionReassignments(
    const DecisionContext& context, const kafka::AlterPartitionReassignmentsRequest& request) {
  Decision<kafka::AlterPartitionReassignmentsResponse> decision;
  decision.response.error_message.reset();
  decision.response.allow_replication_factor_change = request.allow_replication_factor_change;
  for (const auto& topic : request.topics) {
    auto& answer = decision.response.responses.emplace_back();
    answer.name = topic.name;
    for (const ReassignablePartition& wanted : topic.partitions) {
      auto& result = answer.partitions.emplace_back();
      result.partition_index = wanted.partition_index;
      SetError(
          AlterOne(context, request.allow_replication_factor_change, topic.name, wanted, &decision.records),
          &result);
    }
  }
  return decision;
}

kafka::ListPartitionReassignmentsResponse ListPartitionReassignments(
    const MetadataImage& image, const kafka::ListPartitionReassignmentsRequest& request) {
  kafka::ListPartitionReassignmentsResponse response;
  response.error_message.reset();
  if (request.topics.has_value()) {
    for (const auto& wanted : *request.topics) {
      const TopicImage* topic = image.topics.Find(wanted.name.view());
      if (topic == nullptr) continue;
      std::vector<Ongoing> ongoing;
      for (const int32_t index : wanted.partition_indexes) {
        AppendOngoing(*topic, PartitionIndex(index), &ongoing);
      }
      AppendTopic(*topic, std::move(ongoing), &response);
    }
    return response;
  }
  for (const auto& [id, topic] : image.topics.by_id) {
    std::vector<Ongoing> ongoing;
    for (const auto& [index, partition] : topic.partitions) AppendOngoing(topic, index, &ongoing);
    std::sort(ongoing.begin(), ongoing.end(),
              [](const Ongoing& a, const Ongoing& b) { return a.partition_index < b.partition_index; });
    AppendTopic(topic, std::move(ongoing), &response);
  }
  return response;
}

}  // namespace dohle::controller
