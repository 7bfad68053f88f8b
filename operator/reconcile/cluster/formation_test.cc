#include "operator/reconcile/cluster/formation.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/test_objects.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

ClusterResource Of(int brokers, const std::string& uid = "cluster-uid") {
  ClusterResource cluster = TestCluster(fmt::format(R"({{"brokers":{}}})", brokers));
  cluster.meta.uid = uid;
  return cluster;
}

TEST(FormationTest, ANewClusterIsAsAsked) {
  for (const int brokers : {1, 2, 3, 5}) {
    const Formation formation = FormationOf(Of(brokers), {});
    EXPECT_EQ(formation.brokers, brokers);
    EXPECT_EQ(formation.quorum, resources::NewQuorum("cluster-uid", brokers));
    EXPECT_EQ(formation.refusal, "");
  }
}

TEST(FormationTest, TheQuorumStaysWhenBrokersAreAdded) {
  for (const int before : {2, 3}) {
    const Formation formation = FormationOf(Of(5), AsAsked(Of(before)));
    EXPECT_EQ(formation.brokers, 5);
    EXPECT_EQ(formation.quorum, resources::NewQuorum("cluster-uid", before));
    EXPECT_EQ(formation.refusal, "");
  }
}

TEST(FormationTest, TheQuorumComesBackWithTheData) {
  LiveObjects live;
  live["persistentvolumeclaims"] = AsAsked(Of(3))["persistentvolumeclaims"];
  EXPECT_EQ(FormationOf(Of(3, "another"), live).quorum, resources::NewQuorum("cluster-uid", 3));
  // Each claim says it.
  live["persistentvolumeclaims"].erase(live["persistentvolumeclaims"].begin());
  EXPECT_EQ(FormationOf(Of(3, "another"), live).quorum, resources::NewQuorum("cluster-uid", 3));
}

TEST(FormationTest, ClaimsThatGoAreOfNoAccount) {
  LiveObjects live;
  const LiveObjects before = AsAsked(Of(3));
  for (const auto& [name, claim] : before.at("persistentvolumeclaims")) {
    Store(live, k8s::kPersistentVolumeClaims, *claim->body,
          {{"metadata", {{"deletionTimestamp", "2026-01-01T00:00:00Z"}}}});
  }
  EXPECT_EQ(FormationOf(Of(2, "another"), live).quorum, resources::NewQuorum("another", 2));
}

TEST(FormationTest, BrokersWithDataStay) {
  const ClusterResource fewer = Of(2);
  const LiveObjects live = AsAsked(Of(3));
  const Formation formation = FormationOf(fewer, live);
  EXPECT_EQ(formation.brokers, 3);
  EXPECT_EQ(formation.refusal, "brokers can't be taken away yet, as they hold data: set brokers to 3");
  EXPECT_EQ(ToText(PlanCluster("quickstart", "cluster-uid", DesiredObjects(fewer, live, {}), live)), "");
  EXPECT_EQ(ToText({RefusedScaling(fewer, formation)}),
            "Scale Cluster/quickstart: 2 brokers are asked for, 3 run | blocked: brokers can't be taken away "
            "yet, as "
            "they hold data: set brokers to 3\n");
}

TEST(FormationTest, ABrokerThatWasAloneStaysAlone) {
  const ClusterResource more = Of(3);
  const LiveObjects live = AsAsked(Of(1));
  const Formation formation = FormationOf(more, live);
  EXPECT_EQ(formation.brokers, 1);
  EXPECT_TRUE(formation.quorum.standalone());
  EXPECT_NE(formation.refusal, "");
  EXPECT_EQ(ToText(PlanCluster("quickstart", "cluster-uid", DesiredObjects(more, live, {}), live)), "");
}

}  // namespace
}  // namespace dohle::reconcile
