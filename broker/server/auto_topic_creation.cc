#include "broker/server/auto_topic_creation.h"

#include <string_view>
#include <utility>

#include "broker/server/config/broker_config.h"
#include "broker/server/controller_call.h"
#include "broker/server/controller_channel.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/services.h"
#include "lib/base/log.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"

namespace dohle::server {
namespace {

using kafka::CreateTopicsRequest;

constexpr int32_t kBrokerDefault = -1;
constexpr absl::Duration kPatience = absl::Seconds(5);  // clients ask again by themselves

void AddConfig(std::string_view name, std::string value, CreateTopicsRequest::CreatableTopic* topic) {
  CreateTopicsRequest::CreatableTopicConfig config;
  config.name = name;
  config.value = kafka::Text(std::move(value));
  topic->configs.push_back(std::move(config));
}

// Kafka's settings of __consumer_offsets (GroupCoordinatorService.groupMetadataTopicConfigs).
void MakeOffsetsTopic(const InternalTopicConfig& config, CreateTopicsRequest::CreatableTopic* topic) {
  topic->num_partitions = config.num_partitions;
  topic->replication_factor = config.replication_factor;
  AddConfig("cleanup.policy", "compact", topic);
  AddConfig("segment.bytes", std::to_string(config.segment_bytes), topic);
  AddConfig("compression.type", "producer", topic);
}

}  // namespace

env::Task<StringMap<kafka::ErrorCode>> CreateTopicsAutomatically(Services& services,
                                                                 std::vector<std::string> names) {
  CreateTopicsRequest request;
  for (const std::string& name : names) {
    CreateTopicsRequest::CreatableTopic topic;
    topic.name = name;
    topic.num_partitions = kBrokerDefault;
    topic.replication_factor = kBrokerDefault;
    if (name == kConsumerOffsetsTopic) MakeOffsetsTopic(services.config.groups.offsets_topic, &topic);
    request.topics.push_back(std::move(topic));
  }
  StringMap<kafka::ErrorCode> failed;
  auto created = co_await services.controller_channel.Call<kafka::CreateTopicsResponse>(request, kPatience);
  if (!created.ok()) {
    for (const std::string& name : names) failed.emplace(name, ControllerError(created.status()));
    co_return failed;
  }
  for (const auto& result : created->message.topics) {
    const auto error = static_cast<kafka::ErrorCode>(result.error_code);
    if (error == kafka::ErrorCode::kNone || error == kafka::ErrorCode::kTopicAlreadyExists) continue;
    log::Warning("server", "topic {} can't be created automatically: {} {}", result.name.view(),
                 kafka::Name(error),
                 result.error_message ? result.error_message->view() : std::string_view());
    failed.emplace(std::string(result.name.view()), error);
  }
  co_return failed;
}

}  // namespace dohle::server
