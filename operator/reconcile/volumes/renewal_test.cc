#include "operator/reconcile/volumes/renewal.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "operator/reconcile/cluster/test_topology.h"
#include "operator/reconcile/volumes/test_claims.h"

namespace dohle::reconcile {
namespace {

constexpr NodeId k0{0}, k1{1}, k2{2};
const std::vector<int32_t> kThree = {0, 1, 2};

RenewalCase Case(int32_t broker, bool begun = false) { return {broker, "class", 1000, begun}; }

std::string Plan(const std::vector<RenewalCase>& cases, const Topology* topology,
                 const std::vector<int32_t>& members = kThree, const std::string& hold = "") {
  const RenewalPlan plan = PlanRenewals(cases, members, topology, hold);
  std::string text;
  if (plan.broker) text += fmt::format("{}: {}\n", *plan.broker, plan.reason);
  for (const auto& waiting : plan.waiting) {
    text += fmt::format("{}: {} | {}{}\n", waiting.broker, waiting.reason, waiting.blocked_by,
                        waiting.passes ? "" : " (for good)");
  }
  return text;
}

TEST(RenewalTest, TellsWhy) {
  const auto why = [](const std::string& storage_class, const std::string& size, const Claim& claim) {
    api::StorageVolume volume;
    volume.size = size;
    if (!storage_class.empty()) volume.storage_class_name = storage_class;
    return WhyRenewed(volume, claim, SizeOf(volume, std::nullopt, claim, {}));
  };
  const Claim slow = TestClaim("10Gi", R"({"spec":{"storageClassName":"slow"}})");
  EXPECT_EQ(why("slow", "10Gi", slow), "");
  EXPECT_EQ(why("", "10Gi", slow), "") << "any class is as good as another";
  EXPECT_EQ(why("slow", "20Gi", slow), "");
  EXPECT_EQ(why("fast", "20Gi", slow), "volume data is of storage class slow and shall be of fast");
  EXPECT_EQ(why("fast", "10Gi", TestClaim("10Gi")),
            "volume data is of storage class none and shall be of fast");
  EXPECT_EQ(why("slow", "5Gi", slow), "volume data has 10Gi and shall have less");
}

TEST(RenewalTest, OneBrokerAtATimeTheActiveControllerLast) {
  TestTopology topology({0, 1, 2});
  const Topology& seen = *topology;
  EXPECT_EQ(Plan({Case(0), Case(1), Case(2)}, &seen),
            "1: class\n2: class | broker 1 is first\n0: class | broker 1 is first\n");
  EXPECT_EQ(Plan({Case(0), Case(1), Case(2, true)}, &seen),
            "2: class\n1: class | broker 2 is first\n0: class | broker 2 is first\n")
      << "what is begun goes on";
  EXPECT_EQ(Plan({Case(0)}, &seen), "0: class\n");
  EXPECT_EQ(Plan({}, &seen), "");
}

TEST(RenewalTest, NothingIsBegunAtABadMoment) {
  EXPECT_EQ(Plan({Case(1)}, nullptr), "1: class | no broker tells what there is\n");
  EXPECT_EQ(Plan({Case(1, true)}, nullptr), "1: class\n") << "what is begun is known to be";
  TestTopology away({0, 1, 2});
  EXPECT_EQ(Plan({Case(1)}, &*away, kThree, "brokers leave"), "1: class | brokers leave\n");
  EXPECT_EQ(Plan({Case(1, true)}, &*away, kThree, "brokers leave"), "1: class | brokers leave\n");
  EXPECT_EQ(Plan({Case(1)}, &*away, {0, 1, 2, 3}), "1: class | broker 3 doesn't serve\n");
  away.Fence(2);
  EXPECT_EQ(Plan({Case(1)}, &*away), "1: class | broker 2 doesn't serve\n");
  TestTopology closed({0, 1, 2});
  closed.Cordon(2);
  EXPECT_EQ(Plan({Case(1)}, &*closed), "1: class | broker 2 takes no replicas yet\n");
  TestTopology behind({0, 1, 2});
  behind.Topic("t", {{0, 1}});
  behind->partitions[0].in_sync = {k0};
  EXPECT_EQ(Plan({Case(2)}, &*behind), "2: class | partition t-0 has replicas that aren't in sync\n");
  TestTopology moving({0, 1, 2});
  moving.Topic("t", {{0, 1}});
  moving->partitions[0].adding = {k1};
  EXPECT_EQ(Plan({Case(2)}, &*moving), "2: class | partition t-0 is being moved, among others\n");
  TestTopology voter({0, 1, 2});
  voter.Behind(1, 60'000);
  EXPECT_EQ(Plan({Case(2)}, &*voter), "2: class | voter 1 isn't caught up\n");
}

TEST(RenewalTest, WhatCantBeDoneIsToldWithWhatToDo) {
  TestTopology alone({0});
  EXPECT_EQ(
      Plan({Case(0)}, &*alone, {0}),
      "0: class | it is the only broker, and nobody can hold its replicas meanwhile: add one, or set it "
      "back (for good)\n");
  TestTopology strict({0, 1, 2});
  strict.Topic("t", {{0, 1, 2}});
  EXPECT_EQ(Plan({Case(1)}, &*strict), "1: class\n") << "it is copied anew in place";
  strict->topics[0].min_in_sync_replicas = 3;
  EXPECT_EQ(
      Plan({Case(1)}, &*strict),
      "1: class | partition t-0 would have 2 replicas in sync while it is away, fewer than its "
      "min.insync.replicas of 3, and has no broker to move to: add a broker, or set it back (for good)\n");
  TestTopology large({0, 1, 2});
  large.Topic("t", {{1, 2}});
  large->partitions[0].bytes = 900;
  EXPECT_EQ(
      Plan({Case(1)}, &*large),
      "1: class | it holds 900 bytes, more than 85 % of the 1000 that it would have: ask for more, or let "
      "topics keep less (for good)\n");
  large->partitions[0].bytes = 800;
  for (const int32_t id : kThree) large.Broker(id).disk_bytes = 1000, large.Broker(id).disk_free_bytes = 500;
  EXPECT_EQ(
      Plan({Case(1)}, &*large),
      "1: class | 800 bytes have to move to the other brokers, which have room for 700: give them more, or "
      "add a broker (for good)\n");
  TestTopology fixed({0, 1, 2});
  for (QuorumVoter& voter : fixed->quorum.voters) voter.directory = {};
  EXPECT_EQ(Plan({Case(1)}, &*fixed),
            "1: class | it is a voter of a quorum that can't change, as the Cluster was made by an older "
            "operator: set it back (for good)\n");
}

TEST(RenewalTest, StopsWhenNobodyMissesIt) {
  TestTopology topology({0, 1, 2});
  topology.Topic("two", {{1, 2}}).Topic("three", {{0, 1, 2}});
  EXPECT_EQ(WhyNotStopped(*topology, k1), "it takes new replicas still");
  topology.Cordon(1);
  EXPECT_EQ(WhyNotStopped(*topology, k1), "1 replicas are to be moved");
  topology->partitions[0].adding = {k0};
  EXPECT_EQ(WhyNotStopped(*topology, k1), "1 replicas are on their way");
  topology->partitions[0].adding = {};
  topology->partitions[0].replicas = topology->partitions[0].in_sync = {k0, k2};
  EXPECT_EQ(WhyNotStopped(*topology, k1), "");
  topology->partitions[1].in_sync = {k1};
  EXPECT_EQ(WhyNotStopped(*topology, k1),
            "partition three-0 has no other replica in sync, and no broker to move to");
  EXPECT_TRUE(IsNeeded(*topology, k1));
  topology->partitions[1].in_sync = {k0, k1, k2};
  EXPECT_FALSE(IsNeeded(*topology, k1));
  topology.Behind(0, 60'000);
  EXPECT_EQ(WhyNotStopped(*topology, k1),
            "without its vote there is no majority: 1 other voters of 3 are caught up");
}

TEST(RenewalTest, AVoterGivesItsVoteToOneThatHasNone) {
  TestTopology topology({0, 1, 2, 3}, {0, 1, 2});
  topology.Cordon(1);
  EXPECT_EQ(WhyNotStopped(*topology, k1), "it votes until another broker does in its place");
  topology.Fence(3);
  EXPECT_EQ(WhyNotStopped(*topology, k1), "");
}

TEST(RenewalTest, DeletesVolumesThatNobodyCountsOn) {
  TestTopology topology({0, 1, 2});
  topology.Topic("three", {{0, 1, 2}});
  topology.Cordon(1);
  EXPECT_EQ(WhyNotDeleted(*topology, k1), "its broker serves still");
  topology.Fence(1);
  EXPECT_EQ(WhyNotDeleted(*topology, k1), "partition three-0 counts on it")
      << "it is in sync, as far as is known";
  topology->partitions[0].in_sync = {k0, k2};
  EXPECT_EQ(WhyNotDeleted(*topology, k1), "");
  topology->partitions[0].in_sync = {};
  EXPECT_EQ(WhyNotDeleted(*topology, k1), "partition three-0 counts on it");
}

}  // namespace
}  // namespace dohle::reconcile
