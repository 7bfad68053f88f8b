#include "broker/server/config/broker_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dohle::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Refusal(ConfigMap properties) {
  const auto loaded = LoadBrokerConfig(std::move(properties));
  return loaded.ok() ? "accepted" : std::string(Message(loaded.status()));
}

TEST(BrokerConfig, StartsWithoutAnyFile) {
  const auto loaded = LoadBrokerConfig({});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const BrokerConfig& config = loaded->config;
  EXPECT_TRUE(loaded->warnings.empty());
  EXPECT_EQ(config.node_id, NodeId(1));
  EXPECT_TRUE(config.controller_role);
  EXPECT_TRUE(config.quorum.standalone);
  EXPECT_THAT(config.logs.log_dirs, ElementsAre("./dohle-data"));
  EXPECT_EQ(config.metadata_log.dir, "./dohle-data");
  ASSERT_EQ(config.listeners.broker.size(), 1u);
  EXPECT_EQ(config.listeners.broker[0].name, "PLAINTEXT");
  EXPECT_EQ(ToString(config.listeners.broker[0].endpoint), "localhost:9092");
  EXPECT_TRUE(config.listeners.controller.empty());
  EXPECT_EQ(config.listeners.inter_broker_listener, "PLAINTEXT");
  EXPECT_EQ(config.groups.offsets_topic.replication_factor, 1);
  EXPECT_EQ(config.groups.offsets_topic.num_partitions, 50);
  EXPECT_EQ(config.transactions.state_log_min_isr, 1);
  EXPECT_EQ(config.topic_defaults, TopicConfig());
  EXPECT_EQ(config.dohle.metrics_port, 9404);
  EXPECT_EQ(loaded->static_values.at("broker.id"), "1");
}

ConfigMap Combined() {
  return {{"process.roles", "broker,controller"},
          {"node.id", "3"},
          {"controller.quorum.bootstrap.servers", "a:9093,[::1]:9093"},
          {"listeners", "PLAINTEXT://:9092,internal://10.0.0.1:9094,CONTROLLER://[::1]:9093"},
          {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"},
          {"advertised.listeners", "PLAINTEXT://kafka-3.example:31092,INTERNAL://10.0.0.1:9094"},
          {"inter.broker.listener.name", "INTERNAL"},
          {"controller.listener.names", "CONTROLLER"},
          {"listener.name.internal.max.connections", "7"},
          {"log.dirs", "/a, /b"}};
}

TEST(BrokerConfig, AnEmptyRackIsNone) {
  EXPECT_EQ(LoadBrokerConfig({{"broker.rack", "a"}})->config.rack, "a");
  EXPECT_EQ(LoadBrokerConfig({{"broker.rack", ""}})->config.rack, std::nullopt);
}

TEST(BrokerConfig, Listeners) {
  const auto loaded = LoadBrokerConfig(Combined());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warnings, ElementsAre());
  const ListenersConfig& listeners = loaded->config.listeners;
  ASSERT_EQ(listeners.broker.size(), 2u);
  EXPECT_EQ(listeners.broker[0].endpoint.host, "");
  EXPECT_EQ(listeners.broker[1].name, "INTERNAL");
  EXPECT_EQ(listeners.broker[1].max_connections, 7);
  EXPECT_EQ(listeners.broker[0].max_connections, INT32_MAX);
  ASSERT_EQ(listeners.controller.size(), 1u);
  EXPECT_EQ(ToString(listeners.controller[0].endpoint), "[::1]:9093");
  ASSERT_EQ(listeners.advertised.size(), 2u);
  EXPECT_EQ(ToString(listeners.advertised[0].endpoint), "kafka-3.example:31092");
  EXPECT_EQ(listeners.advertised_controller.size(), 1u);
  EXPECT_EQ(listeners.inter_broker_listener, "INTERNAL");
  EXPECT_FALSE(loaded->config.quorum.standalone);
  EXPECT_EQ(ToString(loaded->config.quorum.bootstrap_servers[1]), "[::1]:9093");
  EXPECT_EQ(loaded->config.groups.offsets_topic.replication_factor, 3);
  EXPECT_THAT(loaded->config.logs.log_dirs, ElementsAre("/a", "/b"));
}

TEST(BrokerConfig, ControllerOnly) {
  ConfigMap properties = {{"process.roles", "controller"},
                          {"node.id", "1"},
                          {"controller.quorum.voters", "1@a:9093,2@b:9093"},
                          {"controller.listener.names", "CONTROLLER"},
                          {"listeners", "CONTROLLER://:9093"},
                          {"advertised.listeners", "CONTROLLER://a.example:9093"}};
  const auto loaded = LoadBrokerConfig(properties);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_FALSE(loaded->config.broker_role);
  EXPECT_TRUE(loaded->config.controller_role);
  EXPECT_TRUE(loaded->config.listeners.broker.empty());
  ASSERT_EQ(loaded->config.listeners.advertised_controller.size(), 1u);
  EXPECT_EQ(ToString(loaded->config.listeners.advertised_controller[0].endpoint), "a.example:9093");
  properties["inter.broker.listener.name"] = "INTERNAL";
  EXPECT_EQ(LoadBrokerConfig(properties)->config.listeners.inter_broker_listener, "INTERNAL");
  properties["listeners"] = "CONTROLLER://:9093,PLAINTEXT://:9092";
  EXPECT_THAT(Refusal(properties), HasSubstr("must only contain KRaft controller listeners"));
  EXPECT_THAT(Refusal({{"process.roles", "controller"}}), HasSubstr("controller.listener.names"));
}

TEST(BrokerConfig, RefusesListenersThatDoNotFitTogether) {
  const auto with = [](std::string key, std::string value) {
    ConfigMap properties = Combined();
    properties[std::move(key)] = std::move(value);
    return Refusal(std::move(properties));
  };
  EXPECT_EQ(Refusal(Combined()), "accepted");
  EXPECT_THAT(with("inter.broker.listener.name", "CONTROLLER"), HasSubstr("must be a listener name defined"));
  EXPECT_THAT(with("listeners", "PLAINTEXT://:9092"), HasSubstr("controller.listener.names must contain"));
  EXPECT_THAT(with("listeners", "PLAINTEXT://:port"), HasSubstr("the port is 0 to 65535"));
  EXPECT_THAT(with("listeners", "PLAINTEXT://:70000"), HasSubstr("the port is 0 to 65535"));
  EXPECT_THAT(with("listeners", "OTHER://:1"),
              HasSubstr("no security protocol is defined for listener OTHER"));
  EXPECT_THAT(with("listeners", "PLAINTEXT://::1:9092"), HasSubstr("stands in brackets"));
  EXPECT_THAT(with("advertised.listeners", "PLAINTEXT://0.0.0.0:9092"), HasSubstr("cannot use the address"));
  EXPECT_THAT(with("listener.security.protocol.map", "PLAINTEXT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:SSL"),
              HasSubstr("uses SASL_SSL, which is not served"));
  EXPECT_THAT(with("listener.name.internal.max.connections", "x"),
              HasSubstr("listener.name.internal.max.connections: Invalid value x"));
}

TEST(BrokerConfig, RefusesWhatItCannotHonour) {
  EXPECT_THAT(Refusal({{"authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"}}),
              HasSubstr("cannot be honoured"));
  EXPECT_THAT(Refusal({{"remote.log.storage.system.enable", "true"}}),
              HasSubstr("Tiered storage is not served"));
  EXPECT_EQ(Refusal({{"remote.log.storage.system.enable", " FALSE"}}), "accepted");
  EXPECT_THAT(Refusal({{"replica.selector.class", "a.b.C"}}), HasSubstr("replica.selector.class=a.b.C"));
  EXPECT_EQ(Refusal({{"replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"}}),
            "accepted");
  EXPECT_EQ(Refusal({{"num.io.threads", "16"}}), "accepted");
}

TEST(BrokerConfig, RefusesValuesThatAreNotAllowed) {
  EXPECT_EQ(Refusal({{"num.partitions", "0"}}),
            "Invalid value 0 for configuration num.partitions: Value must be at least 1");
  EXPECT_EQ(Refusal({{"log.retention.ms", "0"}}),
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  EXPECT_EQ(Refusal({{"node.id", "2"}, {"broker.id", "3"}}),
            "You must set `node.id` to the same value as `broker.id`.");
  EXPECT_THAT(Refusal({{"process.roles", "broker"}}), HasSubstr("needs a quorum to join"));
  EXPECT_THAT(Refusal({{"group.consumer.session.timeout.ms", "70000"}}),
              HasSubstr("group.consumer.session.timeout.ms must be at most group.consumer.max.session"));
  EXPECT_THAT(Refusal({{"max.connections.per.ip.overrides", "a:x"}}), HasSubstr("host:count"));
}

TEST(BrokerConfig, WarnsOfUnknownKeys) {
  const auto loaded = LoadBrokerConfig({{"num.partition", "3"}, {"my.plugin.setting", "x"}});
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(
      loaded->warnings,
      ElementsAre("my.plugin.setting is no configuration key and is ignored",
                  "num.partition is no configuration key and is ignored; did you mean num.partitions?"));
}

TEST(TopicConfig, DefaultsComeFromTheBroker) {
  const auto loaded = LoadBrokerConfig({{"log.retention.hours", "1"},
                                        {"log.retention.minutes", "2"},
                                        {"log.roll.ms", "77"},
                                        {"log.cleanup.policy", "compact,delete"},
                                        {"message.max.bytes", "1000"},
                                        {"log.flush.scheduler.interval.ms", "9"}});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const TopicConfig& config = loaded->config.topic_defaults;
  EXPECT_EQ(config.retention_ms, 120000);
  EXPECT_EQ(config.segment_ms, 77);
  EXPECT_TRUE(config.cleanup_compact);
  EXPECT_TRUE(config.cleanup_delete);
  EXPECT_EQ(config.max_message_bytes, 1000);
  EXPECT_EQ(config.flush_ms, 9);
  const TopicConfig own = MakeTopicConfig({{"retention.ms", "-1"},
                                           {"cleanup.policy", ""},
                                           {"internal.segment.bytes", "500"},
                                           {"message.timestamp.type", "LogAppendTime"},
                                           {"leader.replication.throttled.replicas", "0:1,1:2"},
                                           {"flush.ms", "not a number"}},
                                          loaded->values);
  EXPECT_EQ(own.retention_ms, -1);
  EXPECT_FALSE(own.cleanup_compact);
  EXPECT_FALSE(own.cleanup_delete);
  EXPECT_EQ(own.segment_bytes, 500);
  EXPECT_TRUE(own.message_timestamp_log_append_time);
  EXPECT_THAT(own.leader_replication_throttled_replicas, ElementsAre("0:1", "1:2"));
  EXPECT_EQ(own.flush_ms, 9);
}

TEST(TopicConfig, ValidatesAsKafkaDoes) {
  const auto loaded = LoadBrokerConfig({});
  ASSERT_TRUE(loaded.ok());
  const auto said = [&](const ConfigMap& overrides) {
    const Status status = ValidateTopicOverrides(overrides, loaded->values);
    return status.ok() ? "OK" : std::string(Message(status));
  };
  EXPECT_EQ(said({{"retention.ms", "5"}}), "OK");
  EXPECT_EQ(said({{"foo", "5"}}), "Unknown topic config name: foo");
  EXPECT_EQ(said({{"min.compaction.lag.ms", "50"}, {"max.compaction.lag.ms", "5"}}),
            "conflict topic config setting min.compaction.lag.ms (50) > max.compaction.lag.ms (5)");
  EXPECT_EQ(
      said({{"remote.storage.enable", "true"}}),
      "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log "
      "storage.");
}

}  // namespace
}  // namespace dohle::server
