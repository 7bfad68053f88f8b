// What a topic's configuration means to its logs.
#pragma once

#include <memory>
#include <string_view>

#include "broker/metadata/image.h"
#include "broker/server/config/broker_config.h"
#include "broker/storage/log_config.h"

namespace dohle::server {

// The configuration that the logs of `topic` have by the metadata of `image` and the broker's own. Topics
// without settings of their own share one object.
std::shared_ptr<const storage::LogConfig> LogConfigOf(const LoadedConfig& broker,
                                                      const metadata::MetadataImage& image,
                                                      std::string_view topic);

storage::LogConfig ToLogConfig(const TopicConfig& topic, const BrokerConfig& broker);

}  // namespace dohle::server
