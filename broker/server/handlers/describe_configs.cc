#include "broker/server/handlers/describe_configs.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "broker/metadata/publisher.h"
#include "broker/metadata/topic_name.h"
#include "broker/server/config_answers.h"
#include "broker/server/error_mapping.h"
#include "broker/server/loggers.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/describe_configs_request.h"
#include "lib/kafka/messages/describe_configs_response.h"

namespace dohle::server {
namespace {

using kafka::DescribeConfigsRequest;
using kafka::DescribeConfigsResponse;
using kafka::ErrorCode;
using metadata::ConfigResourceType;
using metadata::MetadataImage;
using Result = DescribeConfigsResponse::DescribeConfigsResult;

void Refuse(ErrorCode error, std::string message, Result* result) {
  result->error_code = Code(error);
  result->error_message = kafka::Text(std::move(message));
}

// The broker id that a BROKER resource names; nothing if it is no number.
std::optional<int32_t> BrokerId(std::string_view name) {
  int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return id;
}

// `or_what`: what else than this broker's id may stand there.
bool NamesThisBroker(const RequestContext& context, std::string_view name, std::string_view or_what,
                     Result* result) {
  const auto id = BrokerId(name);
  if (!id) {
    Refuse(ErrorCode::kInvalidRequest, fmt::format("Broker id must be an integer, but it is: {}", name),
           result);
    return false;
  }
  if (NodeId(*id) == context.services.node_id) return true;
  Refuse(ErrorCode::kInvalidRequest,
         fmt::format("Unexpected broker id, expected {}{}, but received {}", context.services.node_id.value(),
                     or_what, name),
         result);
  return false;
}

std::vector<ConfigEntry> DescribeBroker(const RequestContext& context, const ConfigView& view,
                                        std::string_view name, Result* result) {
  if (name.empty()) return view.DescribeClusterDefault();
  if (!NamesThisBroker(context, name, " or empty string", result)) return {};
  return view.DescribeBroker();
}

std::vector<ConfigEntry> Describe(const RequestContext& context, const MetadataImage& image,
                                  const ConfigView& view,
                                  const DescribeConfigsRequest::DescribeConfigsResource& asked,
                                  Result* result) {
  const std::string_view name = asked.resource_name.view();
  switch (static_cast<ConfigResourceType>(asked.resource_type)) {
    case ConfigResourceType::kTopic:
      if (const auto problem = metadata::TopicNameProblem(name)) {
        Refuse(ErrorCode::kInvalidTopicException, *problem, result);
      } else if (image.topics.Find(name) == nullptr) {
        result->error_code = Code(ErrorCode::kUnknownTopicOrPartition);
      } else {
        return view.DescribeTopic(image.configs.Topic(name));
      }
      return {};
    case ConfigResourceType::kBroker:
      return DescribeBroker(context, view, name, result);
    case ConfigResourceType::kBrokerLogger:
      if (name.empty()) {
        Refuse(ErrorCode::kInvalidRequest, "Broker id must not be empty", result);
        return {};
      }
      if (!NamesThisBroker(context, name, "", result)) return {};
      return ConfigView::DescribeLoggers(LoggerLevels());
    case ConfigResourceType::kClientMetrics:
      if (name.empty()) {
        Refuse(ErrorCode::kInvalidRequest, "Client metrics subscription name must not be empty", result);
        return {};
      }
      return ConfigView::DescribeClientMetrics(image.configs.Find(ConfigResourceType::kClientMetrics, name));
    case ConfigResourceType::kGroup:
      if (name.empty()) {
        Refuse(ErrorCode::kInvalidRequest, "Group name must not be empty", result);
        return {};
      }
      return view.DescribeGroup(image.configs.Find(ConfigResourceType::kGroup, name));
    default:
      Refuse(ErrorCode::kInvalidRequest, std::string(kInvalidRequestSentence), result);
      return {};
  }
}

bool Wanted(const DescribeConfigsRequest::DescribeConfigsResource& asked, const ConfigEntry& entry) {
  if (!asked.configuration_keys || asked.configuration_keys->empty()) return true;
  return std::any_of(asked.configuration_keys->begin(), asked.configuration_keys->end(),
                     [&](const kafka::Text& key) { return key.view() == entry.name; });
}

DescribeConfigsResponse::DescribeConfigsResourceResult ToAnswer(ConfigEntry entry,
                                                                const DescribeConfigsRequest& request) {
  DescribeConfigsResponse::DescribeConfigsResourceResult answer;
  answer.name = kafka::Text(std::move(entry.name));
  answer.value.reset();
  if (entry.value) answer.value = kafka::Text(std::move(*entry.value));
  answer.read_only = entry.read_only;
  answer.config_source = static_cast<int8_t>(entry.source);
  answer.is_sensitive = entry.sensitive;
  answer.config_type = static_cast<int8_t>(entry.type);
  answer.documentation.reset();
  if (request.include_documentation && !entry.documentation.empty()) {
    answer.documentation = kafka::Text::Copy(entry.documentation);
  }
  if (!request.include_synonyms) return answer;
  for (ConfigSynonym& from : entry.synonyms) {
    DescribeConfigsResponse::DescribeConfigsSynonym synonym;
    synonym.name = kafka::Text(std::move(from.name));
    synonym.value.reset();
    if (from.value) synonym.value = kafka::Text(std::move(*from.value));
    synonym.source = static_cast<int8_t>(from.source);
    answer.synonyms.push_back(std::move(synonym));
  }
  return answer;
}

}  // namespace

env::Task<DescribeConfigsResponse> DescribeConfigsHandler::Handle(RequestContext& context,
                                                                  const DescribeConfigsRequest& request) {
  DescribeConfigsResponse response;
  const metadata::ImagePtr image = context.services.metadata.Current();
  const ConfigView view = BrokerView(context.services, *image);
  for (const auto& asked : request.resources) {
    Result result;
    result.resource_type = asked.resource_type;
    result.resource_name = asked.resource_name;
    for (ConfigEntry& entry : Describe(context, *image, view, asked, &result)) {
      if (Wanted(asked, entry)) result.configs.push_back(ToAnswer(std::move(entry), request));
    }
    response.results.push_back(std::move(result));
  }
  co_return response;
}

}  // namespace dohle::server
