// What DescribeConfigs answers: the effective values of a resource, and where each comes from. Follows
// org.apache.kafka.server.ConfigHelper down to the order of synonyms. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/config/effective_values.h"

namespace dohle::server {

// The numbers are those of DescribeConfigsResponse.ConfigSource.
enum class ConfigSource : int8_t {
  kUnknown = 0,
  kTopic = 1,
  kDynamicBroker = 2,
  kDynamicDefaultBroker = 3,
  kStaticBroker = 4,
  kDefault = 5,
  kDynamicBrokerLogger = 6,
  kClientMetrics = 7,
  kGroup = 8,
};

struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;  // nothing for sensitive values
  ConfigSource source = ConfigSource::kUnknown;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  // nothing for null and for sensitive values
  ConfigSource source = ConfigSource::kDefault;
  bool read_only = false;
  bool sensitive = false;
  ConfigType type = ConfigType::kUnknown;
  std::string_view documentation;       // empty for unknown keys
  std::vector<ConfigSynonym> synonyms;  // most preferred first
};

// The configuration of this broker in its three layers. `broker` and `cluster` are the maps of the metadata
// image for the BROKER resources named after this broker and "". Cheap to copy relative to its use.
class ConfigView {
 public:
  ConfigView(ConfigMap static_values, ConfigMap dynamic_broker, ConfigMap dynamic_cluster);

  // Dynamic over static over default. Dynamic values that are not allowed are left out (and a synonym that a
  // dynamic value stands for, as log.retention.hours for log.retention.ms, yields to it), as Kafka does.
  const EffectiveValues& values() const { return values_; }
  const ConfigMap& dynamic_broker() const { return dynamic_broker_; }
  const ConfigMap& dynamic_cluster() const { return dynamic_cluster_; }
  const ConfigMap& static_values() const { return static_; }

  std::vector<ConfigEntry> DescribeBroker() const;          // BROKER, this broker's id
  std::vector<ConfigEntry> DescribeClusterDefault() const;  // BROKER, ""
  std::vector<ConfigEntry> DescribeTopic(const ConfigMap& overrides) const;
  std::vector<ConfigEntry> DescribeGroup(const ConfigMap& overrides) const;
  static std::vector<ConfigEntry> DescribeClientMetrics(const ConfigMap& subscription);
  // BROKER_LOGGER: `levels` are the loggers and their levels.
  static std::vector<ConfigEntry> DescribeLoggers(const ConfigMap& levels);

 private:
  std::vector<ConfigSynonym> Synonyms(std::string_view name, const std::vector<std::string>& names,
                                      bool sensitive) const;
  ConfigEntry DescribeBrokerKey(std::string_view name, std::optional<std::string> value) const;

  ConfigMap static_;
  ConfigMap dynamic_broker_;
  ConfigMap dynamic_cluster_;
  EffectiveValues values_;
};

// `dynamic` laid over `base` as Kafka does it: the synonyms of each dynamic key leave first.
void OverlayDynamic(const ConfigMap& dynamic, ConfigMap& base);

// Keys that mean the same, most preferred first; `name` alone for most. With `listener`, the key that a
// listener override overrides comes second.
std::vector<std::string> BrokerSynonyms(std::string_view name, bool listener);

}  // namespace dohle::server
