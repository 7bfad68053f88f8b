#include "operator/api/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/encode.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::vector<std::string> Told(const std::vector<Fault>& faults) {
  std::vector<std::string> texts;
  for (const Fault& fault : faults) texts.push_back(fault.path + ": " + fault.sentence);
  return texts;
}
std::vector<std::string> ClusterFaults(std::string_view spec,
                                       UnknownFields unknown = UnknownFields::kIgnored) {
  const Json object = {{"metadata", {{"name", "c"}}}, {"spec", Json::parse(spec)}};
  return Told(DecodeClusterSpec(object, unknown).faults);
}
std::vector<std::string> TopicFaults(std::string_view spec) {
  const Json object = {{"metadata", {{"name", "t"}}}, {"spec", Json::parse(spec)}};
  return Told(DecodeTopicSpec(object).faults);
}

TEST(DecodeTest, AnEmptyClusterHasDefaults) {
  for (const char* text : {R"({})", R"({"spec":null})", R"({"spec":{}})", R"({"spec":{"storage":{}}})"}) {
    const auto decoded = DecodeClusterSpec(Json::parse(text));
    EXPECT_THAT(Told(decoded.faults), IsEmpty()) << text;
    EXPECT_EQ(decoded.value.brokers, 1);
    ASSERT_EQ(decoded.value.storage.volumes.size(), 1u);
    EXPECT_EQ(decoded.value.storage.volumes[0].name, "data");
    EXPECT_EQ(decoded.value.storage.volumes[0].size, "10Gi");
    EXPECT_EQ(decoded.value.storage.deletion_policy, DeletionPolicy::kRetain);
    ASSERT_EQ(decoded.value.listeners.size(), 1u);
    EXPECT_EQ(decoded.value.listeners[0].port, 9092);
    EXPECT_EQ(Json::parse(decoded.value.resources)["requests"]["memory"], "128Mi");
  }
}

TEST(DecodeTest, ReadsEveryFieldOfACluster) {
  const Json object = Json::parse(R"({"metadata":{"name":"c"},"spec":{
    "brokers":1,"image":"i:1","imagePullPolicy":"Always",
    "storage":{"volumes":[{"name":"a","size":"1Gi","storageClassName":"fast","autoGrow":{"maxSize":"4Gi"}},
                          {"name":"b"}],
               "deletionPolicy":"Delete"},
    "listeners":[{"name":"internal"},
                 {"name":"outside","port":9094,"type":"nodePort","advertisedHost":"b{id}.example",
                  "advertisedPort":"{nodePort}","nodePort":31000}],
    "config":{"num.partitions":3,"auto.create.topics.enable":false,"log.cleaner.io.buffer.load.factor":0.5,
              "compression.type":"zstd"},
    "resources":{"limits":{"cpu":"1"}},
    "livenessProbe":{"periodSeconds":7},"readinessProbe":{"failureThreshold":9,"timeoutSeconds":1},
    "rack":{"topologyKey":"zone"},"affinity":{"nodeAffinity":{}},"tolerations":[{"operator":"Exists"}],
    "topologySpreadConstraints":[{"maxSkew":1}],"nodeSelector":{"disk":"ssd"},"priorityClassName":"high",
    "podMetadata":{"labels":{"team":"x"},"annotations":{"a/b":"c"}},
    "serviceMetadata":{"labels":{"l":"m"},"annotations":{"n":"o"}},
    "terminationGracePeriodSeconds":30,"paused":true}})");
  const auto decoded = DecodeClusterSpec(object, UnknownFields::kFaults);
  EXPECT_THAT(Told(decoded.faults), IsEmpty());
  const ClusterSpec& spec = decoded.value;
  EXPECT_EQ(spec.image, "i:1");
  EXPECT_EQ(spec.image_pull_policy, "Always");
  EXPECT_EQ(spec.storage.volumes[0].storage_class_name, "fast");
  ASSERT_TRUE(spec.storage.volumes[0].auto_grow);
  EXPECT_EQ(spec.storage.volumes[0].auto_grow->max_size, "4Gi");
  EXPECT_EQ(spec.storage.volumes[0].auto_grow->when_used_percent, 80);
  EXPECT_FALSE(spec.storage.auto_grow);
  EXPECT_EQ(spec.storage.volumes[1].size, "10Gi");
  EXPECT_EQ(spec.storage.deletion_policy, DeletionPolicy::kDelete);
  EXPECT_EQ(spec.listeners[1].type, ListenerType::kNodePort);
  EXPECT_EQ(spec.listeners[1].node_port, 31000);
  EXPECT_EQ(spec.listeners[1].advertised_host, "b{id}.example");
  EXPECT_THAT(spec.config,
              ElementsAre(Pair("auto.create.topics.enable", "false"), Pair("compression.type", "zstd"),
                          Pair("log.cleaner.io.buffer.load.factor", "0.5"), Pair("num.partitions", "3")));
  EXPECT_EQ(spec.resources, R"({"limits":{"cpu":"1"}})");
  EXPECT_EQ(spec.liveness.period_seconds, 7);
  EXPECT_EQ(spec.readiness.failure_threshold, 9);
  EXPECT_EQ(spec.rack_topology_key, "zone");
  EXPECT_EQ(spec.tolerations, R"([{"operator":"Exists"}])");
  EXPECT_THAT(spec.pod_labels, ElementsAre(Pair("team", "x")));
  EXPECT_THAT(spec.service_annotations, ElementsAre(Pair("n", "o")));
  EXPECT_EQ(spec.termination_grace_period_seconds, 30);
  EXPECT_TRUE(spec.paused);

  // What is written out reads back as the same.
  const Json again = {{"spec", EncodeSpec(spec)}};
  EXPECT_EQ(EncodeSpec(DecodeClusterSpec(again, UnknownFields::kFaults).value), again["spec"]);
}

TEST(DecodeTest, TellsOfFormsWithTheirPaths) {
  EXPECT_THAT(
      ClusterFaults(R"({"brokers":"three","image":7,"paused":"yes","storage":[],
                                "imagePullPolicy":"Sometimes","terminationGracePeriodSeconds":0})"),
      ElementsAre("spec.brokers: must be an integer, not a text",
                  "spec.image: must be a text, not an integer",
                  "spec.imagePullPolicy: must be one of Always, IfNotPresent, Never, not \"Sometimes\"",
                  "spec.storage: must be an object, not a list",
                  "spec.terminationGracePeriodSeconds: must be at least 1, not 0",
                  "spec.paused: must be true or false, not a text"));
  EXPECT_THAT(
      ClusterFaults(R"({"storage":{"volumes":[{"name":"A"},{"size":"big","name":"b"},{"name":"b"},{}, 7]}})"),
      ElementsAre(HasSubstr("spec.storage.volumes[0].name: must be lower case letters"),
                  "spec.storage.volumes[1].size: must be a size such as 10Gi or 500M, not \"big\"",
                  "spec.storage.volumes[3].name: is required",
                  "spec.storage.volumes[4]: must be an object, not an integer",
                  HasSubstr("spec.storage.volumes[2].name: is the same as of another item")));
  EXPECT_THAT(ClusterFaults(R"({"storage":{"volumes":[]}})"),
              ElementsAre("spec.storage.volumes: must have at least 1 items"));
  EXPECT_THAT(ClusterFaults(R"({"config":{"a":{},"b":"c"},"podMetadata":{"labels":{"x":1}}})"),
              ElementsAre("spec.config[\"a\"]: must be a text, not an object",
                          "spec.podMetadata.labels[\"x\"]: must be a text, not an integer"));
  EXPECT_THAT(ClusterFaults(R"({"terminationGracePeriodSeconds":99999999999999999999})"),
              ElementsAre(HasSubstr("must be an integer, not a number")));
  EXPECT_THAT(ClusterFaults(R"({"terminationGracePeriodSeconds":18446744073709551615})"),
              ElementsAre(HasSubstr("must be an integer")));
}

TEST(DecodeTest, TellsWhatMakesNoSense) {
  EXPECT_THAT(ClusterFaults(R"({"brokers":101})"),
              ElementsAre(HasSubstr("spec.brokers: must be at most 100")));
  EXPECT_THAT(
      ClusterFaults(R"({"config":{"log.dirs":"/x","node.id":1,"controller.quorum.election.timeout.ms":1}})"),
      ElementsAre("spec.config[\"log.dirs\"]: can't be set here: use spec.storage.volumes",
                  HasSubstr("spec.config[\"node.id\"]: can't be set here: the operator numbers")));
  EXPECT_THAT(ClusterFaults(R"({"listeners":[{"name":"a","type":"nodePort","port":9404},
                                     {"name":"controller","type":"nodePort","port":9404,"nodePort":1}]})"),
              ElementsAre(HasSubstr("spec.listeners[0].port: can't be 9404"),
                          HasSubstr("spec.listeners[1].name: can't be controller"),
                          HasSubstr("spec.listeners[1].port: can't be 9404"),
                          HasSubstr("spec.listeners: must have one of type internal")));
  EXPECT_THAT(ClusterFaults(R"({"listeners":[{"name":"a"},{"name":"a","port":2}]})"),
              ElementsAre(HasSubstr("spec.listeners[1].name: is the same as of another listener")));
  EXPECT_THAT(ClusterFaults(R"({"listeners":[{"name":"a"},{"name":"b","nodePort":4}]})"),
              ElementsAre(HasSubstr("spec.listeners[1].nodePort: is for listeners of type nodePort"),
                          HasSubstr("spec.listeners[1].port: is the same as of another listener")));
  EXPECT_THAT(
      ClusterFaults(R"({"listeners":[{"name":"a","advertisedHost":"{pod}.{nope}"}]})"),
      ElementsAre(HasSubstr("spec.listeners[0].advertisedHost: has {nope}, which isn't one of {id}")));
  EXPECT_THAT(
      ClusterFaults(R"({"listeners":[{"name":"a","advertisedHost":"a,b","advertisedPort":"70000"}]})"),
      ElementsAre(HasSubstr("advertisedHost: must be a host name"),
                  HasSubstr("advertisedPort: must be a port")));
  EXPECT_THAT(
      ClusterFaults(R"({"listeners":[{"name":"a","advertisedHost":"{pod","advertisedPort":"{nodePort}"}]})"),
      ElementsAre(HasSubstr("has {pod, which isn't"), HasSubstr("has {nodePort}, which listeners")));
  EXPECT_THAT(
      ClusterFaults(R"({"storage":{"volumes":[{"name":"a","size":"2Gi"}],"autoGrow":{"maxSize":"1Gi"}}})"),
      ElementsAre(
          "spec.storage.autoGrow.maxSize: is 1Gi, less than volume a has to begin with (2Gi): raise it"));
  EXPECT_THAT(
      ClusterFaults(
          R"({"storage":{"volumes":[{"name":"a","autoGrow":{"maxSize":"1Gi"}}],"autoGrow":{"maxSize":"1Ti"}}})"),
      ElementsAre(HasSubstr("spec.storage.volumes[0].autoGrow.maxSize: is 1Gi, less than volume a")));
  EXPECT_THAT(ClusterFaults(R"({"podMetadata":{"labels":{"dohle.dev/cluster":"x"}}})"),
              ElementsAre(HasSubstr("spec.podMetadata.labels: can't have dohle.dev/cluster")));
  const Json long_name = {{"metadata", {{"name", std::string(41, 'a')}}}, {"spec", Json::object()}};
  EXPECT_THAT(Told(DecodeClusterSpec(long_name).faults),
              ElementsAre(HasSubstr("metadata.name: must be at most 40")));
}

TEST(DecodeTest, TellsUnknownFieldsIfAsked) {
  const char* spec = R"({"brokerz":1,"storage":{"volumes":[{"name":"a","Size":"1Gi"}]},"zzz":1})";
  EXPECT_THAT(ClusterFaults(spec), IsEmpty());
  EXPECT_THAT(ClusterFaults(spec, UnknownFields::kFaults),
              ElementsAre("spec.storage.volumes[0].Size: is not a field: is size meant?",
                          "spec.brokerz: is not a field: is brokers meant?",
                          "spec.zzz: is not a field that there is"));
}

TEST(DecodeTest, TellsOfTopics) {
  EXPECT_THAT(TopicFaults(R"({"cluster":"c"})"), IsEmpty());
  EXPECT_THAT(TopicFaults(R"({"bootstrapServers":"a:9092,[::1]:1"})"), IsEmpty());
  EXPECT_THAT(TopicFaults(R"({})"), ElementsAre(HasSubstr("spec: must have either cluster")));
  EXPECT_THAT(TopicFaults(R"({"cluster":"c","bootstrapServers":"a:1"})"),
              ElementsAre(HasSubstr("spec: must have either cluster")));
  EXPECT_THAT(TopicFaults(R"({"cluster":"C"})"), ElementsAre(HasSubstr("spec.cluster: must be lower case")));
  EXPECT_THAT(TopicFaults(R"({"bootstrapServers":"a"})"),
              ElementsAre(HasSubstr("spec.bootstrapServers: must be addresses as host:port")));
  EXPECT_THAT(TopicFaults(R"({"bootstrapServers":"a:1,b:65536"})"), ElementsAre(HasSubstr("has a port")));
  EXPECT_THAT(
      TopicFaults(R"({"cluster":"c","partitions":0,"replicas":0})"),
      ElementsAre("spec.partitions: must be at least 1, not 0", "spec.replicas: must be at least 1, not 0"));
  EXPECT_THAT(TopicFaults(R"({"cluster":"c","topicName":".."})"), ElementsAre(HasSubstr("can't be . or ..")));
  EXPECT_THAT(TopicFaults(R"({"cluster":"c","topicName":"__x"})"),
              ElementsAre(HasSubstr("can't begin with __")));
  EXPECT_THAT(TopicFaults(R"({"cluster":"c","topicName":"a b"})"), ElementsAre(HasSubstr("must be letters")));
  EXPECT_THAT(Told(DecodeTopicSpec(Json::object()).faults), ElementsAre("spec: is required"));
}

TEST(DecodeTest, TakesAnyJson) {
  for (const char* text : {"null", "1", "[]", "\"x\"", R"({"spec":7})", R"({"spec":[],"metadata":3})",
                           R"({"status":{"conditions":[7,{"type":1}]},"metadata":{"name":[]}})"}) {
    const Json object = Json::parse(text);
    DecodeClusterSpec(object, UnknownFields::kFaults);
    EXPECT_FALSE(DecodeTopicSpec(object, UnknownFields::kFaults).ok()) << text;
    DecodeClusterStatus(object);
    DecodeTopicStatus(object);
  }
}

TEST(DecodeTest, TheNumberOfFaultsIsBounded) {
  Json volumes = Json::array();
  for (int i = 0; i < 16; ++i) volumes.push_back({{"name", i}, {"size", i}});
  const Json object = {{"spec", {{"storage", {{"volumes", volumes}}}}}};
  EXPECT_EQ(DecodeClusterSpec(object).faults.size(), kMaxFaults);
}

TEST(DecodeTest, AClusterStatusIsReadAsWritten) {
  ClusterStatus status;
  status.observed_generation = 7;
  status.phase = "Updating";
  SetCondition(status.conditions, {"Ready", "True", "Serves", "all is well", 7}, 1'700'000'000'000);
  status.replicas = 1;
  status.selector = "a=b";
  status.cluster_id = "id";
  status.brokers = {{0, "p", "n", "0.1.0", true, 3, 4, 5}};
  status.listeners = {{"internal", "internal", "c-bootstrap.ns.svc:9092"}};
  status.plan.resize(60, {"CreatePod", "Pod/p", "there is none", ""});
  const Json json = EncodeStatus(status);
  EXPECT_EQ(json["conditions"][0]["lastTransitionTime"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(json["plan"].size(), kMaxPlanSteps);
  EXPECT_FALSE(json["plan"][0].contains("blockedBy"));
  EXPECT_EQ(json["readyReplicas"], 0);
  const ClusterStatus again = DecodeClusterStatus({{"status", json}});
  EXPECT_EQ(EncodeStatus(again), json);
  EXPECT_EQ(again.conditions[0].last_transition_time_ms, 1'700'000'000'000);
  EXPECT_TRUE(again.brokers[0].ready);
  EXPECT_TRUE(EncodeStatus(ClusterStatus{}).contains("replicas"));
}

TEST(DecodeTest, ATopicStatusIsReadAsWritten) {
  TopicStatus status;
  status.topic_id = "abc";
  status.bytes_in_per_second = 1.5;
  EXPECT_FALSE(EncodeStatus(status).contains("largestLag"));
  status.largest_lag = TopicLag{"g", 12, 0.25};
  const Json json = EncodeStatus(status);
  EXPECT_EQ(json["largestLag"], Json::parse(R"({"group":"g","records":12,"seconds":0.25})"));
  EXPECT_EQ(EncodeStatus(DecodeTopicStatus({{"status", json}})), json);
}

TEST(DecodeTest, AutoscalingIsHeldToItsRulesAsInTheCrd) {
  EXPECT_THAT(ClusterFaults(R"({"autoscaling":{"maxBrokers":6,"targetCpuPercent":50}})"), IsEmpty());
  EXPECT_THAT(ClusterFaults(R"({"autoscaling":{"maxBrokers":6,"minBrokers":7,"targetDiskPercent":50}})"),
              ElementsAre("spec.autoscaling.minBrokers: must be at most maxBrokers, 6"));
  EXPECT_THAT(ClusterFaults(R"({"autoscaling":{"maxBrokers":6}})"),
              ElementsAre(HasSubstr("spec.autoscaling: must have targetBytesPerSecondPerBroker")));
  EXPECT_THAT(TopicFaults(R"({"cluster":"c","partitions":8,"autoscaling":
                              {"maxPartitions":6,"targetBytesPerSecondPerPartition":"10Mi"}})"),
              ElementsAre("spec.autoscaling.maxPartitions: must be at least spec.partitions, 8"));
  EXPECT_THAT(TopicFaults(R"({"cluster":"c","autoscaling":{"maxPartitions":6}})"),
              ElementsAre(HasSubstr("spec.autoscaling: must have targetBytesPerSecondPerPartition")));
}

}  // namespace
}  // namespace dohle::api
