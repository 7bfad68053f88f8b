// Expectations were taken from an Apache Kafka 4.3.1 with the same static and dynamic configuration.
#include "broker/server/config/config_view.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/server/config/broker_config.h"

namespace dohle::server {
namespace {

// name value source flags type synonyms
std::string Line(const ConfigEntry& entry) {
  std::string synonyms;
  for (const ConfigSynonym& s : entry.synonyms) {
    synonyms += fmt::format("{}={}@{};", s.name, s.value.value_or("null"), static_cast<int>(s.source));
  }
  return fmt::format("{} {} {}{} {}", entry.value.value_or("null"), static_cast<int>(entry.source),
                     entry.sensitive ? "S" : "", entry.read_only ? "R" : "", Name(entry.type)) +
         " " + synonyms;
}

std::string Of(const std::vector<ConfigEntry>& entries, std::string_view name) {
  for (const ConfigEntry& entry : entries) {
    if (entry.name == name) return Line(entry);
  }
  return "absent";
}

ConfigView MakeView() {
  auto loaded = LoadBrokerConfig({{"node.id", "1"},
                                  {"listeners", "PLAINTEXT://localhost:29192,CONTROLLER://localhost:29193"},
                                  {"controller.listener.names", "CONTROLLER"},
                                  {"controller.quorum.bootstrap.servers", "localhost:29193"},
                                  {"log.retention.hours", "100"},
                                  {"listener.name.plaintext.max.connections.per.ip", "77"},
                                  {"some.unknown.key", "5"},
                                  {"sasl.jaas.config", "foo"},
                                  {"log.cleaner.io.buffer.load.factor", ".5"},
                                  {"log.cleanup.policy", "delete , compact "}});
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return ConfigView(
      loaded->static_values,
      {{"log.retention.ms", "-1"},
       {"listener.name.plaintext.max.connections", "50"},
       {"unknown.key", "3"},
       {"log.cleanup.policy", "compact"},
       {"leader.replication.throttled.rate", "1000"},
       {"log.cleaner.threads", "not a number"}},
      {{"log.retention.ms", "7000"}, {"log.cleaner.threads", "2"}, {"min.insync.replicas", "1"}});
}

TEST(ConfigView, Broker) {
  const auto entries = MakeView().DescribeBroker();
  const auto of = [&](std::string_view name) { return Of(entries, name); };
  EXPECT_EQ(of("broker.id"), "1 4 R INT broker.id=1@4;broker.id=-1@5;");
  EXPECT_EQ(of("node.id"), "1 4 R INT node.id=1@4;");
  EXPECT_EQ(of("log.retention.ms"),
            "-1 2  LONG log.retention.ms=-1@2;log.retention.ms=7000@3;log.retention.hours=100@4;"
            "log.retention.hours=168@5;");
  // A dynamic log.retention.ms takes log.retention.hours out of force: its value is the default again.
  EXPECT_EQ(of("log.retention.hours"), "168 4 R INT log.retention.hours=100@4;log.retention.hours=168@5;");
  EXPECT_EQ(of("log.retention.minutes"), "null 5 R INT ");
  EXPECT_EQ(of("log.roll.ms"), "null 5  LONG ");
  EXPECT_EQ(of("log.flush.interval.ms"), "null 5  LONG ");
  EXPECT_EQ(of("log.cleanup.policy"),
            "compact 2  LIST log.cleanup.policy=compact@2;log.cleanup.policy=delete , compact @4;"
            "log.cleanup.policy=delete@5;");
  EXPECT_EQ(of("log.cleaner.threads"), "2 3  INT log.cleaner.threads=2@3;log.cleaner.threads=1@5;");
  EXPECT_EQ(of("log.cleaner.io.buffer.load.factor"),
            "0.5 4  DOUBLE log.cleaner.io.buffer.load.factor=.5@4;log.cleaner.io.buffer.load.factor=0.9@5;");
  EXPECT_EQ(of("listener.name.plaintext.max.connections"),
            "50 2 R INT listener.name.plaintext.max.connections=50@2;max.connections=2147483647@5;");
  EXPECT_EQ(
      of("listener.name.plaintext.max.connections.per.ip"),
      "77 4 R INT listener.name.plaintext.max.connections.per.ip=77@4;max.connections.per.ip=2147483647@5;");
  EXPECT_EQ(of("sasl.jaas.config"), "null 4 S PASSWORD sasl.jaas.config=null@4;");
  EXPECT_EQ(of("some.unknown.key"), "null 4 SR UNKNOWN some.unknown.key=null@4;");
  EXPECT_EQ(of("unknown.key"), "null 2 SR UNKNOWN unknown.key=null@2;");
  EXPECT_EQ(of("leader.replication.throttled.rate"),
            "1000 2  LONG leader.replication.throttled.rate=1000@2;");
  EXPECT_EQ(of("follower.replication.throttled.rate"), "absent");
  EXPECT_EQ(of("unstable.api.versions.enable"), "absent");
  EXPECT_EQ(of("authorizer.class.name"), " 5 R STRING authorizer.class.name=@5;");
  EXPECT_EQ(of("background.threads"), "10 5  INT background.threads=10@5;");
}

TEST(ConfigView, ClusterDefault) {
  const auto entries = MakeView().DescribeClusterDefault();
  EXPECT_EQ(entries.size(), 3u);
  EXPECT_EQ(Of(entries, "log.retention.ms"), "7000 3  LONG log.retention.ms=7000@3;");
}

TEST(ConfigView, Topic) {
  const auto entries = MakeView().DescribeTopic({{"cleanup.policy", ""},
                                                 {"retention.ms", "1000"},
                                                 {"min.insync.replicas", "5"},
                                                 {"internal.segment.bytes", "1000"}});
  const auto of = [&](std::string_view name) { return Of(entries, name); };
  EXPECT_EQ(entries.size(), 34u);
  EXPECT_EQ(of("cleanup.policy"),
            " 1  LIST cleanup.policy=@1;log.cleanup.policy=compact@2;log.cleanup.policy=delete , compact @4;"
            "log.cleanup.policy=delete@5;");
  EXPECT_EQ(of("retention.ms"),
            "1000 1  LONG retention.ms=1000@1;log.retention.ms=-1@2;log.retention.ms=7000@3;"
            "log.retention.hours=100@4;log.retention.hours=168@5;");
  EXPECT_EQ(of("min.insync.replicas"),
            "5 1  INT min.insync.replicas=5@1;min.insync.replicas=1@3;min.insync.replicas=1@5;");
  EXPECT_EQ(of("flush.ms"), "9223372036854775807 5  LONG ");
  EXPECT_EQ(of("segment.ms"), "604800000 5  LONG ");
  EXPECT_EQ(of("max.message.bytes"), "1048588 5  INT message.max.bytes=1048588@5;");
  EXPECT_EQ(of("leader.replication.throttled.replicas"), " 5  LIST ");
  EXPECT_EQ(of("internal.segment.bytes"), "1000 1  INT internal.segment.bytes=1000@1;");
  EXPECT_EQ(Of(MakeView().DescribeTopic({}), "internal.segment.bytes"), "absent");
}

TEST(ConfigView, GroupAndClientMetrics) {
  const auto group = MakeView().DescribeGroup({{"consumer.session.timeout.ms", "50000"}});
  EXPECT_EQ(group.size(), 17u);
  EXPECT_EQ(Of(group, "consumer.session.timeout.ms"),
            "50000 8  INT consumer.session.timeout.ms=50000@8;group.consumer.session.timeout.ms=45000@5;");
  EXPECT_EQ(Of(group, "consumer.heartbeat.interval.ms"),
            "5000 5  INT group.consumer.heartbeat.interval.ms=5000@5;");
  EXPECT_EQ(Of(group, "share.auto.offset.reset"), "latest 5  STRING share.auto.offset.reset=latest@5;");

  const auto metrics = ConfigView::DescribeClientMetrics({{"interval.ms", "500"}});
  EXPECT_EQ(Of(metrics, "interval.ms"), "500 7  INT interval.ms=500@7;");
  EXPECT_EQ(Of(metrics, "match"), " 5  LIST ");
}

TEST(ConfigView, Loggers) {
  const auto loggers = ConfigView::DescribeLoggers({{"root", "INFO"}});
  EXPECT_EQ(Of(loggers, "root"), "INFO 6  UNKNOWN ");
}

}  // namespace
}  // namespace dohle::server
