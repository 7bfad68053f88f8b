// Messages and codes were taken from an Apache Kafka 4.3.1.
#include "broker/server/config/config_alter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/server/config/broker_config.h"

namespace dohle::server {
namespace {

constexpr auto kSet = AlterOp::kSet;
constexpr auto kDelete = AlterOp::kDelete;
constexpr auto kAppend = AlterOp::kAppend;
constexpr auto kSubtract = AlterOp::kSubtract;

std::string Text(const ConfigError& error) {
  if (error.ok()) return "OK";
  return fmt::format("{}: {}", static_cast<int>(error.code), error.message);
}

class ConfigAlter : public ::testing::Test {
 protected:
  ConfigAlter() : view_(LoadBrokerConfig({})->static_values, {}, {}) {}

  std::string OnController(ConfigResource resource, AlterOp op, std::string name, std::string value) {
    const ConfigChange change{std::move(name), op, std::move(value)};
    ConfigMap overrides = stored_;
    ConfigError error = ApplyChanges(resource, {&change, 1}, overrides);
    if (error.ok()) error = ValidateOverrides(resource, "x", overrides, view_.values());
    if (error.ok()) stored_ = std::move(overrides);
    return Text(error);
  }
  std::string Topic(AlterOp op, std::string name, std::string value) {
    return OnController(ConfigResource::kTopic, op, std::move(name), std::move(value));
  }
  std::string Group(std::string name, std::string value) {
    return OnController(ConfigResource::kGroup, kSet, std::move(name), std::move(value));
  }
  std::string Metrics(std::string name, std::string value) {
    return OnController(ConfigResource::kClientMetrics, kSet, std::move(name), std::move(value));
  }
  std::string Broker(bool cluster, AlterOp op, std::string name, std::string value) {
    const ConfigChange change{std::move(name), op, std::move(value)};
    return Text(CheckBrokerChange(view_, cluster, {&change, 1}, {}));
  }

  ConfigView view_;
  ConfigMap stored_;
};

TEST_F(ConfigAlter, TopicLists) {
  stored_ = {{"cleanup.policy", "compact,delete"}};
  EXPECT_EQ(Topic(kAppend, "cleanup.policy", "compact"), "OK");
  EXPECT_EQ(stored_["cleanup.policy"], "compact,delete");
  EXPECT_EQ(Topic(kSubtract, "cleanup.policy", "compact"), "OK");
  EXPECT_EQ(stored_["cleanup.policy"], "delete");
  EXPECT_EQ(Topic(kSubtract, "cleanup.policy", "delete"), "OK");
  EXPECT_EQ(stored_["cleanup.policy"], "");
  EXPECT_EQ(Topic(kAppend, "cleanup.policy", "foo"),
            "40: Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete");
  EXPECT_EQ(Topic(kDelete, "cleanup.policy", ""), "OK");
  EXPECT_TRUE(stored_.empty());
  EXPECT_EQ(Topic(kAppend, "cleanup.policy", "compact"), "OK");
  EXPECT_EQ(stored_["cleanup.policy"], "delete,compact");
  EXPECT_EQ(Topic(kAppend, "leader.replication.throttled.replicas", "0:1"), "OK");
}

TEST_F(ConfigAlter, TopicMessages) {
  EXPECT_EQ(Topic(kAppend, "retention.ms", "3"),
            "40: Can't APPEND to key retention.ms because its type is not LIST.");
  EXPECT_EQ(Topic(kAppend, "foo", "abc"), "40: Can't APPEND to key foo because its type is not LIST.");
  EXPECT_EQ(Topic(kSet, "foo", "abc"), "40: Unknown topic config name: foo");
  EXPECT_EQ(Topic(kSet, "retention.ms", "abc"),
            "40: Invalid value abc for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(Topic(kSet, "max.compaction.lag.ms", "5"), "OK");
  EXPECT_EQ(Topic(kSet, "min.compaction.lag.ms", "50"),
            "40: conflict topic config setting min.compaction.lag.ms (50) > max.compaction.lag.ms (5)");
  EXPECT_EQ(Text(ValidateOverrides(ConfigResource::kTopic, "", {}, view_.values())),
            "42: Default topic resources are not allowed.");
}

TEST_F(ConfigAlter, GroupMessages) {
  EXPECT_EQ(Group("foo", "1"), "40: Unknown group config name: foo");
  EXPECT_EQ(Group("consumer.session.timeout.ms", "1"),
            "40: consumer.session.timeout.ms must be greater than or equal to "
            "group.consumer.min.session.timeout.ms");
  EXPECT_EQ(
      Group("consumer.session.timeout.ms", "70000"),
      "40: consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms");
  EXPECT_EQ(Group("consumer.session.timeout.ms", "50000"), "OK");
  EXPECT_EQ(
      Group("share.delivery.count.limit", "50"),
      "40: share.delivery.count.limit must be less than or equal to group.share.max.delivery.count.limit");
  EXPECT_EQ(
      Group("streams.num.standby.replicas", "9"),
      "40: streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas");
  EXPECT_EQ(Group("share.record.lock.duration.ms", "1001"),
            "40: share.record.lock.duration.ms must be greater than or equal to "
            "group.share.min.record.lock.duration.ms");
  EXPECT_EQ(Group("share.isolation.level", "read_committed"), "OK");
  EXPECT_EQ(Group("streams.heartbeat.interval.ms", "15000"), "OK");
  EXPECT_EQ(Text(ValidateOverrides(ConfigResource::kGroup, "", {}, view_.values())),
            "42: Default group resources are not allowed.");
}

TEST_F(ConfigAlter, ClientMetricsMessages) {
  EXPECT_EQ(Metrics("interval.ms", "5"),
            "42: Invalid value 5 for interval.ms, interval must be between 100 and 3600000 (1 hour)");
  EXPECT_EQ(Metrics("interval.ms", "500"), "OK");
  EXPECT_EQ(Metrics("foo", "5"), "42: Unknown client metrics configuration: foo");
  EXPECT_EQ(Metrics("match", "x"), "40: Illegal client matching pattern: x");
  EXPECT_EQ(Metrics("match", "foo=bar"), "40: Illegal client matching pattern: foo=bar");
  EXPECT_EQ(Metrics("match", "client_id=["), "40: Illegal client matching pattern: client_id=[");
  EXPECT_EQ(Metrics("match", "client_id=.*"), "OK");
}

TEST_F(ConfigAlter, BrokerMessages) {
  EXPECT_EQ(Broker(false, kSet, "log.retention.ms", "5000"), "OK");
  EXPECT_EQ(Broker(false, kSet, "unknown.key", "3"), "OK");
  EXPECT_EQ(Broker(false, kSet, "node.id", "3"), "42: Cannot update these configs dynamically: [node.id]");
  EXPECT_EQ(Broker(false, kSet, "log.cleaner.threads", "abc"),
            "42: Invalid value abc for configuration log.cleaner.threads: Not a number of type INT");
  EXPECT_EQ(
      Broker(true, kSet, "listeners", "PLAINTEXT://:1"),
      "42: Cannot update these configs at default cluster level, broker id must be specified: [listeners]");
  EXPECT_EQ(Broker(true, kSet, "listener.name.plaintext.max.connections", "3"), "OK");
  EXPECT_EQ(
      Broker(false, kSet, "ssl.keystore.password", "x"),
      "42: These security configs can be dynamically updated only per-listener using the listener prefix: "
      "[ssl.keystore.password]");
  EXPECT_EQ(Broker(false, kAppend, "log.retention.ms", "compact"),
            "40: Config value append is not allowed for config key: log.retention.ms");
  EXPECT_EQ(Broker(false, kSubtract, "log.retention.ms", "1"),
            "40: Config value subtract is not allowed for config key: log.retention.ms");
  EXPECT_EQ(Broker(false, kAppend, "unknown.key", "x"), "40: Unknown config name: unknown.key");
  EXPECT_EQ(Broker(false, kAppend, "log.cleanup.policy", "compact"), "OK");
  EXPECT_EQ(Broker(false, kSet, "log.retention.ms", "0"),
            "42: requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  EXPECT_EQ(
      Broker(false, kSet, "cordoned.log.dirs", "/nonexistent"),
      "42: requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. "
      "Missing entries : /nonexistent");
  EXPECT_EQ(Broker(false, kSet, "cordoned.log.dirs", "*"), "OK");
  EXPECT_EQ(
      Broker(false, kSet, "follower.replication.throttled.rate", "-5"),
      "42: Invalid value -5 for configuration follower.replication.throttled.rate: Value must be at least "
      "0");
  EXPECT_EQ(
      Broker(true, kSet, "log.cleaner.dedupe.buffer.size", "100"),
      "42: requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.");
}

TEST_F(ConfigAlter, Requests) {
  const auto check = [&](std::string_view name, std::vector<ConfigChange> changes) {
    return Text(CheckAlterRequest(ConfigResource::kBroker, name, 1, changes));
  };
  EXPECT_EQ(check("1", {{"a", kSet, "1"}}), "OK");
  EXPECT_EQ(check("", {{"a", kDelete, std::nullopt}}), "OK");
  EXPECT_EQ(check("2", {}), "42: Unexpected broker id, expected 1, but received 2");
  EXPECT_EQ(check("x", {}), "42: Node id must be an integer, but it is: x");
  EXPECT_EQ(check("1", {{"a", kSet, "1"}, {"a", kSet, "2"}}), "42: Error due to duplicate config keys");
  EXPECT_EQ(check("1", {{"a", kSet, std::nullopt}, {"b", kAppend, std::nullopt}}),
            "42: Null value not supported for : a, b");
  EXPECT_EQ(check("1", {{"a", static_cast<AlterOp>(9), "1"}}), "42: Unknown operations type 9");
}

}  // namespace
}  // namespace dohle::server
