#include "broker/server/handlers/list_config_resources.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "broker/metadata/publisher.h"
#include "broker/server/error_mapping.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/list_config_resources_request.h"
#include "lib/kafka/messages/list_config_resources_response.h"

namespace dohle::server {
namespace {

using kafka::ListConfigResourcesRequest;
using kafka::ListConfigResourcesResponse;
using metadata::ConfigResourceType;

// What can be listed; all of it if the request names none. Version 0 lists client metrics only (KIP-714).
constexpr std::array kListable = {ConfigResourceType::kTopic, ConfigResourceType::kBroker,
                                  ConfigResourceType::kBrokerLogger, ConfigResourceType::kClientMetrics,
                                  ConfigResourceType::kGroup};

std::set<int8_t> WantedTypes(const ListConfigResourcesRequest& request, int16_t version) {
  if (version == 0) return {static_cast<int8_t>(ConfigResourceType::kClientMetrics)};
  std::set<int8_t> types(request.resource_types.begin(), request.resource_types.end());
  if (types.empty()) {
    for (const ConfigResourceType type : kListable) types.insert(static_cast<int8_t>(type));
  }
  return types;
}

void Add(std::string_view name, ConfigResourceType type, ListConfigResourcesResponse* response) {
  ListConfigResourcesResponse::ConfigResource resource;
  resource.resource_name = kafka::Text::Copy(name);
  resource.resource_type = static_cast<int8_t>(type);
  response->config_resources.push_back(std::move(resource));
}

}  // namespace

env::Task<ListConfigResourcesResponse> ListConfigResourcesHandler::Handle(
    RequestContext& context, const ListConfigResourcesRequest& request) {
  ListConfigResourcesResponse response;
  const std::set<int8_t> types = WantedTypes(request, context.api_version);
  for (const int8_t type : types) {
    const bool known = std::any_of(kListable.begin(), kListable.end(), [&](ConfigResourceType listable) {
      return static_cast<int8_t>(listable) == type;
    });
    if (!known) {
      response.error_code = Code(kafka::ErrorCode::kUnsupportedVersion);
      co_return response;
    }
  }
  const metadata::ImagePtr image = context.services.metadata.Current();
  const auto wanted = [&](ConfigResourceType type) { return types.contains(static_cast<int8_t>(type)); };
  // Topics and brokers are listed because they exist, groups and client metrics because something was set for
  // them.
  if (wanted(ConfigResourceType::kTopic)) {
    for (const auto& [id, topic] : image->topics.by_id)
      Add(topic.name, ConfigResourceType::kTopic, &response);
  }
  for (const ConfigResourceType type : {ConfigResourceType::kBroker, ConfigResourceType::kBrokerLogger}) {
    if (!wanted(type)) continue;
    for (const auto& [id, broker] : image->cluster.brokers) Add(std::to_string(id.value()), type, &response);
  }
  for (const auto& [key, configs] : image->configs.by_resource) {
    const metadata::ConfigResource resource = metadata::ConfigsImage::Resource(key);
    const bool by_setting =
        resource.type == ConfigResourceType::kClientMetrics || resource.type == ConfigResourceType::kGroup;
    if (by_setting && wanted(resource.type) && !configs.empty()) Add(resource.name, resource.type, &response);
  }
  co_return response;
}

}  // namespace dohle::server
