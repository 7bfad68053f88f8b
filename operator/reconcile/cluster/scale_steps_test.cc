#include "operator/reconcile/cluster/scale_steps.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "operator/reconcile/cluster/balance_steps.h"
#include "operator/reconcile/cluster/test_objects.h"
#include "operator/reconcile/cluster/test_topology.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using resources::Member;
using resources::Removal;

ClusterResource Of(int brokers, const std::string& more = "") {
  return TestCluster(fmt::format(R"({{"brokers":{}{}}})", brokers, more));
}

// The steps of a scale-in from four brokers to `asked`, with 3's claim as `removal` says.
class ScaleStepsTest : public testing::Test {
 protected:
  ScaleStepsTest() : live_(AsAsked(Of(4))), topology_({0, 1, 2, 3}, {0, 1, 3}) {
    topology_.Topic("t", {{0, 3}, {1, 2}, {3, 0}});
  }
  void Mark(const std::string& removal) {
    k8s::Json body = *live_["persistentvolumeclaims"].at({"ns", "data-quickstart-3"})->body;
    body["metadata"]["annotations"][std::string(resources::kRemovalAnnotation)] = removal;
    Store(live_, k8s::kPersistentVolumeClaims, body);
  }
  std::string Plan(const ClusterResource& cluster) {
    const Formation formation = FormationOf(cluster, live_, &*topology_);
    std::string text = ToText(PlanScale(cluster, formation, BrokerPods(cluster, formation, live_),
                                        &*topology_, resources::Addressing::kDns));
    if (!formation.leaving.empty() && !cluster.spec.hibernated)
      text += ToText(PlanBalance(cluster, *topology_, GoalsOf(formation, *topology_)).steps);
    return text;
  }

  LiveObjects live_;
  TestTopology topology_;
};

TEST_F(ScaleStepsTest, NothingWhenAllIsAsAsked) {
  topology_ = TestTopology({0, 1, 2, 3}, {0, 1, 2});
  EXPECT_EQ(Plan(Of(4)), "");
}

TEST_F(ScaleStepsTest, InGoesOneStepAfterTheOther) {
  EXPECT_EQ(Plan(Of(3)),
            "Cordon Broker/3: it leaves: it gets no new replicas\n"
            "AddVoter Broker/2: 2 of 3 voters are there\n");
  Mark("draining");
  topology_.Cordon(3);
  topology_->quorum.voters.push_back(topology_->quorum.observers.front());
  topology_->quorum.observers.clear();
  EXPECT_EQ(Plan(Of(3)),
            "RemoveVoter Broker/3: its broker leaves or is gone\n"
            "MoveReplicas Broker/3: 2 of 2 replicas move to the brokers that stay\n");
  topology_->quorum.voters.erase(topology_->quorum.voters.begin() + 2);
  for (PartitionPlace& partition : topology_->partitions) {
    if (partition.index == 1) continue;
    partition.replicas = {NodeId(2), NodeId(0), NodeId(3)};
    partition.adding = {NodeId(2)};
    partition.removing = {NodeId(3)};
  }
  EXPECT_EQ(Plan(Of(3)),
            "MoveReplicas Broker/3: 2 replicas are still there | blocked: they are on their way\n");
  for (PartitionPlace& partition : topology_->partitions) {
    partition.adding.clear();
    partition.removing.clear();
    partition.replicas = partition.in_sync = {NodeId(0), NodeId(1)};
    partition.leader = NodeId(0);
  }
  EXPECT_EQ(Plan(Of(3)), "");
  Mark("stopping");
  EXPECT_EQ(Plan(Of(3)), "") << "its Pod is there still";
  live_["pods"].erase({"ns", "quickstart-broker-3"});
  EXPECT_EQ(Plan(Of(3)), "") << "it may be about to come back";
  topology_.Fence(3);
  EXPECT_EQ(Plan(Of(3)), "Unregister Broker/3: it is gone for good\n");
}

TEST_F(ScaleStepsTest, TakenBackItIsOpenedAgain) {
  Mark("draining");
  topology_.Cordon(3);
  EXPECT_EQ(Plan(Of(4)), "Uncordon Broker/3: it stays, and takes replicas\n");
}

TEST_F(ScaleStepsTest, NothingOfTheClusterChangesWhileItSleeps) {
  EXPECT_EQ(Plan(Of(3, R"(,"hibernated":true)")), "");
}

TEST_F(ScaleStepsTest, AVoterIsAddedWhereItsPodIs) {
  topology_ = TestTopology({0, 1, 2}, {0});
  live_ = AsAsked(Of(3));
  const ClusterResource cluster = Of(3);
  const Formation formation = FormationOf(cluster, live_, &*topology_);
  const std::vector<PodState> pods = BrokerPods(cluster, formation, live_);
  const auto added = [&](resources::Addressing addressing) {
    const auto steps = PlanScale(cluster, formation, pods, &*topology_, addressing);
    const auto& voter = std::get<AddVoter>(*steps.at(0).action);
    return fmt::format("{} {}:{} {}", voter.id.value(), voter.host, voter.port, voter.listener);
  };
  EXPECT_EQ(added(resources::Addressing::kDns),
            "1 quickstart-broker-1.quickstart-brokers.ns.svc:9093 CONTROLLER");
  EXPECT_EQ(added(resources::Addressing::kPodIp), "1 10.0.0.7:9093 CONTROLLER");
}

TEST_F(ScaleStepsTest, StopsTellWhy) {
  const auto stops = [&](ClusterResource cluster, const k8s::StringPairs& annotations) {
    cluster.meta.annotations = annotations;
    const Formation formation = FormationOf(cluster, live_, &*topology_);
    auto steps =
        PlanCluster("quickstart", "cluster-uid", DesiredObjects(cluster, formation, live_, {}), live_);
    Explain(cluster, formation, &steps);
    std::erase_if(steps, [](const PlannedStep& step) { return step.kind != PlannedStep::Kind::kDelete; });
    return ToText(steps);
  };
  EXPECT_EQ(stops(Of(4), {{std::string(resources::kFenceAnnotation), "2"}}),
            "StopBroker Pod/quickstart-broker-2: the annotation dohle.dev/fence names it\n");
  EXPECT_EQ(stops(Of(4, R"(,"hibernated":true)"), {}),
            "StopBroker Pod/quickstart-broker-2: spec.hibernated is set\n");
  Mark("draining");
  topology_ = TestTopology({0, 1, 2, 3}, {0, 1, 2});
  topology_.Cordon(3);
  EXPECT_EQ(stops(Of(3), {}), "StopBroker Pod/quickstart-broker-3: it holds nothing any more and leaves\n");
}

TEST_F(ScaleStepsTest, ClaimsGoByPolicy) {
  Mark("stopping");
  live_["pods"].erase({"ns", "quickstart-broker-3"});
  topology_ = TestTopology({0, 1, 2});
  const auto removed = [&](const ClusterResource& cluster) {
    const Formation formation = FormationOf(cluster, live_, &*topology_);
    auto steps =
        PlanCluster("quickstart", "cluster-uid", DesiredObjects(cluster, formation, live_, {}), live_);
    Explain(cluster, formation, &steps);
    return ToText(PlanClaimRemoval(cluster, formation, live_)) + ToText(steps);
  };
  EXPECT_EQ(
      removed(Of(3)),
      "ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-3: its broker is gone for good\n");
  EXPECT_EQ(removed(Of(3, R"(,"storage":{"scaleDownPolicy":"Delete"})")),
            "DeleteClaim PersistentVolumeClaim/data-quickstart-3: its broker was emptied and taken away\n");
}

}  // namespace
}  // namespace dohle::reconcile
