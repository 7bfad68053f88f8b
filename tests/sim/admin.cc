#include "tests/sim/admin.h"

#include <fmt/format.h>

#include <utility>

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

namespace dohle::sim {
namespace {

constexpr int8_t kTopicResource = 2;
constexpr std::string_view kRetention = "retention.ms";

Status ToStatus(int16_t error) {
  const kafka::ErrorCode code = kafka::ErrorFromCode(error);
  if (code == kafka::ErrorCode::kNone) return OkStatus();
  const StatusCode status =
      code == kafka::ErrorCode::kTopicAlreadyExists ? StatusCode::kAlreadyExists : StatusCode::kUnavailable;
  return MakeStatus(status, "{}", kafka::Name(code));
}

void CompareTopic(const std::string& name, const TopicModel& expected,
                  const kafka::MetadataResponse_MetadataResponseTopic* found,
                  std::vector<std::string>* differences) {
  if (expected.state == TopicModel::State::kUnknown) return;
  if (expected.state == TopicModel::State::kAbsent) {
    if (found != nullptr) differences->push_back(fmt::format("topic {} was deleted and is there", name));
  } else if (found == nullptr) {
    differences->push_back(fmt::format("topic {} was created and isn't there", name));
  } else if (found->topic_id != expected.id) {
    differences->push_back(fmt::format("topic {} has another id", name));
  } else if (found->partitions.size() != static_cast<size_t>(expected.partitions)) {
    differences->push_back(fmt::format("topic {} has {} partitions", name, found->partitions.size()));
  }
}

env::Task<StatusOr<std::string>> DescribeRetention(Client* client, std::string topic) {
  kafka::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopicResource;
  resource.resource_name = kafka::Text::Copy(topic);
  resource.configuration_keys->push_back(kRetention);
  auto answer = co_await client->Call<kafka::DescribeConfigsResponse>(Whom::Any(), std::move(request), 4);
  if (!answer.ok()) co_return answer.status();
  const auto& result = answer->message.results.at(0);
  if (result.error_code != 0) co_return ToStatus(result.error_code);
  co_return std::string(result.configs.at(0).value->view());
}

}  // namespace

env::Task<StatusOr<Uuid>> CreateTopic(Client* client, NewTopic topic) {
  kafka::CreateTopicsRequest request;
  request.timeout_ms = 5000;
  auto& creatable = request.topics.emplace_back();
  creatable.name = kafka::Text::Copy(topic.name);
  creatable.num_partitions = topic.partitions;
  creatable.replication_factor = topic.replication_factor;
  for (const auto& [name, value] : topic.configs) {
    auto& config = creatable.configs.emplace_back();
    config.name = kafka::Text::Copy(name);
    config.value = kafka::Text::Copy(value);
  }
  auto answer = co_await client->Call<kafka::CreateTopicsResponse>(Whom::Any(), std::move(request), 7);
  if (!answer.ok()) co_return answer.status();
  const auto& result = answer->message.topics.at(0);
  if (result.error_code != 0) co_return ToStatus(result.error_code);
  co_return result.topic_id;
}

Admin::Admin(env::Env& env, std::vector<env::Endpoint> brokers, Control& control, ClusterModel& model)
    : env_(env), client_(env, std::move(brokers), "admin"), control_(control), model_(model) {}

env::Task<void> Admin::Run() {
  ++control_.running;
  while (!control_.stopping) {
    co_await env::Sleep(absl::Milliseconds(static_cast<int64_t>(env_.random.Below(1000))));
    const std::string name = Pick();
    const uint64_t choice = env_.random.Below(6);
    if (name.empty() || choice < 2) {
      co_await Create();
    } else if (choice == 2) {
      co_await Delete(name);
    } else {
      co_await Alter(name);
    }
  }
  client_.Disconnect();
  --control_.running;
}

std::string Admin::Pick() {
  std::vector<std::string> present;
  for (const auto& [name, topic] : model_) {
    if (topic.state == TopicModel::State::kPresent && name.starts_with("made-")) present.push_back(name);
  }
  return present.empty() ? "" : present[env_.random.Below(present.size())];
}

env::Task<void> Admin::Create() {
  NewTopic topic;
  topic.name = fmt::format("made-{}", next_topic_++);
  topic.partitions = static_cast<int32_t>(1 + env_.random.Below(3));
  const std::string retention_ms = fmt::format("{}", next_retention_ms_++);
  topic.configs[std::string(kRetention)] = retention_ms;
  TopicModel& model = model_[topic.name];
  model.partitions = topic.partitions;
  model.retention_ms = {retention_ms};
  model.acknowledged_retention_ms = retention_ms;
  auto created = co_await CreateTopic(&client_, topic);
  if (!created.ok()) co_return;
  model.id = *created;
  model.state = TopicModel::State::kPresent;
}

env::Task<void> Admin::Delete(std::string name) {
  TopicModel& model = model_[name];
  model.state = TopicModel::State::kUnknown;
  kafka::DeleteTopicsRequest request;
  request.timeout_ms = 5000;
  request.topics.emplace_back().name = kafka::Text::Copy(name);
  auto answer = co_await client_.Call<kafka::DeleteTopicsResponse>(Whom::Any(), std::move(request), 6);
  if (answer.ok() && answer->message.responses.at(0).error_code == 0)
    model.state = TopicModel::State::kAbsent;
}

env::Task<void> Admin::Alter(std::string name) {
  TopicModel& model = model_[name];
  const std::string retention_ms = fmt::format("{}", next_retention_ms_++);
  model.retention_ms.insert(retention_ms);
  kafka::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopicResource;
  resource.resource_name = kafka::Text::Copy(name);
  auto& config = resource.configs.emplace_back();
  config.name = kRetention;
  config.value = kafka::Text::Copy(retention_ms);
  auto answer =
      co_await client_.Call<kafka::IncrementalAlterConfigsResponse>(Whom::Any(), std::move(request), 1);
  if (!answer.ok() || answer->message.responses.at(0).error_code != 0) co_return;
  // What was asked before without an answer may come late; what was acknowledged before is history.
  model.retention_ms.erase(std::exchange(model.acknowledged_retention_ms, retention_ms));
}

env::Task<StatusOr<std::vector<std::string>>> CompareWithModel(Client* client, const ClusterModel* model) {
  std::vector<std::string> differences;
  kafka::MetadataRequest request;
  request.topics.reset();
  auto answer = co_await client->Call<kafka::MetadataResponse>(Whom::Any(), std::move(request), 12);
  if (!answer.ok()) co_return answer.status();
  std::map<std::string_view, const kafka::MetadataResponse_MetadataResponseTopic*> found;
  for (const auto& topic : answer->message.topics) found[topic.name->view()] = &topic;
  for (const auto& [name, expected] : *model) {
    const auto topic = found.find(name);
    CompareTopic(name, expected, topic == found.end() ? nullptr : topic->second, &differences);
  }
  if (!differences.empty()) co_return differences;
  for (const auto& [name, expected] : *model) {
    if (expected.state != TopicModel::State::kPresent || expected.retention_ms.empty()) continue;
    auto retention_ms = co_await DescribeRetention(client, name);
    if (!retention_ms.ok()) co_return retention_ms.status();
    if (!expected.retention_ms.contains(*retention_ms)) {
      differences.push_back(fmt::format("topic {}: retention.ms is {}, acknowledged was {}", name,
                                        *retention_ms, expected.acknowledged_retention_ms));
    }
  }
  co_return differences;
}

}  // namespace dohle::sim
