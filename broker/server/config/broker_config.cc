#include "broker/server/config/broker_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/server/config/broker_config_internal.h"

namespace dohle::server {
namespace {

using internal::kLeaderSelector;
using internal::kRackAwareSelector;

bool Has(const std::vector<std::string>& items, std::string_view item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

bool IsSet(const ConfigMap& values, std::string_view key) { return values.find(key) != values.end(); }

bool IsStandalone(const ConfigMap& values) {
  const auto empty = [&](std::string_view key) {
    const auto found = values.find(key);
    return found == values.end() || SplitList(found->second).empty();
  };
  return Has(SplitList(values.find("process.roles")->second), "controller") &&
         empty("controller.quorum.voters") && empty("controller.quorum.bootstrap.servers");
}

// What makes a node start without any file, and a node alone able to serve groups and transactions.
void AddOwnDefaults(ConfigMap& values) {
  const auto add = [&](std::string_view key, std::string_view value) { values.emplace(key, value); };
  if (IsSet(values, "broker.id")) add("node.id", values.find("broker.id")->second);
  add("node.id", "1");
  add("broker.id", values.find("node.id")->second);
  add("process.roles", "broker,controller");
  if (!IsSet(values, "log.dir")) add("log.dirs", "./dohle-data");
  if (!IsStandalone(values)) return;
  add("listeners", "PLAINTEXT://localhost:9092");
  add("offsets.topic.replication.factor", "1");
  add("transaction.state.log.replication.factor", "1");
  add("transaction.state.log.min.isr", "1");
  add("share.coordinator.state.topic.replication.factor", "1");
  add("share.coordinator.state.topic.min.isr", "1");
}

// The search for the nearest name takes a good part of a millisecond.
constexpr size_t kMostWarnings = 50;

void WarnOfUnknownKeys(const ConfigMap& values, std::vector<std::string>& warnings) {
  for (const auto& [name, value] : values) {
    if (FindBrokerKey(name) != nullptr) continue;
    if (ListenerOverrideOf(name)) continue;  // a SASL mechanism's own keys come in between
    if (warnings.size() == kMostWarnings) {
      warnings.push_back("more keys are unknown and ignored");
      return;
    }
    const std::string_view nearest = NearestKey(ConfigResource::kBroker, name);
    warnings.push_back(
        nearest.empty()
            ? fmt::format("{} is no configuration key and is ignored", name)
            : fmt::format("{} is no configuration key and is ignored; did you mean {}?", name, nearest));
  }
}

Status RefuseWhatCannotBeHonoured(const EffectiveValues& values) {
  for (const auto& [name, value] : values.set()) {
    const ConfigKey* key = FindBrokerKey(name);
    if (key == nullptr || key->treatment != Treatment::kRefused) continue;
    const auto text = ParseConfigValue(*key, value);
    if (text.ok() && (text->empty() || DefaultOf(*key) == *text)) continue;
    return MakeStatus(StatusCode::kInvalidArgument,
                      "{}={} cannot be honoured: {} Remove the key to start without it.", name, value,
                      key->documentation);
  }
  if (const auto selector = values.OptionalString("replica.selector.class");
      selector && !selector->empty() && *selector != kRackAwareSelector && *selector != kLeaderSelector) {
    return MakeStatus(
        StatusCode::kInvalidArgument,
        "replica.selector.class={} cannot be honoured: Java classes cannot be loaded. Use {} or "
        "{}.",
        *selector, kRackAwareSelector, kLeaderSelector);
  }
  for (const std::string& assignor : values.List("group.consumer.assignors")) {
    if (assignor == "uniform" || assignor == "range") continue;
    return MakeStatus(StatusCode::kInvalidArgument,
                      "group.consumer.assignors={} cannot be honoured: Java classes cannot be loaded. Use "
                      "uniform and range.",
                      assignor);
  }
  return OkStatus();
}

// The rules are those of KafkaConfig.validateValues; the messages that Kafka has are Kafka's.
Status CheckTimes(const EffectiveValues& v) {
  for (const std::string_view key : {"log.retention.ms", "log.retention.minutes", "log.retention.hours"}) {
    const auto value = v.OptionalInt(key);
    if (value && *value != -1 && *value < 1) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "requirement failed: {} must be unlimited (-1) or, greater than or equal to 1", key);
    }
  }
  const auto ordered = [&](std::string_view small, std::string_view large) -> Status {
    if (v.Int(small) <= v.Int(large)) return OkStatus();
    return MakeStatus(StatusCode::kInvalidArgument, "requirement failed: {} must be at most {}, but {} > {}",
                      small, large, v.Int(small), v.Int(large));
  };
  DOHLE_RETURN_IF_ERROR(ordered("replica.fetch.wait.max.ms", "replica.socket.timeout.ms"));
  DOHLE_RETURN_IF_ERROR(ordered("replica.fetch.wait.max.ms", "replica.lag.time.max.ms"));
  DOHLE_RETURN_IF_ERROR(ordered("group.min.session.timeout.ms", "group.max.session.timeout.ms"));
  for (const std::string_view protocol : {"consumer", "share", "streams"}) {
    for (const std::string_view what :
         {"session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms"}) {
      const std::string low = fmt::format("group.{}.min.{}", protocol, what);
      const std::string value = fmt::format("group.{}.{}", protocol, what);
      const std::string high = fmt::format("group.{}.max.{}", protocol, what);
      DOHLE_RETURN_IF_ERROR(ordered(low, value));
      DOHLE_RETURN_IF_ERROR(ordered(value, high));
    }
  }
  return OkStatus();
}

Status CheckSizes(const EffectiveValues& v) {
  if (v.Int("offsets.topic.compression.codec") < 0 || v.Int("offsets.topic.compression.codec") > 4) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "Invalid value {} for configuration offsets.topic.compression.codec: it is 0 (none), 1 "
                      "(gzip), 2 (snappy), 3 (lz4) or 4 (zstd)",
                      v.Int("offsets.topic.compression.codec"));
  }
  const int64_t threads = std::max<int64_t>(1, v.Int("log.cleaner.threads"));
  if (v.Bool("log.cleaner.enable") && v.Int("log.cleaner.dedupe.buffer.size") / threads <= 1024 * 1024) {
    return MakeStatus(
        StatusCode::kInvalidArgument,
        "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.");
  }
  if (v.Int("queued.max.request.bytes") > 0 &&
      v.Int("queued.max.request.bytes") < v.Int("socket.request.max.bytes")) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "requirement failed: queued.max.request.bytes must be larger or equal to "
                      "socket.request.max.bytes");
  }
  return OkStatus();
}

Status CheckNodeAndDirectories(const EffectiveValues& v, const BrokerConfig& config) {
  if (v.Int("broker.id") >= 0 && v.Int("broker.id") != v.Int("node.id")) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "You must set `node.id` to the same value as `broker.id`.");
  }
  std::vector<std::string> missing;
  for (const std::string& directory : config.logs.cordoned_log_dirs) {
    if (directory != "*" && !Has(config.logs.log_dirs, directory)) missing.push_back(directory);
  }
  if (!missing.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or "
                      "log.dir. Missing entries : {}",
                      fmt::join(missing, ", "));
  }
  const auto& voters = config.quorum.voters;
  const bool is_voter = std::any_of(voters.begin(), voters.end(),
                                    [&](const QuorumVoter& voter) { return voter.id == config.node_id; });
  if (!voters.empty() && is_voter && !config.controller_role) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "If process.roles contains just the 'broker' role, the node id {} must not be included "
                      "in the set of voters controller.quorum.voters",
                      config.node_id.value());
  }
  if (!voters.empty() && !is_voter && config.controller_role) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "If process.roles contains the 'controller' role, the node id {} must be included in "
                      "the set of voters controller.quorum.voters",
                      config.node_id.value());
  }
  if (!config.controller_role && voters.empty() && config.quorum.bootstrap_servers.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "process.roles=broker needs a quorum to join: set controller.quorum.bootstrap.servers");
  }
  return OkStatus();
}

Status ReadConnectionOverrides(const EffectiveValues& v, NetworkConfig& network) {
  for (const std::string& entry : SplitList(v.String("max.connections.per.ip.overrides"))) {
    const size_t colon = entry.rfind(':');
    int32_t count = -1;
    if (colon != std::string::npos && colon > 0) {
      const char* end = entry.data() + entry.size();
      if (std::from_chars(entry.data() + colon + 1, end, count).ptr != end) count = -1;
    }
    if (count < 0) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "Invalid value {} for configuration max.connections.per.ip.overrides: entries have "
                        "the form host:count",
                        entry);
    }
    network.max_connections_per_ip_overrides[entry.substr(0, colon)] = count;
  }
  return OkStatus();
}

}  // namespace

StatusOr<BrokerConfig> MakeBrokerConfig(const EffectiveValues& values) {
  BrokerConfig config;
  config.node_id = NodeId(values.Int32("node.id"));
  config.broker_role = Has(values.List("process.roles"), "broker");
  config.controller_role = Has(values.List("process.roles"), "controller");
  config.rack = values.OptionalString("broker.rack");
  if (config.rack == "") config.rack.reset();  // from an environment that names none
  config.num_partitions = values.Int32("num.partitions");
  config.default_replication_factor = values.Int32("default.replication.factor");
  config.auto_create_topics_enable = values.Bool("auto.create.topics.enable");
  config.delete_topic_enable = values.Bool("delete.topic.enable");
  config.topic_defaults = MakeTopicConfig({}, values);
  config.network = internal::ReadNetwork(values);
  DOHLE_RETURN_IF_ERROR(ReadConnectionOverrides(values, config.network));
  config.logs = internal::ReadLogs(values);
  config.replication = internal::ReadReplication(values);
  config.quorum = internal::ReadQuorum(values);
  config.metadata_log = internal::ReadMetadataLog(values, config.logs);
  config.controller = internal::ReadController(values);
  config.groups = internal::ReadGroups(values);
  config.transactions = internal::ReadTransactions(values);
  config.quotas = internal::ReadQuotas(values);
  config.dohle = internal::ReadDohle(values);
  DOHLE_RETURN_IF_ERROR(CheckTimes(values));
  DOHLE_RETURN_IF_ERROR(CheckSizes(values));
  DOHLE_RETURN_IF_ERROR(CheckNodeAndDirectories(values, config));
  DOHLE_ASSIGN_OR_RETURN(config.listeners, ParseListeners(values, {config.broker_role, config.controller_role,
                                                                   config.quorum.standalone}));
  return config;
}

StatusOr<LoadedConfig> LoadBrokerConfig(ConfigMap properties) {
  LoadedConfig loaded;
  AddOwnDefaults(properties);
  WarnOfUnknownKeys(properties, loaded.warnings);
  DOHLE_ASSIGN_OR_RETURN(loaded.values, EffectiveValues::Parse(properties));
  DOHLE_RETURN_IF_ERROR(RefuseWhatCannotBeHonoured(loaded.values));
  DOHLE_ASSIGN_OR_RETURN(loaded.config, MakeBrokerConfig(loaded.values));
  loaded.static_values = std::move(properties);
  return loaded;
}

}  // namespace dohle::server
