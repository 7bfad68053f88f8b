#include "broker/server/config_validator.h"

#include "broker/server/config/config_alter.h"
#include "broker/server/config/config_def.h"

namespace dohle::server {
namespace {

// The numbers of both enumerations are the protocol's.
ConfigResource ToResource(metadata::ConfigResourceType type) {
  return static_cast<ConfigResource>(static_cast<int8_t>(type));
}

}  // namespace

std::optional<std::string> ServerConfigValidator::Validate(const metadata::ConfigResource& resource,
                                                           const metadata::ConfigMap& configs,
                                                           const metadata::ConfigMap&) const {
  const auto current = live_.Current();
  ConfigError error = ValidateOverrides(ToResource(resource.type), resource.name, configs, current->values);
  if (error.ok()) return std::nullopt;
  return std::move(error.message);
}

bool ServerConfigValidator::IsList(metadata::ConfigResourceType type, std::string_view name) const {
  const ConfigKey* key = FindKey(ToResource(type), name);
  return key != nullptr && key->type == ConfigType::kList;
}

std::string ServerConfigValidator::Default(metadata::ConfigResourceType type, std::string_view name) const {
  const ConfigKey* key = FindKey(ToResource(type), name);
  if (key == nullptr) return "";
  return DefaultOf(*key).value_or("");
}

}  // namespace dohle::server
