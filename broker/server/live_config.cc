#include "broker/server/live_config.h"

#include <string>
#include <utility>

#include "broker/server/config/config_view.h"
#include "lib/base/log.h"

namespace dohle::server {

LiveConfig::LiveConfig(LoadedConfig started_with)
    : started_with_(std::make_shared<const LoadedConfig>(std::move(started_with))) {
  current_.Set(started_with_);
}

env::Task<void> LiveConfig::Publish(const metadata::MetadataUpdate& update) {
  using metadata::ConfigResource;
  using metadata::ConfigResourceType;
  const std::string self = std::to_string(started_with_->config.node_id.value());
  const ConfigResource all_brokers{ConfigResourceType::kBroker, ""};
  const ConfigResource this_broker{ConfigResourceType::kBroker, self};
  const bool touched = update.changes.everything || update.changes.configs.contains(all_brokers) ||
                       update.changes.configs.contains(this_broker);
  if (!touched) co_return;
  const ConfigView view(started_with_->static_values,
                        update.after->configs.Find(this_broker.type, this_broker.name),
                        update.after->configs.Find(all_brokers.type, all_brokers.name));
  auto config = MakeBrokerConfig(view.values());
  if (!config.ok()) {
    // The controller validated it; a value of a newer version doesn't stop this one.
    ++errors_;
    log::Error("config", "the dynamic broker configuration isn't taken over: {}", Message(config.status()));
    co_return;
  }
  auto next = std::make_shared<const LoadedConfig>(
      LoadedConfig{started_with_->static_values, {}, view.values(), std::move(*config)});
  current_.Set(std::move(next));
}

}  // namespace dohle::server
