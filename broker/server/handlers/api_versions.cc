#include "broker/server/handlers/api_versions.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "broker/metadata/format.h"
#include "broker/metadata/image.h"
#include "broker/metadata/publisher.h"
#include "broker/server/dispatcher.h"
#include "broker/server/error_mapping.h"
#include "broker/server/limits.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"

namespace dohle::server {
namespace {

using kafka::ApiVersionsRequest;
using kafka::ApiVersionsResponse;

constexpr int16_t kFirstVersionWithSoftwareName = 3;
// Below this version a supported feature whose minimum is 0 must be left out: old clients take 0 for
// malformed (KAFKA-17011).
constexpr int16_t kFirstVersionWithZeroMinimum = 4;

// KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool IsSoftwareName(std::string_view name) {
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  if (name.empty() || !alphanumeric(name.front()) || !alphanumeric(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

void AddFeatures(RequestContext& context, ApiVersionsResponse* response) {
  for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
    if (range.min == 0 && context.api_version < kFirstVersionWithZeroMinimum) continue;
    ApiVersionsResponse::SupportedFeatureKey key;
    key.name = kafka::Text::Copy(name);
    key.min_version = range.min;
    key.max_version = range.max;
    response->supported_features.push_back(std::move(key));
  }
  const metadata::ImagePtr image = context.services.metadata.Current();
  response->finalized_features_epoch = image->provenance.last_contained_offset.value();
  const auto finalize = [&](std::string_view name, int16_t level) {
    ApiVersionsResponse::FinalizedFeatureKey key;
    key.name = kafka::Text::Copy(name);
    key.max_version_level = level;
    key.min_version_level = level;
    response->finalized_features.push_back(std::move(key));
  };
  for (const auto& [name, level] : image->features.finalized) finalize(name, level);
  if (image->features.kraft_version > 0) finalize(metadata::kKraftVersion, image->features.kraft_version);
}

}  // namespace

env::Task<ApiVersionsResponse> ApiVersionsHandler::Handle(RequestContext& context,
                                                          const ApiVersionsRequest& request) {
  ApiVersionsResponse response;
  if (context.api_version >= kFirstVersionWithSoftwareName) {
    const std::string_view name = request.client_software_name.view();
    const std::string_view version = request.client_software_version.view();
    if (!IsSoftwareName(name) || !IsSoftwareName(version)) {
      response.error_code = Code(kafka::ErrorCode::kInvalidRequest);
      co_return response;
    }
    context.connection.software_name = name.substr(0, kMostClientSoftwareChars);
    context.connection.software_version = version.substr(0, kMostClientSoftwareChars);
  }
  for (const ServedApi& api : context.dispatcher->apis()) {
    ApiVersionsResponse::ApiVersion range;
    range.api_key = static_cast<int16_t>(api.key);
    range.min_version = api.announced_versions.min;
    range.max_version = api.announced_versions.max;
    response.api_keys.push_back(range);
  }
  std::sort(response.api_keys.begin(), response.api_keys.end(),
            [](const auto& a, const auto& b) { return a.api_key < b.api_key; });
  if (context.api_version >= kFirstVersionWithSoftwareName) AddFeatures(context, &response);
  co_return response;
}

}  // namespace dohle::server
