#include "operator/local/api_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"
#include "operator/k8s/object.h"
#include "operator/local/testing/store_fixture.h"

namespace dohle::local {
namespace {

using k8s::Json;
using k8s::Subresource;
using k8s::WatchEvent;
using testing::HasSubstr;

Json ConfigMap(const std::string& name, Json data = Json::object()) {
  Json object = k8s::NewObject(k8s::kConfigMaps, {"default", name});
  object["data"] = std::move(data);
  return object;
}

Json Topic(const std::string& name, int partitions) {
  Json object = k8s::NewObject(k8s::kTopics, {"default", name});
  object["spec"] = {{"partitions", partitions}};
  return object;
}

class ApiStoreTest : public StoreTest {};

TEST_F(ApiStoreTest, WritesWhatOnlyTheServerKnows) {
  Json sent = Topic("a", 1);
  sent["metadata"]["uid"] = "mine";
  sent["status"] = {{"partitions", 9}};
  const Json made = Do(store().Create(k8s::kTopics, sent)).value();
  EXPECT_EQ(k8s::FindString(made, "metadata.uid").size(), 36u);
  EXPECT_NE(k8s::FindString(made, "metadata.uid"), "mine");
  EXPECT_EQ(k8s::FindInt(made, "metadata.generation", 0), 1);
  EXPECT_TRUE(k8s::ParseTime(k8s::FindString(made, "metadata.creationTimestamp")).ok());
  EXPECT_FALSE(made.contains("status"));
  EXPECT_EQ(Do(store().Create(k8s::kTopics, sent)).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Do(store().Get(k8s::kTopics, {"default", "a"})).value(), made);
  EXPECT_EQ(Do(store().Get(k8s::kTopics, {"default", "b"})).status().code(), StatusCode::kNotFound);
}

TEST_F(ApiStoreTest, GenerationFollowsTheSpecOnly) {
  Json topic = Do(store().Create(k8s::kTopics, Topic("a", 1))).value();
  topic["status"] = {{"partitions", 1}};
  topic["spec"]["partitions"] = 7;
  Json with_status = Do(store().Replace(k8s::kTopics, topic, Subresource::kStatus)).value();
  EXPECT_EQ(k8s::FindInt(with_status, "metadata.generation", 0), 1);
  EXPECT_EQ(k8s::FindInt(with_status, "spec.partitions", 0), 1)
      << "the status subresource changes the status";
  const Json patch = {{"spec", {{"partitions", 2}}}, {"status", nullptr}};
  const Json patched =
      Do(store().MergePatch(k8s::kTopics, {"default", "a"}, patch, Subresource::kNone)).value();
  EXPECT_EQ(k8s::FindInt(patched, "metadata.generation", 0), 2);
  EXPECT_EQ(k8s::FindInt(patched, "status.partitions", 0), 1) << "other writes leave the status alone";
  const Json labels = {{"metadata", {{"labels", {{"a", "b"}}}}}};
  const Json labelled =
      Do(store().MergePatch(k8s::kTopics, {"default", "a"}, labels, Subresource::kNone)).value();
  EXPECT_EQ(k8s::FindInt(labelled, "metadata.generation", 0), 2);
}

TEST_F(ApiStoreTest, SomebodyElsesChangeIsNotOverwritten) {
  const Json first = Do(store().Create(k8s::kConfigMaps, ConfigMap("a", {{"x", "1"}}))).value();
  Json second = first;
  second["data"]["x"] = "2";
  ASSERT_TRUE(Do(store().Replace(k8s::kConfigMaps, second, Subresource::kNone)).ok());
  EXPECT_EQ(Do(store().Replace(k8s::kConfigMaps, first, Subresource::kNone)).status().code(),
            StatusCode::kAborted);
  k8s::DeleteOptions options;
  options.resource_version = k8s::FindString(first, "metadata.resourceVersion");
  EXPECT_EQ(Do(store().Delete(k8s::kConfigMaps, {"default", "a"}, options)).code(), StatusCode::kAborted);
  options = {};
  options.uid = "other";
  EXPECT_EQ(Do(store().Delete(k8s::kConfigMaps, {"default", "a"}, options)).code(), StatusCode::kAborted);
}

TEST_F(ApiStoreTest, AWriteThatChangesNothingIsNone) {
  const k8s::ApplyOptions manager{"one"};
  const Json first = Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"x", "1"}}), manager)).value();
  const Json again = Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"x", "1"}}), manager)).value();
  EXPECT_EQ(first, again);
}

TEST_F(ApiStoreTest, AppliersOwnTheirFields) {
  const k8s::ApplyOptions one{"one"};
  const k8s::ApplyOptions two{"two"};
  const k8s::ApplyOptions polite{"three", false};
  ASSERT_TRUE(Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"x", "1"}, {"y", "1"}}), one)).ok());
  ASSERT_TRUE(Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"y", "1"}, {"z", "2"}}), two)).ok());
  const auto refused = Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"z", "3"}}), polite));
  EXPECT_EQ(refused.status().code(), StatusCode::kAborted);
  EXPECT_THAT(std::string(Message(refused.status())), HasSubstr("\"two\": .data.z"));
  // y is still the other's, x is nobody's any more.
  const Json less = Do(store().Apply(k8s::kConfigMaps, ConfigMap("a"), one)).value();
  EXPECT_EQ(less["data"], (Json{{"y", "1"}, {"z", "2"}}));
  // Who takes a field over owns it: the former owner can't remove it.
  ASSERT_TRUE(Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"z", "9"}}), one)).ok());
  const Json left = Do(store().Apply(k8s::kConfigMaps, ConfigMap("a"), two)).value();
  EXPECT_EQ(left["data"], (Json{{"z", "9"}}));
}

TEST_F(ApiStoreTest, UnknownKindsAndBadNamesAreRefusedWithASentence) {
  k8s::Resource unknown{"apps", "v1", "StatefulSet", "statefulsets"};
  const auto no_kind = Do(store().Apply(unknown, k8s::NewObject(unknown, {"default", "a"}), {"one"}));
  EXPECT_EQ(no_kind.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(Message(no_kind.status())), HasSubstr("statefulsets of apps/v1"));
  const auto bad = Do(store().Create(k8s::kConfigMaps, ConfigMap("Big_Name")));
  EXPECT_EQ(bad.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Message(bad.status())), HasSubstr("metadata.name: Invalid value: \"Big_Name\""));
}

TEST_F(ApiStoreTest, RulesCompleteAndRefuse) {
  store().AddRule(k8s::kTopics, [](Json& object, const Json* before) -> Status {
    if (before == nullptr) object["spec"]["replicas"] = 3;
    if (before != nullptr && object["spec"]["partitions"] < (*before)["spec"]["partitions"])
      return MakeStatus(StatusCode::kInvalidArgument, "spec.partitions: can only grow");
    return OkStatus();
  });
  const Json made = Do(store().Create(k8s::kTopics, Topic("a", 3))).value();
  EXPECT_EQ(k8s::FindInt(made, "spec.replicas", 0), 3);
  const auto refused = Do(store().Apply(k8s::kTopics, Topic("a", 1), {"one"}));
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Message(refused.status()), "Topic \"a\" is invalid: spec.partitions: can only grow");
}

TEST_F(ApiStoreTest, ScalesTheField) {
  Json cluster = k8s::NewObject(k8s::kClusters, {"default", "c"});
  cluster["spec"] = {{"brokers", 1}};
  ASSERT_TRUE(Do(store().Create(k8s::kClusters, cluster)).ok());
  const Json patch = {{"spec", {{"replicas", 3}}}};
  const Json scaled =
      Do(store().MergePatch(k8s::kClusters, {"default", "c"}, patch, Subresource::kScale)).value();
  EXPECT_EQ(k8s::FindInt(scaled, "spec.brokers", 0), 3);
}

TEST_F(ApiStoreTest, ListsInPages) {
  for (int i = 0; i < 7; ++i) {
    Json object = ConfigMap(fmt::format("a-{}", i));
    object["metadata"]["labels"] = {{"even", i % 2 == 0 ? "yes" : "no"}};
    ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, object)).ok());
  }
  k8s::ListOptions options;
  options.ns = "default";
  options.limit = 3;
  std::vector<size_t> pages;
  do {
    const k8s::ListPage page = Do(store().List(k8s::kConfigMaps, options)).value();
    pages.push_back(page.items.size());
    options.continue_token = page.continue_token;
  } while (!options.continue_token.empty());
  EXPECT_EQ(pages, (std::vector<size_t>{3, 3, 1}));
  k8s::ListOptions even;
  even.selector.labels = "even in (yes, maybe)";
  EXPECT_EQ(Do(store().List(k8s::kConfigMaps, even)).value().items.size(), 4u);
  even.selector.fields = "metadata.name=a-2";
  EXPECT_EQ(Do(store().List(k8s::kConfigMaps, even)).value().items.size(), 1u);
  even.ns = "other";
  EXPECT_TRUE(Do(store().List(k8s::kConfigMaps, even)).value().items.empty());
}

TEST_F(ApiStoreTest, WatchesResumeWhereTheyWere) {
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("a"))).ok());
  const std::string version = Do(store().List(k8s::kConfigMaps, {})).value().resource_version;
  k8s::WatchOptions options;
  options.resource_version = version;
  options.selector.labels = "!hidden";
  auto watch = Do(store().StartWatch(k8s::kConfigMaps, options)).value();
  EXPECT_EQ(Do(watch->Next(absl::Seconds(1))).status().code(), StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("b"))).ok());
  Json hidden = ConfigMap("b");
  hidden["metadata"]["labels"] = {{"hidden", "yes"}};
  ASSERT_TRUE(Do(store().Apply(k8s::kConfigMaps, hidden, {"one"})).ok());
  ASSERT_TRUE(Do(store().Delete(k8s::kConfigMaps, {"default", "a"}, {})).ok());
  std::vector<std::string> seen;
  for (int i = 0; i < 3; ++i) {
    const WatchEvent event = Do(watch->Next(absl::Seconds(1))).value();
    seen.push_back(
        fmt::format("{} {}", static_cast<int>(event.type), k8s::FindString(*event.object, "metadata.name")));
  }
  // What no longer matches is gone for who watches.
  EXPECT_EQ(seen, (std::vector<std::string>{"0 b", "2 b", "2 a"}));
  const WatchEvent bookmark = Do(watch->Next(absl::Minutes(5))).value();
  EXPECT_EQ(bookmark.type, WatchEvent::Type::kBookmark);
  EXPECT_EQ(k8s::FindString(*bookmark.object, "metadata.resourceVersion"),
            Do(store().List(k8s::kConfigMaps, {})).value().resource_version);
}

TEST_F(ApiStoreTest, AWatchWokenByAChangeAndByClose) {
  auto watch = Do(store().StartWatch(k8s::kConfigMaps, {})).value();
  std::optional<StatusOr<WatchEvent>> event;
  Start(watch->Next(absl::Hours(1)), &event);
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("a"))).ok());
  ASSERT_TRUE(world().RunUntil([&] { return event.has_value(); }, absl::Seconds(1)));
  EXPECT_EQ((*event)->type, WatchEvent::Type::kAdded);
  std::optional<StatusOr<WatchEvent>> closed;
  Start(watch->Next(absl::Hours(1)), &closed);
  watch->Close();
  ASSERT_TRUE(world().RunUntil([&] { return closed.has_value(); }, absl::Seconds(1)));
  EXPECT_EQ(closed->status().code(), StatusCode::kCancelled);
}

TEST_F(ApiStoreTest, AWatchFromTooLongAgoListsAgain) {
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("a"))).ok());
  k8s::WatchOptions options;
  options.resource_version = "2";
  auto behind = Do(store().StartWatch(k8s::kConfigMaps, options)).value();
  for (size_t i = 0; i <= kHistoryEvents; ++i) {
    ASSERT_TRUE(
        Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"i", std::to_string(i)}}), {"one"})).ok());
  }
  EXPECT_EQ(Do(behind->Next(absl::Seconds(1))).status().code(), StatusCode::kOutOfRange);
  EXPECT_EQ(Do(store().StartWatch(k8s::kConfigMaps, options)).status().code(), StatusCode::kOutOfRange);
}

TEST_F(ApiStoreTest, FinalizersHoldADeletedObject) {
  Json object = ConfigMap("a");
  object["metadata"]["finalizers"] = {"dohle.dev/topic"};
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, object)).ok());
  ASSERT_TRUE(Do(store().Delete(k8s::kConfigMaps, {"default", "a"}, {})).ok());
  const Json deleting = Do(store().Get(k8s::kConfigMaps, {"default", "a"})).value();
  EXPECT_TRUE(k8s::ReadMeta(deleting).value().deleting());
  const Json patch = {{"metadata", {{"finalizers", nullptr}}}};
  ASSERT_TRUE(Do(store().MergePatch(k8s::kConfigMaps, {"default", "a"}, patch, Subresource::kNone)).ok());
  EXPECT_EQ(Do(store().Get(k8s::kConfigMaps, {"default", "a"})).status().code(), StatusCode::kNotFound);
}

TEST_F(ApiStoreTest, APodGoesWhenWhoRunsItSaysSo) {
  Json pod = k8s::NewObject(k8s::kPods, {"default", "p"});
  pod["spec"] = {{"terminationGracePeriodSeconds", 60}};
  ASSERT_TRUE(Do(store().Create(k8s::kPods, pod)).ok());
  ASSERT_TRUE(Do(store().Delete(k8s::kPods, {"default", "p"}, {})).ok());
  const Json deleting = Do(store().Get(k8s::kPods, {"default", "p"})).value();
  EXPECT_EQ(k8s::FindInt(deleting, "metadata.deletionGracePeriodSeconds", 0), 60);
  k8s::DeleteOptions now;
  now.grace_period_s = 0;
  ASSERT_TRUE(Do(store().Delete(k8s::kPods, {"default", "p"}, now)).ok());
  EXPECT_EQ(Do(store().Get(k8s::kPods, {"default", "p"})).status().code(), StatusCode::kNotFound);
}

Json OwnedBy(Json object, const Json& owner) {
  object["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", owner["apiVersion"]},
                                                        {"kind", owner["kind"]},
                                                        {"name", owner["metadata"]["name"]},
                                                        {"uid", owner["metadata"]["uid"]},
                                                        {"controller", true}}});
  return object;
}

TEST_F(ApiStoreTest, WhatIsOwnedGoesWithItsOwner) {
  const Json owner = Do(store().Create(k8s::kTopics, Topic("owner", 1))).value();
  const Json middle = Do(store().Create(k8s::kConfigMaps, OwnedBy(ConfigMap("middle"), owner))).value();
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, OwnedBy(ConfigMap("leaf"), middle))).ok());
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("free"))).ok());
  ASSERT_TRUE(Do(store().Delete(k8s::kTopics, {"default", "owner"}, {})).ok());
  world().RunFor(absl::Seconds(1));
  const k8s::ListPage left = Do(store().List(k8s::kConfigMaps, {})).value();
  ASSERT_EQ(left.items.size(), 1u);
  EXPECT_EQ(k8s::FindString(left.items[0], "metadata.name"), "free");
  // One that is made for an owner who has gone meanwhile goes too.
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, OwnedBy(ConfigMap("late"), owner))).ok());
  world().RunFor(absl::Seconds(1));
  EXPECT_EQ(Do(store().Get(k8s::kConfigMaps, {"default", "late"})).status().code(), StatusCode::kNotFound);
}

TEST_F(ApiStoreTest, AForegroundDeletionWaitsForWhatIsOwned) {
  const Json owner = Do(store().Create(k8s::kTopics, Topic("owner", 1))).value();
  Json pod = OwnedBy(k8s::NewObject(k8s::kPods, {"default", "p"}), owner);
  ASSERT_TRUE(Do(store().Create(k8s::kPods, pod)).ok());
  k8s::DeleteOptions options;
  options.foreground = true;
  ASSERT_TRUE(Do(store().Delete(k8s::kTopics, {"default", "owner"}, options)).ok());
  world().RunFor(absl::Seconds(1));
  EXPECT_TRUE(k8s::ReadMeta(Do(store().Get(k8s::kPods, {"default", "p"})).value()).value().deleting());
  EXPECT_TRUE(Do(store().Get(k8s::kTopics, {"default", "owner"})).ok());
  k8s::DeleteOptions now;
  now.grace_period_s = 0;
  ASSERT_TRUE(Do(store().Delete(k8s::kPods, {"default", "p"}, now)).ok());
  world().RunFor(absl::Seconds(1));
  EXPECT_EQ(Do(store().Get(k8s::kTopics, {"default", "owner"})).status().code(), StatusCode::kNotFound);
}

TEST_F(ApiStoreTest, ANamespaceGoesWithWhatIsInIt) {
  ASSERT_TRUE(Do(store().Create(k8s::kNamespaces, k8s::NewObject(k8s::kNamespaces, {"", "default"}))).ok());
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("a"))).ok());
  ASSERT_TRUE(Do(store().Delete(k8s::kNamespaces, {"", "default"}, {})).ok());
  world().RunFor(absl::Seconds(1));
  EXPECT_TRUE(Do(store().List(k8s::kConfigMaps, {})).value().items.empty());
  EXPECT_TRUE(Do(store().List(k8s::kNamespaces, {})).value().items.empty());
}

TEST_F(ApiStoreTest, SurvivesAKillAndForgetsNothing) {
  ASSERT_TRUE(Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"x", "1"}, {"y", "2"}}), {"one"})).ok());
  ASSERT_TRUE(Do(store().Apply(k8s::kConfigMaps, ConfigMap("gone"), {"one"})).ok());
  ASSERT_TRUE(Do(store().Delete(k8s::kConfigMaps, {"default", "gone"}, {})).ok());
  const k8s::ListPage before = Do(store().List(k8s::kConfigMaps, {})).value();
  Restart();
  const k8s::ListPage after = Do(store().List(k8s::kConfigMaps, {})).value();
  EXPECT_EQ(after.items, before.items);
  EXPECT_EQ(after.resource_version, before.resource_version);
  // Who owned what is known too.
  const Json less = Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"x", "1"}}), {"one"})).value();
  EXPECT_EQ(less["data"], (Json{{"x", "1"}}));
}

TEST_F(ApiStoreTest, AHalfWrittenLineIsDroppedAndADamagedOneTold) {
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("a"))).ok());
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("b"))).ok());
  const std::string path = "/state/objects.log";
  env::FileSystem& files = node().env().file_system;
  const std::string whole = files.ReadWhole(path).value();
  ASSERT_TRUE(files.WriteWhole(path, whole.substr(0, whole.size() - 5)).ok());
  Restart();
  EXPECT_EQ(Do(store().List(k8s::kConfigMaps, {})).value().items.size(), 1u);
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("c"))).ok());
  Restart();
  EXPECT_EQ(Do(store().List(k8s::kConfigMaps, {})).value().items.size(), 2u);
  ASSERT_TRUE(node().disk().Corrupt(path, 20));
  const Status damaged = TryRestart();
  EXPECT_EQ(damaged.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Message(damaged)), HasSubstr("line 1 is damaged"));
}

TEST_F(ApiStoreTest, AFullDiskRefusesTheChange) {
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("a"))).ok());
  const int fault =
      node().disk().AddFault({"*objects.log", env::DiskOp::kWrite, env::DiskFaultKind::kNoSpace});
  EXPECT_EQ(Do(store().Create(k8s::kConfigMaps, ConfigMap("b"))).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(Do(store().List(k8s::kConfigMaps, {})).value().items.size(), 1u);
  node().disk().RemoveFault(fault);
  ASSERT_TRUE(Do(store().Create(k8s::kConfigMaps, ConfigMap("b"))).ok());
  Restart();
  EXPECT_EQ(Do(store().List(k8s::kConfigMaps, {})).value().items.size(), 2u);
}

TEST_F(ApiStoreTest, TheLogIsRewrittenBeforeItGrowsWithoutEnd) {
  const std::string filler(100'000, 'x');
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(
        Do(store().Apply(k8s::kConfigMaps, ConfigMap("a", {{"i", std::to_string(i) + filler}}), {"one"}))
            .ok());
  }
  const std::string log = node().env().file_system.ReadWhole("/state/objects.log").value();
  EXPECT_LT(log.size(), 20'000'000u);
  Restart();
  EXPECT_THAT(Do(store().Get(k8s::kConfigMaps, {"default", "a"})).value()["data"]["i"].get<std::string>(),
              HasSubstr("299x"));
}

}  // namespace
}  // namespace dohle::local
