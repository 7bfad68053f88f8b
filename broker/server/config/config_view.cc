#include "broker/server/config/config_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "broker/server/config/topic_config.h"
#include "lib/base/check.h"

namespace dohle::server {
namespace {

// These stand behind "listener.name.<listener>.<mechanism>."
constexpr std::string_view kMechanismKeys[] = {"sasl.jaas.config", "sasl.login.callback.handler.class",
                                               "sasl.login.class", "sasl.server.callback.handler.class",
                                               "connections.max.reauth.ms"};

std::vector<std::string> Strings(std::initializer_list<std::string_view> names) {
  return {names.begin(), names.end()};
}

ConfigEntry Described(const ConfigKey* key, std::string_view name) {
  ConfigEntry entry;
  entry.name = std::string(name);
  if (key == nullptr) {
    entry.sensitive = true;  // as nobody knows what it is
    return entry;
  }
  entry.type = key->type;
  entry.sensitive = key->sensitive();
  entry.documentation = key->documentation;
  return entry;
}

void TakeSource(ConfigEntry& entry) {
  entry.source = entry.synonyms.empty() ? ConfigSource::kDefault : entry.synonyms.front().source;
}

// The override as it is in force, or as it is stored if it is not allowed any more.
std::string CanonicalOrRaw(const ConfigKey& key, const std::string& value) {
  auto parsed = ParseConfigValue(key, value);
  return parsed.ok() ? std::move(*parsed) : value;
}

// The values that this broker can run with: a dynamic one that is not allowed is left out.
ConfigMap Allowed(const ConfigMap& dynamic) {
  ConfigMap allowed;
  for (const auto& [name, value] : dynamic) {
    const ConfigKey* key = FindBrokerKey(name);
    if (key != nullptr && !ParseConfigValue(*key, value).ok()) continue;
    allowed.emplace(name, value);
  }
  return allowed;
}

}  // namespace

std::vector<std::string> BrokerSynonyms(std::string_view name, bool listener) {
  if (name == "log.roll.ms" || name == "log.roll.hours") return Strings({"log.roll.ms", "log.roll.hours"});
  if (name == "log.roll.jitter.ms" || name == "log.roll.jitter.hours") {
    return Strings({"log.roll.jitter.ms", "log.roll.jitter.hours"});
  }
  if (name == "log.flush.interval.ms") {
    return Strings({"log.flush.interval.ms", "log.flush.scheduler.interval.ms"});
  }
  if (name == "log.retention.ms" || name == "log.retention.minutes" || name == "log.retention.hours") {
    return Strings({"log.retention.ms", "log.retention.minutes", "log.retention.hours"});
  }
  const auto base = ListenerOverrideOf(name);
  if (!listener || !base) return Strings({name});
  for (const std::string_view mechanism : kMechanismKeys) {
    if (base->ends_with(mechanism)) return Strings({name, mechanism});
  }
  return Strings({name, *base});
}

void OverlayDynamic(const ConfigMap& dynamic, ConfigMap& base) {
  for (const auto& [name, value] : dynamic) {
    for (const std::string& synonym : BrokerSynonyms(name, false)) base.erase(synonym);
    base[name] = value;
  }
}

ConfigView::ConfigView(ConfigMap static_values, ConfigMap dynamic_broker, ConfigMap dynamic_cluster)
    : static_(std::move(static_values)),
      dynamic_broker_(Allowed(dynamic_broker)),
      dynamic_cluster_(Allowed(dynamic_cluster)) {
  ConfigMap effective = static_;
  OverlayDynamic(dynamic_cluster_, effective);
  OverlayDynamic(dynamic_broker_, effective);
  auto values = EffectiveValues::Parse(effective);
  DOHLE_CHECK(values.ok());  // static values passed LoadBrokerConfig, dynamic ones Allowed
  values_ = std::move(*values);
}

std::vector<ConfigSynonym> ConfigView::Synonyms(std::string_view name, const std::vector<std::string>& names,
                                                bool sensitive) const {
  std::vector<ConfigSynonym> synonyms;
  const auto add = [&](const std::string& synonym, const std::string& value, ConfigSource source) {
    synonyms.push_back({synonym, sensitive ? std::nullopt : std::optional(value), source});
  };
  const auto add_all = [&](const ConfigMap& map, ConfigSource source) {
    for (const std::string& synonym : names) {
      if (const auto found = map.find(synonym); found != map.end()) add(synonym, found->second, source);
    }
  };
  add_all(dynamic_broker_, ConfigSource::kDynamicBroker);
  add_all(dynamic_cluster_, ConfigSource::kDynamicDefaultBroker);
  add_all(static_, ConfigSource::kStaticBroker);
  for (const std::string& synonym : names) {
    const ConfigKey* key = FindKey(ConfigResource::kBroker, synonym);
    // The keys that exist only dynamically have no default in Kafka's KafkaConfig.
    if (key == nullptr || (key->internal && !key->read_only() && key->mode == UpdateMode::kClusterWide))
      continue;
    if (const auto value = DefaultOf(*key)) add(synonym, *value, ConfigSource::kDefault);
  }
  const auto first = std::find_if(synonyms.begin(), synonyms.end(),
                                  [&](const ConfigSynonym& synonym) { return synonym.name == name; });
  synonyms.erase(synonyms.begin(), first);
  return synonyms;
}

ConfigEntry ConfigView::DescribeBrokerKey(std::string_view name, std::optional<std::string> value) const {
  const ConfigKey* exact = FindKey(ConfigResource::kBroker, name);
  ConfigEntry entry = Described(FindBrokerKey(name), name);
  entry.read_only = exact == nullptr || exact->read_only();
  if (!entry.sensitive) entry.value = std::move(value);
  entry.synonyms = Synonyms(name, BrokerSynonyms(name, true), entry.sensitive);
  TakeSource(entry);
  return entry;
}

std::vector<ConfigEntry> ConfigView::DescribeBroker() const {
  std::vector<ConfigEntry> entries;
  for (const ConfigKey& key : KeysOf(ConfigResource::kBroker)) {
    if (key.internal && values_.Set(key.name) == nullptr) continue;
    const auto text = values_.Text(key.name);
    entries.push_back(DescribeBrokerKey(key.name, text ? std::optional<std::string>(*text) : std::nullopt));
  }
  for (const auto& [name, value] : values_.set()) {
    if (FindKey(ConfigResource::kBroker, name) == nullptr) entries.push_back(DescribeBrokerKey(name, value));
  }
  std::sort(entries.begin(), entries.end(),
            [](const ConfigEntry& a, const ConfigEntry& b) { return a.name < b.name; });
  return entries;
}

std::vector<ConfigEntry> ConfigView::DescribeClusterDefault() const {
  std::vector<ConfigEntry> entries;
  for (const auto& [name, value] : dynamic_cluster_) {
    ConfigEntry entry = DescribeBrokerKey(name, value);
    std::erase_if(entry.synonyms, [](const ConfigSynonym& synonym) {
      return synonym.source != ConfigSource::kDynamicDefaultBroker;
    });
    TakeSource(entry);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> ConfigView::DescribeTopic(const ConfigMap& overrides) const {
  std::vector<ConfigEntry> entries;
  const ConfigMap defaults = TopicDefaults(values_);
  for (const ConfigKey& key : KeysOf(ConfigResource::kTopic)) {
    const auto own = overrides.find(key.name);
    if (key.internal && own == overrides.end()) continue;
    ConfigEntry entry = Described(&key, key.name);
    if (own != overrides.end()) {
      entry.value = CanonicalOrRaw(key, own->second);
    } else if (const auto found = defaults.find(key.name); found != defaults.end()) {
      entry.value = found->second;
    }
    const auto broker_keys = BrokerSynonymsOfTopicKey(key.name);
    if (!broker_keys.empty()) {
      entry.synonyms = Synonyms(broker_keys[0], BrokerSynonyms(broker_keys[0], true), false);
    }
    if (own != overrides.end()) {
      entry.synonyms.insert(entry.synonyms.begin(), {entry.name, entry.value, ConfigSource::kTopic});
    }
    TakeSource(entry);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> ConfigView::DescribeGroup(const ConfigMap& overrides) const {
  std::vector<ConfigEntry> entries;
  for (const ConfigKey& key : KeysOf(ConfigResource::kGroup)) {
    const auto own = overrides.find(key.name);
    const std::string broker_key = fmt::format("group.{}", key.name);
    const bool has_broker_key = FindKey(ConfigResource::kBroker, broker_key) != nullptr;
    ConfigEntry entry = Described(&key, key.name);
    if (own != overrides.end()) {
      entry.value = CanonicalOrRaw(key, own->second);
    } else if (has_broker_key) {
      entry.value = values_.String(broker_key);
    } else {
      entry.value = DefaultOf(key);
    }
    if (has_broker_key) entry.synonyms = Synonyms(broker_key, {broker_key}, false);
    if (own != overrides.end()) {
      entry.synonyms.insert(entry.synonyms.begin(), {entry.name, entry.value, ConfigSource::kGroup});
    } else if (!has_broker_key) {
      entry.synonyms.push_back({entry.name, entry.value, ConfigSource::kDefault});
    }
    TakeSource(entry);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> ConfigView::DescribeClientMetrics(const ConfigMap& subscription) {
  std::vector<ConfigEntry> entries;
  for (const ConfigKey& key : KeysOf(ConfigResource::kClientMetrics)) {
    ConfigEntry entry = Described(&key, key.name);
    entry.value = DefaultOf(key);
    if (const auto own = subscription.find(key.name); own != subscription.end()) {
      entry.value = CanonicalOrRaw(key, own->second);
      entry.synonyms.push_back({entry.name, entry.value, ConfigSource::kClientMetrics});
    }
    TakeSource(entry);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> ConfigView::DescribeLoggers(const ConfigMap& levels) {
  std::vector<ConfigEntry> entries;
  for (const auto& [name, level] : levels) {
    ConfigEntry entry;
    entry.name = name;
    entry.value = level;
    entry.source = ConfigSource::kDynamicBrokerLogger;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace dohle::server
