#include "operator/local/manifest_directory.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/k8s/object.h"
#include "operator/local/field_fault.h"
#include "operator/local/testing/store_fixture.h"

namespace dohle::local {
namespace {

using k8s::Json;

std::string Topic(const std::string& name, int partitions) {
  return fmt::format(
      "apiVersion: dohle.dev/v1alpha1\nkind: Topic\nmetadata:\n  name: {}\nspec:\n  partitions: {}\n", name,
      partitions);
}

class ManifestDirectoryTest : public StoreTest {
 protected:
  ManifestDirectoryTest() { Begin(); }

  void Begin() {
    store().AddRule(k8s::kTopics, [](Json& object, const Json*) {
      if (k8s::FindInt(object, "spec.partitions", 0) > 0) return OkStatus();
      return StatusOf({{"spec.partitions", "Invalid value: 0: should be greater than or equal to 1"}});
    });
    manifests_ = std::make_unique<ManifestDirectory>(node().env(), store(), "/manifests",
                                                     [this](const std::vector<ManifestFault>& faults) {
                                                       told_.clear();
                                                       for (const ManifestFault& fault : faults)
                                                         told_ += ToString(fault) + "\n";
                                                     });
  }
  void Write(const std::string& file, const std::string& text) {
    ASSERT_TRUE(node().env().file_system.CreateDirectories("/manifests").ok());
    ASSERT_TRUE(node().env().file_system.WriteWhole("/manifests/" + file, text).ok());
  }
  void Synchronise() {
    const auto run = [](ManifestDirectory* manifests) -> env::Task<bool> {
      co_await manifests->Synchronise();
      co_return true;
    };
    EXPECT_TRUE(Do(run(manifests_.get())));
    world().RunFor(absl::Milliseconds(10));  // so that the next file has another time
  }
  // "NAME=PARTITIONS ..."
  std::string Topics() {
    std::string topics;
    const k8s::ListPage page = Do(store().List(k8s::kTopics, {})).value();
    for (const Json& topic : page.items)
      topics += fmt::format("{}={} ", k8s::FindString(topic, "metadata.name"),
                            k8s::FindInt(topic, "spec.partitions", 0));
    return topics;
  }

  std::unique_ptr<ManifestDirectory> manifests_;
  std::string told_;
};

TEST_F(ManifestDirectoryTest, TheStoreFollowsTheDirectory) {
  Synchronise();
  EXPECT_NE(told_, "") << "there is no directory";
  Write("a.yaml", Topic("a", 1) + "---\n" + Topic("b", 2));
  Write("note.txt", "x: [");
  Synchronise();
  EXPECT_EQ(Topics(), "a=1 b=2 ");
  EXPECT_EQ(told_, "");
  Write("a.yaml", Topic("a", 3));
  Write("c.yml", Topic("c", 1));
  Synchronise();
  EXPECT_EQ(Topics(), "a=3 c=1 ");
  ASSERT_TRUE(node().env().file_system.Remove("/manifests/a.yaml").ok());
  Synchronise();
  EXPECT_EQ(Topics(), "c=1 ");
}

TEST_F(ManifestDirectoryTest, OthersObjectsAndFieldsStay) {
  Json other = k8s::NewObject(k8s::kTopics, {"default", "other"});
  other["spec"]["partitions"] = 5;
  ASSERT_TRUE(Do(store().Create(k8s::kTopics, other)).ok());
  Write("a.yaml", Topic("a", 1));
  Synchronise();
  const Json patch = {{"metadata", {{"labels", {{"theirs", "yes"}}}}}};
  ASSERT_TRUE(Do(store().MergePatch(k8s::kTopics, {"default", "a"}, patch, k8s::Subresource::kNone)).ok());
  Write("a.yaml", Topic("a", 2));
  Synchronise();
  EXPECT_EQ(Topics(), "a=2 other=5 ");
  const Json stored = Do(store().Get(k8s::kTopics, {"default", "a"})).value();
  EXPECT_EQ(stored["metadata"]["labels"]["theirs"], "yes");
}

TEST_F(ManifestDirectoryTest, TellsMistakesWithFileLineAndField) {
  Write("a.yaml", Topic("a", 0) + "---\n" + Topic("b", 2) +
                      "---\nx: [\n---\nkind: Pod\n---\napiVersion: v1\nkind: Thing\n---\n" + Topic("Big", 1));
  Write("b.yaml", "\n" + Topic("b", 3));
  Synchronise();
  EXPECT_EQ(Topics(), "b=2 ");
  const std::string expected[] = {
      "a.yaml:6: spec.partitions: Invalid value: 0: should be greater than or equal to 1\n",
      "a.yaml:16: not YAML: ",
      "a.yaml:17: apiVersion: Required value\n",
      "a.yaml:20: kind: no kind Thing in v1 is known here",
      "a.yaml:25: metadata.name: Invalid value: \"Big\": a name is lower case",
      "b.yaml:5: metadata.name: is in a.yaml:8 already: keep one of the two\n"};
  for (const std::string& line : expected) EXPECT_NE(told_.find(line), std::string::npos) << line << told_;
  // What is mended is applied, and what the file says no more is deleted only now.
  Write("a.yaml", Topic("a", 1));
  Synchronise();
  EXPECT_EQ(told_, "");
  EXPECT_EQ(Topics(), "a=1 b=3 ");
}

TEST_F(ManifestDirectoryTest, AMistakeDeletesNothing) {
  Write("a.yaml", Topic("a", 1) + "---\n" + Topic("b", 1));
  Synchronise();
  Write("a.yaml", Topic("a", 2) + "---\nkind: [\n");
  Synchronise();
  EXPECT_EQ(Topics(), "a=2 b=1 ");
}

TEST_F(ManifestDirectoryTest, WhatVanishedWhileNobodyLookedIsDeleted) {
  Write("a.yaml", Topic("a", 1));
  Write("b.yaml", Topic("b", 1));
  Synchronise();
  Restart();
  Begin();
  ASSERT_TRUE(node().env().file_system.Remove("/manifests/a.yaml").ok());
  Synchronise();
  EXPECT_EQ(Topics(), "b=1 ");
}

TEST_F(ManifestDirectoryTest, WatchesByItself) {
  env::Spawn(executor(), manifests_->Run());
  Write("a.yaml", Topic("a", 1));
  world().RunFor(absl::Seconds(1));
  EXPECT_EQ(Topics(), "a=1 ");
  manifests_->Stop();
  Write("a.yaml", Topic("a", 2));
  world().RunFor(absl::Seconds(5));
  EXPECT_EQ(Topics(), "a=1 ");
}

}  // namespace
}  // namespace dohle::local
