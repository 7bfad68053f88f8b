#include "operator/reconcile/cluster/cluster_plan.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/cluster_status.h"
#include "operator/reconcile/cluster/test_objects.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

std::string Plan(const ClusterResource& cluster, const LiveObjects& live,
                 const resources::Options& options = {}) {
  return ToText(
      PlanCluster(cluster.meta.name.name, cluster.meta.uid, DesiredObjects(cluster, live, options), live));
}

constexpr char kExternal[] = R"({"listeners":[{"name":"internal","port":9092},
                                               {"name":"external","port":9094,"type":"nodePort"}]})";

TEST(ClusterPlanTest, ANewClusterIsMadeFromTheGroundUp) {
  EXPECT_EQ(Plan(TestCluster(), {}),
            R"(ApplyServiceAccount ServiceAccount/quickstart-broker: it doesn't exist yet
ApplyConfigMap ConfigMap/quickstart-config: it doesn't exist yet
ApplyService Service/quickstart-brokers: it doesn't exist yet
ApplyService Service/quickstart-bootstrap: it doesn't exist yet
ApplyPodDisruptionBudget PodDisruptionBudget/quickstart: it doesn't exist yet
ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-0: it doesn't exist yet
ApplyPod Pod/quickstart-broker-0: it doesn't exist yet
)");
}

TEST(ClusterPlanTest, NothingIsDoneWhenAllIsAsAsked) {
  for (const char* spec : {"{}", kExternal, R"({"rackTopologyKey":"topology.kubernetes.io/zone"})"}) {
    const ClusterResource cluster = TestCluster(spec);
    EXPECT_EQ(Plan(cluster, AsAsked(cluster)), "") << spec;
  }
}

TEST(ClusterPlanTest, WhatTheServerAddsIsNoDifference) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live = AsAsked(cluster);
  const Json service = *live["services"].begin()->second->body;
  Store(live, k8s::kServices, service,
        Json::parse(R"({"spec":{"clusterIPs":["None"],"sessionAffinity":"None","ipFamilies":["IPv4"]}})"));
  EXPECT_EQ(Plan(cluster, live), "");
}

TEST(ClusterPlanTest, APodWaitsForTheNodePortThatItHasToTell) {
  EXPECT_NE(Plan(TestCluster(kExternal), {})
                .find("ApplyPod Pod/quickstart-broker-0: it doesn't exist yet | blocked: Service "
                      "quickstart-external-0 has no node port yet"),
            std::string::npos);
}

TEST(ClusterPlanTest, DriftIsMended) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live = AsAsked(cluster);
  Store(live, k8s::kServices, *live["services"].at({"ns", "quickstart-bootstrap"})->body,
        Json::parse(R"({"spec":{"selector":{"dohle.dev/cluster":"another"}}})"));
  EXPECT_EQ(Plan(cluster, live),
            "ApplyService Service/quickstart-bootstrap: spec.selector.dohle.dev/cluster differs from what is "
            "asked\n");
}

TEST(ClusterPlanTest, AChangedConfigRestartsTheBrokerWithTheNewFileInPlace) {
  const LiveObjects live = AsAsked(TestCluster());
  EXPECT_EQ(Plan(TestCluster(R"({"config":{"log.retention.hours":"1"}})"), live),
            R"(ApplyConfigMap ConfigMap/quickstart-config: data.server.properties differs from what is asked
RestartBroker Pod/quickstart-broker-0: changed since its Pod was made: config log.retention.hours
)");
}

// A Pod and a server.properties as templates before this operator's made them.
LiveObjects OfAnotherOperator(const ClusterResource& cluster) {
  LiveObjects live = AsAsked(cluster);
  Store(live, k8s::kPods, *live["pods"].begin()->second->body,
        Json::parse(R"({"metadata":{"annotations":{"dohle.dev/revision":"another"}},
                        "spec":{"hostname":null,"shareProcessNamespace":true}})"));
  Store(live, k8s::kConfigMaps, *live["configmaps"].begin()->second->body,
        Json::parse(R"({"data":{"server.properties":"of=another operator"}})"));
  return live;
}

TEST(ClusterPlanTest, TemplatesOfAnotherOperatorRestartNobody) {
  const ClusterResource cluster = TestCluster();
  const LiveObjects live = OfAnotherOperator(cluster);
  EXPECT_EQ(
      Plan(cluster, live),
      "ApplyConfigMap ConfigMap/quickstart-config: data.server.properties differs from what is asked\n");
  resources::Options options;
  options.broker_image = "another";
  EXPECT_EQ(Plan(cluster, AsAsked(cluster), options), "");
}

TEST(ClusterPlanTest, WhatChangesLiveOnAPodOfAnotherOperatorLeavesTheRestOfIt) {
  const ClusterResource cluster = TestCluster(R"({"podMetadata":{"labels":{"team":"x"}}})");
  const LiveObjects live = OfAnotherOperator(TestCluster());
  const auto steps =
      PlanCluster(cluster.meta.name.name, cluster.meta.uid, DesiredObjects(cluster, live, {}), live);
  ASSERT_EQ(steps.size(), 2U) << ToText(steps);
  EXPECT_EQ(steps[1].shown.reason, "metadata.labels.team differs from what is asked");
  const Json& applied = *steps[1].body;
  const OwnedObject& pod = *live.at("pods").begin()->second;
  EXPECT_EQ(applied["spec"], (*pod.body)["spec"]);
  EXPECT_EQ(applied["metadata"]["annotations"]["dohle.dev/revision"], "another");
}

TEST(ClusterPlanTest, APodOfAnotherOperatorIsRestartedForWhatIsAsked) {
  const LiveObjects live = OfAnotherOperator(TestCluster());
  EXPECT_NE(Plan(TestCluster(R"({"config":{"num.partitions":"7"}})"), live)
                .find("RestartBroker Pod/quickstart-broker-0: changed since its Pod was made: config "
                      "num.partitions\n"),
            std::string::npos);
  ClusterResource rolled = TestCluster();
  rolled.meta.annotations = {{std::string(resources::kRollAnnotation), "again"}};
  EXPECT_NE(Plan(rolled, live).find("changed since its Pod was made: roll\n"), std::string::npos);
}

// Operators before this one didn't tell what they had been asked for.
TEST(ClusterPlanTest, APodThatDoesNotTellIsJudgedByItsRevision) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live = AsAsked(cluster);
  Store(live, k8s::kPods, *live["pods"].begin()->second->body,
        Json::parse(R"({"metadata":{"annotations":{"dohle.dev/made-of":null}}})"));
  EXPECT_EQ(Plan(cluster, live),
            "ApplyPod Pod/quickstart-broker-0: metadata.annotations.dohle.dev/made-of differs from what is "
            "asked\n");
  EXPECT_NE(Plan(TestCluster(R"({"image":"x"})"), live)
                .find("RestartBroker Pod/quickstart-broker-0: its configuration or its Pod template has "
                      "changed\n"),
            std::string::npos);
}

TEST(ClusterPlanTest, APodThatIsGoingIsWaitedFor) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live = AsAsked(cluster);
  Store(live, k8s::kPods, *live["pods"].begin()->second->body,
        Json::parse(R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})"));
  EXPECT_EQ(
      Plan(cluster, live),
      "ApplyPod Pod/quickstart-broker-0: it is being deleted and is needed again | blocked: it is still "
      "being deleted\n");
}

TEST(ClusterPlanTest, APodThatHasEndedIsReplaced) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live = AsAsked(cluster);
  Store(live, k8s::kPods, *live["pods"].begin()->second->body,
        Json::parse(R"({"status":{"phase":"Failed"}})"));
  EXPECT_EQ(Plan(cluster, live), "ReplacePod Pod/quickstart-broker-0: it has ended (Failed)\n");
}

TEST(ClusterPlanTest, WhatOthersMadeIsNotTouched) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live = AsAsked(cluster);
  Json service = *live["services"].at({"ns", "quickstart-bootstrap"})->body;
  service["metadata"].erase("ownerReferences");
  service["spec"]["type"] = "ExternalName";
  Store(live, k8s::kServices, service);
  EXPECT_EQ(
      Plan(cluster, live),
      "ApplyService Service/quickstart-bootstrap: it is needed | blocked: there is a Service of that name "
      "which this Cluster didn't make: delete or rename it\n");
  // Nor is another Cluster's object pruned.
  service["metadata"]["name"] = "something";
  service["metadata"]["ownerReferences"] = Json::array(
      {{{"apiVersion", "v1"}, {"kind", "X"}, {"name", "x"}, {"uid", "another"}, {"controller", true}}});
  live = AsAsked(cluster);
  Store(live, k8s::kServices, service);
  EXPECT_EQ(Plan(cluster, live), "");
}

TEST(ClusterPlanTest, AListenerThatGoesTakesItsServicesAlong) {
  const LiveObjects live = AsAsked(TestCluster(kExternal));
  EXPECT_EQ(Plan(TestCluster(), live),
            R"(ApplyConfigMap ConfigMap/quickstart-config: data.server.properties differs from what is asked
RestartBroker Pod/quickstart-broker-0: changed since its Pod was made: listeners
Prune Service/quickstart-external-0: nothing in the Cluster asks for it any more
Prune Service/quickstart-external-bootstrap: nothing in the Cluster asks for it any more
)");
}

TEST(ClusterPlanTest, AClaimThatIsToOutliveTheClusterIsSetFree) {
  constexpr char kDelete[] =
      R"({"storage":{"volumes":[{"name":"data","size":"10Gi"}],"deletionPolicy":"Delete"}})";
  constexpr char kRetain[] =
      R"({"storage":{"volumes":[{"name":"data","size":"10Gi"}],"deletionPolicy":"Retain"}})";
  const std::string step =
      "ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-0: metadata.ownerReferences differs "
      "from what is asked\n";
  EXPECT_EQ(Plan(TestCluster(kRetain), AsAsked(TestCluster(kDelete))), step);
  EXPECT_EQ(Plan(TestCluster(kDelete), AsAsked(TestCluster(kRetain))), step);
}

TEST(ClusterPlanTest, ARetainedClaimIsTakenUpAgain) {
  const ClusterResource cluster = TestCluster();
  LiveObjects live;
  live["persistentvolumeclaims"] = AsAsked(cluster)["persistentvolumeclaims"];
  const std::string plan = Plan(cluster, live);
  EXPECT_EQ(plan.find("PersistentVolumeClaim"), std::string::npos) << plan;
}

// Status: one line a condition.
std::string Conditions(const ClusterSighting& seen) {
  const api::ClusterStatus status = StatusOf(seen, 1000);
  std::string text = status.phase + "\n";
  for (const api::Condition& c : status.conditions) text += c.type + "=" + c.status + " " + c.reason + "\n";
  return text;
}

class ClusterStatusTest : public testing::Test {
 protected:
  ClusterStatusTest() {
    seen_.cluster = &cluster_;
    seen_.pods = BrokerPods(cluster_, AsAsked(cluster_));
    seen_.facts.cluster_id = "id";
    seen_.facts_status = OkStatus();
  }
  ClusterResource cluster_ = TestCluster();
  ClusterSighting seen_;
};

TEST_F(ClusterStatusTest, AllIsWell) {
  EXPECT_EQ(Conditions(seen_),
            "Ready\nReady=True AllBrokersReady\nProgressing=False AsAsked\nDegraded=False Healthy\n");
}

TEST_F(ClusterStatusTest, WhatIsPlannedIsShownAndHoldsUpReady) {
  seen_.steps = PlanCluster("quickstart", "cluster-uid", DesiredObjects(cluster_, {}, {}), {});
  seen_.pods.assign(1, PodState{});
  seen_.facts_status = MakeStatus(StatusCode::kFailedPrecondition, "no broker is ready");
  EXPECT_EQ(Conditions(seen_),
            "Creating\nReady=False StepsPending\nProgressing=True StepsPending\nDegraded=False Healthy\n");
  const api::ClusterStatus status = StatusOf(seen_, 1000);
  ASSERT_EQ(status.plan.size(), 7U);
  EXPECT_EQ(status.plan[6].object, "Pod/quickstart-broker-0");
}

TEST_F(ClusterStatusTest, AReadyPodWhoseBrokerDoesNotAnswerIsDegraded) {
  seen_.facts_status = MakeStatus(StatusCode::kDeadlineExceeded, "no answer in 2 s");
  EXPECT_EQ(Conditions(seen_),
            "Degraded\nReady=False BrokerUnreachable\nProgressing=False AsAsked\nDegraded=True "
            "BrokerUnreachable\n");
}

TEST_F(ClusterStatusTest, APodInTroubleSaysWhy) {
  LiveObjects live = AsAsked(cluster_);
  Store(live, k8s::kPods, *live["pods"].begin()->second->body,
        Json::parse(R"({"status":{"phase":"Pending","conditions":[{"type":"Ready","status":"False"}],
          "containerStatuses":[{"name":"broker","restartCount":4,
            "state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1}}}]}})"));
  seen_.pods = BrokerPods(cluster_, live);
  seen_.facts_status = MakeStatus(StatusCode::kFailedPrecondition, "no broker is ready");
  EXPECT_EQ(Conditions(seen_),
            "Degraded\nReady=False BrokerCrashLooping\nProgressing=True WaitingForBrokers\nDegraded=True "
            "BrokerCrashLooping\n");
}

TEST_F(ClusterStatusTest, WhatNobodyWaitsForIsNoTrouble) {
  PlannedStep step;
  step.kind = PlannedStep::Kind::kKafka;
  step.background = true;
  step.shown = {"ReassignPartitions", "Cluster/quickstart", "disks are to be relieved", "no other has room"};
  seen_.steps = {step};
  EXPECT_EQ(Conditions(seen_),
            "Ready\nReady=True AllBrokersReady\nProgressing=False AsAsked\nDegraded=False Healthy\n");
  EXPECT_EQ(StatusOf(seen_, 1000).plan.size(), 1U) << "it is shown all the same";
  seen_.steps[0].background = false;
  EXPECT_EQ(Conditions(seen_),
            "Degraded\nReady=False StepBlocked\nProgressing=False AsAsked\nDegraded=True StepBlocked\n");
}

TEST_F(ClusterStatusTest, PausedSaysSo) {
  cluster_.spec.paused = true;
  EXPECT_EQ(Conditions(seen_),
            "Paused\nReady=True AllBrokersReady\nProgressing=False Paused\nDegraded=False Healthy\n");
}

TEST_F(ClusterStatusTest, ABadSpecIsNamed) {
  cluster_ = TestCluster(R"({"brokers":-1})");
  EXPECT_FALSE(cluster_.faults.empty());
  EXPECT_EQ(Conditions(seen_),
            "Invalid\nReady=False InvalidSpec\nProgressing=False InvalidSpec\nDegraded=True InvalidSpec\n");
}

}  // namespace
}  // namespace dohle::reconcile
