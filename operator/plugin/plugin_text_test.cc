#include "operator/plugin/plugin_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dohle::plugin {
namespace {

using k8s::Json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCluster[] = R"({
  "kind": "Cluster", "metadata": {"name": "main", "namespace": "kafka", "managedFields": [{"manager": "x"}]},
  "spec": {"brokers": 3, "config": {"log.retention.hours": "1", "ssl.keystore.password": "hush"}},
  "status": {
    "phase": "Updating", "clusterId": "abc", "replicas": 3, "readyReplicas": 2, "underReplicatedPartitions": 4,
    "upgrade": {"image": "dohle-broker:2", "version": "0.2.0", "since": "2026-11-21T12:00:00Z",
      "levels": {"kraft.version": "1", "metadata.version": "30"}, "availableImage": "dohle-broker:3"},
    "listeners": [{"name": "internal", "bootstrap": "main-bootstrap.kafka.svc:9092"}],
    "conditions": [{"type": "Ready", "status": "False", "reason": "StepsPending", "message": "2 steps to take"}],
    "brokers": [{"id": 0, "pod": "main-broker-0", "node": "n1", "ready": true, "leaders": 5, "replicas": 9, "bytes": 77}],
    "plan": [
      {"action": "RestartBroker", "object": "Pod/main-broker-1", "reason": "its configuration has changed"},
      {"action": "RestartBroker", "object": "Pod/main-broker-2", "reason": "likewise", "blockedBy": "broker 1 restarts"}]}})";

TEST(PluginTextTest, Status) {
  EXPECT_EQ(StatusText(Json::parse(kCluster)),
            "Cluster            kafka/main\n"
            "Phase              Updating\n"
            "Cluster id         abc\n"
            "Brokers            2 of 3 ready, 3 asked for\n"
            "Partitions         0 offline, 4 under-replicated\n"
            "Version            0.2.0, image dohle-broker:2, since 2026-11-21T12:00:00Z\n"
            "Feature levels     kraft.version 1, metadata.version 30\n"
            "Available          dohle-broker:3, which the operator came with: set spec.image to run it\n"
            "Listener internal  main-bootstrap.kafka.svc:9092\n"
            "Ready              False (StepsPending) 2 steps to take\n"
            "\n"
            "BROKER  POD            NODE  READY  LEADERS  REPLICAS  BYTES  VERSION\n"
            "0       main-broker-0  n1    yes    5        9         77     -\n"
            "\n"
            "Plan: 2 steps\n"
            "  1. RestartBroker Pod/main-broker-1: its configuration has changed\n"
            "  2. RestartBroker Pod/main-broker-2: likewise\n"
            "     waits: broker 1 restarts\n");
  EXPECT_EQ(PlanText(Json::object()), "Plan: nothing to do\n");
}

// Whatever the API server holds: nothing is thrown.
TEST(PluginTextTest, StrangeObjects) {
  for (
      const char* text :
      {"{}", "[]", "7",
       R"({"status":{"plan":[1,"x",null],"brokers":{},"conditions":[[]],"upgrade":{"image":"x","levels":{"a":7}}}})"}) {
    EXPECT_THAT(StatusText(Json::parse(text)), HasSubstr("Cluster")) << text;
    EXPECT_THAT(ReportText({Json::parse(text)}), HasSubstr("List")) << text;
  }
}

TEST(PluginTextTest, AReportHasNoSecrets) {
  const std::string report = ReportText(
      {Json::parse(kCluster),
       Json::parse(
           R"({"kind":"ConfigMap","data":{"server.properties":"log.dirs=/x\nsasl.jaas.config=hush\n"}})"),
       Json::parse(
           R"({"kind":"Pod","spec":{"env":[{"name":"KEY_PASSWORD","value":"hush"},{"name":"A","value":"shown"}]}})")});
  EXPECT_THAT(report, Not(HasSubstr("hush")));
  EXPECT_THAT(report, Not(HasSubstr("managedFields")));
  EXPECT_THAT(report, HasSubstr("log.dirs=/x\\nsasl.jaas.config=(redacted)"));
  EXPECT_THAT(report, HasSubstr("shown"));
  EXPECT_THAT(report, HasSubstr("log.retention.hours"));
}

}  // namespace
}  // namespace dohle::plugin
