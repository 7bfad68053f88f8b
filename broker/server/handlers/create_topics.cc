#include "broker/server/handlers/create_topics.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/metadata/publisher.h"
#include "broker/server/config_answers.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"

namespace dohle::server {
namespace {

using kafka::CreateTopicsRequest;
using kafka::CreateTopicsResponse;

constexpr int16_t kFirstVersionWithConfigs = 5;

// KIP-525: what the new topic is configured to, as DescribeConfigs would say.
void AddConfigs(RequestContext& context, const CreateTopicsRequest& request, CreateTopicsResponse* response) {
  for (auto& result : response->topics) {
    if (result.error_code != 0) continue;
    metadata::ConfigMap overrides;
    for (const auto& asked : request.topics) {
      if (asked.name != result.name) continue;
      for (const auto& config : asked.configs) {
        if (config.value) overrides.emplace(config.name.view(), config.value->view());
      }
    }
    result.configs.emplace();
    for (ConfigEntry& answer : DescribeTopicConfigs(context.services, overrides)) {
      CreateTopicsResponse::CreatableTopicConfigs config;
      config.name = kafka::Text(std::move(answer.name));
      if (answer.value) config.value = kafka::Text(std::move(*answer.value));
      config.read_only = answer.read_only;
      config.config_source = static_cast<int8_t>(answer.source);
      config.is_sensitive = answer.sensitive;
      result.configs->push_back(std::move(config));
    }
  }
}

}  // namespace

env::Task<CreateTopicsResponse> CreateTopicsHandler::Handle(RequestContext& context,
                                                            const CreateTopicsRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.CreateTopics(request);
  if (done.ok()) {
    if (context.api_version >= kFirstVersionWithConfigs) AddConfigs(context, request, &*done);
    co_return std::move(*done);
  }
  CreateTopicsResponse failed;
  for (const auto& asked : request.topics) {
    CreateTopicsResponse::CreatableTopicResult result;
    result.name = asked.name;
    result.error_code = Code(ControllerError(done.status()));
    result.error_message = ControllerMessage(done.status());
    failed.topics.push_back(std::move(result));
  }
  co_return failed;
}

}  // namespace dohle::server
