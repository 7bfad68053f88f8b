#include "broker/first_format.h"

#include <gtest/gtest.h>

#include "broker/metadata/format.h"
#include "broker/storage/meta_properties.h"
#include "lib/base/uuid.h"
#include "lib/env/sim/sim_world.h"

namespace dohle {
namespace {

constexpr char kId[] = "AAAAAAAAQACAAAAAAAAAAQ";
constexpr char kOtherId[] = "AAAAAAAAQACAAAAAAAAAAg";
constexpr char kDirectory[] = "AAAAAAAAQACAAAAAAAAACg";
constexpr char kOtherDirectory[] = "AAAAAAAAQACAAAAAAAAACw";
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
  // A node of a quorum whose voters may change: "CLUSTER DIRECTORY", and whether it knows voters.
  std::string FormatOne(int id, const std::string& directory, const std::string& initial,
                        const std::string& more_key = "", const std::string& more_value = "") {
    server::ConfigMap properties = {
        {"node.id", std::to_string(id)},
        {"log.dirs", directory},
        {"process.roles", "broker,controller"},
        {"dohle.cluster.id", kId},
        {"dohle.initial.controllers", initial},
        {"controller.quorum.bootstrap.servers", "a:9093,b:9093"},
        {"controller.listener.names", "QUORUM"},
        {"listeners", "PLAINTEXT://:9092,QUORUM://:9093"},
        {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,QUORUM:PLAINTEXT"}};
    if (!more_key.empty()) properties[more_key] = more_value;
    const auto loaded = server::LoadBrokerConfig(properties);
    if (!loaded.ok()) return std::string(Message(loaded.status()));
    const Status formatted = FormatNewDirectories(env_, *loaded, "a");
    if (!formatted.ok()) return std::string(Message(formatted));
    const auto written = storage::ReadMetaProperties(env_.file_system, directory);
    const std::string first = env::JoinPath(directory, "__cluster_metadata-0");
    const bool voters =
        env_.file_system.Exists(env::JoinPath(first, "00000000000000000000-0000000000.checkpoint"));
    return written->cluster_id + " " + ToString(written->directory_id) + (voters ? " voters" : "");
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

TEST_F(FirstFormatTest, InitialControllersBeginAQuorumAndOthersFindIt) {
  const std::string initial = std::string("0@a:9093:") + kDirectory + ",1@[::1]:9093:" + kOtherDirectory;
  EXPECT_EQ(FormatOne(0, "/a", initial), std::string(kId) + " " + kDirectory + " voters");
  EXPECT_EQ(FormatOne(1, "/b", initial), std::string(kId) + " " + kOtherDirectory + " voters");
  const std::string later = FormatOne(2, "/c", initial);
  EXPECT_TRUE(later.starts_with(std::string(kId) + " ") && !later.ends_with("voters")) << later;
  EXPECT_FALSE(FormatOne(3, "/d", "").ends_with("voters"));
  // What is formatted stays as it is.
  EXPECT_EQ(FormatOne(0, "/a", std::string("0@a:9093:") + kOtherDirectory),
            std::string(kId) + " " + kDirectory + " voters");
}

TEST_F(FirstFormatTest, InitialControllersAreChecked) {
  EXPECT_EQ(FormatOne(0, "/a", "0@a:9093"),
            "initial controllers: 0@a:9093 hasn't the form ID@HOST:PORT:DIRECTORY_ID");
  const std::string one = std::string("0@a:9093:") + kDirectory;
  EXPECT_EQ(FormatOne(0, "/a", one + "," + one), "initial controllers: node id 0 comes twice");
  EXPECT_EQ(FormatOne(0, "/a", one, "controller.quorum.voters", "0@a:9093"),
            "dohle.initial.controllers and controller.quorum.voters exclude each other");
  EXPECT_EQ(IdOf("/a"), "");
}

TEST_F(FirstFormatTest, AClusterMayBeginAtAnOlderRelease) {
  constexpr char kKey[] = "dohle.release.version";
  const std::string initial = std::string("0@a:9093:") + kDirectory;
  EXPECT_EQ(FormatOne(0, "/a", initial, kKey, "0.9"),
            "dohle.release.version: there is no metadata.version 0.9");
  EXPECT_EQ(IdOf("/a"), "");
  const auto first_records = [&](const std::string& directory, const std::string& release) {
    FormatOne(0, directory, initial, kKey, release);
    auto records = metadata::ReadBootstrapRecords(env_.file_system, directory);
    EXPECT_TRUE(records.ok()) << records.status();
    return *std::move(records);
  };
  EXPECT_EQ(first_records("/b", ""), first_records("/c", "4.3"));
  EXPECT_NE(first_records("/d", "4.2"), first_records("/e", "4.3"));
}

}  // namespace
}  // namespace dohle
