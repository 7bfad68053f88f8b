// Descriptions of configurations for the answers of DescribeConfigs and CreateTopics.
#pragma once

#include <vector>

#include "broker/metadata/image.h"
#include "broker/server/config/config_view.h"

namespace dohle::server {

struct Services;

// This broker's configuration in its layers, as of `image`.
ConfigView BrokerView(const Services& services, const metadata::MetadataImage& image);

// The entry as Kafka's answers carry it: what is sensitive has no value.
std::vector<ConfigEntry> DescribeTopicConfigs(const Services& services, const ConfigMap& overrides);

}  // namespace dohle::server
