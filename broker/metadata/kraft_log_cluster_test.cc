// Quorums of several members in the simulated world.
#include <gtest/gtest.h>

#include <cstdlib>

#include "broker/metadata/test_quorum.h"

namespace dohle::metadata {
namespace {

using testing::TestQuorum;
using testing::TestQuorumOptions;
using Death = env::SimNode::Death;

TEST(KraftLogCluster, ThreeElectReplicateAndFailOver) {
  env::SimWorld world(1);
  TestQuorum quorum(world, {.voters = 3, .observers = 1});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilLed(absl::Seconds(3)));
  const size_t first = *quorum.Leader();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(20));
  ASSERT_TRUE(quorum.RunUntilCaughtUp(absl::Seconds(2))) << "observers too";

  const env::MonotonicTime killed = world.now();
  quorum.Crash(first, Death::kProcess);
  ASSERT_TRUE(quorum.RunUntilLed());
  EXPECT_LT(world.now() - killed, absl::Milliseconds(300)) << "the refused connection tells";
  EXPECT_NE(*quorum.Leader(), first);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(20));
  quorum.Start(first);
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
}

TEST(KraftLogCluster, AHostThatVanishesIsNoticedByTimeOut) {
  env::SimWorld world(2);
  TestQuorum quorum(world, {.voters = 3});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(5));
  const size_t first = *quorum.Leader();
  quorum.Crash(first, Death::kPower);
  ASSERT_TRUE(quorum.RunUntilLed(absl::Seconds(10)));
  ASSERT_TRUE(quorum.RunUntilAcknowledged(5));
  quorum.Start(first);
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
}

TEST(KraftLogCluster, ALeaderThatStopsHandsOver) {
  env::SimWorld world(3);
  TestQuorum quorum(world, {.voters = 3});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(5));
  const size_t first = *quorum.Leader();
  const env::MonotonicTime begun = world.now();
  const std::optional<Status> stopped = quorum.Stop(first);
  ASSERT_TRUE(stopped.has_value());
  EXPECT_TRUE(stopped->ok()) << *stopped;
  ASSERT_TRUE(world.RunUntil([&] { return quorum.Leader() && *quorum.Leader() != first; }, absl::Seconds(5)));
  EXPECT_LT(world.now() - begun, absl::Milliseconds(400));
}

TEST(KraftLogCluster, ALeaderThatNobodyAnswersStopsSoon) {
  env::SimWorld world(4);
  TestQuorum quorum(world, {.voters = 3});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(5));
  const size_t first = *quorum.Leader();
  quorum.Isolate(first);
  world.RunFor(absl::Milliseconds(100));
  EXPECT_TRUE(quorum.Stop(first, absl::Seconds(1)).has_value());
  world.network().HealAll();
}

TEST(KraftLogCluster, APartitionedLeaderLosesWhatIsNotCommitted) {
  env::SimWorld world(5);
  TestQuorum quorum(world, {.voters = 3});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  const size_t first = *quorum.Leader();
  quorum.Isolate(first);
  // It goes on writing, to itself.
  ASSERT_TRUE(world.RunUntil(
      [&] {
        const auto leader = quorum.Leader();
        return leader && *leader != first;
      },
      absl::Seconds(20)));
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  world.RunFor(absl::Seconds(5));
  EXPECT_FALSE(quorum.log(first).leader()->is_local) << "it has lost its majority";
  world.network().HealAll();
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
}

TEST(KraftLogCluster, WhoIsFarBehindGetsTheSnapshot) {
  env::SimWorld world(6);
  TestQuorumOptions options;
  options.observers = 1;
  options.config.max_retention_bytes = 0;
  options.config.segment_bytes = 2000;
  TestQuorum quorum(world, options);
  for (size_t i = 0; i < 2; ++i) quorum.Start(i);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(100));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(quorum.RunUntilAcknowledged(50));
    for (size_t i = 0; i < 2; ++i) {
      const auto taken = quorum.TakeSnapshot(i);
      ASSERT_TRUE(taken.ok()) << taken.status();
    }
  }
  quorum.Start(2);
  quorum.Start(3);
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
  // What it has of the snapshot is enough to lead.
  quorum.Crash(*quorum.Leader(), Death::kPower);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(5));
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
  for (size_t i = 2; i < 4; ++i) {
    quorum.Crash(i, Death::kPower);
    quorum.Start(i);
  }
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
}

TEST(KraftLogCluster, StaticVoters) {
  env::SimWorld world(7);
  TestQuorum quorum(world, {.voters = 3, .static_voters = true});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  quorum.Crash(*quorum.Leader(), Death::kProcess);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
}

TEST(KraftLogCluster, FiveSurviveTwo) {
  env::SimWorld world(8);
  TestQuorum quorum(world, {.voters = 5});
  quorum.StartAll();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
    quorum.Crash(*quorum.Leader(), i == 0 ? Death::kProcess : Death::kPower);
  }
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
}

TEST(KraftLogCluster, AllStartAgain) {
  env::SimWorld world(9);
  TestQuorum quorum(world, {.voters = 3, .observers = 1});
  for (int life = 0; life < 3; ++life) {
    quorum.StartAll();
    ASSERT_TRUE(quorum.RunUntilAcknowledged(20));
    for (size_t i = 0; i < quorum.size(); ++i) quorum.Crash(i, Death::kPower);
  }
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
}

TEST(KraftLogCluster, VotersAreAddedAndRemoved) {
  env::SimWorld world(10);
  TestQuorum quorum(world, {.voters = 1, .observers = 2, .all_controllers = true});
  quorum.Start(0);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  EXPECT_EQ(quorum.AddVoter(0, 1), 7) << "nobody answers there: REQUEST_TIMED_OUT";
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(quorum.AddVoter(1, 2), 6) << "NOT_LEADER_OR_FOLLOWER";
  EXPECT_EQ(quorum.AddVoter(0, 1), 0);
  EXPECT_EQ(quorum.AddVoter(0, 1), 126) << "DUPLICATE_VOTER";
  EXPECT_EQ(quorum.AddVoter(0, 2), 0);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(quorum.log(i).Describe().voter_set.voters.size(), 3u);
  EXPECT_EQ(quorum.log(0).Describe().voters.size(), 3u);

  // The leader goes: another leads, without it.
  EXPECT_EQ(quorum.RemoveVoter(0, 0), 0);
  ASSERT_TRUE(world.RunUntil([&] { return quorum.Leader() && *quorum.Leader() != 0; }, absl::Seconds(10)));
  EXPECT_EQ(quorum.RemoveVoter(*quorum.Leader(), 0), 127) << "VOTER_NOT_FOUND";
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  EXPECT_EQ(quorum.log(*quorum.Leader()).Describe().voter_set.voters.size(), 2u);
  // All of it is in the log and outlives everybody.
  for (size_t i = 0; i < 3; ++i) quorum.Crash(i, Death::kPower);
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
  EXPECT_NE(*quorum.Leader(), 0u);
}

TEST(KraftLogCluster, AVoterThatMovedTellsTheLeader) {
  env::SimWorld world(11);
  TestQuorum quorum(world, {.voters = 3});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  const auto port_of = [&](size_t i) {
    const QuorumDescription described = quorum.log(*quorum.Leader()).Describe();
    const raft::Voter* voter = described.voter_set.Find(NodeId(static_cast<int32_t>(i) + 1));
    return voter->endpoints[0].port;
  };
  // All of them in turn, whoever leads.
  for (size_t i = 0; i < 3; ++i) {
    quorum.Crash(i, Death::kProcess);
    quorum.set_port(i, 10'001);
    quorum.Start(i);
    ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
    ASSERT_TRUE(world.RunUntil([&] { return quorum.Leader() && port_of(i) == 10'001; }, absl::Seconds(10)))
        << i;
  }
  quorum.Crash(*quorum.Leader(), Death::kProcess);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
}

TEST(KraftLogCluster, AnOpenTransactionEndsWithItsLeader) {
  env::SimWorld world(12);
  TestQuorum quorum(world, {.voters = 3, .observers = 1});
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  const size_t first = *quorum.Leader();
  EXPECT_FALSE(quorum.LeaveTransactionOpen(first, "half").ok());
  EXPECT_TRUE(quorum.log(first).Describe().failed);
  world.RunFor(absl::Milliseconds(100));
  quorum.Crash(first, Death::kProcess);
  ASSERT_TRUE(quorum.RunUntilAcknowledged(10));
  quorum.Start(first);
  ASSERT_TRUE(quorum.RunUntilCaughtUp());
  for (size_t i = 0; i < quorum.size(); ++i) EXPECT_FALSE(quorum.HasTopic(i, "half")) << i;
}

uint64_t SeedCount() {
  const char* count = std::getenv("DOHLE_SEEDS");
  return count == nullptr ? 20 : std::strtoull(count, nullptr, 10);
}

void RunFaults(uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  env::SimWorld world(seed);
  env::Xoshiro& random = world.random();
  TestQuorumOptions options;
  options.voters = random.Chance(0.3) ? 5 : 3;
  options.observers = static_cast<int>(random.Below(2));
  options.static_voters = random.Chance(0.2);
  options.config.max_record_bytes_between_snapshots = random.Chance(0.5) ? 5'000 : 1'000'000;
  options.config.max_retention_bytes = random.Chance(0.5) ? 0 : 100'000;
  options.config.segment_bytes = 4'000;
  options.writers = 1 + static_cast<int>(random.Below(4));
  TestQuorum quorum(world, options);
  if (random.Chance(0.3)) world.network().set_loss_chance(0.02);
  quorum.NoteCut();
  quorum.set_pause(absl::Milliseconds(static_cast<int64_t>(5 + random.Below(40))));
  quorum.StartAll();
  for (int fault = 0; fault < 12; ++fault) {
    world.RunFor(absl::Milliseconds(static_cast<int64_t>(random.Below(3000))));
    const size_t i = random.Below(quorum.size());
    const size_t j = random.Below(quorum.size());
    switch (random.Below(8)) {
      case 0:
      case 1:
        if (quorum.running(i)) quorum.Crash(i, random.Chance(0.5) ? Death::kPower : Death::kProcess);
        break;
      case 2:
        if (i != j) world.network().CutBothWays(quorum.name(i), quorum.name(j));
        break;
      case 3:
        if (i != j) world.network().Cut(quorum.name(i), quorum.name(j));
        break;
      case 4:
        quorum.Isolate(i);
        break;
      case 5:
      case 6:
        world.network().HealAll();
        break;
      default:
        if (i != j) world.network().ResetConnections(quorum.name(i), quorum.name(j));
    }
    if (random.Chance(0.5) && !quorum.running(j)) quorum.Start(j);
  }
  world.network().HealAll();
  world.network().set_loss_chance(0);
  quorum.StartAll();
  ASSERT_TRUE(quorum.RunUntilAcknowledged(5, absl::Seconds(60))) << "nobody leads";
  ASSERT_TRUE(quorum.RunUntilCaughtUp(absl::Seconds(60)));
}

TEST(KraftLogCluster, NothingAcknowledgedIsLostAndThereIsOneHistory) {
  for (uint64_t seed = 1; seed <= SeedCount(); ++seed) {
    RunFaults(seed);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace dohle::metadata
