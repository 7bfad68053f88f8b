#include "operator/k8s/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/env/sim/sim_world.h"

namespace dohle::k8s {
namespace {

using ::testing::HasSubstr;

constexpr char kTwoContexts[] = R"(
apiVersion: v1
kind: Config
current-context: here
contexts:
- name: here
  context: {cluster: c1, user: u1, namespace: kafka}
- name: there
  context: {cluster: c2, user: u2}
- name: nobody
  context: {cluster: c2}
clusters:
- name: c1
  cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: UEVN, tls-server-name: kube}
- name: c2
  cluster: {server: "https://example.org/k8s/c-1", insecure-skip-tls-verify: true}
users:
- name: u1
  user: {client-certificate: certs/me.crt, client-key: /keys/me.key}
- name: u2
  user: {token: abc, tokenFile: token}
)";

class KubeconfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* directory : {"/home/me/.kube/certs", "/keys"}) {
      ASSERT_TRUE(files_.CreateDirectories(directory).ok());
    }
    ASSERT_TRUE(files_.WriteWhole("/home/me/.kube/certs/me.crt", "CERT").ok());
    ASSERT_TRUE(files_.WriteWhole("/keys/me.key", "KEY").ok());
  }
  StatusOr<ServerAccess> Read(const std::string& text, const std::string& context = "") {
    EXPECT_TRUE(files_.WriteWhole(kPath, text).ok());
    return ReadKubeconfig(files_, kPath, context);
  }
  // kTwoContexts with one thing replaced.
  std::string Refusal(const std::string& what, const std::string& by) {
    std::string text = kTwoContexts;
    const size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    const StatusOr<ServerAccess> access = Read(text.replace(at, what.size(), by));
    EXPECT_FALSE(access.ok()) << by;
    return std::string(Message(access.status()));
  }

  static constexpr char kPath[] = "/home/me/.kube/config";
  env::SimWorld world_{1};
  env::FileSystem& files_ = world_.AddNode("node").env().file_system;
};

TEST_F(KubeconfigTest, ReadsTheCurrentContext) {
  const StatusOr<ServerAccess> access = Read(kTwoContexts);
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->server, "https://10.0.0.1:6443");
  EXPECT_EQ(access->ca, "PEM");
  EXPECT_EQ(access->tls_server_name, "kube");
  EXPECT_EQ(access->client_certificate, "CERT");
  EXPECT_EQ(access->client_key, "KEY");
  EXPECT_EQ(access->ns, "kafka");
  EXPECT_FALSE(access->skip_verification);
}

TEST_F(KubeconfigTest, ReadsAnotherContext) {
  StatusOr<ServerAccess> access = Read(kTwoContexts, "there");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->server, "https://example.org/k8s/c-1");
  EXPECT_TRUE(access->skip_verification);
  EXPECT_EQ(access->token, "abc");
  EXPECT_EQ(access->token_file, "/home/me/.kube/token");
  access = Read(kTwoContexts, "nobody");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->token, "");
}

TEST_F(KubeconfigTest, SaysWhatIsWrong) {
  EXPECT_EQ(ReadKubeconfig(files_, "/none").status().code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(Message(Read("").status())),
              HasSubstr("/home/me/.kube/config: it isn't a kubeconfig"));
  EXPECT_THAT(std::string(Message(Read("{a: [").status())), HasSubstr("/home/me/.kube/config: "));
  EXPECT_THAT(std::string(Message(Read("{}").status())), HasSubstr("current-context"));
  EXPECT_THAT(std::string(Message(Read(kTwoContexts, "x").status())), HasSubstr("no context \"x\""));
  EXPECT_THAT(Refusal("cluster: c1", "cluster: c9"), HasSubstr("no cluster \"c9\""));
  EXPECT_THAT(Refusal("user: u1", "user: u9"), HasSubstr("no user \"u9\""));
  EXPECT_THAT(Refusal("https://10", "10"), HasSubstr("must be an https:// URL"));
  EXPECT_THAT(Refusal("UEVN", "'!'"), HasSubstr("certificate-authority-data isn't base64"));
  EXPECT_THAT(Refusal(", client-key: /keys/me.key", ""), HasSubstr("a client-certificate and a client-key"));
  EXPECT_THAT(Refusal("certs/me.crt", "certs/none.crt"), HasSubstr("/home/me/.kube/certs/none.crt"));
  EXPECT_THAT(Refusal("client-certificate: certs/me.crt", "exec: {command: aws}"),
              HasSubstr("has \"exec\", which isn't supported"));
  EXPECT_THAT(Refusal("tls-server-name: kube", "insecure-skip-tls-verify: true"),
              HasSubstr("makes no sense"));
  EXPECT_THAT(Refusal("tls-server-name: kube", "insecure-skip-tls-verify: perhaps"),
              HasSubstr("bad conversion"));
}

TEST(KubeconfigPathTest, TheOptionGoesBeforeTheVariable) {
  EXPECT_EQ(KubeconfigPath("a", "b", "/home/c"), "a");
  EXPECT_EQ(KubeconfigPath("", "b", "/home/c"), "b");
  EXPECT_EQ(KubeconfigPath("", "", "/home/c"), "/home/c/.kube/config");
}

}  // namespace
}  // namespace dohle::k8s
