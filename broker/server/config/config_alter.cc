#include "broker/server/config/config_alter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "broker/server/config/broker_config.h"
#include "broker/server/config/topic_config.h"
#include "lib/base/text_list.h"

namespace dohle::server {
namespace {

ConfigError InvalidConfig(std::string message) {
  return {ConfigErrorCode::kInvalidConfig, std::move(message)};
}
ConfigError InvalidRequest(std::string message) {
  return {ConfigErrorCode::kInvalidRequest, std::move(message)};
}

std::string_view Name(AlterOp op) {
  switch (op) {
    case AlterOp::kSet:
      return "SET";
    case AlterOp::kDelete:
      return "DELETE";
    case AlterOp::kAppend:
      return "APPEND";
    case AlterOp::kSubtract:
      return "SUBTRACT";
  }
  return "UNKNOWN";
}

// Like String.split(",") of Java, without empty parts.
std::string AppendedOrSubtracted(const ConfigKey& key, const ConfigChange& change,
                                 const ConfigMap& overrides) {
  const auto stored = overrides.find(change.name);
  const std::string before = stored != overrides.end() ? stored->second : DefaultOf(key).value_or("");
  const std::string items = change.value.value_or("");
  return change.op == AlterOp::kAppend ? ListWith(before, items) : ListWithout(before, items);
}

bool IsListChange(const ConfigChange& change) {
  return change.op == AlterOp::kAppend || change.op == AlterOp::kSubtract;
}

void ApplyOne(const ConfigKey* key, const ConfigChange& change, ConfigMap& overrides) {
  if (change.op == AlterOp::kDelete) {
    overrides.erase(change.name);
  } else if (change.op == AlterOp::kSet) {
    overrides[change.name] = change.value.value_or("");
  } else {
    overrides[change.name] = AppendedOrSubtracted(*key, change, overrides);
  }
}

std::optional<int32_t> ParseId(std::string_view text) {
  int32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

ConfigError ValidateGroup(const ConfigMap& overrides, const EffectiveValues& broker) {
  for (const auto& [name, value] : overrides) {
    if (FindKey(ConfigResource::kGroup, name) == nullptr) {
      return InvalidConfig(fmt::format("Unknown group config name: {}", name));
    }
  }
  for (const auto& [name, value] : overrides) {
    const auto text = ParseConfigValue(*FindKey(ConfigResource::kGroup, name), value);
    if (!text.ok()) return InvalidConfig(std::string(Message(text.status())));
    // consumer.session.timeout.ms is held between group.consumer.min.session.timeout.ms and …max…
    const size_t dot = name.find('.');
    const auto bound = [&](std::string_view side) {
      return fmt::format("group.{}.{}{}", name.substr(0, dot), side, name.substr(dot));
    };
    const std::string low = bound("min");
    const std::string high =
        name == "streams.num.standby.replicas" ? "group.streams.max.standby.replicas" : bound("max");
    const int64_t number = std::strtoll(text->c_str(), nullptr, 10);
    if (FindKey(ConfigResource::kBroker, low) != nullptr && number < broker.Int(low)) {
      return InvalidConfig(fmt::format("{} must be greater than or equal to {}", name, low));
    }
    if (FindKey(ConfigResource::kBroker, high) != nullptr && number > broker.Int(high)) {
      return InvalidConfig(fmt::format("{} must be less than or equal to {}", name, high));
    }
  }
  const auto effective = [&](const std::string& key) {
    const auto own = overrides.find(key);
    return own != overrides.end() ? std::strtoll(own->second.c_str(), nullptr, 10)
                                  : broker.Int(fmt::format("group.{}", key));
  };
  for (const std::string protocol : {"consumer", "share", "streams"}) {
    const std::string session = protocol + ".session.timeout.ms";
    const std::string heartbeat = protocol + ".heartbeat.interval.ms";
    if (effective(session) <= effective(heartbeat)) {
      return InvalidConfig(fmt::format("{} must be greater than {}", session, heartbeat));
    }
  }
  return {};
}

// Whether brackets are closed, escapes complete, and no quantifier stands alone: what java.util.regex refuses
// first. A pattern that it would still refuse matches no client.
bool IsRegularExpression(std::string_view text) {
  int open_groups = 0;
  bool in_class = false;
  bool quantifiable = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      if (++i == text.size()) return false;
      quantifiable = true;
    } else if (in_class) {
      in_class = c != ']';
      quantifiable = true;
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(') {
      ++open_groups;
      quantifiable = false;
      if (text.substr(i + 1).starts_with('?')) ++i;
    } else if (c == ')') {
      if (--open_groups < 0) return false;
      quantifiable = true;
    } else if (c == '*' || c == '+' || c == '?') {
      if (!quantifiable) return false;
    } else {
      quantifiable = c != '|';
    }
  }
  return open_groups == 0 && !in_class;
}

constexpr std::string_view kMatchNames[] = {"client_instance_id",    "client_id",
                                            "client_software_name",  "client_software_version",
                                            "client_source_address", "client_source_port"};

ConfigError ValidateClientMetrics(const ConfigMap& overrides) {
  for (const auto& [name, value] : overrides) {
    const ConfigKey* key = FindKey(ConfigResource::kClientMetrics, name);
    if (key == nullptr) return InvalidRequest(fmt::format("Unknown client metrics configuration: {}", name));
    const auto text = ParseConfigValue(*key, value);
    if (!text.ok()) return InvalidConfig(std::string(Message(text.status())));
    if (name == "interval.ms") {
      const int64_t interval = std::strtoll(text->c_str(), nullptr, 10);
      if (interval < 100 || interval > 3600000) {
        return InvalidRequest(fmt::format(
            "Invalid value {} for interval.ms, interval must be between 100 and 3600000 (1 hour)", interval));
      }
    }
    if (name != "match") continue;
    for (const std::string& pattern : SplitList(*text)) {
      const size_t equals = pattern.find('=');
      const bool one_equals = equals != std::string::npos && equals + 1 < pattern.size() &&
                              pattern.find('=', equals + 1) == std::string::npos;
      const std::string_view parameter = std::string_view(pattern).substr(0, equals);
      if (!one_equals ||
          std::find(std::begin(kMatchNames), std::end(kMatchNames), parameter) == std::end(kMatchNames) ||
          !IsRegularExpression(pattern.substr(equals + 1))) {
        return InvalidConfig(fmt::format("Illegal client matching pattern: {}", pattern));
      }
    }
  }
  return {};
}

// SslConfigs.RECONFIGURABLE_CONFIGS: dynamic only for one listener.
constexpr std::string_view kByListenerOnly[] = {"ssl.key.password",
                                                "ssl.keystore.certificate.chain",
                                                "ssl.keystore.key",
                                                "ssl.keystore.location",
                                                "ssl.keystore.password",
                                                "ssl.keystore.type",
                                                "ssl.truststore.certificates",
                                                "ssl.truststore.location",
                                                "ssl.truststore.password",
                                                "ssl.truststore.type"};
constexpr std::string_view kClusterWideListenerKeys[] = {"max.connections", "max.connection.creation.rate",
                                                         "num.network.threads"};

template <typename Predicate>
ConfigError RefuseNames(const ConfigMap& values, std::string_view message, Predicate refused) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) {
    if (refused(name)) names.push_back(name);
  }
  if (names.empty()) return {};
  return InvalidRequest(fmt::format("{}: [{}]", message, fmt::join(names, ", ")));
}

template <typename Range>
bool In(const Range& range, std::string_view name) {
  return std::find(std::begin(range), std::end(range), name) != std::end(range);
}

// DynamicBrokerConfig.validateConfigs
ConfigError CheckDynamicNamesAndTypes(const ConfigMap& values, bool cluster_default) {
  ConfigError error =
      RefuseNames(values, "Cannot update these configs dynamically", [](std::string_view name) {
        const ConfigKey* key = FindKey(ConfigResource::kBroker, name);
        return key != nullptr && key->read_only();
      });
  if (!error.ok()) return error;
  error =
      RefuseNames(values,
                  "These security configs can be dynamically updated only per-listener using the listener "
                  "prefix",
                  [](std::string_view name) { return In(kByListenerOnly, name); });
  if (!error.ok()) return error;
  for (const auto& [name, value] : values) {
    const ConfigKey* key = FindBrokerKey(name);
    if (key == nullptr) continue;
    const auto text = ParseConfigValue(*key, value);
    if (!text.ok()) return InvalidRequest(std::string(Message(text.status())));
    if (key->treatment == Treatment::kRefused && !text->empty() && DefaultOf(*key) != *text) {
      return InvalidRequest(fmt::format("{}={} cannot be honoured: {}", name, value, key->documentation));
    }
  }
  if (!cluster_default) return {};
  return RefuseNames(values,
                     "Cannot update these configs at default cluster level, broker id must be specified",
                     [](std::string_view name) {
                       if (const auto base = ListenerOverrideOf(name)) {
                         return !In(kClusterWideListenerKeys, *base);
                       }
                       const ConfigKey* key = FindKey(ConfigResource::kBroker, name);
                       return key != nullptr && key->mode == UpdateMode::kPerBroker;
                     });
}

}  // namespace

ConfigError CheckAlterRequest(ConfigResource resource, std::string_view resource_name, int32_t node_id,
                              std::span<const ConfigChange> changes) {
  std::set<std::string_view> names;
  std::vector<std::string> nulls;
  for (const ConfigChange& change : changes) {
    if (!names.insert(change.name).second) return InvalidRequest("Error due to duplicate config keys");
    if (change.op != AlterOp::kDelete && !change.value) nulls.push_back(change.name);
  }
  if (!nulls.empty()) {
    return InvalidRequest(fmt::format("Null value not supported for : {}", fmt::join(nulls, ", ")));
  }
  if (resource == ConfigResource::kBroker || resource == ConfigResource::kBrokerLogger) {
    // Of other resources the controller says so.
    for (const ConfigChange& change : changes) {
      const int op = static_cast<int>(change.op);
      if (op < 0 || op > 3) return InvalidRequest(fmt::format("Unknown operations type {}", op));
    }
  }
  const bool of_broker = resource == ConfigResource::kBrokerLogger ||
                         (resource == ConfigResource::kBroker && !resource_name.empty());
  if (!of_broker) return {};
  const auto id = ParseId(resource_name);
  if (!id) return InvalidRequest(fmt::format("Node id must be an integer, but it is: {}", resource_name));
  if (*id != node_id) {
    return InvalidRequest(
        fmt::format("Unexpected broker id, expected {}, but received {}", node_id, resource_name));
  }
  return {};
}

ConfigError ApplyChanges(ConfigResource resource, std::span<const ConfigChange> changes,
                         ConfigMap& overrides) {
  ConfigMap changed = overrides;
  for (const ConfigChange& change : changes) {
    const ConfigKey* key = FindKey(resource, change.name);
    if (IsListChange(change) && (key == nullptr || key->type != ConfigType::kList)) {
      return InvalidConfig(
          fmt::format("Can't {} to key {} because its type is not LIST.", Name(change.op), change.name));
    }
    ApplyOne(key, change, changed);
  }
  overrides = std::move(changed);
  return {};
}

ConfigError ValidateOverrides(ConfigResource resource, std::string_view resource_name,
                              const ConfigMap& overrides, const EffectiveValues& broker) {
  switch (resource) {
    case ConfigResource::kTopic: {
      if (resource_name.empty()) return InvalidRequest("Default topic resources are not allowed.");
      const Status status = ValidateTopicOverrides(overrides, broker);
      return status.ok() ? ConfigError() : InvalidConfig(std::string(Message(status)));
    }
    case ConfigResource::kBroker: {
      if (resource_name.empty()) return {};
      const auto id = ParseId(resource_name);
      if (!id) return InvalidRequest("Unable to parse broker name as a base 10 number.");
      return *id < 0 ? InvalidRequest("Invalid negative broker ID.") : ConfigError();
    }
    case ConfigResource::kGroup:
      if (resource_name.empty()) return InvalidRequest("Default group resources are not allowed.");
      return ValidateGroup(overrides, broker);
    case ConfigResource::kClientMetrics:
      if (resource_name.empty()) return InvalidRequest("Subscription name can't be empty");
      return ValidateClientMetrics(overrides);
    case ConfigResource::kBrokerLogger:
      break;
  }
  return InvalidRequest(fmt::format("Unknown resource type {}", static_cast<int>(resource)));
}

ConfigError CheckBrokerChange(const ConfigView& view, bool cluster_default,
                              std::span<const ConfigChange> changes, ConfigMap current) {
  for (const ConfigChange& change : changes) {
    const ConfigKey* key = FindKey(ConfigResource::kBroker, change.name);
    if (IsListChange(change)) {
      if (key == nullptr) return InvalidConfig(fmt::format("Unknown config name: {}", change.name));
      if (key->type != ConfigType::kList) {
        return InvalidConfig(fmt::format("Config value {} is not allowed for config key: {}",
                                         change.op == AlterOp::kAppend ? "append" : "subtract", change.name));
      }
    }
    ApplyOne(key, change, current);
  }
  const ConfigError error = CheckDynamicNamesAndTypes(current, cluster_default);
  if (!error.ok()) return error;
  ConfigMap effective = view.static_values();
  OverlayDynamic(cluster_default ? current : view.dynamic_cluster(), effective);
  OverlayDynamic(cluster_default ? view.dynamic_broker() : current, effective);
  const auto values = EffectiveValues::Parse(effective);
  if (!values.ok()) return InvalidRequest(std::string(Message(values.status())));
  const auto config = MakeBrokerConfig(*values);
  if (!config.ok()) return InvalidRequest(std::string(Message(config.status())));
  return {};
}

}  // namespace dohle::server
