#include "operator/k8s/object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dohle::k8s {
namespace {

using ::testing::HasSubstr;

Json Parsed(std::string_view text) {
  StatusOr<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << json.status();
  return json.ok() ? *json : Json();
}

TEST(ReadMetaTest, ReadsWhatTheOperatorLooksAt) {
  const Json object = Parsed(R"({"metadata": {
    "name": "a", "namespace": "n", "uid": "u1", "resourceVersion": "17", "generation": 3,
    "creationTimestamp": "2026-11-21T12:00:00Z", "deletionTimestamp": "2026-11-21T12:00:01Z",
    "labels": {"b": "2", "a/x.y": "1"}, "annotations": {"k": "v"}, "finalizers": ["f1", "f2"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "o1"},
                        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "o2", "controller": true}],
    "managedFields": [{"anything": 1}]}})");
  const StatusOr<ObjectMeta> meta = ReadMeta(object);
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->name, (ObjectName{"n", "a"}));
  EXPECT_EQ(meta->uid, "u1");
  EXPECT_EQ(meta->resource_version, "17");
  EXPECT_EQ(meta->generation, 3);
  EXPECT_EQ(meta->creation_time_ms, 1795262400000);
  EXPECT_EQ(meta->deletion_time_ms, 1795262401000);
  EXPECT_TRUE(meta->deleting());
  EXPECT_EQ(meta->Label("a/x.y"), "1");
  EXPECT_EQ(meta->Label("b"), "2");
  EXPECT_EQ(meta->Label("bb"), "");
  EXPECT_EQ(meta->Annotation("k"), "v");
  EXPECT_TRUE(meta->HasFinalizer("f2"));
  EXPECT_FALSE(meta->HasFinalizer("f"));
  EXPECT_FALSE(meta->ControlledBy("o1"));
  EXPECT_TRUE(meta->ControlledBy("o2"));
}

TEST(ReadMetaTest, TakesNullForUnset) {
  const StatusOr<ObjectMeta> meta = ReadMeta(Parsed(
      R"({"metadata": {"name": "a", "creationTimestamp": null, "labels": null, "finalizers": null}})"));
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->creation_time_ms, 0);
  EXPECT_FALSE(meta->deleting());
  EXPECT_EQ(meta->name.ns, "");
}

TEST(ReadMetaTest, RefusesOtherTypesAndNamesTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", "without metadata"},
      {R"({"metadata": 1})", "without metadata"},
      {R"({"metadata": {}})", "metadata.name"},
      {R"({"metadata": {"name": ""}})", "metadata.name"},
      {R"({"metadata": {"name": 5}})", "metadata.name"},
      {R"({"metadata": {"name": "a", "generation": "1"}})", "metadata.generation"},
      {R"({"metadata": {"name": "a", "generation": 18446744073709551615}})", "metadata.generation"},
      {R"({"metadata": {"name": "a", "generation": 1.5}})", "metadata.generation"},
      {R"({"metadata": {"name": "a", "creationTimestamp": "yesterday"}})", "metadata.creationTimestamp"},
      {R"({"metadata": {"name": "a", "deletionTimestamp": 4}})", "metadata.deletionTimestamp"},
      {R"({"metadata": {"name": "a", "labels": ["x"]}})", "metadata.labels"},
      {R"({"metadata": {"name": "a", "labels": {"x": 1}}})", "metadata.labels"},
      {R"({"metadata": {"name": "a", "finalizers": "x"}})", "metadata.finalizers"},
      {R"({"metadata": {"name": "a", "finalizers": [1]}})", "metadata.finalizers"},
      {R"({"metadata": {"name": "a", "ownerReferences": {}}})", "metadata.ownerReferences"},
      {R"({"metadata": {"name": "a", "ownerReferences": [1]}})", "metadata.ownerReferences"},
      {R"({"metadata": {"name": "a", "ownerReferences": [{"uid": 1}]}})", "metadata.uid"},
      {R"({"metadata": {"name": "a", "ownerReferences": [{"controller": 1}]}})",
       "ownerReferences.controller"},
  };
  for (const auto& [text, wanted] : cases) {
    const StatusOr<ObjectMeta> meta = ReadMeta(Parsed(text));
    EXPECT_EQ(meta.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(Message(meta.status())), HasSubstr(wanted)) << text;
  }
}

TEST(FindTest, WalksObjectsOnly) {
  const Json object =
      Parsed(R"({"a": {"b": {"c": 7, "s": "x", "t": true, "big": 18446744073709551615}}, "l": [1],
                                "n": null})");
  ASSERT_NE(Find(object, "a.b.c"), nullptr);
  EXPECT_EQ(Find(object, "a.b.c.d"), nullptr);
  EXPECT_EQ(Find(object, "a.x"), nullptr);
  EXPECT_EQ(Find(object, ""), nullptr);
  EXPECT_EQ(Find(object, "a."), nullptr);
  EXPECT_EQ(Find(object, "l.0"), nullptr);
  EXPECT_EQ(Find(Json(5), "a"), nullptr);
  EXPECT_EQ(FindInt(object, "a.b.c", -1), 7);
  EXPECT_EQ(FindInt(object, "a.b.big", -1), -1);
  EXPECT_EQ(FindInt(object, "a.b.s", -1), -1);
  EXPECT_EQ(FindInt(object, "n", -1), -1);
  EXPECT_EQ(FindString(object, "a.b.s"), "x");
  EXPECT_EQ(FindString(object, "a.b.c", "other"), "other");
  EXPECT_TRUE(FindBool(object, "a.b.t", false));
  EXPECT_TRUE(FindBool(object, "a.b.u", true));
}

TEST(TimeTest, FormatsAndParses) {
  EXPECT_EQ(FormatTime(1795262400123), "2026-11-21T12:00:00Z");
  EXPECT_EQ(FormatMicroTime(1795262400123), "2026-11-21T12:00:00.123000Z");
  for (const int64_t ms : {int64_t{0}, int64_t{999}, int64_t{1795262400123}, int64_t{253402300799999}}) {
    const StatusOr<int64_t> parsed = ParseTime(FormatMicroTime(ms));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, ms);
  }
  EXPECT_EQ(*ParseTime("2026-11-21T14:00:00.5+02:00"), 1795262400500);
  for (const char* text : {"", "2026-11-21", "2026-11-21T12:00:00", "infinite-future",
                           " 2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z ", "2026-11-21 12:00:00Z",
                           "2026-13-21T12:00:00Z", "12026-11-21T12:00:00Z", "2026-11-21T12:00:00ZZ"}) {
    EXPECT_EQ(ParseTime(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(NewObjectTest, HasANamespaceOnlyIfItsKindHas) {
  EXPECT_EQ(NewObject(kTopics, {"n", "t"}), Parsed(R"({"apiVersion": "dohle.dev/v1alpha1", "kind": "Topic",
                                                       "metadata": {"name": "t", "namespace": "n"}})"));
  EXPECT_EQ(NewObject(kNodes, {"", "x"}),
            Parsed(R"({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}})"));
}

TEST(ParseJsonTest, SaysWhereItWentWrong) {
  const StatusOr<Json> json = ParseJson("{\"a\": 1,\n \"b\": nul}");
  EXPECT_EQ(json.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Message(json.status())), HasSubstr("line 2, column 10"));
  for (const char* text : {"", "{", "[1,]", "{} {}", "\"\xff\"", "{\"a\"}", "\"\\", "1e999"}) {
    EXPECT_EQ(ParseJson(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  const StatusOr<Json> long_token = ParseJson("[" + std::string(100000, 'x'));
  EXPECT_LT(Message(long_token.status()).size(), 400u);
}

TEST(ParseJsonTest, BoundsNesting) {
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(65, '[') + std::string(65, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(1000000, '[')).ok());
  EXPECT_TRUE(ParseJson("\"" + std::string(1000, '[') + R"(\"[\\")").ok());
  EXPECT_TRUE(ParseJson("[" + std::string(1000, ' ') + "[], {}, [{}], [[]]]").ok());
}

}  // namespace
}  // namespace dohle::k8s
