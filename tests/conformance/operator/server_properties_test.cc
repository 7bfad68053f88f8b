// What the operator writes for its brokers is what a broker reads: server.properties and the Pod's arguments
// through the broker's own loading of its configuration.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "broker/server/config/broker_config.h"
#include "broker/server/config/properties.h"
#include "operator/api/decode.h"
#include "operator/api/owned_config.h"
#include "operator/resources/broker_config.h"
#include "operator/resources/pod.h"

namespace dohle {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

// As the kubelet does.
std::string Expanded(std::string text) {
  const std::pair<std::string, std::string> variables[] = {{"$(BROKER_ID)", "0"},
                                                           {"$(POD_NAME)", "demo-broker-0"},
                                                           {"$(POD_IP)", "127.0.1.7"},
                                                           {"$(NODE_IP)", "192.0.2.1"}};
  for (const auto& [name, value] : variables) {
    while (text.find(name) != std::string::npos) text.replace(text.find(name), name.size(), value);
  }
  return text;
}

StatusOr<server::LoadedConfig> Load(const char* spec, resources::Addressing addressing,
                                    const resources::Quorum& quorum = {}, int32_t id = 0) {
  const auto decoded = api::DecodeClusterSpec({{"spec", json::parse(spec)}}, api::UnknownFields::kFaults);
  EXPECT_EQ(api::ToString(decoded.faults), "");
  const k8s::ObjectMeta meta{.name = {"kafka", "demo"}};
  const resources::Options options{.addressing = addressing};
  const resources::Subject subject{meta, decoded.value, options, quorum};
  DOHLE_ASSIGN_OR_RETURN(server::ConfigMap properties,
                         server::ParseProperties(resources::ServerProperties(subject)));
  const resources::Member member{.id = id, .founder = quorum.IsFounder(id)};
  const auto pod = resources::BuildPod(subject, member, {{"demo-outside-0", {.node_port = 31000}}});
  EXPECT_EQ(pod.blocked_by, "");
  std::vector<std::string> overrides;
  const json& arguments = pod.body["spec"]["containers"][0]["args"];
  for (size_t i = 1; i + 1 < arguments.size(); i += 2) {
    EXPECT_EQ(arguments[i], "--override");
    overrides.push_back(Expanded(arguments[i + 1].get<std::string>()));
    if (overrides.back().starts_with("node.id=")) overrides.back() = fmt::format("node.id={}", id);
  }
  DOHLE_RETURN_IF_ERROR(server::ApplyOverrides(overrides, properties));
  return server::LoadBrokerConfig(std::move(properties));
}

std::vector<std::string> Texts(const std::vector<server::ListenerConfig>& listeners) {
  std::vector<std::string> texts;
  for (const auto& listener : listeners) {
    texts.push_back(listener.name + " " + listener.endpoint.host + " " +
                    std::to_string(listener.endpoint.port));
  }
  return texts;
}

TEST(ServerPropertiesTest, ABrokerReadsWhatTheOperatorWrites) {
  const char* spec = R"({"listeners":[{"name":"internal"},{"name":"outside","port":9094,"type":"nodePort"}],
                         "storage":{"volumes":[{"name":"a"},{"name":"b"}]},
                         "config":{"num.partitions":3,"auto.create.topics.enable":false,"log.retention.hours":"24"}})";
  const auto loaded = Load(spec, resources::Addressing::kDns);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warnings, IsEmpty());
  const server::BrokerConfig& config = loaded->config;
  EXPECT_EQ(config.node_id, NodeId(0));
  EXPECT_TRUE(config.quorum.standalone);
  EXPECT_EQ(config.num_partitions, 3);
  EXPECT_FALSE(config.auto_create_topics_enable);
  EXPECT_EQ(config.default_replication_factor, 1);
  EXPECT_EQ(config.groups.offsets_topic.replication_factor, 1);
  EXPECT_EQ(config.transactions.state_log.replication_factor, 1);
  EXPECT_THAT(config.logs.log_dirs, ElementsAre("/var/lib/dohle/a/log", "/var/lib/dohle/b/log"));
  EXPECT_THAT(Texts(config.listeners.broker), ElementsAre("INTERNAL  9092", "OUTSIDE  9094"));
  EXPECT_THAT(Texts(config.listeners.advertised),
              ElementsAre("INTERNAL demo-broker-0.demo-brokers.kafka.svc 9092", "OUTSIDE 192.0.2.1 31000"));
  EXPECT_EQ(config.listeners.inter_broker_listener, "INTERNAL");
  EXPECT_EQ(config.dohle.metrics_port, 9404);
}

TEST(ServerPropertiesTest, WithoutKubernetesABrokerKeepsToItsAddress) {
  const auto loaded = Load("{}", resources::Addressing::kPodIp);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_THAT(Texts(loaded->config.listeners.broker), ElementsAre("INTERNAL 127.0.1.7 9092"));
  EXPECT_THAT(Texts(loaded->config.listeners.advertised), ElementsAre("INTERNAL 127.0.1.7 9092"));
  EXPECT_EQ(loaded->config.dohle.metrics_host, "127.0.1.7");
}

TEST(ServerPropertiesTest, SeveralBrokersHaveOneQuorum) {
  const resources::Quorum quorum{3, "AAAAAAAAQACAAAAAAAAAAQ"};
  for (const int32_t id : {0, 2, 3}) {
    const auto loaded = Load(R"({"brokers":4})", resources::Addressing::kDns, quorum, id);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_THAT(loaded->warnings, IsEmpty());
    const server::BrokerConfig& config = loaded->config;
    EXPECT_TRUE(config.broker_role);
    EXPECT_EQ(config.controller_role, id < 3);
    EXPECT_EQ(loaded->values.String("dohle.cluster.id"), quorum.cluster_id);
    ASSERT_EQ(config.quorum.voters.size(), 3U);
    EXPECT_EQ(config.quorum.voters[2].id, NodeId(2));
    EXPECT_EQ(ToString(config.quorum.voters[2].endpoint), "demo-broker-2.demo-brokers.kafka.svc:9093");
    EXPECT_EQ(config.default_replication_factor, 3);
    EXPECT_THAT(Texts(config.listeners.broker), ElementsAre("INTERNAL  9092"));
    if (id < 3) {
      EXPECT_THAT(Texts(config.listeners.advertised_controller),
                  ElementsAre(fmt::format("CONTROLLER demo-broker-{}.demo-brokers.kafka.svc 9093", id)));
    }
  }
}

TEST(ServerPropertiesTest, AnyTextReadsBackAsItWas) {
  for (const char* text :
       {"", " ", "a b", "a=b:c#d!e", "\\", "\\u0041", "line\nline\r\n\ttab\f", " x ", "ä€", "#", "a\\\nb"}) {
    const auto value = server::ParseProperties(resources::PropertiesLine("key", text));
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_THAT(*value, ElementsAre(testing::Pair("key", text)));
    if (*text == '\0') continue;
    const auto key = server::ParseProperties(resources::PropertiesLine(text, "value"));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_THAT(*key, ElementsAre(testing::Pair(text, "value")));
  }
}

TEST(ServerPropertiesTest, WhatTheOperatorOwnsAreKeysThatThereAre) {
  for (const api::OwnedConfig& owned : api::OwnedBrokerConfig()) {
    for (const std::string_view key : owned.keys) EXPECT_NE(server::FindBrokerKey(key), nullptr) << key;
  }
}

}  // namespace
}  // namespace dohle
