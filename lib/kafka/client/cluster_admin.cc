#include "lib/kafka/client/cluster_admin.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

#include "lib/kafka/client/admin.h"
#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/messages/add_raft_voter_request.h"
#include "lib/kafka/messages/add_raft_voter_response.h"
#include "lib/kafka/messages/alter_partition_reassignments_request.h"
#include "lib/kafka/messages/alter_partition_reassignments_response.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/describe_cluster_request.h"
#include "lib/kafka/messages/describe_cluster_response.h"
#include "lib/kafka/messages/describe_configs_request.h"
#include "lib/kafka/messages/describe_configs_response.h"
#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/describe_quorum_response.h"
#include "lib/kafka/messages/elect_leaders_request.h"
#include "lib/kafka/messages/elect_leaders_response.h"
#include "lib/kafka/messages/incremental_alter_configs_request.h"
#include "lib/kafka/messages/incremental_alter_configs_response.h"
#include "lib/kafka/messages/list_partition_reassignments_request.h"
#include "lib/kafka/messages/list_partition_reassignments_response.h"
#include "lib/kafka/messages/remove_raft_voter_request.h"
#include "lib/kafka/messages/remove_raft_voter_response.h"
#include "lib/kafka/messages/unregister_broker_request.h"
#include "lib/kafka/messages/unregister_broker_response.h"
#include "lib/kafka/messages/update_features_request.h"
#include "lib/kafka/messages/update_features_response.h"

namespace dohle::kafka::client {
namespace {

constexpr int32_t kControllerTimeoutMs = 20'000;  // less than a connection waits for an answer
constexpr std::string_view kMetadataTopic = "__cluster_metadata";

std::string_view View(const std::optional<Text>& text) { return text ? text->view() : std::string_view(); }

std::vector<NodeId> Nodes(const std::vector<int32_t>& ids) {
  std::vector<NodeId> nodes;
  nodes.reserve(ids.size());
  for (const int32_t id : ids) nodes.emplace_back(id);
  return nodes;
}

std::vector<QuorumReplica> QuorumReplicas(
    const std::vector<DescribeQuorumResponse::ReplicaState>& described) {
  std::vector<QuorumReplica> replicas;
  for (const auto& replica : described) {
    replicas.push_back({NodeId(replica.replica_id), replica.replica_directory_id, replica.log_end_offset,
                        replica.last_caught_up_timestamp});
  }
  return replicas;
}

// `status`, or OK if it is the error that says that it is so already.
Status Unless(const Status& status, ErrorCode already) {
  return KafkaError(status) == already ? OkStatus() : status;
}

// Says what was refused, and keeps the error.
void KeepFirst(const Status& status, Status* first) {
  if (first->ok() && !status.ok()) *first = status;
}

}  // namespace

env::Task<StatusOr<ClusterDescription>> ClusterAdmin::DescribeCluster() {
  DescribeClusterRequest request;
  request.include_fenced_brokers = true;
  auto answer = co_await client_.Call<DescribeClusterResponse>(Route::Any(), std::move(request),
                                                               DescribeClusterRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  const Status status = StatusFromKafka(answer->message.error_code, View(answer->message.error_message));
  if (!status.ok()) co_return status;
  ClusterDescription description;
  description.cluster_id = std::string(answer->message.cluster_id);
  for (const auto& broker : answer->message.brokers) {
    description.brokers.push_back(
        {NodeId(broker.broker_id), std::string(View(broker.rack)), broker.is_fenced});
  }
  std::sort(description.brokers.begin(), description.brokers.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  co_return description;
}

env::Task<StatusOr<QuorumDescription>> ClusterAdmin::DescribeQuorum() {
  DescribeQuorumRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_name = Text(kMetadataTopic);
  topic.partitions.emplace_back();
  auto answer = co_await client_.Call<DescribeQuorumResponse>(Route::Any(), std::move(request),
                                                              DescribeQuorumRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  const DescribeQuorumResponse& message = answer->message;
  Status status = StatusFromKafka(message.error_code, View(message.error_message));
  if (!status.ok()) co_return status;
  if (message.topics.size() != 1 || message.topics[0].partitions.size() != 1) {
    co_return MakeStatus(StatusCode::kUnavailable, "the answer leaves the metadata partition out");
  }
  const auto& partition = message.topics[0].partitions[0];
  status = StatusFromKafka(partition.error_code, View(partition.error_message));
  if (!status.ok()) co_return status;
  QuorumDescription quorum;
  quorum.leader = NodeId(partition.leader_id);
  quorum.leader_epoch = partition.leader_epoch;
  quorum.high_watermark = partition.high_watermark;
  quorum.voters = QuorumReplicas(partition.current_voters);
  quorum.observers = QuorumReplicas(partition.observers);
  co_return quorum;
}

env::Task<StatusOr<std::vector<OngoingReassignment>>> ClusterAdmin::ListReassignments() {
  ListPartitionReassignmentsRequest request;
  request.timeout_ms = kControllerTimeoutMs;
  auto answer = co_await client_.Call<ListPartitionReassignmentsResponse>(
      Route::Controller(), std::move(request), ListPartitionReassignmentsRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  const Status status = StatusFromKafka(answer->message.error_code, View(answer->message.error_message));
  if (!status.ok()) co_return status;
  std::vector<OngoingReassignment> ongoing;
  for (const auto& topic : answer->message.topics) {
    for (const auto& partition : topic.partitions) {
      ongoing.push_back({std::string(topic.name), partition.partition_index, Nodes(partition.adding_replicas),
                         Nodes(partition.removing_replicas)});
    }
  }
  co_return ongoing;
}

env::Task<std::vector<StatusOr<std::string>>> ClusterAdmin::DescribeTopicConfig(
    std::vector<std::string> topics, std::string key) {
  std::vector<StatusOr<std::string>> values(
      topics.size(), MakeStatus(StatusCode::kUnavailable, "the broker's answer leaves it out"));
  for (const Slice slice : CutByCount(topics.size())) {
    DescribeConfigsRequest request;
    std::map<std::string_view, size_t> places;
    for (size_t i = slice.begin; i < slice.end; ++i) {
      auto& resource = request.resources.emplace_back();
      resource.resource_type = static_cast<int8_t>(ConfigChange::Kind::kTopic);
      resource.resource_name = topics[i];
      resource.configuration_keys.emplace();
      resource.configuration_keys->emplace_back(Text(key));
      places[topics[i]] = i;
    }
    auto answer = co_await client_.Call<DescribeConfigsResponse>(Route::Any(), std::move(request),
                                                                 DescribeConfigsRequest::kVersions);
    if (!answer.ok()) {
      for (size_t i = slice.begin; i < values.size(); ++i) values[i] = answer.status();
      break;
    }
    for (const auto& resource : answer->message.results) {
      const auto place = places.find(resource.resource_name.view());
      if (place == places.end()) continue;
      const Status status = StatusFromKafka(resource.error_code, View(resource.error_message));
      if (!status.ok()) values[place->second] = status;
      for (const auto& config : resource.configs) {
        if (config.name.view() == key) values[place->second] = std::string(View(config.value));
      }
    }
  }
  co_return values;
}

env::Task<StatusOr<std::map<std::string, std::string>>> ClusterAdmin::DescribeBrokerDefaults() {
  constexpr int8_t kDynamicDefaultBrokerConfig = 3;  // DescribeConfigsResponse.ConfigSource
  DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<int8_t>(ConfigChange::Kind::kBroker);
  resource.resource_name = Text(std::string());
  resource.configuration_keys.reset();
  auto answer = co_await client_.Call<DescribeConfigsResponse>(Route::Any(), std::move(request),
                                                               DescribeConfigsRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  if (answer->message.results.size() != 1) {
    co_return MakeStatus(StatusCode::kUnavailable, "the answer leaves the brokers' defaults out");
  }
  const auto& result = answer->message.results[0];
  const Status status = StatusFromKafka(result.error_code, View(result.error_message));
  if (!status.ok()) co_return status;
  std::map<std::string, std::string> values;
  for (const auto& config : result.configs) {
    if (config.config_source != kDynamicDefaultBrokerConfig || !config.value) continue;
    values[std::string(config.name.view())] = std::string(View(config.value));
  }
  co_return values;
}

env::Task<Status> ClusterAdmin::AlterReassignments(std::vector<Reassignment> reassignments) {
  Status first;
  for (const Slice slice : CutByCount(reassignments.size())) {
    AlterPartitionReassignmentsRequest request;
    request.timeout_ms = kControllerTimeoutMs;
    std::map<std::string_view, size_t> topics;  // place in request.topics
    for (size_t i = slice.begin; i < slice.end; ++i) {
      const auto [topic, fresh] = topics.try_emplace(reassignments[i].topic, request.topics.size());
      if (fresh) request.topics.emplace_back().name = reassignments[i].topic;
      auto& partition = request.topics[topic->second].partitions.emplace_back();
      partition.partition_index = reassignments[i].partition;
      if (reassignments[i].replicas.empty()) continue;
      partition.replicas.emplace();
      for (const NodeId replica : reassignments[i].replicas) partition.replicas->push_back(replica.value());
    }
    auto answer = co_await client_.Call<AlterPartitionReassignmentsResponse>(
        Route::Controller(), std::move(request), AlterPartitionReassignmentsRequest::kVersions);
    if (!answer.ok()) co_return answer.status();
    KeepFirst(StatusFromKafka(answer->message.error_code, View(answer->message.error_message)), &first);
    for (const auto& topic : answer->message.responses) {
      for (const auto& partition : topic.partitions) {
        const Status status = StatusFromKafka(partition.error_code, View(partition.error_message));
        KeepFirst(Unless(status, ErrorCode::kNoReassignmentInProgress), &first);
      }
    }
  }
  co_return first;
}

env::Task<Status> ClusterAdmin::ElectPreferredLeaders(
    std::vector<std::pair<std::string, int32_t>> partitions) {
  ElectLeadersRequest request;
  request.election_type = 0;  // ElectionType.PREFERRED
  request.timeout_ms = kControllerTimeoutMs;
  request.topic_partitions.reset();
  if (!partitions.empty()) request.topic_partitions.emplace();
  std::map<std::string_view, size_t> topics;
  for (const auto& [name, index] : partitions) {
    const auto [topic, fresh] = topics.try_emplace(name, request.topic_partitions->size());
    if (fresh) request.topic_partitions->emplace_back().topic = name;
    (*request.topic_partitions)[topic->second].partitions.push_back(index);
  }
  const VersionRange versions{1, 2};  // with the type
  auto answer =
      co_await client_.Call<ElectLeadersResponse>(Route::Controller(), std::move(request), versions);
  if (!answer.ok()) co_return answer.status();
  Status first = StatusFromKafka(answer->message.error_code);
  for (const auto& topic : answer->message.replica_election_results) {
    for (const auto& partition : topic.partition_result) {
      const Status status = StatusFromKafka(partition.error_code, View(partition.error_message));
      KeepFirst(Unless(status, ErrorCode::kElectionNotNeeded), &first);
    }
  }
  co_return first;
}

env::Task<Status> ClusterAdmin::AlterConfigs(std::vector<ConfigChange> changes) {
  // A broker's own settings are that broker's to check; all others take what isn't theirs for a mistake.
  std::map<NodeId, std::vector<ConfigChange>> parts;
  for (ConfigChange& change : changes) {
    int32_t id = kNoNode.value();
    if (change.kind == ConfigChange::Kind::kBroker)
      std::from_chars(change.name.data(), change.name.data() + change.name.size(), id);
    parts[NodeId(id)].push_back(std::move(change));
  }
  Status first;
  for (auto& [broker, part] : parts) {
    const Status altered = co_await AlterConfigsOf(broker, std::move(part));
    KeepFirst(altered, &first);
  }
  co_return first;
}

env::Task<Status> ClusterAdmin::AlterConfigsOf(NodeId broker, std::vector<ConfigChange> changes) {
  constexpr int8_t kSet = 0, kDelete = 1;  // AlterConfigOp.OpType
  IncrementalAlterConfigsRequest request;
  std::map<std::pair<int8_t, std::string_view>, size_t> resources;
  for (const ConfigChange& change : changes) {
    const auto kind = static_cast<int8_t>(change.kind);
    const auto [place, fresh] =
        resources.try_emplace(std::pair(kind, std::string_view(change.name)), request.resources.size());
    if (fresh) {
      auto& resource = request.resources.emplace_back();
      resource.resource_type = kind;
      resource.resource_name = change.name;
    }
    auto& config = request.resources[place->second].configs.emplace_back();
    config.name = change.key;
    config.config_operation = change.value ? kSet : kDelete;
    config.value = change.value ? std::optional<Text>(Text(*change.value)) : std::nullopt;
  }
  Route route = broker == kNoNode ? Route::Controller() : Route::Broker(broker);
  auto answer = co_await client_.Call<IncrementalAlterConfigsResponse>(
      std::move(route), std::move(request), IncrementalAlterConfigsRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  Status first;
  for (const auto& resource : answer->message.responses) {
    KeepFirst(StatusFromKafka(resource.error_code, View(resource.error_message)), &first);
  }
  co_return first;
}

env::Task<Status> ClusterAdmin::AddVoter(VoterEndpoint voter) {
  AddRaftVoterRequest request;
  request.timeout_ms = kControllerTimeoutMs;
  request.cluster_id.reset();
  request.voter_id = voter.id.value();
  request.voter_directory_id = voter.directory;
  auto& listener = request.listeners.emplace_back();
  listener.name = voter.listener;
  listener.host = voter.endpoint.host;
  listener.port = voter.endpoint.port;
  auto answer = co_await client_.Call<AddRaftVoterResponse>(Route::Controller(), std::move(request),
                                                            AddRaftVoterRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  const Status status = StatusFromKafka(answer->message.error_code, View(answer->message.error_message));
  co_return Unless(status, ErrorCode::kDuplicateVoter);
}

env::Task<Status> ClusterAdmin::RemoveVoter(NodeId id, DirectoryId directory) {
  RemoveRaftVoterRequest request;
  request.cluster_id.reset();
  request.voter_id = id.value();
  request.voter_directory_id = directory;
  auto answer = co_await client_.Call<RemoveRaftVoterResponse>(Route::Controller(), std::move(request),
                                                               RemoveRaftVoterRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  const Status status = StatusFromKafka(answer->message.error_code, View(answer->message.error_message));
  co_return Unless(status, ErrorCode::kVoterNotFound);
}

env::Task<Status> ClusterAdmin::UnregisterBroker(NodeId id) {
  UnregisterBrokerRequest request;
  request.broker_id = id.value();
  auto answer = co_await client_.Call<UnregisterBrokerResponse>(Route::Controller(), std::move(request),
                                                                UnregisterBrokerRequest::kVersions);
  if (!answer.ok()) co_return answer.status();
  const Status status = StatusFromKafka(answer->message.error_code, View(answer->message.error_message));
  co_return Unless(status, ErrorCode::kBrokerIdNotRegistered);
}

env::Task<Status> ClusterAdmin::UpdateFeature(std::string feature, int16_t level) {
  constexpr int8_t kUpgrade = 1, kSafeDowngrade = 2;  // FeatureUpdate.UpgradeType
  Status status;
  for (const int8_t type : {kUpgrade, kSafeDowngrade}) {
    UpdateFeaturesRequest request;
    request.timeout_ms = kControllerTimeoutMs;
    auto& update = request.feature_updates.emplace_back();
    update.feature = feature;
    update.max_version_level = level;
    update.upgrade_type = type;
    const VersionRange versions{1, 2};  // with the type
    auto answer =
        co_await client_.Call<UpdateFeaturesResponse>(Route::Controller(), std::move(request), versions);
    if (!answer.ok()) co_return answer.status();
    status = StatusFromKafka(answer->message.error_code, View(answer->message.error_message));
    for (const auto& result : answer->message.results) {
      KeepFirst(StatusFromKafka(result.error_code, View(result.error_message)), &status);
    }
    // An upgrade to less than there is is refused; only then it is asked as what it is.
    if (KafkaError(status) != ErrorCode::kInvalidUpdateVersion) break;
  }
  co_return status;
}

env::Task<StatusOr<std::vector<FeatureDescription>>> ClusterAdmin::DescribeFeatures() {
  ApiVersionsRequest request;
  request.client_software_name = "dohle";
  request.client_software_version = "1";
  // Before version 4 brokers leave out features whose lowest level is 0 (KAFKA-17011).
  const VersionRange versions{3, 4};
  auto answer = co_await client_.Call<ApiVersionsResponse>(Route::Any(), std::move(request), versions);
  if (!answer.ok()) co_return answer.status();
  const Status status = StatusFromKafka(answer->message.error_code);
  if (!status.ok()) co_return status;
  std::map<std::string, FeatureDescription> features;
  for (const auto& feature : answer->message.supported_features) {
    features[std::string(feature.name)].max_supported = feature.max_version;
  }
  for (const auto& feature : answer->message.finalized_features) {
    features[std::string(feature.name)].finalized = feature.max_version_level;
  }
  std::vector<FeatureDescription> described;
  for (auto& [name, feature] : features) {
    feature.name = name;
    described.push_back(std::move(feature));
  }
  co_return described;
}

}  // namespace dohle::kafka::client
