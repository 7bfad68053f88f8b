// Whole Clusters to all of their objects, as text: testdata/NAME.yaml is what must come of NAME below. After
// a change that is meant, DOHLE_UPDATE_GOLDEN=1 operator_resources_test writes the files anew: read the
// difference.
#include "operator/resources/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "operator/api/decode.h"
#include "operator/api/yaml.h"
#include "operator/resources/broker_config.h"
#include "operator/resources/names.h"
#include "operator/resources/pod.h"

namespace dohle::resources {
namespace {

using k8s::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Case {
  std::string name;
  std::string spec;
  Addressing addressing = Addressing::kDns;
  ServiceFactsByName services;
  Quorum quorum = {};
  std::vector<Member> members = {};
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      {.name = "defaults", .spec = "{}"},
      {.name = "without_kubernetes",
       .spec = R"({"listeners":[{"name":"internal"},{"name":"outside","port":9095,"type":"nodePort"}]})",
       .addressing = Addressing::kPodIp},
      {.name = "node_port",
       .spec = R"({"listeners":[{"name":"internal"},
                    {"name":"outside","port":9094,"type":"nodePort","nodePort":31000}],
                   "storage":{"deletionPolicy":"Delete"}})",
       .services = {{"demo-outside-0", {.node_port = 31234}}}},
      {.name = "load_balancer",
       .spec = R"({"listeners":[{"name":"internal"},{"name":"public","port":9094,"type":"loadBalancer"},
                    {"name":"named","port":9095,"type":"loadBalancer","advertisedHost":"b{id}.{cluster}.example",
                     "advertisedPort":"443"}]})",
       .services = {{"demo-public-0", {.node_port = 30001, .load_balancer = "198.51.100.7"}}}},
      {.name = "everything", .spec = R"({"image":"registry.example/dohle:1","imagePullPolicy":"Always",
                   "storage":{"volumes":[{"name":"data","size":"1Gi","storageClassName":"fast"},
                                         {"name":"config","size":"2Gi"}]},
                   "config":{"num.partitions":3,"log.retention.hours":"24","group.initial.rebalance.delay.ms":0,
                             "default.replication.factor":1},
                   "resources":{"limits":{"memory":"1Gi"}},
                   "livenessProbe":{"periodSeconds":11},"readinessProbe":{"failureThreshold":2},
                   "rack":{"topologyKey":"example.com/rack"},
                   "affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
                      {"matchExpressions":[{"key":"disk","operator":"Exists"}]}]}}},"tolerations":[{"operator":"Exists"}],
                   "nodeSelector":{"disk":"ssd"},"priorityClassName":"high",
                   "podMetadata":{"labels":{"team":"x"},"annotations":{"a/b":"c"}},
                   "serviceMetadata":{"labels":{"l":"m"},"annotations":{"n":"o"}},
                   "terminationGracePeriodSeconds":30})"},
      // The last one came later: it is no controller.
      {.name = "four_brokers",
       .spec =
           R"({"brokers":4,"listeners":[{"name":"internal"},{"name":"outside","port":9094,"type":"nodePort"}]})",
       .services = {{"demo-outside-0", {.node_port = 30000}},
                    {"demo-outside-1", {.node_port = 30001}},
                    {"demo-outside-2", {.node_port = 30002}}},
       .quorum = {3, "AAAAAAAAQACAAAAAAAAAAQ"}},
      {.name = "three_without_kubernetes",
       .spec = R"({"brokers":3})",
       .addressing = Addressing::kPodIp,
       .quorum = {3, "AAAAAAAAQACAAAAAAAAAAQ"}},
      // Of a quorum whose voters change: a founder, one that came later and leaves, one that is stopped.
      {.name = "dynamic_quorum",
       .spec = R"({"brokers":3})",
       .quorum = {0, "AAAAAAAAQACAAAAAAAAAAQ", {0, 1, 2}, true},
       .members = {{.id = 0, .founder = true},
                   {.id = 3, .removal = Removal::kDraining},
                   {.id = 5, .runs = false, .marked = true}}},
      {.name = "dynamic_without_kubernetes",
       .spec = R"({})",
       .addressing = Addressing::kPodIp,
       .quorum = {0, "AAAAAAAAQACAAAAAAAAAAQ", {0}, false}}};
  return kCases;
}

// What a Subject refers to.
struct Built {
  explicit Built(const Case& from) {
    meta.name = {"kafka", "demo"};
    meta.uid = "00000000-0000-0000-0000-000000000001";
    options.addressing = from.addressing;
    quorum = from.quorum;
    members = from.members;
    auto decoded = api::DecodeClusterSpec({{"spec", Json::parse(from.spec)}}, api::UnknownFields::kFaults);
    EXPECT_EQ(api::ToString(decoded.faults), "");
    spec = std::move(decoded.value);
  }
  Subject subject() const { return {meta, spec, options, quorum, members}; }
  std::string Revision(int32_t id = 0, const ServiceFactsByName& services = {}) const {
    return BuildPod(subject(), {.id = id}, services)
        .body["metadata"]["annotations"][std::string(kRevisionAnnotation)];
  }

  k8s::ObjectMeta meta;
  api::ClusterSpec spec;
  Options options;
  Quorum quorum;
  std::vector<Member> members;
};

std::string AsText(const std::vector<DesiredObject>& objects) {
  std::string text;
  for (const DesiredObject& object : objects) {
    if (!text.empty()) text += "---\n";
    if (!object.blocked_by.empty()) text += "# blocked: " + object.blocked_by + "\n";
    text += api::ToYaml(object.body);
  }
  return text;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ObjectsTest, AreAsInTestdata) {
  for (const Case& from : Cases()) {
    const Built built(from);
    const std::string path = std::string(DOHLE_TESTDATA) + "/" + from.name + ".yaml";
    const std::string text = AsText(BuildObjects(built.subject(), from.services));
    if (std::getenv("DOHLE_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(text, ReadFile(path)) << path;
  }
}

TEST(PodTest, WaitsForAddresses) {
  const Built node_port(Cases()[2]);
  EXPECT_EQ(BuildPod(node_port.subject(), {.id = 0}, {}).blocked_by,
            "Service demo-outside-0 has no node port yet");
  EXPECT_EQ(BuildPod(node_port.subject(), {.id = 0}, Cases()[2].services).blocked_by, "");
  const Built balancer(Cases()[3]);
  EXPECT_EQ(BuildPod(balancer.subject(), {.id = 0}, {}).blocked_by,
            "Service demo-public-0 has no load balancer yet");
}

TEST(PodTest, TheRevisionChangesWithWhatNeedsARestart) {
  const Built base(Cases()[0]);
  EXPECT_EQ(base.Revision(),
            "ac45f04bf59c9599");  // a Pod made by an older operator must not be restarted for nothing
  const auto with = [](const std::string& spec) { return Built({.name = "", .spec = spec}).Revision(); };
  EXPECT_EQ(with("{}"), base.Revision());
  for (const char* spec :
       {R"({"image":"x"})", R"({"config":{"num.partitions":2}})", R"({"resources":{}})",
        R"({"nodeSelector":{"a":"b"}})", R"({"listeners":[{"name":"internal","port":9099}]})"}) {
    EXPECT_NE(with(spec), base.Revision()) << spec;
  }
  for (const char* spec :
       {R"({"podMetadata":{"labels":{"a":"b"},"annotations":{"c":"d"}}})",
        R"({"serviceMetadata":{"labels":{"a":"b"}}})", R"({"paused":true})",
        R"({"storage":{"volumes":[{"name":"data","size":"20Gi"}],"deletionPolicy":"Delete"}})"}) {
    EXPECT_EQ(with(spec), base.Revision()) << spec;
  }
  const Built node_port(Cases()[2]);
  EXPECT_NE(node_port.Revision(0, {{"demo-outside-0", {.node_port = 1}}}),
            node_port.Revision(0, {{"demo-outside-0", {.node_port = 2}}}));
}

TEST(PodTest, TheUserCantTakeTheOperatorsLabels) {
  Built built(Cases()[0]);
  built.spec.pod_labels = {{std::string(kClusterLabel), "other"}};
  built.spec.pod_annotations = {{std::string(kRevisionAnnotation), "mine"}};
  const Json pod = BuildPod(built.subject(), {.id = 0}, {}).body;
  EXPECT_EQ(pod["metadata"]["labels"][std::string(kClusterLabel)], "demo");
  EXPECT_EQ(pod["metadata"]["annotations"][std::string(kRevisionAnnotation)], built.Revision());
}

TEST(DigestTest, IsFnv1a) {
  EXPECT_EQ(Digest(""), "cbf29ce484222325");
  EXPECT_EQ(Digest("foobar"), "85944171f73967e8");  // of the algorithm's published test vectors
}

TEST(ServicesTest, ReadsFactsOfAnyJson) {
  const ServiceFacts facts = ReadServiceFacts(Json::parse(
      R"({"spec":{"ports":[{"nodePort":31000}]},"status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}})"));
  EXPECT_EQ(facts.node_port, 31000);
  EXPECT_EQ(facts.load_balancer, "1.2.3.4");
  for (const char* text :
       {"null", "[]", R"({"spec":{"ports":[7]}})", R"({"spec":{"ports":[{"nodePort":-1}]}})",
        R"({"status":{"loadBalancer":{"ingress":[{}]}}})"}) {
    EXPECT_EQ(ReadServiceFacts(Json::parse(text)).node_port, 0) << text;
    EXPECT_EQ(ReadServiceFacts(Json::parse(text)).load_balancer, "") << text;
  }
}

TEST(ServicesTest, TellsWhereClientsConnect) {
  const auto bootstraps = [](const Built& built, const ServiceFactsByName& services,
                             const std::string& node) {
    std::vector<std::string> texts;
    for (const auto& listener : ListenerAddresses(built.subject(), services, node))
      texts.push_back(listener.bootstrap);
    return texts;
  };
  const Built node_port(Cases()[2]);
  EXPECT_THAT(bootstraps(node_port, {}, ""), ElementsAre("demo-bootstrap.kafka.svc:9092", ""));
  EXPECT_THAT(bootstraps(node_port, {{"demo-outside-bootstrap", {.node_port = 31000}}}, "10.0.0.1"),
              ElementsAre("demo-bootstrap.kafka.svc:9092", "10.0.0.1:31000"));
  const Built balancer(Cases()[3]);
  EXPECT_THAT(bootstraps(balancer, {{"demo-public-bootstrap", {.load_balancer = "::1"}}}, ""),
              ElementsAre("demo-bootstrap.kafka.svc:9092", "[::1]:9094", ""));
  EXPECT_THAT(bootstraps(Built(Cases()[1]), {}, ""), ElementsAre("localhost:9092", "localhost:9095"));
}

TEST(BrokerConfigTest, EscapesAsJavaReads) {
  EXPECT_EQ(PropertiesLine("a.b", "c"), "a.b=c\n");
  EXPECT_EQ(PropertiesLine("a b=c:#!", " x = y "), "a\\ b\\=c\\:\\#\\!=\\ x = y \n");
  EXPECT_EQ(PropertiesLine("k", "a\\b\nc\td\re\ff"), "k=a\\\\b\\nc\\td\\re\\ff\n");
  EXPECT_EQ(PropertiesLine("k", ""), "k=\n");
  EXPECT_EQ(PropertiesLine("k", "ä"), "k=ä\n");
}

TEST(BrokerConfigTest, TheUsersValuesAreOverDefaultsAndUnderWhatTheOperatorOwns) {
  Built built(Cases()[0]);
  built.spec.config = {
      {"default.replication.factor", "7"}, {"log.retention.ms", "5"}, {"process.roles", "broker"}};
  const std::string text = ServerProperties(built.subject());
  EXPECT_THAT(text, HasSubstr("default.replication.factor=7\n"));
  EXPECT_THAT(text, Not(HasSubstr("log.retention.ms"))) << "it is set while brokers run";
  EXPECT_THAT(text, HasSubstr("process.roles=broker,controller\n"));
  // Paths come by arguments.
  EXPECT_THAT(text, Not(HasSubstr(std::string(kDataMountPath))));
}

}  // namespace
}  // namespace dohle::resources
