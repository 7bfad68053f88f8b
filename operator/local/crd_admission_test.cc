// The CustomResourceDefinitions that the operator ships, held by the store in memory: every rule of theirs is
// understood, and says what it should.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/crd.h"
#include "operator/k8s/object.h"
#include "operator/local/schema_validator.h"

namespace dohle::local {
namespace {

using k8s::Json;
using testing::HasSubstr;

class CrdAdmissionTest : public testing::Test {
 protected:
  static std::string Refusal(const SchemaValidator& validator, Json& object, const Json* before = nullptr) {
    return std::string(Message(StatusOf(validator.Admit(object, before))));
  }
  static Json Object(const k8s::Resource& resource, const std::string& name, const std::string& spec) {
    Json object = k8s::NewObject(resource, {"default", name});
    object["spec"] = Json::parse(spec);
    return object;
  }

  const SchemaValidator clusters_ = SchemaValidator::FromDefinition(api::ClusterCrd(), api::kVersion).value();
  const SchemaValidator topics_ = SchemaValidator::FromDefinition(api::TopicCrd(), api::kVersion).value();
};

TEST_F(CrdAdmissionTest, AnEmptyClusterIsCompleted) {
  Json cluster = Object(k8s::kClusters, "quickstart", "{}");
  EXPECT_EQ(Refusal(clusters_, cluster), "");
  EXPECT_EQ(k8s::FindInt(cluster, "spec.brokers", 0), 1);
  const Json before = cluster;
  EXPECT_EQ(Refusal(clusters_, cluster, &before), "");
  EXPECT_EQ(cluster, before) << "what is complete stays as it is";
}

TEST_F(CrdAdmissionTest, ClustersAreHeldToTheirRules) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"borkers": 1})", "spec.borkers: unknown field, did you mean brokers?"},
      {R"({"brokers": "1"})", "spec.brokers: Invalid value: \"1\": must be of type integer"},
      {R"({"listeners": [{"name": "a", "type": "nodePort"}]})", "add a listener of type internal"},
      {R"({"config": {"log.dirs": "/x"}})", "spec.config: Invalid value: \"object\": "},
  };
  for (const auto& [spec, expected] : cases) {
    Json cluster = Object(k8s::kClusters, "c", spec);
    EXPECT_THAT(Refusal(clusters_, cluster), HasSubstr(expected)) << spec;
  }
  const std::pair<const char*, const char*> scaling[] = {
      {R"({"maxBrokers": 6})", "without a target nothing is scaled"},
      {R"({"maxBrokers": 6, "minBrokers": 7, "targetCpuPercent": 50})", "minBrokers is more than maxBrokers"},
      {R"({"targetCpuPercent": 50})", "spec.autoscaling.maxBrokers: Required value"},
      {R"({"maxBrokers": 6, "targetBytesPerSecondPerBroker": "fast"})", "must be a size such as"},
  };
  for (const auto& [autoscaling, expected] : scaling) {
    Json cluster = Object(k8s::kClusters, "c", fmt::format(R"({{"autoscaling": {}}})", autoscaling));
    EXPECT_THAT(Refusal(clusters_, cluster), HasSubstr(expected)) << autoscaling;
  }
  Json named = Object(k8s::kClusters, "9lives", "{}");
  EXPECT_THAT(Refusal(clusters_, named), HasSubstr("a Cluster's name is at most 40"));
}

TEST_F(CrdAdmissionTest, TopicsAreHeldToTheirRules) {
  Json topic = Object(k8s::kTopics, "orders", R"({"cluster": "quickstart", "partitions": 3})");
  ASSERT_EQ(Refusal(topics_, topic), "");
  const Json before = topic;
  const std::pair<const char*, const char*> changes[] = {
      {R"({"spec": {"partitions": 2}})", "spec.partitions: Invalid value: 2: partitions can't become fewer"},
      {R"({"spec": {"cluster": "other"}})", "cluster can't be changed"},
      {R"({"spec": {"topicName": "x"}})", "topicName can't be changed"},
      {R"({"spec": {"cluster": null}})", "set either cluster"},
      {R"({"spec": {"partitions": 0}})",
       "spec.partitions: Invalid value: 0: should be greater than or equal to"},
  };
  for (const auto& [patch, expected] : changes) {
    Json changed = before;
    changed.merge_patch(Json::parse(patch));
    EXPECT_THAT(Refusal(topics_, changed, &before), HasSubstr(expected)) << patch;
  }
  Json grown = before;
  grown["spec"]["partitions"] = 6;
  EXPECT_EQ(Refusal(topics_, grown, &before), "");
}

TEST_F(CrdAdmissionTest, AutoscalingIsThereOnlyIfItIsAskedFor) {
  Json cluster = Object(k8s::kClusters, "c", "{}");
  EXPECT_EQ(Refusal(clusters_, cluster), "");
  EXPECT_FALSE(cluster["spec"].contains("autoscaling"));
  Json scaled = Object(k8s::kClusters, "c", R"({"autoscaling": {"maxBrokers": 6, "targetCpuPercent": 50}})");
  EXPECT_EQ(Refusal(clusters_, scaled), "");
  EXPECT_EQ(k8s::FindInt(scaled, "spec.autoscaling.cooldownSeconds", 0), 300);
  Json topic = Object(k8s::kTopics, "t",
                      R"({"cluster": "c", "autoscaling": {"maxPartitions": 6, "targetLagSeconds": 5}})");
  EXPECT_EQ(Refusal(topics_, topic), "");
  EXPECT_EQ(k8s::FindString(topic, "spec.autoscaling.keyOrder"), "Strict");
  Json few = topic;
  few["spec"]["partitions"] = 7;
  EXPECT_THAT(Refusal(topics_, few), HasSubstr("autoscaling.maxPartitions is less than partitions"));
  Json aimless = Object(k8s::kTopics, "t", R"({"cluster": "c", "autoscaling": {"maxPartitions": 6}})");
  EXPECT_THAT(Refusal(topics_, aimless), HasSubstr("without a target nothing grows"));
}

}  // namespace
}  // namespace dohle::local
