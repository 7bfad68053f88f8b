#include "operator/local/field_ownership.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dohle::local {
namespace {

using k8s::Json;

TEST(FieldOwnership, MergesListsByTheirKeys) {
  const Json live = Json::parse(R"({"spec":{"containers":[
      {"name":"a","image":"1","ports":[{"containerPort":1,"protocol":"TCP","name":"x"}],
       "env":[{"name":"E","value":"1"}]},
      {"name":"b","image":"1"}], "args":["1","2"]}})");
  const Json applied = Json::parse(R"({"spec":{"containers":[
      {"name":"a","image":"2","ports":[{"containerPort":1,"hostPort":5},{"containerPort":2}]}],
      "args":["3"]}})");
  EXPECT_EQ(MergeFields(live, applied), Json::parse(R"({"spec":{"containers":[
      {"name":"a","image":"2","ports":[{"containerPort":1,"protocol":"TCP","name":"x","hostPort":5},{"containerPort":2}],
       "env":[{"name":"E","value":"1"}]},
      {"name":"b","image":"1"}], "args":["3"]}})"));
}

TEST(FieldOwnership, AnItemWithoutItsKeyMakesTheListAWhole) {
  const Json live = Json::parse(R"({"status":{"conditions":[{"type":"Ready","status":"True"}]}})");
  const Json applied = Json::parse(R"({"status":{"conditions":[{"status":"False"}]}})");
  EXPECT_EQ(MergeFields(live, applied), applied);
}

TEST(FieldOwnership, FinalizersAreASet) {
  const Json live = Json::parse(R"({"metadata":{"finalizers":["a","b"]}})");
  const Json applied = Json::parse(R"({"metadata":{"finalizers":["c","b"]}})");
  EXPECT_EQ(MergeFields(live, applied), Json::parse(R"({"metadata":{"finalizers":["c","b","a"]}})"));
}

TEST(FieldOwnership, RemovesWhatIsNamedNoMore) {
  Json live = Json::parse(R"({"a":{"x":1,"y":2},"b":{"z":3},"spec":{"containers":[
      {"name":"a","image":"1","defaulted":true},{"name":"b"}]}})");
  const Json previous = Json::parse(R"({"a":{"x":1,"y":2},"b":{"z":3},"spec":{"containers":[
      {"name":"a","image":"1"},{"name":"b"}]}})");
  const Json next = Json::parse(R"({"a":{"x":1},"spec":{"containers":[{"name":"b"}]}})");
  RemoveFields(live, previous, next, {Json::parse(R"({"b":{"z":3}})")});
  EXPECT_EQ(live, Json::parse(R"({"a":{"x":1},"b":{"z":3},"spec":{"containers":[{"name":"b"}]}})"));
}

TEST(FieldOwnership, WhatIsEmptyAfterwardsGoesToo) {
  Json live = Json::parse(R"({"spec":{"resources":{"limits":{"cpu":"1"}}}})");
  RemoveFields(live, live, Json::parse(R"({"spec":{}})"), {});
  EXPECT_EQ(live, Json::parse(R"({"spec":{}})"));
}

TEST(FieldOwnership, TellsWhatItTakesOver) {
  Json other = Json::parse(R"({"spec":{"n":1,"m":2,"containers":[{"name":"a","image":"1"}]}})");
  const Json applied = Json::parse(R"({"spec":{"n":2,"m":2,"containers":[{"name":"a","image":"2"}]}})");
  EXPECT_EQ(TakeOver(other, applied), (std::vector<std::string>{".spec.containers.image", ".spec.n"}));
  EXPECT_EQ(other, Json::parse(R"({"spec":{"m":2,"containers":[{"name":"a"}]}})"));
}

TEST(FieldOwnership, AStructThatNobodyNamesGoesWithItsDefaultsAMapKeepsWhatOthersPutIn) {
  Json live = Json::parse(R"({"spec":{"grow":{"max":1,"percent":80},"config":{"a":"1","b":"2"}}})");
  const Json previous = Json::parse(R"({"spec":{"grow":{"max":1},"config":{"a":"1"}}})");
  RemoveFields(live, previous, Json::parse(R"({"spec":{}})"), {});
  EXPECT_EQ(live, Json::parse(R"({"spec":{"config":{"b":"2"}}})"));
  live = Json::parse(R"({"spec":{"grow":{"max":1,"percent":90}}})");
  RemoveFields(live, previous, Json::parse(R"({"spec":{}})"),
               {Json::parse(R"({"spec":{"grow":{"percent":90}}})")});
  EXPECT_EQ(live, Json::parse(R"({"spec":{"grow":{"percent":90}}})"));
}

}  // namespace
}  // namespace dohle::local
