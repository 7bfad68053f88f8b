// What the controller asks about configurations: which names and values a resource may have. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/controller/controller.h"
#include "broker/server/live_config.h"

namespace dohle::server {

class ServerConfigValidator : public controller::ConfigValidator {
 public:
  // `live` outlives it.
  explicit ServerConfigValidator(const LiveConfig& live) : live_(live) {}

  std::optional<std::string> Validate(const metadata::ConfigResource& resource,
                                      const metadata::ConfigMap& configs,
                                      const metadata::ConfigMap& existing) const override;
  bool IsList(metadata::ConfigResourceType type, std::string_view name) const override;
  std::string Default(metadata::ConfigResourceType type, std::string_view name) const override;

 private:
  const LiveConfig& live_;
};

}  // namespace dohle::server
