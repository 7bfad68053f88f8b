#include "broker/server/config/topic_config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "lib/base/check.h"

namespace dohle::server {
namespace {

struct Synonym {
  std::string_view topic_key;
  std::string_view broker_key;
};

// org.apache.kafka.server.config.ServerTopicConfigSynonyms, without those that have several broker keys.
constexpr Synonym kSynonyms[] = {
    {"cleanup.policy", "log.cleanup.policy"},
    {"compression.gzip.level", "compression.gzip.level"},
    {"compression.lz4.level", "compression.lz4.level"},
    {"compression.type", "compression.type"},
    {"compression.zstd.level", "compression.zstd.level"},
    {"delete.retention.ms", "log.cleaner.delete.retention.ms"},
    {"file.delete.delay.ms", "log.segment.delete.delay.ms"},
    {"flush.messages", "log.flush.interval.messages"},
    {"index.interval.bytes", "log.index.interval.bytes"},
    {"local.retention.bytes", "log.local.retention.bytes"},
    {"local.retention.ms", "log.local.retention.ms"},
    {"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"},
    {"max.message.bytes", "message.max.bytes"},
    {"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"},
    {"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"},
    {"message.timestamp.type", "log.message.timestamp.type"},
    {"min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"},
    {"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"},
    {"min.insync.replicas", "min.insync.replicas"},
    {"preallocate", "log.preallocate"},
    {"retention.bytes", "log.retention.bytes"},
    {"segment.bytes", "log.segment.bytes"},
    {"segment.index.bytes", "log.index.size.max.bytes"},
    {"unclean.leader.election.enable", "unclean.leader.election.enable"},
};

constexpr int64_t kMinuteMs = 60 * 1000;
constexpr int64_t kHourMs = 60 * kMinuteMs;

int64_t RetentionMs(const EffectiveValues& broker) {
  int64_t ms = broker.Int("log.retention.hours") * kHourMs;
  if (const auto minutes = broker.OptionalInt("log.retention.minutes")) ms = *minutes * kMinuteMs;
  if (const auto exact = broker.OptionalInt("log.retention.ms")) ms = *exact;
  return ms < 0 ? -1 : ms;
}

int64_t MsOrHours(const EffectiveValues& broker, std::string_view ms, std::string_view hours) {
  const auto exact = broker.OptionalInt(ms);
  return exact ? *exact : broker.Int(hours) * kHourMs;
}

int64_t FlushMs(const EffectiveValues& broker) {
  const auto exact = broker.OptionalInt("log.flush.interval.ms");
  return exact ? *exact : broker.Int("log.flush.scheduler.interval.ms");
}

// The values of one topic: valid overrides, or else the defaults.
class Reader {
 public:
  Reader(const ConfigMap& overrides, ConfigMap defaults) : values_(std::move(defaults)) {
    for (const auto& [name, value] : overrides) {
      const ConfigKey* key = FindKey(ConfigResource::kTopic, name);
      if (key == nullptr) continue;
      if (auto text = ParseConfigValue(*key, value); text.ok()) values_[name] = std::move(*text);
    }
  }

  const std::string& Text(std::string_view name) const {
    const auto found = values_.find(name);
    DOHLE_CHECK(found != values_.end());
    return found->second;
  }
  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }
  bool Bool(std::string_view name) const { return Text(name) == "true"; }
  int64_t Long(std::string_view name) const { return std::strtoll(Text(name).c_str(), nullptr, 10); }
  int32_t Int(std::string_view name) const { return static_cast<int32_t>(Long(name)); }
  double Double(std::string_view name) const { return std::strtod(Text(name).c_str(), nullptr); }

 private:
  ConfigMap values_;
};

bool Has(const std::vector<std::string>& items, std::string_view item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

void ReadSegments(const Reader& reader, TopicConfig& config) {
  config.file_delete_delay_ms = reader.Long("file.delete.delay.ms");
  config.flush_messages = reader.Long("flush.messages");
  config.flush_ms = reader.Long("flush.ms");
  config.index_interval_bytes = reader.Int("index.interval.bytes");
  config.preallocate = reader.Bool("preallocate");
  config.segment_bytes =
      reader.Int(reader.Has("internal.segment.bytes") ? "internal.segment.bytes" : "segment.bytes");
  config.segment_index_bytes = reader.Int("segment.index.bytes");
  config.segment_jitter_ms = reader.Long("segment.jitter.ms");
  config.segment_ms = reader.Long("segment.ms");
}

void ReadCleaning(const Reader& reader, TopicConfig& config) {
  const std::vector<std::string> policy = SplitList(reader.Text("cleanup.policy"));
  config.cleanup_compact = Has(policy, "compact");
  config.cleanup_delete = Has(policy, "delete");
  config.delete_retention_ms = reader.Long("delete.retention.ms");
  config.max_compaction_lag_ms = reader.Long("max.compaction.lag.ms");
  config.min_cleanable_dirty_ratio = reader.Double("min.cleanable.dirty.ratio");
  config.min_compaction_lag_ms = reader.Long("min.compaction.lag.ms");
  config.retention_bytes = reader.Long("retention.bytes");
  config.retention_ms = reader.Long("retention.ms");
}

void ReadRecords(const Reader& reader, TopicConfig& config) {
  config.compression_type = reader.Text("compression.type");
  config.compression_gzip_level = reader.Int("compression.gzip.level");
  config.compression_lz4_level = reader.Int("compression.lz4.level");
  config.compression_zstd_level = reader.Int("compression.zstd.level");
  config.max_message_bytes = reader.Int("max.message.bytes");
  config.message_timestamp_after_max_ms = reader.Long("message.timestamp.after.max.ms");
  config.message_timestamp_before_max_ms = reader.Long("message.timestamp.before.max.ms");
  config.message_timestamp_log_append_time = reader.Text("message.timestamp.type") == "LogAppendTime";
}

}  // namespace

std::vector<std::string_view> BrokerSynonymsOfTopicKey(std::string_view topic_key) {
  if (topic_key == "retention.ms")
    return {"log.retention.ms", "log.retention.minutes", "log.retention.hours"};
  if (topic_key == "segment.ms") return {"log.roll.ms", "log.roll.hours"};
  if (topic_key == "segment.jitter.ms") return {"log.roll.jitter.ms", "log.roll.jitter.hours"};
  if (topic_key == "flush.ms") return {"log.flush.interval.ms", "log.flush.scheduler.interval.ms"};
  for (const Synonym& synonym : kSynonyms) {
    if (synonym.topic_key == topic_key) return {synonym.broker_key};
  }
  return {};
}

ConfigMap TopicDefaults(const EffectiveValues& broker) {
  ConfigMap defaults;
  for (const ConfigKey& key : KeysOf(ConfigResource::kTopic)) {
    const auto synonyms = BrokerSynonymsOfTopicKey(key.name);
    if (synonyms.size() == 1) {
      defaults.emplace(key.name, broker.String(synonyms[0]));
    } else if (const auto value = DefaultOf(key)) {
      defaults.emplace(key.name, *value);
    }
  }
  defaults["retention.ms"] = std::to_string(RetentionMs(broker));
  defaults["segment.ms"] = std::to_string(MsOrHours(broker, "log.roll.ms", "log.roll.hours"));
  defaults["segment.jitter.ms"] =
      std::to_string(MsOrHours(broker, "log.roll.jitter.ms", "log.roll.jitter.hours"));
  defaults["flush.ms"] = std::to_string(FlushMs(broker));
  return defaults;
}

TopicConfig MakeTopicConfig(const ConfigMap& overrides, const EffectiveValues& broker) {
  const Reader reader(overrides, TopicDefaults(broker));
  TopicConfig config;
  ReadSegments(reader, config);
  ReadCleaning(reader, config);
  ReadRecords(reader, config);
  config.follower_replication_throttled_replicas =
      SplitList(reader.Text("follower.replication.throttled.replicas"));
  config.leader_replication_throttled_replicas =
      SplitList(reader.Text("leader.replication.throttled.replicas"));
  config.min_insync_replicas = reader.Int("min.insync.replicas");
  config.unclean_leader_election_enable = reader.Bool("unclean.leader.election.enable");
  return config;
}

Status ValidateTopicOverrides(const ConfigMap& overrides, const EffectiveValues& broker) {
  for (const auto& [name, value] : overrides) {
    if (FindKey(ConfigResource::kTopic, name) == nullptr) {
      return MakeStatus(StatusCode::kInvalidArgument, "Unknown topic config name: {}", name);
    }
  }
  for (const auto& [name, value] : overrides) {
    const auto text = ParseConfigValue(*FindKey(ConfigResource::kTopic, name), value);
    if (!text.ok()) return text.status();
  }
  const TopicConfig config = MakeTopicConfig(overrides, broker);
  if (config.min_compaction_lag_ms > config.max_compaction_lag_ms) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
                      config.min_compaction_lag_ms, config.max_compaction_lag_ms);
  }
  const auto tiered = overrides.find("remote.storage.enable");
  if (tiered != overrides.end() &&
      *ParseConfigValue(*FindKey(ConfigResource::kTopic, tiered->first), tiered->second) == "true") {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "Tiered Storage functionality is disabled in the broker. Topic cannot be configured "
                      "with remote log storage.");
  }
  return OkStatus();
}

}  // namespace dohle::server
