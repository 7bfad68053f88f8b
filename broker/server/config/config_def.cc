#include "broker/server/config/config_def.h"

#include <algorithm>
#include <vector>

#include "lib/base/check.h"

namespace dohle::server {
namespace {

using enum Importance;
using enum UpdateMode;
using enum Treatment;

// The vocabulary of the tables.
constexpr ConfigType kBoolean = ConfigType::kBoolean;
constexpr ConfigType kString = ConfigType::kString;
constexpr ConfigType kInt = ConfigType::kInt;
constexpr ConfigType kShort = ConfigType::kShort;
constexpr ConfigType kLong = ConfigType::kLong;
constexpr ConfigType kDouble = ConfigType::kDouble;
constexpr ConfigType kList = ConfigType::kList;
constexpr ConfigType kClass = ConfigType::kClass;
constexpr ConfigType kPassword = ConfigType::kPassword;

constexpr const char* kNull = nullptr;
constexpr char kRequiredText[] = "";
constexpr const char* kRequired = kRequiredText;
constexpr bool kPublic = false;
constexpr bool kInternal = true;

enum ListRule { kNeverEmpty = 0, kMayBeEmpty = 1, kMayBeNull = 2, kMayBeEmptyOrNull = 3 };

constexpr Validator Any() { return {}; }
constexpr Validator AtLeast(std::string_view a) { return {Validator::Kind::kRange, a, ""}; }
constexpr Validator Between(std::string_view a, std::string_view b) {
  return {Validator::Kind::kRange, a, b};
}
constexpr Validator OneOf(std::string_view values) { return {Validator::Kind::kOneOf, values, ""}; }
constexpr Validator OneOfAnyCase(std::string_view values) {
  return {Validator::Kind::kOneOfAnyCase, values, ""};
}
constexpr Validator ListOf(std::string_view values, ListRule rule) {
  return {Validator::Kind::kList, values, "", (rule & kMayBeEmpty) != 0, (rule & kMayBeNull) != 0};
}
constexpr Validator NotEmpty() { return {Validator::Kind::kNotEmpty, "", ""}; }
constexpr Validator NotNull() { return {Validator::Kind::kNotNull, "", ""}; }
constexpr Validator GzipLevel() { return {Validator::Kind::kGzipLevel, "", ""}; }
constexpr Validator ThrottledReplicas() { return {Validator::Kind::kThrottledReplicas, "", ""}; }
constexpr Validator QuorumVoters() { return {Validator::Kind::kQuorumVoters, "", ""}; }
constexpr Validator BootstrapServers() { return {Validator::Kind::kBootstrapServers, "", ""}; }
constexpr Validator OffsetReset() { return {Validator::Kind::kOffsetReset, "", ""}; }

// One line of the tables: ConfigKey, in the order in which a reader wants the columns.
struct Line {
  std::string_view name;
  ConfigType type;
  const char* default_value;
  Importance importance;
  UpdateMode mode;
  Validator validator;
  Treatment treatment;
  bool internal;
  std::string_view documentation;
};

constexpr Line kBrokerLines[] = {
#include "broker/server/config/keys_dynamic.inc"
#include "broker/server/config/keys_general.inc"
#include "broker/server/config/keys_group.inc"
#include "broker/server/config/keys_kraft.inc"
#include "broker/server/config/keys_log.inc"
#include "broker/server/config/keys_network.inc"
#include "broker/server/config/keys_remote.inc"
#include "broker/server/config/keys_replica.inc"
#include "broker/server/config/keys_security.inc"
#include "broker/server/config/keys_share.inc"
#include "broker/server/config/keys_transaction.inc"
};
constexpr Line kDohleLines[] = {
#include "broker/server/config/keys_dohle.inc"
};
constexpr Line kTopicLines[] = {
#include "broker/server/config/keys_topic.inc"
};
constexpr Line kGroupLines[] = {
#include "broker/server/config/keys_groupconfig.inc"
};
constexpr Line kClientMetricsLines[] = {
#include "broker/server/config/keys_clientmetrics.inc"
};

using Table = std::vector<ConfigKey>;

void Append(std::span<const Line> lines, Table& table) {
  for (const Line& line : lines) {
    const bool required = line.default_value == kRequired;
    table.push_back({line.name, line.type, required ? nullptr : line.default_value, required, line.importance,
                     line.mode, line.validator, line.treatment, line.internal, line.documentation});
  }
}

Table Sorted(std::initializer_list<std::span<const Line>> parts) {
  Table table;
  for (const auto& part : parts) Append(part, table);
  std::sort(table.begin(), table.end(),
            [](const ConfigKey& a, const ConfigKey& b) { return a.name < b.name; });
  for (size_t i = 1; i < table.size(); ++i) DOHLE_CHECK(table[i - 1].name != table[i].name);
  return table;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const ConfigKey> KeysOf(ConfigResource resource) {
  static const Table broker = Sorted({kBrokerLines, kDohleLines});
  static const Table topic = Sorted({kTopicLines});
  static const Table group = Sorted({kGroupLines});
  static const Table client_metrics = Sorted({kClientMetricsLines});
  switch (resource) {
    case ConfigResource::kBroker:
      return broker;
    case ConfigResource::kTopic:
      return topic;
    case ConfigResource::kGroup:
      return group;
    case ConfigResource::kClientMetrics:
      return client_metrics;
    case ConfigResource::kBrokerLogger:
      break;
  }
  return {};
}

const ConfigKey* FindKey(ConfigResource resource, std::string_view name) {
  const std::span<const ConfigKey> keys = KeysOf(resource);
  const auto found = std::lower_bound(keys.begin(), keys.end(), name,
                                      [](const ConfigKey& key, std::string_view n) { return key.name < n; });
  return found != keys.end() && found->name == name ? &*found : nullptr;
}

const ConfigKey* FindBrokerKey(std::string_view name) {
  if (const ConfigKey* key = FindKey(ConfigResource::kBroker, name)) return key;
  const auto base = ListenerOverrideOf(name);
  return base ? FindKey(ConfigResource::kBroker, *base) : nullptr;
}

bool IsDohleKey(std::string_view name) {
  return std::any_of(std::begin(kDohleLines), std::end(kDohleLines),
                     [&](const Line& line) { return line.name == name; });
}

std::optional<std::string_view> ListenerOverrideOf(std::string_view name) {
  constexpr std::string_view kPrefix = "listener.name.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const size_t dot = name.find('.', kPrefix.size());
  if (dot == std::string_view::npos) return std::nullopt;
  return name.substr(dot + 1);
}

std::optional<std::string> DefaultOf(const ConfigKey& key) {
  if (key.default_value == nullptr) return std::nullopt;
  return std::string(key.default_value);
}

std::string_view NearestKey(ConfigResource resource, std::string_view name) {
  constexpr size_t kLongestCompared = 128;  // the distance is quadratic, and `name` comes from outside
  if (name.size() > kLongestCompared) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, name.size() / 4);
  for (const ConfigKey& key : KeysOf(resource)) {
    const size_t distance = EditDistance(name, key.name);
    if (distance < best_distance || (distance == best_distance && best.empty())) {
      best = key.name;
      best_distance = distance;
    }
  }
  return best;
}

std::string_view Name(ConfigType type) {
  switch (type) {
    case ConfigType::kUnknown:
      return "UNKNOWN";
    case ConfigType::kBoolean:
      return "BOOLEAN";
    case ConfigType::kString:
      return "STRING";
    case ConfigType::kInt:
      return "INT";
    case ConfigType::kShort:
      return "SHORT";
    case ConfigType::kLong:
      return "LONG";
    case ConfigType::kDouble:
      return "DOUBLE";
    case ConfigType::kList:
      return "LIST";
    case ConfigType::kClass:
      return "CLASS";
    case ConfigType::kPassword:
      return "PASSWORD";
  }
  return "UNKNOWN";
}

}  // namespace dohle::server
