#include "broker/first_format.h"

#include <gtest/gtest.h>

#include "broker/storage/meta_properties.h"
#include "lib/base/uuid.h"
#include "lib/env/sim/sim_world.h"

namespace dohle {
namespace {

constexpr char kId[] = "AAAAAAAAQACAAAAAAAAAAQ";
constexpr char kOtherId[] = "AAAAAAAAQACAAAAAAAAAAg";
constexpr char kThree[] = "0@a:9093,1@b:9093,2@c:9093";

class FirstFormatTest : public testing::Test {
 protected:
  Status Format(const std::string& cluster_id, const std::string& voters, const std::string& dirs = "/a,/b") {
    server::ConfigMap properties = {
        {"node.id", "0"}, {"log.dirs", dirs}, {"process.roles", "broker,controller"}};
    if (!cluster_id.empty()) properties["dohle.cluster.id"] = cluster_id;
    if (!voters.empty()) {
      properties["controller.quorum.voters"] = voters;
      properties["controller.listener.names"] = "CONTROLLER";
      properties["listeners"] = "PLAINTEXT://:9092,CONTROLLER://:9093";
      properties["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT";
    }
    const auto loaded = server::LoadBrokerConfig(properties);
    if (!loaded.ok()) return loaded.status();
    return FormatNewDirectories(env_, *loaded, "a");
  }
  // "": it isn't formatted.
  std::string IdOf(const std::string& directory) {
    const auto properties = storage::ReadMetaProperties(env_.file_system, directory);
    return properties.ok() ? properties->cluster_id : "";
  }

  env::SimWorld world_{1};
  env::Env& env_ = world_.AddNode("node").env();
};

TEST_F(FirstFormatTest, AStandaloneNodeChoosesAnIdUnlessItIsGivenOne) {
  ASSERT_TRUE(Format("", "").ok());
  EXPECT_TRUE(Uuid::Parse(IdOf("/a")));
  EXPECT_EQ(IdOf("/a"), IdOf("/b"));
  ASSERT_TRUE(Format(kId, "", "/c,/d").ok());
  EXPECT_EQ(IdOf("/c"), kId);
}

TEST_F(FirstFormatTest, AQuorumOfSeveralIsFormattedOnlyWithAnId) {
  EXPECT_EQ(Format("", kThree).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(IdOf("/a"), "");
  ASSERT_TRUE(Format(kId, kThree).ok());
  EXPECT_EQ(IdOf("/a"), kId);
  EXPECT_EQ(IdOf("/b"), kId);
  EXPECT_TRUE(Format("", kThree).ok());
}

TEST_F(FirstFormatTest, NothingWithAnotherIdIsTouched) {
  ASSERT_TRUE(Format(kId, kThree, "/a").ok());
  EXPECT_TRUE(Format(kOtherId, kThree, "/a").ok());
  EXPECT_EQ(IdOf("/a"), kId);
  EXPECT_FALSE(Format(kOtherId, kThree, "/a,/b").ok());
  EXPECT_EQ(IdOf("/b"), "");
}

TEST_F(FirstFormatTest, ANewDirectoryIsMadeBesideTheMetadataButNotTheMetadataBesideOthers) {
  ASSERT_TRUE(Format(kId, kThree, "/a").ok());
  EXPECT_EQ(Format("", kThree, "/a,/b").code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Format(kId, kThree, "/a,/b").ok());
  EXPECT_EQ(IdOf("/b"), kId);
  EXPECT_EQ(Format(kId, kThree, "/c,/a").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(IdOf("/c"), "");
}

}  // namespace
}  // namespace dohle
