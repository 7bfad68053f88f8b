#include "operator/reconcile/cluster/voters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "operator/reconcile/cluster/test_topology.h"

namespace dohle::reconcile {
namespace {

using Racks = std::map<NodeId, std::string>;

Racks Brokers(const std::vector<int32_t>& ids) {
  Racks racks;
  for (const int32_t id : ids) racks[NodeId(id)] = "";
  return racks;
}

std::string Next(TestTopology& topology, const Racks& candidates, int32_t wanted) {
  const VoterChange change = NextVoterChange(topology->quorum, candidates, wanted);
  const char* kinds[] = {"", "add", "remove", "wait"};
  if (change.kind == VoterChange::Kind::kNone) return "";
  return fmt::format("{} {}: {}", kinds[static_cast<int>(change.kind)], change.id.value(), change.reason);
}

TEST(VotersTest, NothingIfAllIsAsWanted) {
  TestTopology three({0, 1, 2, 3}, {0, 1, 2});
  EXPECT_EQ(Next(three, Brokers({0, 1, 2, 3}), 3), "");
  TestTopology fixed({0, 1, 2});
  for (QuorumVoter& voter : fixed->quorum.voters) voter.directory = DirectoryId();
  EXPECT_EQ(Next(fixed, Brokers({0}), 1), "");
  fixed->quorum.leader = kNoNode;
  EXPECT_EQ(Next(fixed, Brokers({0}), 1), "");
}

TEST(VotersTest, GrowsOneByOneWithThoseThatAreCaughtUp) {
  TestTopology one({0, 1, 2}, {0});
  EXPECT_EQ(Next(one, Brokers({0, 1, 2}), 3), "add 1: 1 of 3 voters are there");
  one.Behind(1, kCaughtUpMs + 1);
  EXPECT_EQ(Next(one, Brokers({0, 1, 2}), 3), "add 2: 1 of 3 voters are there");
  one.Behind(2, -1);
  EXPECT_EQ(Next(one, Brokers({0, 1, 2}), 3), "");
}

TEST(VotersTest, ShrinksToThoseThatStayTheLeaderLast) {
  TestTopology three({0, 1, 2});
  three->quorum.leader = NodeId(2);
  EXPECT_EQ(Next(three, Brokers({0}), 1), "remove 1: its broker leaves or is gone");
  TestTopology two({0, 2});
  two->quorum.leader = NodeId(2);
  EXPECT_EQ(Next(two, Brokers({0}), 1), "remove 2: its broker leaves or is gone");
  TestTopology five({0, 1, 2, 3, 4});
  EXPECT_EQ(Next(five, Brokers({0, 1, 2, 3, 4}), 3), "remove 4: 3 voters are enough");
}

TEST(VotersTest, ALeavingVoterWaitsForItsSuccessor) {
  TestTopology topology({0, 1, 2, 3}, {0, 1, 2});
  topology.Behind(3, 60'000);
  EXPECT_EQ(Next(topology, Brokers({0, 1, 3}), 3), "");
  topology.Behind(3, 0);
  EXPECT_EQ(Next(topology, Brokers({0, 1, 3}), 3), "add 3: 2 of 3 voters are there");
  TestTopology after({0, 1, 2, 3});
  EXPECT_EQ(Next(after, Brokers({0, 1, 3}), 3), "remove 2: its broker leaves or is gone");
}

TEST(VotersTest, OneThatIsGoneNeedNotWait) {
  TestTopology topology({0, 1, 2});
  topology.Behind(2, 20'000);
  EXPECT_EQ(Next(topology, Brokers({0, 1}), 3), "remove 2: its broker leaves or is gone");
}

TEST(VotersTest, NothingChangesWithoutAMajority) {
  TestTopology topology({0, 1, 2, 3}, {0, 1, 2});
  topology.Behind(1, 20'000).Behind(2, 20'000);
  // With 3 as a fourth only two of four would agree.
  EXPECT_EQ(Next(topology, Brokers({0, 1, 3}), 3),
            "wait 3: broker 3 can't become a voter before a majority is caught up");
  EXPECT_EQ(Next(topology, Brokers({0}), 1),
            "wait 2: voter 2 can't go before a majority of the others is caught up");
}

TEST(VotersTest, ALostDiskIsAnotherVoter) {
  TestTopology topology({0, 1, 2});
  topology->quorum.observers.push_back({NodeId(2), DirectoryId(8, 8), 100, 0});
  topology.Behind(2, 0);
  EXPECT_EQ(Next(topology, Brokers({0, 1, 2}), 3), "remove 2: its broker came back with another disk");
  topology->quorum.voters.pop_back();
  EXPECT_EQ(Next(topology, Brokers({0, 1, 2}), 3), "add 2: 2 of 3 voters are there");
  // The one that was removed is still told of for a while, by what was heard of it last.
  topology->quorum.voters.push_back({NodeId(2), DirectoryId(8, 8), 100, 0});
  topology->quorum.observers = {{NodeId(2), TestTopology::DirectoryOf(2), 90, 40'000}};
  EXPECT_EQ(Next(topology, Brokers({0, 1, 2}), 3), "");
}

TEST(VotersTest, AVoterThatIsLongAwayIsReplacedIfSomebodyCan) {
  TestTopology topology({0, 1, 2, 3}, {0, 1, 2});
  topology.Behind(1, kLostVoterMs);
  EXPECT_EQ(Next(topology, Brokers({0, 1, 2, 3}), 3), "");
  topology.Behind(1, kLostVoterMs + 1000);
  EXPECT_EQ(Next(topology, Brokers({0, 1, 2, 3}), 3), "add 3: 2 of 3 voters are there");
  TestTopology after({0, 1, 2, 3});
  after.Behind(1, kLostVoterMs + 1000);
  EXPECT_EQ(Next(after, Brokers({0, 1, 2, 3}), 3), "remove 1: it has been away for 121 s");
  TestTopology alone({0, 1, 2});
  alone.Behind(1, kLostVoterMs + 1000);
  EXPECT_EQ(Next(alone, Brokers({0, 1, 2}), 3), "");
}

TEST(VotersTest, AreSpreadOverRacks) {
  TestTopology topology({0, 1, 2, 3, 4}, {0});
  const Racks racks = {
      {NodeId(0), "a"}, {NodeId(1), "a"}, {NodeId(2), "b"}, {NodeId(3), "b"}, {NodeId(4), "c"}};
  EXPECT_EQ(Next(topology, racks, 3), "add 2: 1 of 3 voters are there");
  TestTopology two({0, 1, 2, 3, 4}, {0, 2});
  EXPECT_EQ(Next(two, racks, 3), "add 4: 2 of 3 voters are there");
  TestTopology five({0, 1, 2, 3, 4});
  EXPECT_EQ(Next(five, racks, 3), "remove 3: 3 voters are enough");
}

// From any voters to any wanted, through nodes that fall behind and come back: a majority is always there,
// and it ends.
TEST(VotersTest, ConvergesFromEverywhere) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    QuorumPlace quorum;
    Racks candidates;
    const int brokers = 1 + static_cast<int>(random() % 9);
    for (int id = 0; id < brokers; ++id) {
      if (random() % 4 != 0 || id == 0) candidates[NodeId(id)] = random() % 2 == 0 ? "a" : "b";
      auto& group = id == 0 || random() % 2 == 0 ? quorum.voters : quorum.observers;
      group.push_back({NodeId(id), TestTopology::DirectoryOf(id), 100, 0});
    }
    quorum.leader = quorum.voters[random() % quorum.voters.size()].id;
    const auto wanted = std::min<int32_t>(static_cast<int32_t>(candidates.size()),
                                          1 + 2 * static_cast<int32_t>(random() % 3));
    int steps = 0;
    for (;; ++steps) {
      ASSERT_LT(steps, 30);
      const VoterChange change = NextVoterChange(quorum, candidates, wanted);
      if (change.kind == VoterChange::Kind::kNone) break;
      ASSERT_NE(change.kind, VoterChange::Kind::kWait) << change.reason;
      auto& from = change.kind == VoterChange::Kind::kAdd ? quorum.observers : quorum.voters;
      auto& to = change.kind == VoterChange::Kind::kAdd ? quorum.voters : quorum.observers;
      const auto it =
          std::find_if(from.begin(), from.end(), [&](const auto& r) { return r.id == change.id; });
      ASSERT_NE(it, from.end());
      to.push_back(*it);
      from.erase(it);
      ASSERT_FALSE(quorum.voters.empty());
      if (change.id == quorum.leader) quorum.leader = quorum.voters[random() % quorum.voters.size()].id;
    }
    EXPECT_EQ(static_cast<int32_t>(quorum.voters.size()), wanted);
    for (const QuorumVoter& voter : quorum.voters) EXPECT_TRUE(candidates.contains(voter.id));
  }
}

}  // namespace
}  // namespace dohle::reconcile
