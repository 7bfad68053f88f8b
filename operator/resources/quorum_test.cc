#include "operator/resources/quorum.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lib/base/uuid.h"
#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

constexpr char kUid[] = "0f0e0d0c-0b0a-4908-8706-050403020100";

TEST(QuorumTest, OneThreeOrFiveVote) {
  const std::vector<int32_t> voters = {1, 1, 3, 3, 3, 3, 5, 5};
  for (int32_t brokers = 1; brokers <= 8; ++brokers)
    EXPECT_EQ(VotersAmong(brokers), voters[static_cast<size_t>(brokers - 1)]) << brokers;
  EXPECT_EQ(VotersAmong(100), 5);
}

TEST(QuorumTest, ANewOneIsDynamicAndAllAreControllers) {
  const Quorum quorum = NewQuorum(kUid, 3);
  EXPECT_EQ(quorum.founders, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_TRUE(quorum.dynamic() && !quorum.standalone() && !quorum.formed);
  EXPECT_TRUE(quorum.IsController(7));
  EXPECT_FALSE(quorum.IsFounder(3));
  const Quorum fixed{3, quorum.cluster_id, {}, false};
  EXPECT_TRUE(fixed.IsController(2) && !fixed.IsController(3) && !fixed.dynamic() && !fixed.standalone());
  EXPECT_TRUE(Quorum{}.standalone());
}

TEST(QuorumTest, EachFounderHasADirectoryOfItsOwn) {
  std::set<std::string> seen;
  for (const char* cluster : {"Dw4NDAsKSQiHBgUEAwIBAA", "Dw4NDAsKSQiHBgUEAwIBAQ"}) {
    for (int32_t id = 0; id < 100; ++id) {
      const std::string directory = FounderDirectory(cluster, id);
      EXPECT_TRUE(Uuid::Parse(directory) && !directory.starts_with('-')) << directory;
      EXPECT_TRUE(seen.insert(directory).second) << directory;
    }
  }
  // The same in every build: a founder that starts again before it is formatted has it still.
  EXPECT_EQ(FounderDirectory("Dw4NDAsKSQiHBgUEAwIBAA", 0), "x_jL2o_sRJCFLyumb83YHQ");
}

TEST(QuorumTest, IdsAreReadAndWritten) {
  EXPECT_EQ(ParseIds("0, 2,17"), (std::vector<int32_t>{0, 2, 17}));
  EXPECT_EQ(ParseIds(""), (std::vector<int32_t>{}));
  EXPECT_EQ(ParseIds("x,-1,3y,1000,,4"), (std::vector<int32_t>{4}));
  EXPECT_EQ(IdsText({0, 2, 17}), "0,2,17");
}

TEST(QuorumTest, TheIdIsTheUidsBytes) {
  EXPECT_EQ(NewQuorum(kUid, 3).cluster_id, "Dw4NDAsKSQiHBgUEAwIBAA");
  EXPECT_NE(NewQuorum("0f0e0d0c-0b0a-4908-8706-050403020101", 3).cluster_id, "Dw4NDAsKSQiHBgUEAwIBAA");
  // One that would begin with a dash, reserved ones, and what is no uid.
  for (const char* uid : {"f8000000-0000-4000-8000-000000000000", "00000000-0000-0000-0000-000000000000", "",
                          "x", "0f0e0d0c-0b0a-4908-8706-05040302010000"}) {
    const std::string id = NewQuorum(uid, 3).cluster_id;
    EXPECT_TRUE(Uuid::Parse(id)) << id;
    EXPECT_FALSE(id.starts_with('-')) << id;
  }
}

TEST(QuorumTest, ReadsBackFromAClaimAndNothingElse) {
  const auto read = [](const k8s::Json& annotations) {
    const k8s::Json claim = {{"metadata", {{"name", "c"}, {"namespace", "n"}, {"annotations", annotations}}}};
    return ReadQuorum(*k8s::ReadMeta(claim));
  };
  Quorum quorum = NewQuorum(kUid, 3);
  EXPECT_EQ(read(QuorumAnnotations(quorum)), quorum);
  quorum.formed = true;
  EXPECT_EQ(read(QuorumAnnotations(quorum)), quorum);
  const Quorum fixed{3, quorum.cluster_id, {}, false};
  EXPECT_EQ(read(QuorumAnnotations(fixed)), fixed);
  for (const char* controllers : {"", "0", "-1", "3x", "101", "99999999999999", "1,2"}) {
    k8s::Json annotations = QuorumAnnotations(fixed);
    annotations[std::string(kControllersAnnotation)] = controllers;
    EXPECT_EQ(read(annotations), std::nullopt) << controllers;
  }
  EXPECT_EQ(read({{std::string(kControllersAnnotation), "3"}}), std::nullopt);
  EXPECT_EQ(read({{std::string(kFoundersAnnotation), "0,1,2"}}), std::nullopt);
  EXPECT_EQ(read(k8s::Json::object()), std::nullopt);
}

}  // namespace
}  // namespace dohle::resources
