#include "operator/k8s/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/env/sim/sim_world.h"

namespace dohle::k8s {
namespace {

using ::testing::HasSubstr;

constexpr char kFolder[] = "/var/run/secrets/kubernetes.io/serviceaccount";

class CredentialsTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(files_.CreateDirectories(kFolder).ok());
    ASSERT_TRUE(files_.WriteWhole(env::JoinPath(kFolder, name), content).ok());
  }

  env::SimWorld world_{1};
  env::SimNode& node_ = world_.AddNode("node");
  env::FileSystem& files_ = node_.env().file_system;
};

TEST_F(CredentialsTest, ReadsAServiceAccount) {
  Write("token", "abc\n");
  Write("ca.crt", "PEM");
  Write("namespace", "kafka\n");
  StatusOr<ServerAccess> access = InClusterAccess(files_, "10.0.0.1", "443");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->server, "https://10.0.0.1:443");
  EXPECT_EQ(access->ca, "PEM");
  EXPECT_EQ(access->ns, "kafka");
  EXPECT_FALSE(access->skip_verification);
  access = InClusterAccess(files_, "fd00::1", "443");
  EXPECT_EQ(access->server, "https://kubernetes.default.svc:443");
}

TEST_F(CredentialsTest, SaysWhatIsMissing) {
  StatusOr<ServerAccess> access = InClusterAccess(files_, "", "");
  EXPECT_THAT(std::string(Message(access.status())), HasSubstr("KUBERNETES_SERVICE_HOST"));
  access = InClusterAccess(files_, "10.0.0.1", "443");
  EXPECT_EQ(access.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(access.status())), HasSubstr("serviceaccount/token is missing"));
  Write("token", "abc");
  EXPECT_FALSE(InClusterAccess(files_, "10.0.0.1", "443").ok());
  Write("ca.crt", "");
  EXPECT_FALSE(InClusterAccess(files_, "10.0.0.1", "443").ok());
}

TEST_F(CredentialsTest, FollowsATokenThatRotates) {
  ServerAccess access;
  access.token_file = env::JoinPath(kFolder, "token");
  TokenSource tokens(access, files_, node_.env().clock);
  EXPECT_EQ(tokens.Token().status().code(), StatusCode::kUnauthenticated);
  Write("token", " \n");
  EXPECT_EQ(tokens.Token().status().code(), StatusCode::kUnauthenticated);
  Write("token", "first\n");
  EXPECT_EQ(*tokens.Token(), "first");
  Write("token", "second\n");
  EXPECT_EQ(*tokens.Token(), "first");
  world_.RunFor(absl::Seconds(61));
  EXPECT_EQ(*tokens.Token(), "second");
  Write("token", "third\n");
  tokens.Refused();
  EXPECT_EQ(*tokens.Token(), "third") << "at once, once the old one is refused";
  ASSERT_TRUE(files_.Remove(access.token_file).ok());
  world_.RunFor(absl::Seconds(61));
  EXPECT_EQ(*tokens.Token(), "third") << "better an old one than none";
}

TEST_F(CredentialsTest, TakesATokenAsItIs) {
  ServerAccess access;
  EXPECT_EQ(*TokenSource(access, files_, node_.env().clock).Token(), "");
  access.token = "t";
  EXPECT_EQ(*TokenSource(access, files_, node_.env().clock).Token(), "t");
}

}  // namespace
}  // namespace dohle::k8s
