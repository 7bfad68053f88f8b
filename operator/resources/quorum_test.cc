#include "operator/resources/quorum.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/base/uuid.h"
#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

constexpr char kUid[] = "0f0e0d0c-0b0a-4908-8706-050403020100";

TEST(QuorumTest, ThreeControllersAtMost) {
  EXPECT_EQ(NewQuorum(kUid, 1), Quorum{});
  EXPECT_TRUE(NewQuorum(kUid, 1).standalone());
  EXPECT_EQ(NewQuorum(kUid, 2).controllers, 1);
  EXPECT_EQ(NewQuorum(kUid, 3).controllers, 3);
  const Quorum large = NewQuorum(kUid, 7);
  EXPECT_EQ(large.controllers, 3);
  EXPECT_TRUE(large.IsController(2));
  EXPECT_FALSE(large.IsController(3));
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
  const Quorum quorum = NewQuorum(kUid, 3);
  EXPECT_EQ(read(QuorumAnnotations(quorum)), quorum);
  for (const char* controllers : {"", "0", "-1", "3x", "101", "99999999999999"}) {
    k8s::Json annotations = QuorumAnnotations(quorum);
    annotations[std::string(kControllersAnnotation)] = controllers;
    EXPECT_EQ(read(annotations), std::nullopt) << controllers;
  }
  EXPECT_EQ(read({{std::string(kControllersAnnotation), "3"}}), std::nullopt);
  EXPECT_EQ(read(k8s::Json::object()), std::nullopt);
}

}  // namespace
}  // namespace dohle::resources
