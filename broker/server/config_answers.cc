#include "broker/server/config_answers.h"

#include <string>

#include "broker/metadata/publisher.h"
#include "broker/server/live_config.h"
#include "broker/server/services.h"

namespace dohle::server {

ConfigView BrokerView(const Services& services, const metadata::MetadataImage& image) {
  using metadata::ConfigResourceType;
  return ConfigView(services.live_config.started_with().static_values,
                    image.configs.Find(ConfigResourceType::kBroker, std::to_string(services.node_id.value())),
                    image.configs.Find(ConfigResourceType::kBroker, ""));
}

std::vector<ConfigEntry> DescribeTopicConfigs(const Services& services, const ConfigMap& overrides) {
  const metadata::ImagePtr image = services.metadata.Current();
  return BrokerView(services, *image).DescribeTopic(overrides);
}

}  // namespace dohle::server
