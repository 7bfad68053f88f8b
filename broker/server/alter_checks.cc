#include "broker/server/alter_checks.h"

#include <fmt/format.h>

#include "broker/metadata/publisher.h"
#include "broker/server/config_answers.h"
#include "broker/server/dispatcher.h"
#include "broker/server/loggers.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"

namespace dohle::server {
namespace {

ConfigError CheckBroker(const Services& services, const ResourceChange& resource) {
  const metadata::ImagePtr image = services.metadata.Current();
  const ConfigView view = BrokerView(services, *image);
  ConfigMap current;
  if (!resource.replaces_all) {
    current = image->configs.Find(metadata::ConfigResourceType::kBroker, resource.name);
  }
  return CheckBrokerChange(view, resource.name.empty(), resource.changes, std::move(current));
}

}  // namespace

std::optional<ConfigError> SettleHere(const RequestContext& context, const ResourceChange& resource) {
  if (context.dispatcher->role() == ListenerRole::kController) return std::nullopt;
  const Services& services = context.services;
  const auto type = static_cast<ConfigResource>(resource.type);
  ConfigError error = CheckAlterRequest(type, resource.name, services.node_id.value(), resource.changes);
  if (!error.ok()) return error;
  switch (type) {
    case ConfigResource::kBroker:
      error = CheckBroker(services, resource);
      if (error.ok()) return std::nullopt;
      return error;
    case ConfigResource::kBrokerLogger:
      if (resource.replaces_all) {
        return ConfigError{ConfigErrorCode::kInvalidRequest, "Unknown resource type 8"};
      }
      error = CheckLoggerChanges(resource.changes);
      if (error.ok() && !resource.validate_only) ChangeLoggers(resource.changes);
      return error;
    case ConfigResource::kTopic:
    case ConfigResource::kGroup:
    case ConfigResource::kClientMetrics:
      return std::nullopt;
  }
  return ConfigError{ConfigErrorCode::kInvalidRequest,
                     fmt::format("Unknown resource type {}", resource.type)};
}

}  // namespace dohle::server
