#include "lib/kafka/client/admin.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/messages/create_partitions_request.h"
#include "lib/kafka/messages/create_partitions_response.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"
#include "lib/kafka/messages/delete_topics_request.h"
#include "lib/kafka/messages/delete_topics_response.h"
#include "lib/kafka/messages/describe_configs_request.h"
#include "lib/kafka/messages/describe_configs_response.h"
#include "lib/kafka/messages/incremental_alter_configs_request.h"
#include "lib/kafka/messages/incremental_alter_configs_response.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"

namespace dohle::kafka::client {
namespace {

constexpr int32_t kControllerTimeoutMs = 20'000;  // less than a connection waits for an answer
constexpr int8_t kTopicResource = 2;              // org.apache.kafka.common.config.ConfigResource.Type
constexpr int8_t kDynamicTopicConfig = 1;         // DescribeConfigsResponse.ConfigSource
constexpr size_t kConfigsOfRequest = 250;         // topics; each answers with all its keys, defaults too

constexpr VersionRange kMetadataVersions{10, 13};    // with topic ids
constexpr VersionRange kCreateTopicsVersions{7, 7};  // with topic ids
constexpr VersionRange kDeleteTopicsVersions{6, 6};  // by topic id

std::string_view View(const std::optional<Text>& text) { return text ? text->view() : std::string_view(); }

Status NotAnswered() { return MakeStatus(StatusCode::kUnavailable, "the broker's answer leaves it out"); }

template <typename T>
void FillFrom(std::vector<T>& results, size_t begin, const Status& status) {
  for (size_t i = begin; i < results.size(); ++i) results[i] = status;
}

TopicDescription Describe(const MetadataResponse::MetadataResponseTopic& topic) {
  TopicDescription description;
  description.name = std::string(View(topic.name));
  description.id = topic.topic_id;
  description.internal = topic.is_internal;
  description.partitions.reserve(topic.partitions.size());
  for (const auto& partition : topic.partitions) {
    PartitionDescription& to = description.partitions.emplace_back();
    to.index = partition.partition_index;
    to.leader = NodeId(partition.leader_id);
    for (const int32_t id : partition.replica_nodes) to.replicas.emplace_back(id);
    for (const int32_t id : partition.isr_nodes) to.isr.emplace_back(id);
  }
  std::sort(description.partitions.begin(), description.partitions.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  return description;
}

}  // namespace

std::vector<Slice> CutByCost(const std::vector<size_t>& costs, size_t most_items, size_t most_cost) {
  std::vector<Slice> slices;
  size_t sum = 0;
  for (size_t i = 0; i < costs.size(); ++i) {
    if (slices.empty() || i - slices.back().begin == most_items || sum + costs[i] > most_cost) {
      slices.push_back({i, i});
      sum = 0;
    }
    slices.back().end = i + 1;
    sum += costs[i];
  }
  return slices;
}

std::vector<Slice> CutByCount(size_t n, size_t most_items) {
  std::vector<Slice> slices;
  for (size_t i = 0; i < n; i += most_items) slices.push_back({i, std::min(i + most_items, n)});
  return slices;
}

env::Task<StatusOr<std::vector<TopicDescription>>> Admin::ListTopics() {
  MetadataRequest request;
  request.topics.reset();
  request.allow_auto_topic_creation = false;
  auto answer = co_await client_.Call<MetadataResponse>(Route::Any(), std::move(request), kMetadataVersions);
  if (!answer.ok()) co_return answer.status();
  Status status = StatusFromKafka(answer->message.error_code);
  if (!status.ok()) co_return status;
  std::vector<TopicDescription> topics;
  topics.reserve(answer->message.topics.size());
  for (const auto& topic : answer->message.topics) {
    if (topic.name) topics.push_back(Describe(topic));
  }
  co_return topics;
}

env::Task<std::vector<StatusOr<TopicDescription>>> Admin::DescribeTopics(std::vector<std::string> names) {
  std::vector<StatusOr<TopicDescription>> results(names.size(), NotAnswered());
  for (const Slice slice : CutByCount(names.size())) {
    MetadataRequest request;
    request.allow_auto_topic_creation = false;
    absl::flat_hash_map<std::string_view, size_t> places;
    for (size_t i = slice.begin; i < slice.end; ++i) {
      request.topics->emplace_back().name = names[i];
      places[names[i]] = i;
    }
    auto answer =
        co_await client_.Call<MetadataResponse>(Route::Any(), std::move(request), kMetadataVersions);
    if (!answer.ok()) {
      FillFrom(results, slice.begin, answer.status());
      break;
    }
    for (const auto& topic : answer->message.topics) {
      const auto place = places.find(View(topic.name));
      if (place == places.end()) continue;
      const Status status = StatusFromKafka(topic.error_code);
      // A topic without leaders for its partitions is there all the same.
      if (status.ok() || !topic.partitions.empty()) {
        results[place->second] = Describe(topic);
      } else {
        results[place->second] = status;
      }
    }
  }
  co_return results;
}

env::Task<std::vector<StatusOr<TopicId>>> Admin::CreateTopics(std::vector<NewTopic> topics) {
  std::vector<StatusOr<TopicId>> results(topics.size(), NotAnswered());
  std::vector<size_t> costs;
  for (const NewTopic& topic : topics) {
    costs.push_back(1 + static_cast<size_t>(std::max(topic.partitions, 0)) + topic.configs.size());
  }
  for (const Slice slice : CutByCost(costs)) {
    CreateTopicsRequest request;
    request.timeout_ms = kControllerTimeoutMs;
    absl::flat_hash_map<std::string_view, size_t> places;
    for (size_t i = slice.begin; i < slice.end; ++i) {
      auto& topic = request.topics.emplace_back();
      topic.name = topics[i].name;
      topic.num_partitions = topics[i].partitions;
      topic.replication_factor = topics[i].replication_factor;
      for (const auto& [key, value] : topics[i].configs) {
        auto& config = topic.configs.emplace_back();
        config.name = key;
        config.value = Text(value);
      }
      places[topics[i].name] = i;
    }
    auto answer = co_await client_.Call<CreateTopicsResponse>(Route::Controller(), std::move(request),
                                                              kCreateTopicsVersions);
    if (!answer.ok()) {
      FillFrom(results, slice.begin, answer.status());
      break;
    }
    for (const auto& topic : answer->message.topics) {
      const auto place = places.find(topic.name.view());
      if (place == places.end()) continue;
      const Status status = StatusFromKafka(topic.error_code, View(topic.error_message));
      results[place->second] = status.ok() ? StatusOr<TopicId>(topic.topic_id) : status;
    }
  }
  co_return results;
}

env::Task<std::vector<Status>> Admin::DeleteTopics(std::vector<TopicId> ids) {
  std::vector<Status> results(ids.size(), NotAnswered());
  for (const Slice slice : CutByCount(ids.size())) {
    DeleteTopicsRequest request;
    request.timeout_ms = kControllerTimeoutMs;
    absl::flat_hash_map<TopicId, size_t> places;
    for (size_t i = slice.begin; i < slice.end; ++i) {
      request.topics.emplace_back().topic_id = ids[i];
      places[ids[i]] = i;
    }
    auto answer = co_await client_.Call<DeleteTopicsResponse>(Route::Controller(), std::move(request),
                                                              kDeleteTopicsVersions);
    if (!answer.ok()) {
      FillFrom(results, slice.begin, answer.status());
      break;
    }
    for (const auto& topic : answer->message.responses) {
      const auto place = places.find(topic.topic_id);
      if (place == places.end()) continue;
      results[place->second] = StatusFromKafka(topic.error_code, View(topic.error_message));
    }
  }
  co_return results;
}

env::Task<std::vector<Status>> Admin::CreatePartitions(std::vector<TopicGrowth> topics) {
  std::vector<Status> results(topics.size(), NotAnswered());
  std::vector<size_t> costs;
  for (const TopicGrowth& topic : topics) costs.push_back(static_cast<size_t>(std::max(topic.added, 1)));
  for (const Slice slice : CutByCost(costs)) {
    CreatePartitionsRequest request;
    request.timeout_ms = kControllerTimeoutMs;
    absl::flat_hash_map<std::string_view, size_t> places;
    for (size_t i = slice.begin; i < slice.end; ++i) {
      auto& topic = request.topics.emplace_back();
      topic.name = topics[i].name;
      topic.count = topics[i].partitions;
      topic.assignments.reset();
      places[topics[i].name] = i;
    }
    auto answer = co_await client_.Call<CreatePartitionsResponse>(Route::Controller(), std::move(request),
                                                                  CreatePartitionsRequest::kVersions);
    if (!answer.ok()) {
      FillFrom(results, slice.begin, answer.status());
      break;
    }
    for (const auto& topic : answer->message.results) {
      const auto place = places.find(topic.name.view());
      if (place == places.end()) continue;
      results[place->second] = StatusFromKafka(topic.error_code, View(topic.error_message));
    }
  }
  co_return results;
}

env::Task<std::vector<StatusOr<TopicConfigs>>> Admin::DescribeTopicConfigs(std::vector<std::string> topics) {
  std::vector<StatusOr<TopicConfigs>> results(topics.size(), NotAnswered());
  for (const Slice slice : CutByCount(topics.size(), kConfigsOfRequest)) {
    DescribeConfigsRequest request;
    absl::flat_hash_map<std::string_view, size_t> places;
    for (size_t i = slice.begin; i < slice.end; ++i) {
      auto& resource = request.resources.emplace_back();
      resource.resource_type = kTopicResource;
      resource.resource_name = topics[i];
      resource.configuration_keys.reset();
      places[topics[i]] = i;
    }
    auto answer = co_await client_.Call<DescribeConfigsResponse>(Route::Any(), std::move(request),
                                                                 DescribeConfigsRequest::kVersions);
    if (!answer.ok()) {
      FillFrom(results, slice.begin, answer.status());
      break;
    }
    for (const auto& resource : answer->message.results) {
      const auto place = places.find(resource.resource_name.view());
      if (place == places.end()) continue;
      const Status status = StatusFromKafka(resource.error_code, View(resource.error_message));
      if (!status.ok()) {
        results[place->second] = status;
        continue;
      }
      TopicConfigs configs;
      for (const auto& config : resource.configs) {
        if (config.config_source == kDynamicTopicConfig) {
          configs.emplace(std::string(config.name), std::string(View(config.value)));
        }
      }
      results[place->second] = std::move(configs);
    }
  }
  co_return results;
}

env::Task<std::vector<Status>> Admin::AlterTopicConfigs(std::vector<TopicConfigChange> changes) {
  constexpr int8_t kSet = 0, kDelete = 1;  // AlterConfigOp.OpType
  std::vector<Status> results(changes.size(), NotAnswered());
  std::vector<size_t> costs;
  for (const TopicConfigChange& change : changes) costs.push_back(std::max<size_t>(change.changes.size(), 1));
  for (const Slice slice : CutByCost(costs)) {
    IncrementalAlterConfigsRequest request;
    absl::flat_hash_map<std::string_view, size_t> places;
    for (size_t i = slice.begin; i < slice.end; ++i) {
      auto& resource = request.resources.emplace_back();
      resource.resource_type = kTopicResource;
      resource.resource_name = changes[i].topic;
      for (const auto& [key, value] : changes[i].changes) {
        auto& config = resource.configs.emplace_back();
        config.name = key;
        config.config_operation = value ? kSet : kDelete;
        config.value = value ? std::optional<Text>(Text(*value)) : std::nullopt;
      }
      places[changes[i].topic] = i;
    }
    auto answer = co_await client_.Call<IncrementalAlterConfigsResponse>(
        Route::Controller(), std::move(request), IncrementalAlterConfigsRequest::kVersions);
    if (!answer.ok()) {
      FillFrom(results, slice.begin, answer.status());
      break;
    }
    for (const auto& resource : answer->message.responses) {
      const auto place = places.find(resource.resource_name.view());
      if (place == places.end()) continue;
      results[place->second] = StatusFromKafka(resource.error_code, View(resource.error_message));
    }
  }
  co_return results;
}

}  // namespace dohle::kafka::client
