#include "broker/server/dispatcher.h"

#include <utility>

#include "broker/server/serve_api.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/request_header.h"

namespace dohle::server {
namespace {

constexpr size_t kApiKeyAndVersionBytes = 4;

// KIP-511: a version of ApiVersions that we don't know is answered in version 0 with the range that we do.
kafka::EncodedMessage UnsupportedApiVersions(int32_t correlation_id, const ServedApi& api) {
  kafka::ApiVersionsResponse response;
  response.error_code = static_cast<int16_t>(kafka::ErrorCode::kUnsupportedVersion);
  kafka::ApiVersionsResponse::ApiVersion range;
  range.api_key = static_cast<int16_t>(api.key);
  range.min_version = api.announced_versions.min;
  range.max_version = api.announced_versions.max;
  response.api_keys.push_back(range);
  return EncodeResponse(api.key, 0, correlation_id, response);
}

}  // namespace

void RefuseMalformed(RequestContext& context, kafka::ApiKey key, std::string_view reason) {
  log::Warning("server", "closing the connection of {}: its {} request v{} can't be read: {}",
               context.connection.client_host, kafka::ApiName(key), context.api_version, reason);
  context.CloseConnection();
}

Dispatcher::Dispatcher(std::vector<ServedApi> apis, RequestMetricsTable* metrics, ListenerRole role)
    : apis_(std::move(apis)), metrics_(metrics), role_(role) {
  for (const ServedApi& api : apis_) {
    const auto index = static_cast<size_t>(api.key);
    DOHLE_CHECK(index < kMostApiKeys && by_key_[index] == nullptr);
    by_key_[index] = &api;
  }
}

const ServedApi* Dispatcher::Find(int16_t key) const {
  return key < 0 || static_cast<size_t>(key) >= kMostApiKeys ? nullptr : by_key_[static_cast<size_t>(key)];
}

env::Task<std::optional<kafka::EncodedMessage>> Dispatcher::Dispatch(RequestContext& context,
                                                                     std::string_view frame) const {
  kafka::Reader peek(frame);
  const int16_t key = peek.Int16();
  const int16_t version = peek.Int16();
  const ServedApi* found = frame.size() < kApiKeyAndVersionBytes ? nullptr : Find(key);
  if (found == nullptr) {
    log::Warning("server", "closing the connection of {}: it asked for API {} version {}, which isn't served",
                 context.connection.client_host, key, version);
    context.CloseConnection();
    co_return std::nullopt;
  }
  const ServedApi& api = *found;
  context.dispatcher = this;
  context.api_version = version;
  if (!api.versions.contains(version)) {
    if (api.key == kafka::ApiKey::kApiVersions) {
      // Version 0 of the header is the beginning of every later one.
      context.correlation_id = peek.Int32();
      co_return UnsupportedApiVersions(context.correlation_id, api);
    }
    log::Warning("server", "closing the connection of {}: it asked for {} version {}, served are {} to {}",
                 context.connection.client_host, kafka::ApiName(api.key), version, api.versions.min,
                 api.versions.max);
    context.CloseConnection();
    co_return std::nullopt;
  }
  kafka::RequestHeader header;
  kafka::Reader reader(frame);
  Status decoded = Decode(reader, kafka::RequestHeaderVersion(api.key, version), &header);
  if (!decoded.ok()) {
    RefuseMalformed(context, api.key, Message(decoded));
    co_return std::nullopt;
  }
  context.correlation_id = header.correlation_id;
  if (header.client_id) context.client_id = header.client_id->view();
  if (metrics_ != nullptr) {
    context.metrics = &metrics_->For(api.key);
    context.metrics->Request(version, frame.size());
  }
  auto answer = co_await api.serve(context, frame.substr(reader.position()));
  if (context.metrics != nullptr) context.metrics->Errors(context.errors);
  co_return answer;
}

}  // namespace dohle::server
