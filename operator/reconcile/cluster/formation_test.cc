#include "operator/reconcile/cluster/formation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "operator/reconcile/cluster/cluster_objects.h"
#include "operator/reconcile/cluster/test_objects.h"
#include "operator/reconcile/cluster/test_topology.h"
#include "operator/resources/names.h"
#include "operator/resources/objects.h"

namespace dohle::reconcile {
namespace {

using resources::Removal;

ClusterResource Of(int brokers, const std::string& more = "", const k8s::StringPairs& annotations = {}) {
  ClusterResource cluster = TestCluster(fmt::format(R"({{"brokers":{}{}}})", brokers, more));
  cluster.meta.annotations = annotations;
  return cluster;
}

// "0 1* 2!draining 3-": who is a founder (*), what is said of its removal, who doesn't run (-).
std::string Members(const Formation& formation) {
  std::string text;
  for (const resources::Member& member : formation.members) {
    const char* removals[] = {"", "!draining", "!stopping", "!done"};
    text += fmt::format("{}{}{}{}{}", text.empty() ? "" : " ", member.id, member.founder ? "*" : "",
                        removals[static_cast<int>(member.removal)], member.runs ? "" : "-");
  }
  return text;
}
std::string MembersOf(const ClusterResource& cluster, const LiveObjects& live,
                      TestTopology* topology = nullptr) {
  return Members(FormationOf(cluster, live, topology == nullptr ? nullptr : &**topology));
}

// A claim with another annotation.
void Mark(LiveObjects& live, int32_t id, std::string_view key, const std::string& value) {
  const std::string name = resources::ClaimName("data", "quickstart", id);
  k8s::Json body = *live["persistentvolumeclaims"].at({"ns", name})->body;
  body["metadata"]["annotations"][std::string(key)] = value;
  Store(live, k8s::kPersistentVolumeClaims, body);
}
void MarkRemoval(LiveObjects& live, int32_t id, const std::string& removal) {
  Mark(live, id, resources::kRemovalAnnotation, removal);
}
void RemovePod(LiveObjects& live, int32_t id) {
  live["pods"].erase({"ns", resources::PodName("quickstart", id)});
}

TEST(FormationTest, ANewClusterIsAsAskedWithFounders) {
  EXPECT_EQ(MembersOf(Of(1), {}), "0*");
  EXPECT_EQ(MembersOf(Of(2), {}), "0* 1");
  EXPECT_EQ(MembersOf(Of(4), {}), "0* 1* 2* 3");
  EXPECT_EQ(MembersOf(Of(4, R"(,"controllers":1)"), {}), "0* 1 2 3");
  EXPECT_EQ(MembersOf(Of(2, R"(,"controllers":5)"), {}), "0* 1*");
  EXPECT_EQ(FormationOf(Of(3), {}, nullptr).quorum, resources::NewQuorum("cluster-uid", 3));
}

TEST(FormationTest, WhatWasBegunIsFinishedWithTheSameFounders) {
  LiveObjects live;
  live["persistentvolumeclaims"] = AsAsked(Of(3))["persistentvolumeclaims"];
  live["persistentvolumeclaims"].erase({"ns", "data-quickstart-1"});
  EXPECT_EQ(MembersOf(Of(3), live), "0* 1* 2*");
  EXPECT_EQ(FormationOf(Of(3), live, nullptr).quorum, resources::NewQuorum("cluster-uid", 3));
  // Even if by now fewer are asked for.
  EXPECT_EQ(MembersOf(Of(1), live), "0* 1* 2*");
}

// It would vote again under the same directory id.
TEST(FormationTest, OnceFormedALostClaimIsNoFounders) {
  LiveObjects live = AsAsked(Of(3));
  live["persistentvolumeclaims"].erase({"ns", "data-quickstart-1"});
  ClusterResource formed = Of(3);
  formed.status.cluster_id = "x";
  EXPECT_EQ(MembersOf(formed, live), "0* 1 2*");
  EXPECT_TRUE(FormationOf(formed, live, nullptr).quorum.formed);
  // The claims remember it when the status is lost.
  Mark(live, 2, resources::kFormedAnnotation, "true");
  EXPECT_EQ(MembersOf(Of(3), live), "0* 1 2*");
}

TEST(FormationTest, TheQuorumComesBackWithTheData) {
  LiveObjects live;
  live["persistentvolumeclaims"] = AsAsked(Of(3))["persistentvolumeclaims"];
  ClusterResource again = Of(3);
  again.meta.uid = "another";
  EXPECT_EQ(FormationOf(again, live, nullptr).quorum, resources::NewQuorum("cluster-uid", 3));
  LiveObjects deleted;
  for (const auto& [name, claim] : live.at("persistentvolumeclaims")) {
    Store(deleted, k8s::kPersistentVolumeClaims, *claim->body,
          {{"metadata", {{"deletionTimestamp", "2026-01-01T00:00:00Z"}}}});
  }
  EXPECT_EQ(FormationOf(again, deleted, nullptr).quorum, resources::NewQuorum("another", 3));
}

TEST(FormationTest, NewBrokersGetTheLowestFreeIds) {
  LiveObjects live = AsAsked(Of(4));
  Mark(live, 0, resources::kFormedAnnotation, "true");
  EXPECT_EQ(MembersOf(Of(6), live), "0* 1* 2* 3 4 5");
  MarkRemoval(live, 1, "done");
  EXPECT_EQ(MembersOf(Of(3), live), "0* 2* 3");
  // Whose claim was kept takes it up again; its founding is over.
  EXPECT_EQ(MembersOf(Of(5), live), "0* 1* 2* 3 4");
}

TEST(FormationTest, WhoseClaimWasLostComesBackUnderItsId) {
  LiveObjects live = AsAsked(Of(4));
  Mark(live, 1, resources::kFormedAnnotation, "true");
  MarkRemoval(live, 0, "done");
  live["persistentvolumeclaims"].erase({"ns", "data-quickstart-2"});
  TestTopology topology({1, 2, 3});
  topology.Topic("t", {{1, 2, 3}}).Fence(2);
  EXPECT_EQ(MembersOf(Of(3), live, &topology), "1* 2 3");
}

TEST(FormationTest, TheHighestIdsGoFirstOrThoseThatAreNamed) {
  const LiveObjects live = AsAsked(Of(5));
  TestTopology topology({0, 1, 2, 3, 4}, {0, 1, 2});
  EXPECT_EQ(MembersOf(Of(3), live, &topology), "0* 1* 2* 3!draining 4!draining");
  const k8s::StringPairs named = {{std::string(resources::kRemoveBrokersAnnotation), "1,9,4"}};
  EXPECT_EQ(MembersOf(Of(4, "", named), live, &topology), "0* 1*!draining 2* 3 4");
  EXPECT_EQ(MembersOf(Of(2, "", named), live, &topology), "0* 1*!draining 2* 3!draining 4!draining");
  EXPECT_EQ(MembersOf(Of(5, "", named), live, &topology), "0* 1* 2* 3 4");
}

TEST(FormationTest, NothingLeavesWhileReplicationFactorsForbidIt) {
  const LiveObjects live = AsAsked(Of(4));
  TestTopology topology({0, 1, 2, 3}, {0, 1, 2});
  topology.Topic("t", {{0, 1, 2}});
  const Formation formation = FormationOf(Of(2), live, &*topology);
  EXPECT_EQ(Members(formation), "0* 1* 2* 3");
  EXPECT_EQ(
      ToText({RefusedScaling(Of(2), formation)}),
      "Scale Cluster/quickstart: 2 brokers are asked for, 4 run | blocked: topic t has 3 replicas, more "
      "than the 2 brokers that would be left: give it fewer, or set brokers to 4\n");
  EXPECT_EQ(FormationOf(Of(3), live, &*topology).refusal, "");
  const Formation unknown = FormationOf(Of(3), live, nullptr);
  EXPECT_EQ(Members(unknown), "0* 1* 2* 3");
  EXPECT_EQ(unknown.refusal, "no broker tells which replicas there are: wait until one does");
}

TEST(FormationTest, ARemovalGoesStepByStep) {
  LiveObjects live = AsAsked(Of(4));
  TestTopology topology({0, 1, 2, 3}, {0, 1, 3});
  topology.Topic("t", {{0, 3}});
  const auto now = [&](int brokers = 3) { return MembersOf(Of(brokers), live, &topology); };
  EXPECT_EQ(now(), "0* 1* 2* 3!draining");
  MarkRemoval(live, 3, "draining");
  EXPECT_EQ(now(), "0* 1* 2* 3!draining");
  topology->partitions[0].replicas = {NodeId(0), NodeId(1)};
  EXPECT_EQ(now(), "0* 1* 2* 3!draining") << "it isn't closed and votes";
  topology.Cordon(3);
  EXPECT_EQ(now(), "0* 1* 2* 3!draining") << "it votes";
  topology->quorum.voters.pop_back();
  EXPECT_EQ(now(), "0* 1* 2* 3!stopping-");
  MarkRemoval(live, 3, "stopping");
  EXPECT_EQ(now(), "0* 1* 2* 3!stopping-");
  RemovePod(live, 3);
  topology.Fence(3);
  EXPECT_EQ(now(), "0* 1* 2* 3!stopping-") << "the cluster knows it still";
  topology->brokers.pop_back();
  EXPECT_EQ(now(), "0* 1* 2* 3!done-");
  EXPECT_EQ(MembersOf(Of(3), live), "0* 1* 2* 3!stopping-") << "nobody tells";
  MarkRemoval(live, 3, "done");
  EXPECT_EQ(now(), "0* 1* 2*");
  EXPECT_EQ(now(4), "0* 1* 2* 3");
}

TEST(FormationTest, ARemovalIsTakenBackAtAnyTime) {
  LiveObjects live = AsAsked(Of(4));
  TestTopology topology({0, 1, 2, 3}, {0, 1, 2});
  topology.Cordon(3);
  const auto wanted = [&] { return MembersOf(Of(4), live, &topology); };
  MarkRemoval(live, 3, "stopping");
  RemovePod(live, 3);
  EXPECT_EQ(wanted(), "0* 1* 2* 3!draining");
  MarkRemoval(live, 3, "draining");
  EXPECT_EQ(wanted(), "0* 1* 2* 3!draining") << "it is closed still";
  topology.Broker(3).cordoned = false;
  EXPECT_EQ(wanted(), "0* 1* 2* 3");
  const Formation formation = FormationOf(Of(4), live, &*topology);
  EXPECT_TRUE(formation.Find(3)->marked) << "the claim's annotation is taken back";
  // Or forbidden half-way: a topic came meanwhile.
  topology.Topic("t", {{0, 1, 2, 3}});
  EXPECT_EQ(MembersOf(Of(3), live, &topology), "0* 1* 2* 3");
}

// Placed before the controller knew of the cordon.
TEST(FormationTest, WhatCameLateMovesAwayFirst) {
  LiveObjects live = AsAsked(Of(4));
  TestTopology topology({0, 1, 2, 3}, {0, 1, 2});
  topology.Cordon(3).Topic("late", {{3}});
  MarkRemoval(live, 3, "stopping");
  EXPECT_EQ(MembersOf(Of(3), live, &topology), "0* 1* 2* 3!draining");
}

TEST(FormationTest, FencedBrokersDontRun) {
  const LiveObjects live = AsAsked(Of(3));
  EXPECT_EQ(MembersOf(Of(3, "", {{std::string(resources::kFenceAnnotation), "1"}}), live), "0* 1*- 2*");
  EXPECT_EQ(MembersOf(Of(3, "", {{std::string(resources::kFenceAnnotation), "*"}}), live), "0*- 1*- 2*-");
}

TEST(FormationTest, HibernationEndsWithTheController) {
  LiveObjects live = AsAsked(Of(5));
  TestTopology topology({0, 1, 2, 3, 4}, {1, 0, 2});
  const ClusterResource asleep = Of(5, R"(,"hibernated":true)");
  EXPECT_EQ(MembersOf(asleep, live, &topology), "0* 1* 2* 3- 4-");
  RemovePod(live, 3);
  RemovePod(live, 4);
  EXPECT_EQ(MembersOf(asleep, live, &topology), "0*- 1* 2* 3- 4-");
  RemovePod(live, 0);
  EXPECT_EQ(MembersOf(asleep, live, &topology), "0*- 1* 2*- 3- 4-");
  RemovePod(live, 2);
  EXPECT_EQ(MembersOf(asleep, live, &topology), "0*- 1*- 2*- 3- 4-");
  EXPECT_EQ(MembersOf(asleep, live), "0*- 1*- 2*- 3- 4-");
  EXPECT_EQ(MembersOf(Of(5), live), "0* 1* 2* 3 4");
}

// Made by an older operator.
TEST(FormationTest, StaticVotersStay) {
  LiveObjects live;
  const resources::Quorum fixed{3, "AAAAAAAAQACAAAAAAAAAAQ", {}, false};
  const ClusterResource five = Of(5);
  for (const DesiredObject& object : resources::BuildObjects({five.meta, five.spec, {}, fixed}, {}))
    Store(live, object.resource, object.body);
  TestTopology topology({0, 1, 2, 3, 4}, {0, 1, 2});
  EXPECT_EQ(MembersOf(five, live, &topology), "0 1 2 3 4");
  EXPECT_EQ(FormationOf(five, live, &*topology).quorum, fixed);
  EXPECT_EQ(MembersOf(Of(3), live, &topology), "0 1 2 3!draining 4!draining");
  EXPECT_EQ(
      FormationOf(Of(2), live, &*topology).refusal,
      "broker 2 is one of 3 voters that can't change, as the Cluster was made by an older operator: set "
      "brokers to 3 or more, and let no annotation name one of those");
  EXPECT_EQ(ToText(PlanCluster("quickstart", "cluster-uid", DesiredObjects(five, live, {}), live)), "");
}

TEST(FormationTest, ABrokerThatWasAloneStaysAlone) {
  LiveObjects live;
  const ClusterResource one = Of(1);
  for (const DesiredObject& object : resources::BuildObjects({one.meta, one.spec, {}}, {}))
    Store(live, object.resource, object.body);
  const Formation formation = FormationOf(Of(3), live, nullptr);
  EXPECT_EQ(Members(formation), "0");
  EXPECT_TRUE(formation.quorum.standalone());
  EXPECT_EQ(formation.refusal,
            "its data is of a Cluster that an older operator made with one broker, which can't get more: set "
            "brokers to 1, or make another Cluster");
  EXPECT_EQ(ToText(PlanCluster("quickstart", "cluster-uid", DesiredObjects(one, live, {}), live)), "");
}

TEST(FormationTest, VotersAreCountedAmongThoseThatStay) {
  const LiveObjects live = AsAsked(Of(7));
  TestTopology topology({0, 1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4});
  EXPECT_EQ(WantedVoters(Of(7), FormationOf(Of(7), live, &*topology)), 5);
  EXPECT_EQ(WantedVoters(Of(3), FormationOf(Of(3), live, &*topology)), 3);
  const ClusterResource more = Of(5, R"(,"controllers":5)");
  EXPECT_EQ(WantedVoters(more, FormationOf(more, live, &*topology)), 5);
}

}  // namespace
}  // namespace dohle::reconcile
