#include "broker/controller/topics.h"

#include <algorithm>
#include <map>
#include <set>

#include "broker/controller/configs.h"
#include "broker/controller/placement.h"
#include "broker/metadata/image_writer.h"
#include "broker/metadata/topic_name.h"

namespace dohle::controller {
namespace {

using metadata::ConfigMap;
using metadata::PartitionRegistration;
using metadata::Replicas;
using CreatableTopic = kafka::CreateTopicsRequest::CreatableTopic;
using CreatableTopicResult = kafka::CreateTopicsResponse::CreatableTopicResult;

constexpr std::string_view kClusterMetadataTopic = "__cluster_metadata";
constexpr int64_t kMaxPartitionsPerRequest = 10'000;

Replicas ToReplicas(const std::vector<int32_t>& ids) {
  Replicas replicas;
  for (const int32_t id : ids) replicas.push_back(NodeId(id));
  return replicas;
}

Replicas ActiveOf(const MetadataImage& image, const Replicas& replicas) {
  Replicas active;
  for (const NodeId id : replicas) {
    if (image.cluster.IsActive(id)) active.push_back(id);
  }
  return active;
}

PartitionRegistration NewPartition(const MetadataImage& image, Replicas replicas, Replicas isr) {
  PartitionRegistration partition;
  for (const NodeId id : replicas) partition.directories.push_back(DefaultDirectory(image, id));
  partition.leader = isr.front();
  partition.replicas = std::move(replicas);
  partition.isr = std::move(isr);
  return partition;
}

// ---- CreateTopics

class TopicCreation {
 public:
  TopicCreation(const DecisionContext& context, const kafka::CreateTopicsRequest& request)
      : context_(context), request_(request) {}

  Decision<kafka::CreateTopicsResponse> Run() {
    Decision<kafka::CreateTopicsResponse> decision;
    std::set<std::string_view> seen;
    std::set<std::string_view> duplicates;
    for (const CreatableTopic& topic : request_.topics) {
      if (!seen.insert(topic.name).second) duplicates.insert(topic.name);
    }
    if (TooManyPartitions(duplicates)) return AllFail();
    for (const CreatableTopic& topic : request_.topics) {
      if (duplicates.contains(topic.name) || topic.name.view() == kClusterMetadataTopic) continue;
      CreatableTopicResult result;
      result.name = topic.name;
      const ApiError error = Create(topic, &decision.records, &result);
      SetError(error, &result);
      decision.response.topics.push_back(std::move(result));
    }
    for (const std::string_view name : duplicates) Refuse(name, "Duplicate topic name.", &decision.response);
    if (seen.contains(kClusterMetadataTopic) && !duplicates.contains(kClusterMetadataTopic)) {
      Refuse(kClusterMetadataTopic, "Creation of internal topic __cluster_metadata is prohibited.",
             &decision.response);
    }
    if (decision.records.size() > kMaxRecordsPerRequest) return AllFail();
    if (request_.validate_only) decision.records.clear();
    return decision;
  }

 private:
  bool TooManyPartitions(const std::set<std::string_view>& duplicates) const {
    int64_t partitions = 0;
    for (const CreatableTopic& topic : request_.topics) {
      if (duplicates.contains(topic.name)) continue;
      if (!topic.assignments.empty()) {
        partitions += static_cast<int64_t>(topic.assignments.size());
      } else if (topic.num_partitions == -1) {
        partitions += context_.config.default_num_partitions;
      } else if (topic.num_partitions > 0) {
        partitions += topic.num_partitions;
      }
    }
    return partitions > kMaxPartitionsPerRequest;
  }
  Decision<kafka::CreateTopicsResponse> AllFail() const {
    Decision<kafka::CreateTopicsResponse> decision;
    for (const CreatableTopic& topic : request_.topics) {
      CreatableTopicResult result;
      result.name = topic.name;
      SetError(ApiError(ErrorCode::kPolicyViolation, "Excessively large number of partitions per request."),
               &result);
      decision.response.topics.push_back(std::move(result));
    }
    return decision;
  }
  static void Refuse(std::string_view name, std::string message, kafka::CreateTopicsResponse* response) {
    CreatableTopicResult result;
    result.name = name;
    SetError(ApiError(ErrorCode::kInvalidRequest, std::move(message)), &result);
    response->topics.push_back(std::move(result));
  }

  ApiError Create(const CreatableTopic& topic, RecordList* records, CreatableTopicResult* result) {
    DOHLE_RETURN_IF_API_ERROR(CheckName(topic.name));
    RecordList config_records;
    DOHLE_RETURN_IF_API_ERROR(Configs(topic, &config_records));
    std::vector<PartitionRegistration> partitions;
    DOHLE_RETURN_IF_API_ERROR(topic.assignments.empty() ? Place(topic, &partitions)
                                                        : Assign(topic, &partitions));

    result->topic_id = context_.random.NextUuid();
    result->num_partitions = static_cast<int32_t>(partitions.size());
    result->replication_factor = static_cast<int16_t>(partitions.front().replicas.size());

    kafka::TopicRecord record;
    record.name = topic.name;
    record.topic_id = result->topic_id;
    records->push_back({std::move(record), 0});
    std::move(config_records.begin(), config_records.end(), std::back_inserter(*records));
    for (size_t i = 0; i < partitions.size(); ++i) {
      records->push_back(metadata::ToRecord(result->topic_id, PartitionIndex(static_cast<int32_t>(i)),
                                            partitions[i], context_.metadata_version()));
    }
    return ApiError();
  }

  ApiError CheckName(std::string_view name) const {
    const auto& topics = context_.image.topics;
    if (topics.ids.Contains(name)) {
      return ApiError(ErrorCode::kTopicAlreadyExists, fmt::format("Topic '{}' already exists.", name));
    }
    std::optional<std::string> problem = metadata::TopicNameProblem(name);
    if (metadata::HasCollisionCharacters(name)) {
      const auto* colliding = topics.by_unified_name.Find(metadata::UnifyCollisionCharacters(name));
      if (colliding != nullptr) {
        problem = fmt::format("Topic '{}' collides with existing topic: {}", name, *colliding->begin());
      }
    }
    if (problem.has_value()) return ApiError(ErrorCode::kInvalidTopicException, std::move(*problem));
    return ApiError();
  }

  ApiError Configs(const CreatableTopic& topic, RecordList* records) const {
    std::string nulls;
    std::vector<ConfigOperation> operations;
    for (const auto& config : topic.configs) {
      if (!config.value.has_value()) {
        nulls += (nulls.empty() ? "" : ",") + std::string(config.name.view());
      } else {
        operations.push_back({std::string(config.name.view()), ConfigOperation::Type::kSet,
                              std::string(config.value->view())});
      }
    }
    if (!nulls.empty()) {
      return ApiError(ErrorCode::kInvalidConfig, "Null value not supported for topic configs: " + nulls);
    }
    if (operations.empty()) return ApiError();
    const metadata::ConfigResource resource{metadata::ConfigResourceType::kTopic,
                                            std::string(topic.name.view())};
    DOHLE_RETURN_IF_API_ERROR(AlterResource(context_, resource, operations, /*newly_created=*/true, records));
    AppendClearElr(context_, records);
    return ApiError();
  }

  ApiError Assign(const CreatableTopic& topic, std::vector<PartitionRegistration>* partitions) const {
    if (topic.replication_factor != -1) {
      return ApiError(
          ErrorCode::kInvalidRequest,
          "A manual partition assignment was specified, but replication factor was not set to -1.");
    }
    if (topic.num_partitions != -1) {
      return ApiError(ErrorCode::kInvalidRequest,
                      "A manual partition assignment was specified, but numPartitions was not set to -1.");
    }
    std::map<int32_t, PartitionRegistration> by_index;
    std::optional<size_t> replication_factor;
    for (const auto& assignment : topic.assignments) {
      const int32_t index = assignment.partition_index;
      if (by_index.contains(index)) {
        return ApiError(ErrorCode::kInvalidReplicaAssignment,
                        fmt::format("Found multiple manual partition assignments for partition {}", index));
      }
      DOHLE_RETURN_IF_API_ERROR(
          CheckManualAssignment(context_.image, assignment.broker_ids, replication_factor));
      replication_factor = assignment.broker_ids.size();
      Replicas replicas = ToReplicas(assignment.broker_ids);
      Replicas isr = ActiveOf(context_.image, replicas);
      if (isr.empty()) {
        return ApiError(
            ErrorCode::kInvalidReplicaAssignment,
            fmt::format("All brokers specified in the manual partition assignment for partition {} are "
                        "fenced or in controlled shutdown.",
                        index));
      }
      by_index.emplace(index, NewPartition(context_.image, std::move(replicas), std::move(isr)));
    }
    int32_t next = 0;
    for (auto& [index, partition] : by_index) {
      if (index != next++) {
        return ApiError(ErrorCode::kInvalidReplicaAssignment,
                        "partitions should be a consecutive 0-based integer sequence");
      }
      partitions->push_back(std::move(partition));
    }
    return ApiError();
  }

  ApiError Place(const CreatableTopic& topic, std::vector<PartitionRegistration>* partitions) const {
    if (topic.replication_factor < -1 || topic.replication_factor == 0) {
      return ApiError(ErrorCode::kInvalidReplicationFactor,
                      "Replication factor must be larger than 0, or -1 to use the default value.");
    }
    if (topic.num_partitions < -1 || topic.num_partitions == 0) {
      return ApiError(ErrorCode::kInvalidPartitions,
                      "Number of partitions was set to an invalid non-positive value.");
    }
    const int32_t count =
        topic.num_partitions == -1 ? context_.config.default_num_partitions : topic.num_partitions;
    const int16_t replication_factor = topic.replication_factor == -1
                                           ? context_.config.default_replication_factor
                                           : topic.replication_factor;
    auto placed = PlaceReplicas(UsableBrokers(context_.image), count, replication_factor, context_.random);
    if (const auto* problem = std::get_if<std::string>(&placed))
      return Unplaceable(replication_factor, *problem);
    for (Replicas& replicas : std::get<Placement>(placed)) {
      Replicas isr = ActiveOf(context_.image, replicas);
      if (isr.empty()) {
        return Unplaceable(replication_factor, "All brokers are currently fenced or in controlled shutdown.");
      }
      partitions->push_back(NewPartition(context_.image, std::move(replicas), std::move(isr)));
    }
    return ApiError();
  }
  static ApiError Unplaceable(int16_t replication_factor, const std::string& problem) {
    return ApiError(
        ErrorCode::kInvalidReplicationFactor,
        fmt::format("Unable to replicate the partition {} time(s): {}", replication_factor, problem));
  }

  const DecisionContext& context_;
  const kafka::CreateTopicsRequest& request_;
};

// ---- CreatePartitions

ApiError WithoutMessage(ErrorCode code) {
  ApiError error;
  error.code = code;
  return error;
}

ApiError Grow(const DecisionContext& context,
              const kafka::CreatePartitionsRequest::CreatePartitionsTopic& wanted, RecordList* records) {
  const MetadataImage& image = context.image;
  const metadata::TopicImage* topic = image.topics.Find(wanted.name.view());
  if (topic == nullptr) return WithoutMessage(ErrorCode::kUnknownTopicOrPartition);
  const int32_t current = topic->partition_count();
  if (wanted.count == current) {
    return ApiError(ErrorCode::kInvalidPartitions,
                    fmt::format("Topic already has {} partition(s).", current));
  }
  if (wanted.count < current) {
    return ApiError(ErrorCode::kInvalidPartitions,
                    fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.",
                                wanted.name.view(), current, wanted.count));
  }
  const int32_t additional = wanted.count - current;
  if (wanted.assignments.has_value() && wanted.assignments->size() != static_cast<size_t>(additional)) {
    return ApiError(
        ErrorCode::kInvalidReplicaAssignment,
        fmt::format("Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
                    additional, wanted.assignments->size()));
  }
  if (additional > kMaxPartitionsPerRequest) {
    return WithoutMessage(ErrorCode::kUnknownServerError);  // Kafka's answer here, unlike CreateTopics'
  }
  const PartitionRegistration* first = topic->Partition(PartitionIndex(0));
  if (first == nullptr) {
    return ApiError(
        ErrorCode::kUnknownServerError,
        fmt::format("Invalid state: topic {} appears to have no partitions.", wanted.name.view()));
  }
  const size_t replication_factor = first->replicas.size();
  Placement placement;
  if (wanted.assignments.has_value()) {
    for (size_t i = 0; i < wanted.assignments->size(); ++i) {
      const auto& ids = (*wanted.assignments)[i].broker_ids;
      DOHLE_RETURN_IF_API_ERROR(CheckManualAssignment(image, ids, replication_factor));
      placement.push_back(ToReplicas(ids));
      if (ActiveOf(image, placement.back()).empty()) {
        return ApiError(
            ErrorCode::kInvalidReplicaAssignment,
            fmt::format("All brokers specified in the manual partition assignment for partition {} are "
                        "fenced or in controlled shutdown.",
                        static_cast<size_t>(current) + i));
      }
    }
  } else {
    auto placed = PlaceReplicas(UsableBrokers(image), additional, static_cast<int16_t>(replication_factor),
                                context.random);
    if (auto* problem = std::get_if<std::string>(&placed)) {
      return ApiError(ErrorCode::kInvalidReplicationFactor, std::move(*problem));
    }
    placement = std::move(std::get<Placement>(placed));
  }
  for (int32_t i = 0; i < additional; ++i) {
    Replicas& replicas = placement[static_cast<size_t>(i)];
    Replicas isr = ActiveOf(image, replicas);
    if (isr.empty()) {
      return ApiError(
          ErrorCode::kInvalidReplicationFactor,
          fmt::format("Unable to replicate the partition {} time(s): All brokers are currently fenced or "
                      "in controlled shutdown.",
                      replication_factor));
    }
    records->push_back(metadata::ToRecord(topic->id, PartitionIndex(current + i),
                                          NewPartition(image, std::move(replicas), std::move(isr)),
                                          context.metadata_version()));
  }
  return ApiError();
}

// ---- DeleteTopics

class TopicDeletion {
 public:
  TopicDeletion(const DecisionContext& context, const kafka::DeleteTopicsRequest& request)
      : topics_(context.image.topics), request_(request) {}

  Decision<kafka::DeleteTopicsResponse> Run() {
    Collect();
    std::set<TopicId> deleted;
    for (const TopicId& id : ids_) {
      if (duplicate_ids_.contains(id)) continue;
      const metadata::TopicImage* topic = topics_.Find(id);
      if (topic == nullptr) {
        Respond(std::nullopt, id, ApiError(ErrorCode::kUnknownTopicId));
      } else {
        deleted.insert(id);
      }
    }
    for (const std::string_view name : names_) {
      if (duplicate_names_.contains(name)) continue;
      const metadata::TopicImage* topic = topics_.Find(name);
      if (topic == nullptr) {
        Respond(name, TopicId(), ApiError(ErrorCode::kUnknownTopicOrPartition));
      } else if (duplicate_ids_.contains(topic->id) || deleted.contains(topic->id)) {
        deleted.erase(topic->id);
        duplicate_ids_.insert(topic->id);
        Respond(name, topic->id,
                ApiError(ErrorCode::kInvalidRequest,
                         "The provided topic name maps to an ID that was already supplied."));
      } else {
        deleted.insert(topic->id);
      }
    }
    for (const TopicId& id : deleted) {
      Respond(topics_.Find(id)->name, id, ApiError());
      kafka::RemoveTopicRecord record;
      record.topic_id = id;
      decision_.records.push_back({std::move(record), 0});
    }
    return std::move(decision_);
  }

 private:
  void Collect() {
    for (const kafka::Text& name : request_.topic_names) AddName(name);
    for (const auto& topic : request_.topics) {
      if (!topic.name.has_value()) {
        if (topic.topic_id.is_zero()) {
          Respond(std::nullopt, TopicId(),
                  ApiError(ErrorCode::kInvalidRequest, "Neither topic name nor id were specified."));
        } else if (!ids_.insert(topic.topic_id).second) {
          duplicate_ids_.insert(topic.topic_id);
        }
      } else if (topic.topic_id.is_zero()) {
        AddName(*topic.name);
      } else {
        Respond(topic.name->view(), topic.topic_id,
                ApiError(ErrorCode::kInvalidRequest, "You may not specify both topic name and topic id."));
      }
    }
    for (const std::string_view name : duplicate_names_) {
      Respond(name, TopicId(), ApiError(ErrorCode::kInvalidRequest, "Duplicate topic name."));
    }
    for (const TopicId& id : duplicate_ids_) {
      Respond(std::nullopt, id, ApiError(ErrorCode::kInvalidRequest, "Duplicate topic id."));
    }
  }
  void AddName(std::string_view name) {
    if (!names_.insert(name).second) duplicate_names_.insert(name);
  }
  void Respond(std::optional<std::string_view> name, const TopicId& id, const ApiError& error) {
    auto& result = decision_.response.responses.emplace_back();
    result.name.reset();
    // Owned: names found by id are the image's.
    if (name.has_value()) result.name = kafka::Text(std::string(*name));
    result.topic_id = id;
    SetError(error, &result);
  }

  const metadata::TopicsImage& topics_;
  const kafka::DeleteTopicsRequest& request_;
  std::set<std::string_view> names_;
  std::set<std::string_view> duplicate_names_;
  std::set<TopicId> ids_;
  std::set<TopicId> duplicate_ids_;
  Decision<kafka::DeleteTopicsResponse> decision_;
};

}  // namespace

Decision<kafka::CreateTopicsResponse> CreateTopics(const DecisionContext& context,
                                                   const kafka::CreateTopicsRequest& request) {
  return TopicCreation(context, request).Run();
}

Decision<kafka::CreatePartitionsResponse> CreatePartitions(const DecisionContext& context,
                                                           const kafka::CreatePartitionsRequest& request) {
  Decision<kafka::CreatePartitionsResponse> decision;
  std::set<std::string_view> seen;
  std::set<std::string_view> duplicates;
  for (const auto& topic : request.topics) {
    if (!seen.insert(topic.name).second) duplicates.insert(topic.name);
  }
  const auto respond = [&](std::string_view name, const ApiError& error) {
    auto& result = decision.response.results.emplace_back();
    result.name = name;
    SetError(error, &result);
  };
  for (const std::string_view name : duplicates) {
    respond(name, ApiError(ErrorCode::kInvalidRequest, "Duplicate topic name."));
  }
  for (const auto& topic : request.topics) {
    if (duplicates.contains(topic.name)) continue;
    RecordList records;
    ApiError error = Grow(context, topic, &records);
    if (error.ok() && decision.records.size() + records.size() > kMaxRecordsPerRequest) {
      error = ApiError(ErrorCode::kPolicyViolation, "Excessively large number of partitions per request.");
      records.clear();
    }
    if (error.ok()) std::move(records.begin(), records.end(), std::back_inserter(decision.records));
    respond(topic.name, error);
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

Decision<kafka::DeleteTopicsResponse> DeleteTopics(const DecisionContext& context,
                                                   const kafka::DeleteTopicsRequest& request) {
  return TopicDeletion(context, request).Run();
}

ApiError CheckManualAssignment(const MetadataImage& image, const std::vector<int32_t>& broker_ids,
                               std::optional<size_t> replication_factor) {
  const auto invalid = [](std::string message) {
    return ApiError(ErrorCode::kInvalidReplicaAssignment, std::move(message));
  };
  if (broker_ids.empty()) return invalid("The manual partition assignment includes an empty replica list.");
  std::vector<int32_t> sorted = broker_ids;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (image.cluster.Broker(NodeId(sorted[i])) == nullptr) {
      return invalid(
          fmt::format("The manual partition assignment includes broker {}, but no such broker is registered.",
                      sorted[i]));
    }
    if (i > 0 && sorted[i] == sorted[i - 1]) {
      return invalid(
          fmt::format("The manual partition assignment includes the broker {} more than once.", sorted[i]));
    }
  }
  if (replication_factor.has_value() && sorted.size() != *replication_factor) {
    return invalid(
        fmt::format("The manual partition assignment includes a partition with {} replica(s), but this is "
                    "not consistent with previous partitions, which have {} replica(s).",
                    sorted.size(), *replication_factor));
  }
  return ApiError();
}

}  // namespace dohle::controller
