// What every configuration key of Apache Kafka 4.3.1 is: its type, default, allowed values, how it may be
// changed, and what Dohle does with it. The tables are data (keys_*.inc); tests/conformance/config holds them
// against Kafka's own jars. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"

namespace dohle::server {

// Ordered, so that what is described or warned about comes in a stable order.
using ConfigMap = std::map<std::string, std::string, std::less<>>;

// What a configuration belongs to; the numbers are the protocol's (DescribeConfigs, AlterConfigs).
enum class ConfigResource : int8_t {
  kTopic = 2,
  kBroker = 4,
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32,
};

// The numbers are those of DescribeConfigsResponse.ConfigType.
enum class ConfigType : int8_t {
  kUnknown = 0,
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
  kClass = 8,
  kPassword = 9,
};
std::string_view Name(ConfigType type);  // "BOOLEAN", …

enum class Importance : uint8_t { kHigh, kMedium, kLow };

enum class UpdateMode : uint8_t {
  kReadOnly,     // only in server.properties, effective after a restart
  kPerBroker,    // dynamic, for one broker only
  kClusterWide,  // dynamic, for one broker or for all
  kDynamic,      // a topic, group or client-metrics key: always dynamic
};

// What Dohle does with a key.
enum class Treatment : uint8_t {
  kHonoured,  // has the effect that Kafka documents
  kAccepted,  // has no effect, and none is needed to keep Kafka's promises; its documentation says so
  kRefused,   // ignoring it would break a promise or security: another value than the default is an error
};

struct Validator {
  enum class Kind : uint8_t {
    kAny,
    kRange,              // `a` <= value <= `b`; empty = no bound
    kOneOf,              // `a`: the values, comma-separated
    kOneOfAnyCase,       //
    kList,               // unique, no empty items; of `a` if not empty
    kNotEmpty,           // a string with a visible character
    kNotNull,            //
    kGzipLevel,          // 1 to 9 or -1
    kThrottledReplicas,  // "*" or partition:broker,…
    kQuorumVoters,       // id@host:port,…
    kBootstrapServers,   // host:port,…
    kOffsetReset,        // earliest, latest or by_duration:<ISO-8601>
  };
  Kind kind = Kind::kAny;
  std::string_view a;
  std::string_view b;
  bool may_be_empty = true;  // kList only
  bool may_be_null = true;   // kList only
};

struct ConfigKey {
  std::string_view name;
  ConfigType type = ConfigType::kString;
  const char* default_value = nullptr;  // canonical; null = Kafka's null
  bool required = false;                // no default at all
  Importance importance = Importance::kMedium;
  UpdateMode mode = UpdateMode::kReadOnly;
  Validator validator;
  Treatment treatment = Treatment::kHonoured;
  bool internal = false;  // Kafka hides it unless it is set
  std::string_view documentation;

  bool sensitive() const { return type == ConfigType::kPassword; }
  bool read_only() const { return mode == UpdateMode::kReadOnly; }
};

// The keys of a resource, sorted by name. Broker keys include Dohle's own. None for kBrokerLogger.
std::span<const ConfigKey> KeysOf(ConfigResource resource);
// Null if there is no such key. For brokers the prefix of a listener override is not stripped.
const ConfigKey* FindKey(ConfigResource resource, std::string_view name);
// Like FindKey for brokers, and finds the key that "listener.name.<listener>.<key>" overrides.
const ConfigKey* FindBrokerKey(std::string_view name);
// True for one of Dohle's own keys.
bool IsDohleKey(std::string_view name);
// "max.connections" of "listener.name.internal.max.connections"; nothing if `name` is no listener override.
std::optional<std::string_view> ListenerOverrideOf(std::string_view name);

// Parses `text` as the key's type, validates it and gives the canonical text ("TRUE" -> "true",
// " a , b" -> "a,b", ".5" -> "0.5"), as ConfigDef.parseType, ensureValid and convertToString would.
// kInvalidArgument with the message of Kafka's ConfigException.
StatusOr<std::string> ParseConfigValue(const ConfigKey& key, std::string_view text);

// Canonical text of a key's default; nothing for null and for required keys.
std::optional<std::string> DefaultOf(const ConfigKey& key);

// Of an unknown key: the name that was probably meant (by edit distance), or empty.
std::string_view NearestKey(ConfigResource resource, std::string_view name);

// The items of a canonical or raw LIST value, trimmed; none for an empty value.
std::vector<std::string> SplitList(std::string_view text);

// Double.toString of Java: "0.5", "1.0", "1.7976931348623157E308".
std::string JavaDouble(double value);

}  // namespace dohle::server
