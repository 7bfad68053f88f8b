#include "broker/controller/restart_permits.h"

#include <gtest/gtest.h>

#include "broker/controller/brokers.h"
#include "broker/controller/configs.h"
#include "broker/controller/elections.h"
#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using metadata::ConfigResourceType;
using testing::Ids;
using testing::TestCluster;

class RestartPermitsTest : public ::testing::Test {
 protected:
  RestartPermitsTest() {
    cluster_.AddBrokers({0, 1, 2, 3, 4, 5});
    cluster_.AddTopic("t", {Ids({0, 1, 2}), Ids({3, 4, 5})});
    cluster_.SetConfig(ConfigResourceType::kTopic, "t", "min.insync.replicas", "2");
  }

  int64_t Minute() const { return cluster_.wall_ms + 60'000; }
  void Add(kafka::IncrementalAlterConfigsRequest* request, std::string broker, std::string value,
           int8_t op = 0) {
    auto& resource = request->resources.emplace_back();
    resource.resource_type = 4;
    resource.resource_name = std::move(broker);
    auto& config = resource.configs.emplace_back();
    config.name = std::string(kRestartPermit);
    config.config_operation = op;
    config.value = kafka::Text(std::move(value));
  }
  // "" if it is granted, else the code and the sentence.
  std::string Ask(int broker, int64_t until_ms) {
    kafka::IncrementalAlterConfigsRequest request;
    Add(&request, std::to_string(broker), std::to_string(until_ms));
    const auto decision = IncrementalAlterConfigs(cluster_.Context(), request);
    cluster_.Replay(decision.records);
    return Text(decision.response.responses.at(0));
  }
  std::string Ask(int broker) { return Ask(broker, Minute()); }
  template <typename Result>
  static std::string Text(const Result& result) {
    if (result.error_code == 0) return "";
    return fmt::format("{}: {}", kafka::Name(static_cast<ErrorCode>(result.error_code)),
                       result.error_message.has_value() ? result.error_message->view() : "");
  }
  bool Holds(int broker) { return HoldsPermit(cluster_.Context(), NodeId(broker)); }
  void Shrink(int partition, std::initializer_list<int> isr) {
    auto registration = cluster_.Partition("t", partition);
    registration.isr = Ids(isr);
    cluster_.SetPartition("t", partition, registration);
  }

  TestCluster cluster_;
};

TEST_F(RestartPermitsTest, OneOfEachPartition) {
  EXPECT_EQ(Ask(0), "");
  EXPECT_TRUE(Holds(0));
  EXPECT_EQ(
      Ask(1),
      "POLICY_VIOLATION: Without broker 1, and 0 that may be restarted any moment, partition t-0 would keep "
      "1 in-sync replicas of the 2 that min.insync.replicas asks for.");
  EXPECT_FALSE(Holds(1));
  EXPECT_EQ(Ask(3), "");
  EXPECT_EQ(Ask(0), "") << "it may be made longer";
}

TEST_F(RestartPermitsTest, EndsWithItsTime) {
  EXPECT_EQ(Ask(0), "");
  cluster_.wall_ms += 60'000;
  EXPECT_FALSE(Holds(0));
  EXPECT_EQ(Ask(1), "");
}

TEST_F(RestartPermitsTest, IsGivenBack) {
  EXPECT_EQ(Ask(0), "");
  EXPECT_EQ(Ask(0, 0), "");
  EXPECT_FALSE(Holds(0));
  EXPECT_EQ(Ask(1), "");
}

TEST_F(RestartPermitsTest, EndsWhenTheBrokerIsBack) {
  EXPECT_EQ(Ask(0), "");
  kafka::BrokerRegistrationRequest request;
  request.broker_id = 0;
  request.cluster_id = std::string(cluster_.config.cluster_id);
  request.incarnation_id = cluster_.image().cluster.Broker(NodeId(0))->incarnation_id;
  request.log_dirs = {TestCluster::DirectoryOf(0)};
  for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
    auto& feature = request.features.emplace_back();
    feature.name = std::string(name);
    feature.min_supported_version = range.min;
    feature.max_supported_version = range.max;
  }
  const BrokerHeartbeats heartbeats(9'000);
  const auto register_it = [&] {
    const auto decision = RegisterBroker(cluster_.Context(), heartbeats, request);
    EXPECT_EQ(decision.response.error_code, 0);
    cluster_.Replay(decision.records);
  };
  register_it();
  EXPECT_TRUE(Holds(0)) << "the same incarnation is still to be stopped";
  request.incarnation_id = Uuid(9, 99);
  register_it();
  EXPECT_FALSE(Holds(0));
  EXPECT_FALSE(cluster_.image().configs.Find(ConfigResourceType::kBroker, "0").contains(kRestartPermit));
}

TEST_F(RestartPermitsTest, WhoIsFencedIsAway) {
  cluster_.SetFenced(2, true);
  EXPECT_NE(Ask(0), "");
  EXPECT_EQ(Ask(3), "");
  // It isn't missed, in sync it is no more.
  Shrink(0, {0, 1});
  EXPECT_EQ(Ask(2), "");
}

TEST_F(RestartPermitsTest, AReplicaBehindIsNotCountedUpon) {
  Shrink(0, {0, 1});
  EXPECT_NE(Ask(0), "");
  EXPECT_EQ(Ask(2), "") << "the one behind may go itself";
}

TEST_F(RestartPermitsTest, WhatCantBeKeptUpGoesAlone) {
  cluster_.AddTopic("single", {Ids({5})});
  cluster_.AddTopic("strict", {Ids({0, 3})});
  cluster_.SetConfig(ConfigResourceType::kTopic, "strict", "min.insync.replicas", "2");
  EXPECT_EQ(Ask(5), "");
  EXPECT_EQ(
      Ask(0),
      "POLICY_VIOLATION: Without broker 0, and 5 that may be restarted any moment, partition strict-0 would "
      "keep 1 in-sync replicas of the 2 that min.insync.replicas asks for.");
  EXPECT_EQ(Ask(5, 0), "");
  EXPECT_EQ(Ask(0), "");
  EXPECT_NE(Ask(5), "");
}

TEST_F(RestartPermitsTest, TheQuorumKeepsItsMajority) {
  cluster_.voters = {{NodeId(0), true}, {NodeId(3), true}, {NodeId(5), true}};
  EXPECT_EQ(Ask(0), "");
  EXPECT_EQ(Ask(3),
            "POLICY_VIOLATION: Without broker 3, and 0 that may be restarted any moment, 1 of 3 voters of "
            "the metadata "
            "quorum would be left that are caught up, which is no majority.");
  EXPECT_EQ(Ask(4), "");
  cluster_.wall_ms += 60'000;
  cluster_.voters[1].caught_up = false;
  EXPECT_NE(Ask(5), "");
  EXPECT_EQ(Ask(3), "") << "the one that lags isn't counted upon anyway";
  cluster_.wall_ms += 60'000;
  cluster_.voters = {{NodeId(0), true}};
  EXPECT_EQ(Ask(0), "");
}

TEST_F(RestartPermitsTest, OneAtATimeAndForOneBroker) {
  kafka::IncrementalAlterConfigsRequest request;
  Add(&request, "0", std::to_string(Minute()));
  Add(&request, "3", std::to_string(Minute()));
  Add(&request, "", std::to_string(Minute()));
  Add(&request, "7", std::to_string(Minute()));
  const auto decision = IncrementalAlterConfigs(cluster_.Context(), request);
  std::string answers;
  for (const auto& result : decision.response.responses) answers += Text(result) + "\n";
  EXPECT_EQ(answers,
            "\nINVALID_REQUEST: One restart permit at a time can be asked for.\n"
            "INVALID_CONFIG: dohle.restart.permit.until.ms is set for one broker only.\n"
            "BROKER_ID_NOT_REGISTERED: No node with id 7 found.\n");
  EXPECT_EQ(decision.records.size(), 1u);
}

TEST_F(RestartPermitsTest, RefusesOtherTimes) {
  EXPECT_NE(Ask(0, cluster_.wall_ms - 1), "");
  EXPECT_NE(Ask(0, cluster_.wall_ms + kLongestPermitMs + 1), "");
  kafka::IncrementalAlterConfigsRequest request;
  Add(&request, "0", "soon");
  EXPECT_EQ(Text(IncrementalAlterConfigs(cluster_.Context(), request).response.responses.at(0)),
            "INVALID_CONFIG: dohle.restart.permit.until.ms is a time in milliseconds, which 'soon' is not.");
}

TEST_F(RestartPermitsTest, WhoReplacesAllSettingsLeavesIt) {
  EXPECT_EQ(Ask(0), "");
  kafka::AlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 4;
  resource.resource_name = std::string("0");
  const auto decision = AlterConfigs(cluster_.Context(), request);
  EXPECT_EQ(decision.response.responses.at(0).error_code, 0);
  cluster_.Replay(decision.records);
  EXPECT_TRUE(Holds(0));
}

// Leaders that would have to move again at once.
TEST_F(RestartPermitsTest, NobodyNewIsLedByWhoGoes) {
  auto partition = cluster_.Partition("t", 0);
  partition.leader = NodeId(1);
  cluster_.SetPartition("t", 0, partition);
  EXPECT_EQ(ElectPreferred(cluster_.Context()).records.size(), 1u);
  EXPECT_EQ(Ask(0), "");
  EXPECT_EQ(ElectPreferred(cluster_.Context()).records.size(), 0u);
  RecordList records;
  EXPECT_TRUE(FenceBroker(cluster_.Context(), NodeId(1), &records));
  cluster_.Replay(records);
  EXPECT_EQ(cluster_.Partition("t", 0).leader, NodeId(2)) << "0 would come first";
  records.clear();
  EXPECT_TRUE(FenceBroker(cluster_.Context(), NodeId(2), &records));
  cluster_.Replay(records);
  EXPECT_EQ(cluster_.Partition("t", 0).leader, NodeId(0)) << "rather than nobody";
}

}  // namespace
}  // namespace dohle::controller
