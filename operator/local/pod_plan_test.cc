#include "operator/local/pod_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace dohle::local {
namespace {

using k8s::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const char* kPod = R"json({
  "metadata": {"name": "c-broker-0", "namespace": "default", "labels": {"dohle.dev/broker-id": "0"}},
  "spec": {
    "containers": [{
      "name": "broker", "image": "dohle",
      "command": ["/dohle-broker"],
      "args": ["/etc/dohle/server.properties", "--override", "node.id=$(BROKER_ID)",
               "log.dirs=/var/lib/dohle/data,/var/lib/dohle/data2/x", "at=$(POD_IP):$(NONE)", "$$(POD_IP)",
               "/etc/dohlex /x/etc/dohle"],
      "env": [{"name": "BROKER_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['dohle.dev/broker-id']"}}},
              {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
              {"name": "DIR", "value": "/var/lib/dohle/data/$(BROKER_ID)"}],
      "ports": [{"name": "metrics", "containerPort": 9404}],
      "readinessProbe": {"httpGet": {"path": "/readyz", "port": "metrics"}, "periodSeconds": 5},
      "livenessProbe": {"tcpSocket": {"port": 9092}, "failureThreshold": 6, "timeoutSeconds": 2},
      "lifecycle": {"preStop": {"sleep": {"seconds": 3}}},
      "volumeMounts": [{"name": "config", "mountPath": "/etc/dohle"},
                       {"name": "data", "mountPath": "/var/lib/dohle/data"},
                       {"name": "data2", "mountPath": "/var/lib/dohle/data2/"}]}],
    "volumes": [{"name": "config", "configMap": {"name": "c-config"}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data-c-0"}},
                {"name": "data2", "emptyDir": {}}]}})json";

class PodPlanTest : public testing::Test {
 protected:
  PodPlanTest() {
    around_ = {
        "/d",
        "/bin",
        "127.0.9.9",
        "127.0.0.1",
        "local",
        [this](const std::string& name) -> const Json* { return name == "c-config" ? &config_ : nullptr; },
        [](const std::string& name) { return "<" + name + ">"; }};
  }
  StatusOr<PodPlan> Plan(const char* pointer = nullptr, Json value = {}) {
    Json pod = Json::parse(kPod);
    if (pointer != nullptr) pod[Json::json_pointer(pointer)] = std::move(value);
    return PlanPod(pod, around_);
  }
  Json config_ = Json::parse(R"({"data": {"server.properties": "a=b\n"}})");
  PodSurroundings around_;
};

TEST_F(PodPlanTest, TranslatesWhatTheOperatorMakes) {
  const StatusOr<PodPlan> plan = Plan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->containers.size(), 1u);
  const ContainerPlan& broker = plan->containers[0];
  const std::string volumes = "/d/pods/default/c-broker-0/volumes/";
  EXPECT_THAT(broker.argv,
              ElementsAre("/bin/dohle-broker", volumes + "config/server.properties", "--override",
                          "node.id=0", "log.dirs=/d/volumes/default/data-c-0," + volumes + "data2/x",
                          "at=127.0.9.9:$(NONE)", "$(POD_IP)", "/etc/dohlex /x/etc/dohle"));
  EXPECT_THAT(broker.environment,
              ElementsAre(Pair("PATH", testing::_), Pair("BROKER_ID", "0"), Pair("POD_IP", "127.0.9.9"),
                          Pair("DIR", "/d/volumes/default/data-c-0/0")));
  EXPECT_THAT(plan->files, ElementsAre(Pair(volumes + "config/server.properties", "a=b\n")));
  EXPECT_EQ(broker.log_file, "/d/logs/default_c-broker-0_broker.log");
  EXPECT_EQ(broker.pre_stop_sleep, absl::Seconds(3));
  ASSERT_TRUE(broker.readiness && broker.liveness && !broker.startup);
  EXPECT_EQ(broker.readiness->port, 9404);
  EXPECT_EQ(broker.readiness->path, "/readyz");
  EXPECT_EQ(broker.readiness->failure_threshold, 3);
  EXPECT_FALSE(broker.liveness->http);
  EXPECT_EQ(broker.liveness->period, absl::Seconds(10));
  const PodNeeds needs = NeedsOf(Json::parse(kPod));
  EXPECT_THAT(needs.claims, ElementsAre("data-c-0"));
  EXPECT_THAT(needs.config_maps, ElementsAre("c-config"));
}

TEST_F(PodPlanTest, NamesInTheHeadlessServiceBecomeAddresses) {
  Json pod = Json::parse(kPod);
  pod["spec"]["subdomain"] = "c-brokers";
  pod["spec"]["containers"][0]["args"] = {
      "voters=0@c-broker-0.c-brokers.default.svc:9093,1@c-broker-1.c-brokers.default.svc:9093",
      "c-broker-0.others.default.svc", ".c-brokers.default.svc"};
  const StatusOr<PodPlan> plan = PlanPod(pod, around_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->containers[0].argv,
              ElementsAre("/bin/dohle-broker", "voters=0@<c-broker-0>:9093,1@<c-broker-1>:9093",
                          "c-broker-0.others.default.svc", ".c-brokers.default.svc"));
}

TEST_F(PodPlanTest, TellsWhatItCannotDo) {
  const std::tuple<const char*, Json, const char*> cases[] = {
      {"/spec/containers", Json::array(), "spec.containers: Required value"},
      {"/spec/containers/0/command", Json::array(), "spec.containers[0].command: Required value"},
      {"/spec/containers/0/command", {"/"}, "spec.containers[0].command: names no program"},
      {"/spec/containers/0/readinessProbe/httpGet/port", "http",
       "spec.containers[0].readinessProbe: names no port"},
      {"/spec/containers/0/readinessProbe", {{"exec", 1}}, "only httpGet and tcpSocket"},
      {"/spec/containers/0/volumeMounts/0/name", "x",
       "spec.containers[0].volumeMounts[0].name: there is no such"},
      {"/spec/containers/0/volumeMounts/0/mountPath", "/", "spec.containers[0].volumeMounts[0].mountPath"},
      {"/spec/containers/0/env/0/valueFrom", {{"secretKeyRef", 1}}, "spec.containers[0].env[0].valueFrom"},
      {"/spec/volumes/0",
       {{"name", "config"}, {"hostPath", 1}},
       "spec.volumes[0]: only persistentVolumeClaim"},
      {"/spec/volumes/1/persistentVolumeClaim/claimName", "../x", "spec.volumes[1]"},
      {"/spec/initContainers", {{{"name", "a"}}}, "spec.initContainers: not supported"},
  };
  for (const auto& [pointer, value, expected] : cases)
    EXPECT_THAT(std::string(Message(Plan(pointer, value).status())), HasSubstr(expected)) << pointer;
  EXPECT_EQ(Plan("/spec/volumes/0/configMap/name", "x").status().code(), StatusCode::kNotFound);
}

TEST(ChooseLoopbackAddress, IsTheSameForTheSameNameUnlessItIsTaken) {
  std::set<std::string> used;
  const auto taken = [&](const std::string& address) { return used.contains(address); };
  const std::string first = ChooseLoopbackAddress("/data", {"default", "a"}, taken);
  EXPECT_TRUE(first.starts_with("127.0.") && !first.starts_with("127.0.0.")) << first;
  EXPECT_EQ(ChooseLoopbackAddress("/data", {"default", "a"}, taken), first);
  EXPECT_NE(ChooseLoopbackAddress("/other", {"default", "a"}, taken), first);
  used.insert(first);
  EXPECT_NE(ChooseLoopbackAddress("/data", {"default", "a"}, taken), first);
}

}  // namespace
}  // namespace dohle::local
