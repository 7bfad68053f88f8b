#include "operator/resources/made_of.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/decode.h"

namespace dohle::resources {
namespace {

using k8s::Json;

constexpr char kRich[] = R"({"brokers":5,"image":"registry.example/dohle:1","imagePullPolicy":"Always",
  "storage":{"volumes":[{"name":"data"},{"name":"more"}]},
  "config":{"num.partitions":"3","log.retention.ms":"5"},
  "listeners":[{"name":"internal"},{"name":"outside","port":9094,"type":"nodePort"},
               {"name":"public","port":9095,"type":"loadBalancer","advertisedPort":"443"}],
  "resources":{"limits":{"memory":"1Gi"}},"livenessProbe":{"periodSeconds":11},
  "rack":{"topologyKey":"zone"},"tolerations":[{"operator":"Exists"}],"nodeSelector":{"disk":"ssd"},
  "priorityClassName":"high","terminationGracePeriodSeconds":30})";

const ServiceFactsByName kServices = {{"demo-outside-0", {.node_port = 31000}},
                                      {"demo-public-0", {.node_port = 1, .load_balancer = "198.51.100.7"}}};

Json Made(const std::string& spec, const Options& options = {}, const Quorum& quorum = {},
          const ServiceFactsByName& services = kServices) {
  k8s::ObjectMeta meta;
  meta.name = {"kafka", "demo"};
  const auto decoded = api::DecodeClusterSpec({{"spec", Json::parse(spec)}}, api::UnknownFields::kFaults);
  EXPECT_EQ(api::ToString(decoded.faults), "");
  Member member;
  member.founder = quorum.IsFounder(0);
  return MadeOf({meta, decoded.value, options, quorum}, member, services);
}

std::string Changes(const Json& before, const Json& wanted) {
  return ChangesSince(before.dump(), wanted).value_or("unknown");
}

// What the first operator that kept records wrote. Records of all that come later have to be added here and
// to stay: if one of these tells of a change, an upgrade of the operator restarts every broker there is.
constexpr char kFirstDefault[] =
    R"({"affinity":null,"config":{},"defaultReplicas":1,"image":"dohle-broker:latest",)"
    R"("imagePullPolicy":"IfNotPresent","listeners":[{"name":"internal","port":9092,"type":"internal"}],)"
    R"("livenessProbe":{"failures":6,"period":5,"timeout":3},"nodeSelector":{},"priorityClassName":"",)"
    R"("quorum":{"founders":"0","id":"AAAAAAAAQACAAAAAAAAAAQ","kind":"dynamic"},"rack":"",)"
    R"("readinessProbe":{"failures":6,"period":5,"timeout":3},)"
    R"("resources":{"requests":{"cpu":"100m","memory":"128Mi"}},"roll":"",)"
    R"("terminationGracePeriodSeconds":60,"tolerations":null,"topologySpreadConstraints":null,)"
    R"("volumes":["data"]})";
constexpr char kFirstRich[] =
    R"({"affinity":null,"config":{"num.partitions":"af63de4c8601f036"},"defaultReplicas":3,)"
    R"("image":"registry.example/dohle:1","imagePullPolicy":"Always","listeners":[)"
    R"({"name":"internal","port":9092,"type":"internal"},)"
    R"({"name":"outside","nodePort":31000,"port":9094,"type":"nodePort"},)"
    R"({"advertisedPort":"443","balancer":"198.51.100.7","name":"public","port":9095,"type":"loadBalancer"}],)"
    R"("livenessProbe":{"failures":6,"period":11,"timeout":3},"nodeSelector":{"disk":"ssd"},)"
    R"("priorityClassName":"high",)"
    R"("quorum":{"id":"AAAAAAAAQACAAAAAAAAAAQ","kind":"static","voters":3},"rack":"zone",)"
    R"("readinessProbe":{"failures":6,"period":5,"timeout":3},"resources":{"limits":{"memory":"1Gi"}},)"
    R"("roll":"","terminationGracePeriodSeconds":30,"tolerations":[{"operator":"Exists"}],)"
    R"("topologySpreadConstraints":null,"volumes":["data","more"]})";

TEST(MadeOfTest, TheFirstRecordsMeanWhatTheyMeant) {
  const Json plain = Made("{}", {}, {0, "AAAAAAAAQACAAAAAAAAAAQ", {0}, true});
  EXPECT_EQ(ChangesSince(kFirstDefault, plain), "") << plain.dump();
  const Json rich = Made(kRich, {}, {3, "AAAAAAAAQACAAAAAAAAAAQ"});
  EXPECT_EQ(ChangesSince(kFirstRich, rich), "") << rich.dump();
  EXPECT_NE(ChangesSince(kFirstDefault, rich), "");
}

TEST(MadeOfTest, TellsWhatHasChanged) {
  const Json before = Made(kRich);
  const auto with = [&](const std::string& patch) {
    Json spec = Json::parse(kRich);
    spec.merge_patch(Json::parse(patch));
    return Changes(before, Made(spec.dump()));
  };
  EXPECT_EQ(with("{}"), "");
  EXPECT_EQ(with(R"({"image":"registry.example/dohle:2"})"),
            "image registry.example/dohle:1 to registry.example/dohle:2");
  EXPECT_EQ(with(R"({"config":{"num.partitions":"4","log.retention.ms":"6","broker.x":"1"},"brokers":2})"),
            "config broker.x, config num.partitions, defaultReplicas");
  EXPECT_EQ(with(R"({"rack":null,"resources":{"limits":{"memory":"2Gi"}}})"), "rack, resources");
  EXPECT_EQ(with(R"({"brokers":4,"paused":true,"podMetadata":{"labels":{"a":"b"}}})"), "");
  EXPECT_EQ(Changes(before, Made(kRich, {}, {}, {{"demo-outside-0", {.node_port = 2}}})), "listeners");
}

TEST(MadeOfTest, WhatTheOperatorMakesOfItIsNoChange) {
  Options other;
  other.addressing = Addressing::kPodIp;
  EXPECT_EQ(Changes(Made(kRich), Made(kRich, other)), "");
}

TEST(MadeOfTest, AKeyOfAnotherOperatorCountsOnlyIfItIsntAsByDefault) {
  const Json whole = Made("{}");
  Json older = whole;
  older.erase("rack");
  older.erase("livenessProbe");
  EXPECT_EQ(Changes(older, whole), "");
  EXPECT_EQ(Changes(older, Made(R"({"rack":{"topologyKey":"zone"}})")), "rack");
  Json newer = whole;
  newer["tomorrows"] = {{"a", 1}};
  EXPECT_EQ(Changes(newer, whole), "");
}

TEST(MadeOfTest, WhatIsSetWhileBrokersRunByNowIsNoChange) {
  Json before = Made("{}");
  before["config"]["log.retention.ms"] = "0";
  EXPECT_EQ(Changes(before, Made("{}")), "");
}

TEST(MadeOfTest, WhatIsNoRecordTellsNothing) {
  for (const char* text : {"", "null", "[]", "{", "7"})
    EXPECT_EQ(ChangesSince(text, Made("{}")), std::nullopt);
  EXPECT_EQ(Changes(Json::parse(R"({"config":7,"image":8})"), Made("{}")), "image");
}

}  // namespace
}  // namespace dohle::resources
