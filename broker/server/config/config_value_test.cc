// What ParseConfigValue says to values; every expectation is what Apache Kafka 4.3.1 said
// (ConfigDef.parseType and Validator.ensureValid).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/server/config/config_def.h"

namespace dohle::server {
namespace {

std::string Said(ConfigResource resource, std::string_view name, std::string_view value) {
  const ConfigKey* key = FindKey(resource, name);
  if (key == nullptr) return "no such key";
  const auto parsed = ParseConfigValue(*key, value);
  return parsed.ok() ? "OK " + *parsed : std::string(Message(parsed.status()));
}
std::string Topic(std::string_view name, std::string_view value) {
  return Said(ConfigResource::kTopic, name, value);
}
std::string Broker(std::string_view name, std::string_view value) {
  return Said(ConfigResource::kBroker, name, value);
}

TEST(ConfigValue, Numbers) {
  EXPECT_EQ(Topic("retention.ms", "abc"),
            "Invalid value abc for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(Topic("retention.ms", ""),
            "Invalid value  for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(Topic("retention.ms", "-2"),
            "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  EXPECT_EQ(Topic("retention.ms", " 5 "), "OK 5");
  EXPECT_EQ(Topic("retention.ms", "+5"), "OK 5");
  EXPECT_EQ(Topic("retention.ms", "+-5"),
            "Invalid value +-5 for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(Topic("retention.ms", "99999999999999999999"),
            "Invalid value 99999999999999999999 for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(Topic("segment.bytes", "1"),
            "Invalid value 1 for configuration segment.bytes: Value must be at least 1048576");
  EXPECT_EQ(Topic("segment.bytes", "3000000000"),
            "Invalid value 3000000000 for configuration segment.bytes: Not a number of type INT");
  EXPECT_EQ(Topic("compression.zstd.level", "23"),
            "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22");
  EXPECT_EQ(
      Topic("compression.gzip.level", "0"),
      "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal "
      "to -1");
  EXPECT_EQ(Topic("compression.gzip.level", "-1"), "OK -1");
  EXPECT_EQ(
      Broker("offsets.topic.replication.factor", "70000"),
      "Invalid value 70000 for configuration offsets.topic.replication.factor: Not a number of type SHORT");
}

TEST(ConfigValue, Doubles) {
  EXPECT_EQ(Topic("min.cleanable.dirty.ratio", "1.5"),
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1");
  EXPECT_EQ(Topic("min.cleanable.dirty.ratio", "x"),
            "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE");
  EXPECT_EQ(Topic("min.cleanable.dirty.ratio", "NaN"), "OK NaN");
  EXPECT_EQ(Topic("min.cleanable.dirty.ratio", ".5"), "OK 0.5");
  EXPECT_EQ(Broker("log.cleaner.io.max.bytes.per.second", "1"), "OK 1.0");
  EXPECT_EQ(Broker("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308"),
            "OK 1.7976931348623157E308");
  EXPECT_EQ(JavaDouble(10000000), "1.0E7");
  EXPECT_EQ(JavaDouble(9999999.5), "9999999.5");
  EXPECT_EQ(JavaDouble(0.001), "0.001");
  EXPECT_EQ(JavaDouble(0.00012), "1.2E-4");
}

TEST(ConfigValue, Booleans) {
  EXPECT_EQ(Topic("preallocate", "yes"),
            "Invalid value yes for configuration preallocate: Expected value to be either true or false");
  EXPECT_EQ(Topic("preallocate", " TRUE"), "OK true");
}

TEST(ConfigValue, Strings) {
  EXPECT_EQ(
      Topic("compression.type", "lzo"),
      "Invalid value lzo for configuration compression.type: String must be one of: uncompressed, zstd, "
      "lz4, snappy, gzip, producer");
  EXPECT_EQ(
      Broker("group.consumer.migration.policy", "foo"),
      "Invalid value foo for configuration group.consumer.migration.policy: String must be one of (case "
      "insensitive): DISABLED, DOWNGRADE, UPGRADE, BIDIRECTIONAL");
  EXPECT_EQ(Broker("group.consumer.migration.policy", "upgrade"), "OK upgrade");
  EXPECT_EQ(
      Broker("remote.log.storage.manager.class.name", " "),
      "Invalid value  for configuration remote.log.storage.manager.class.name: String must be non-empty");
  EXPECT_EQ(Said(ConfigResource::kGroup, "share.auto.offset.reset", "by_duration:PT1H"),
            "OK by_duration:PT1H");
  for (const std::string bad : {"foo", "by_duration:P", "LATEST", "by_duration:-PT1H", "by_duration:PT"}) {
    EXPECT_EQ(
        Said(ConfigResource::kGroup, "share.auto.offset.reset", bad),
        "Invalid value " + bad + " for configuration share.auto.offset.reset: Invalid value `" + bad +
            "` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' "
            "or of the format 'by_duration:<PnDTnHnMn.nS>'.");
  }
}

TEST(ConfigValue, Lists) {
  EXPECT_EQ(Topic("cleanup.policy", "foo"),
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete");
  EXPECT_EQ(Topic("cleanup.policy", ""), "OK ");
  EXPECT_EQ(Topic("cleanup.policy", "delete,delete"),
            "Configuration 'cleanup.policy' values must not be duplicated.");
  EXPECT_EQ(Topic("cleanup.policy", "compact,,delete"),
            "Configuration 'cleanup.policy' values must not be empty.");
  EXPECT_EQ(Topic("cleanup.policy", " compact , delete "), "OK compact,delete");
  EXPECT_EQ(Broker("log.dirs", ""),
            "Configuration 'log.dirs' must not be empty. Valid values include: any non-empty value");
  EXPECT_EQ(Broker("process.roles", ""),
            "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]");
  EXPECT_EQ(Topic("leader.replication.throttled.replicas", "0:1,*"),
            "Invalid value [0:1, *] for configuration leader.replication.throttled.replicas: "
            "leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the "
            "following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...");
  EXPECT_EQ(Topic("leader.replication.throttled.replicas", "*"), "OK *");
  EXPECT_EQ(Topic("leader.replication.throttled.replicas", "0:1, 1:2"), "OK 0:1,1:2");
}

TEST(ConfigValue, Quorums) {
  EXPECT_EQ(Broker("controller.quorum.voters", "abc"),
            "Invalid configuration value for controller.quorum.voters. Each entry should be in the form "
            "`{id}@{host}:{port}`.");
  EXPECT_EQ(Broker("controller.quorum.voters", "1@a:b"),
            "Failed to parse host name from entry 1@a:b for the configuration controller.quorum.voters. Each "
            "entry should be in the form `{id}@{host}:{port}`.");
  EXPECT_EQ(Broker("controller.quorum.voters", "1@h:9093,x@h:1"),
            "Failed to parse voter ID as an integer from x");
  EXPECT_EQ(
      Broker("controller.quorum.bootstrap.servers", "a:1,b"),
      "Failed to parse host name from b for the configuration controller.quorum.bootstrap.servers. Each "
      "entry should be in the form \"{host}:{port}\"");
}

TEST(ConfigDef, EveryDefaultIsAllowedAndCanonical) {
  for (const auto resource : {ConfigResource::kBroker, ConfigResource::kTopic, ConfigResource::kGroup,
                              ConfigResource::kClientMetrics}) {
    EXPECT_FALSE(KeysOf(resource).empty());
    for (const ConfigKey& key : KeysOf(resource)) {
      EXPECT_FALSE(key.documentation.empty()) << key.name;
      const auto value = DefaultOf(key);
      if (!value) continue;
      const auto parsed = ParseConfigValue(key, *value);
      ASSERT_TRUE(parsed.ok()) << key.name << ": " << parsed.status();
      EXPECT_EQ(*parsed, *value) << key.name;
    }
  }
}

TEST(ConfigDef, NearestKey) {
  EXPECT_EQ(NearestKey(ConfigResource::kBroker, "log.retention.hour"), "log.retention.hours");
  EXPECT_EQ(NearestKey(ConfigResource::kBroker, "num.partition"), "num.partitions");
  EXPECT_EQ(NearestKey(ConfigResource::kBroker, "something.of.my.own.plugin"), "");
}

TEST(ConfigDef, ListenerOverrides) {
  EXPECT_EQ(ListenerOverrideOf("listener.name.internal.max.connections"), "max.connections");
  EXPECT_EQ(ListenerOverrideOf("listener.name.internal"), std::nullopt);
  ASSERT_NE(FindBrokerKey("listener.name.internal.max.connections"), nullptr);
  EXPECT_EQ(FindBrokerKey("listener.name.internal.max.connections")->name, "max.connections");
  EXPECT_EQ(FindBrokerKey("listener.name.internal.nonsense"), nullptr);
}

}  // namespace
}  // namespace dohle::server
