#include "operator/local/schema_validator.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dohle::local {
namespace {

using k8s::Json;

const char* kDefinition =
    R"json({"metadata": {"name": "topics.dohle.dev"}, "spec": {"versions": [{"name": "v1alpha1",
  "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
    "metadata": {"type": "object"},
    "spec": {"type": "object", "required": ["partitions"], "properties": {
      "partitions": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100,
        "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "can only grow"}]},
      "replicas": {"type": "integer", "default": 1},
      "ratio": {"type": "number", "exclusiveMinimum": true, "minimum": 0},
      "policy": {"type": "string", "enum": ["Delete", "Retain"], "default": "Delete"},
      "topicName": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$"},
      "port": {"x-kubernetes-int-or-string": true},
      "anything": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
      "config": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}},
      "probe": {"type": "object", "default": {}, "properties": {"period": {"type": "integer", "default": 5}}},
      "note": {"type": "string", "nullable": true},
      "listeners": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object", "properties": {
          "name": {"type": "string"}, "port": {"type": "integer", "default": 9092},
          "class": {"type": "string",
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "can't change"}]}}}}},
      "x-kubernetes-validations": [{"rule": "!has(self.ratio) || self.partitions > 1",
        "messageExpression": "'a ratio needs more than ' + string(self.partitions)", "message": "x"}]},
    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]}})json";

class SchemaValidatorTest : public testing::Test {
 protected:
  std::string Faults(const std::string& spec, const std::string& before = "") {
    Json object = {{"metadata", {{"name", "a"}, {"labels", {{"x", "y"}}}}}, {"spec", Json::parse(spec)}};
    Json former;
    if (!before.empty()) former = {{"metadata", {{"name", "a"}}}, {"spec", Json::parse(before)}};
    const std::vector<FieldFault> faults = validator_.Admit(object, before.empty() ? nullptr : &former);
    admitted_ = object["spec"];
    std::string text;
    for (const FieldFault& fault : faults) text += fault.path + ": " + fault.message + "\n";
    return text;
  }

  const SchemaValidator validator_ =
      SchemaValidator::FromDefinition(Json::parse(kDefinition), "v1alpha1").value();
  Json admitted_;
};

TEST_F(SchemaValidatorTest, SetsDefaults) {
  EXPECT_EQ(Faults(R"({"partitions": 1, "replicas": null, "listeners": [{"name": "a"}]})"), "");
  EXPECT_EQ(admitted_, Json::parse(R"({"partitions": 1, "replicas": 1, "policy": "Delete",
      "probe": {"period": 5}, "listeners": [{"name": "a", "port": 9092}]})"));
}

TEST_F(SchemaValidatorTest, HoldsTheForm) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "spec.partitions: Required value\n"},
      {R"({"partitions": "1"})",
       "spec.partitions: Invalid value: \"1\": must be of type integer: \"string\"\n"},
      {R"({"partitions": 1.5})",
       "spec.partitions: Invalid value: 1.5: must be of type integer: \"number\"\n"},
      {R"({"partitions": 0})", "spec.partitions: Invalid value: 0: should be greater than or equal to 1\n"},
      {R"({"partitions": 101})",
       "spec.partitions: Invalid value: 101: should be less than or equal to 100\n"},
      {R"({"partitions": 2, "ratio": 0})", "spec.ratio: Invalid value: 0: should be greater than 0\n"},
      {R"({"partitions": 1, "policy": "Keep"})",
       "spec.policy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Retain\"\n"},
      {R"({"partitions": 1, "topicName": "a"})",
       "spec.topicName: Invalid value: \"a\": should be at least 2 chars long\n"},
      {R"({"partitions": 1, "topicName": "abcdef"})",
       "spec.topicName: Too long: may not be more than 5 bytes\n"},
      {R"({"partitions": 1, "topicName": "a1"})",
       "spec.topicName: Invalid value: \"a1\": should match '^[a-z]+$'\n"},
      {R"({"partitions": 1, "port": true})",
       "spec.port: Invalid value: true: must be of type integer or string: \"boolean\"\n"},
      {R"({"partitions": 1, "config": {"a": 1}})",
       "spec.config.a: Invalid value: 1: must be of type string: \"number\"\n"},
      {R"({"partitions": 1, "config": {"a": "", "b": "", "c": ""}})",
       "spec.config: Too many: 3: must have at most 2 items\n"},
      {R"({"partitions": 1, "listeners": [{"name": "a"}, {"name": "a"}]})",
       "spec.listeners[1]: Duplicate value: {\"name\":\"a\"}\n"},
      {R"({"partitions": 1, "listeners": [{"name": "a", "ports": 1}]})",
       "spec.listeners[0].ports: unknown field, did you mean port?\n"},
      {R"({"partitions": 1, "zzzzzzzzz": 1})", "spec.zzzzzzzzz: unknown field\n"},
      {R"({"partitions": 1, "anything": {"x": [1]}, "port": "80", "note": null})", ""},
      {R"({"partitions": 1, "anything": null})",
       "spec.anything: Invalid value: null: must be of type object: \"null\"\n"},
  };
  for (const auto& [spec, expected] : cases) EXPECT_EQ(Faults(spec), expected) << spec;
}

TEST_F(SchemaValidatorTest, HoldsTheRules) {
  EXPECT_EQ(Faults(R"({"partitions": 2})", R"({"partitions": 3})"),
            "spec.partitions: Invalid value: 2: can only grow\n");
  EXPECT_EQ(Faults(R"({"partitions": 3})", R"({"partitions": 3})"), "");
  EXPECT_EQ(Faults(R"({"partitions": 1, "ratio": 1})"),
            "spec: Invalid value: \"object\": a ratio needs more than 1\n");
  // Items are who they were by their keys, wherever they stand.
  const char* before =
      R"({"partitions": 1, "listeners": [{"name": "a", "class": "x"}, {"name": "b", "class": "y"}]})";
  EXPECT_EQ(
      Faults(R"({"partitions": 1, "listeners": [{"name": "b", "class": "y"}, {"name": "c", "class": "z"}]})",
             before),
      "");
  EXPECT_EQ(Faults(R"({"partitions": 1, "listeners": [{"name": "b", "class": "z"}]})", before),
            "spec.listeners[0].class: Invalid value: \"z\": can't change\n");
}

TEST_F(SchemaValidatorTest, AnUnknownFieldThatIsStoredStays) {
  EXPECT_EQ(Faults(R"({"partitions": 1, "former": 2})", R"({"partitions": 1, "former": 1})"), "");
}

TEST_F(SchemaValidatorTest, IsARuleOfTheStore) {
  Json object = {{"spec", {{"partitions", 0}, {"polcy", "Delete"}}}};
  const Status status = validator_.Rule()(object, nullptr);
  EXPECT_EQ(Message(status),
            "[spec.partitions: Invalid value: 0: should be greater than or equal to 1, spec.polcy: unknown "
            "field, did you mean policy?]");
  const std::vector<FieldFault> faults = FaultsOf(WithMessage(status, "other"));
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[1].path, "spec.polcy");
}

TEST_F(SchemaValidatorTest, RefusesADefinitionThatItCannotHold) {
  EXPECT_FALSE(SchemaValidator::FromDefinition(Json::object(), "v1").ok());
  EXPECT_FALSE(SchemaValidator::FromDefinition(Json::parse(kDefinition), "v2").ok());
  Json bad = Json::parse(kDefinition);
  bad["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"][0]
     ["rule"] = "self +";
  EXPECT_EQ(Message(SchemaValidator::FromDefinition(bad, "v1alpha1").status()),
            "openAPIV3Schema.properties.spec: self +: CEL, character 7: it ends too early");
}

}  // namespace
}  // namespace dohle::local
