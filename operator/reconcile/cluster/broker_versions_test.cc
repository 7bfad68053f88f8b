#include "operator/reconcile/cluster/broker_versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/env/sim/sim_world.h"

namespace dohle::reconcile {
namespace {

using ::testing::ElementsAre;

class Brokers {
 public:
  env::Task<StatusOr<std::string>> AskVersion(std::string pod_ip) {
    asked.push_back(pod_ip);
    co_return answer;
  }
  StatusOr<std::string> answer = std::string("1.0.0");
  std::vector<std::string> asked;
};

PodState Pod(const std::string& name, const std::string& uid, bool ready = true, int64_t restarts = 0) {
  PodState pod;
  pod.name = name;
  pod.uid = uid;
  pod.pod_ip = name + "'s address";
  pod.ready = ready;
  pod.restarts = restarts;
  return pod;
}

class BrokerVersionsTest : public testing::Test {
 protected:
  std::vector<std::string> Of(std::vector<PodState> pods) {
    std::vector<std::string> versions;
    env::Spawn(*node_.env().executors[0], Into(this, std::move(pods), &versions));
    world_.RunFor(absl::Milliseconds(1));
    return versions;
  }
  static env::Task<void> Into(BrokerVersionsTest* test, std::vector<PodState> pods,
                              std::vector<std::string>* versions) {
    *versions = co_await test->versions_.Of(test->name_, std::move(pods));
  }

  env::SimWorld world_{1};
  env::SimNode& node_ = world_.AddNode("operator");
  const k8s::ObjectName name_{"ns", "quickstart"};
  Brokers brokers_;
  BrokerVersions versions_{[this](std::string pod_ip) { return brokers_.AskVersion(std::move(pod_ip)); }};
};

TEST_F(BrokerVersionsTest, EachStartIsAskedOnce) {
  EXPECT_THAT(Of({Pod("a", "1"), Pod("b", "2", false), PodState()}), ElementsAre("1.0.0", "", ""));
  EXPECT_THAT(Of({Pod("a", "1"), Pod("b", "2")}), ElementsAre("1.0.0", "1.0.0"));
  EXPECT_THAT(Of({Pod("a", "1", false), Pod("b", "2")}), ElementsAre("1.0.0", "1.0.0"));
  EXPECT_THAT(brokers_.asked, ElementsAre("a's address", "b's address"));

  brokers_.answer = std::string("2.0.0");
  EXPECT_THAT(Of({Pod("a", "1", true, 1), Pod("b", "3")}), ElementsAre("2.0.0", "2.0.0"));
  EXPECT_EQ(brokers_.asked.size(), 4U);
  versions_.Forget(name_);
  EXPECT_THAT(Of({Pod("a", "1", false, 1)}), ElementsAre(""));
}

TEST_F(BrokerVersionsTest, OneThatDoesNotAnswerIsAskedAgain) {
  brokers_.answer = MakeStatus(StatusCode::kUnavailable, "nobody");
  EXPECT_THAT(Of({Pod("a", "1")}), ElementsAre(""));
  brokers_.answer = std::string();  // answers, and tells nothing
  EXPECT_THAT(Of({Pod("a", "1")}), ElementsAre(""));
  EXPECT_THAT(Of({Pod("a", "1")}), ElementsAre(""));
  EXPECT_EQ(brokers_.asked.size(), 2U);
}

TEST(VersionInTest, IsALineOfText) {
  EXPECT_EQ(VersionIn({200, "0.1.0\n"}), "0.1.0");
  EXPECT_EQ(VersionIn({200, "0.1.0"}), "0.1.0");
  EXPECT_EQ(VersionIn({404, "not here\n"}), "");
  EXPECT_EQ(VersionIn({200, "0.1.0\nmore\n"}), "");
  EXPECT_EQ(VersionIn({200, std::string(65, '1')}), "");
}

}  // namespace
}  // namespace dohle::reconcile
