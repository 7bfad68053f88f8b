#include "operator/api/crd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/decode.h"
#include "operator/api/encode.h"
#include "operator/api/owned_config.h"
#include "operator/api/yaml.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

const Json& Schema(const Json& crd) { return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]; }

// As the API server does: from the top down, into objects and items that are there.
void FillDefaults(const Json& schema, Json& value) {
  if (value.is_object() && schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items()) {
      if (!value.contains(name) && property.contains("default")) value[name] = property["default"];
      if (value.contains(name)) FillDefaults(property, value[name]);
    }
  } else if (value.is_array()) {
    for (Json& item : value) FillDefaults(schema["items"], item);
  }
}

TEST(CrdTest, TheDefaultsAreThoseOfDecoding) {
  const Json cluster_crd = ClusterCrd();
  for (const char* text :
       {"{}", R"({"spec":{"storage":{"volumes":[{"name":"a"}]},"listeners":[{"name":"x"}]}})",
        R"({"spec":{"livenessProbe":{"periodSeconds":9}}})"}) {
    Json object = Json::parse(text);
    const Json decoded = EncodeSpec(DecodeClusterSpec(object).value);
    FillDefaults(Schema(cluster_crd), object);
    object["spec"].erase("config");
    EXPECT_EQ(EncodeSpec(DecodeClusterSpec(object).value), decoded) << text;
    // Everything that decoding fills in stands in the object already.
    for (const auto& [key, value] : decoded.items()) {
      if (value.empty()) continue;
      EXPECT_EQ(object["spec"].value(key, Json()), value) << key;
    }
  }
  Json topic = Json::parse(R"({"spec":{"cluster":"c"}})");
  const Json decoded = EncodeSpec(DecodeTopicSpec(topic).value);
  FillDefaults(Schema(TopicCrd()), topic);
  EXPECT_EQ(topic["spec"], decoded);
}

// What the API server asks of structural schemas, as far as these could break it.
void CheckStructural(const Json& schema, const std::string& path) {
  const bool any = schema.contains("x-kubernetes-int-or-string");
  EXPECT_NE(schema.contains("type"), any) << path;
  if (path != ".metadata") {
    EXPECT_FALSE(schema.contains("properties") && schema.contains("additionalProperties")) << path;
  }
  if (schema.contains("x-kubernetes-list-map-keys")) {
    for (const Json& key : schema["x-kubernetes-list-map-keys"]) {
      const Json& required = schema["items"].value("required", Json::array());
      EXPECT_NE(std::find(required.begin(), required.end(), key), required.end()) << path;
    }
  }
  EXPECT_EQ(schema.value("type", "") == "array", schema.contains("items")) << path;
  for (const Json& rule : schema.value("x-kubernetes-validations", Json::array())) {
    const auto message = rule["message"].get<std::string>();
    EXPECT_LE(message.size(), 2048u) << path;
    EXPECT_EQ(message.find('\n'), std::string::npos) << path;
    EXPECT_FALSE(rule["rule"].get<std::string>().empty()) << path;
  }
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, property] : properties.items()) {
    if (path.starts_with(".spec") || path.starts_with(".status")) {
      EXPECT_FALSE(property.value("description", "").empty()) << path << "." << name;
    }
    CheckStructural(property, path + "." + name);
  }
  if (schema.contains("items")) CheckStructural(schema["items"], path + "[]");
  if (schema.contains("additionalProperties")) CheckStructural(schema["additionalProperties"], path + "{}");
}

TEST(CrdTest, TheSchemasAreStructural) {
  CheckStructural(Schema(ClusterCrd()), "");
  CheckStructural(Schema(TopicCrd()), "");
}

TEST(CrdTest, BothAreSmall) {
  const size_t bytes = ToYaml(ClusterCrd()).size() + ToYaml(TopicCrd()).size();
  RecordProperty("bytes", static_cast<int>(bytes));
  EXPECT_LE(bytes, kMaxCrdBytes);
  EXPECT_GE(bytes, 10'000u);
}

TEST(CrdTest, ScalesBrokers) {
  EXPECT_EQ(ClusterCrd()["spec"]["versions"][0]["subresources"]["scale"]["specReplicasPath"],
            ".spec.brokers");
}

TEST(CrdTest, RefusesEveryOwnedConfigKey) {
  const Json crd = ClusterCrd();
  const std::string rules =
      Schema(crd)["properties"]["spec"]["properties"]["config"]["x-kubernetes-validations"].dump();
  size_t keys = 0;
  for (const OwnedConfig& owned : OwnedBrokerConfig()) {
    for (const std::string_view key : owned.keys) {
      EXPECT_THAT(rules, HasSubstr("'" + std::string(key) + "'"));
      EXPECT_EQ(FindOwnedBrokerConfig(key), &owned);
      ++keys;
    }
  }
  EXPECT_GT(keys, 15u);
  EXPECT_EQ(FindOwnedBrokerConfig("num.partitions"), nullptr);
}

}  // namespace
}  // namespace dohle::api
