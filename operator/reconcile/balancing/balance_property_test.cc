// What holds of every plan, over random clusters. A failure prints the seed: DOHLE_SEED=N runs that one only.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/balancing/balance_wave.h"
#include "operator/reconcile/balancing/test_topology.h"

namespace dohle::reconcile {
namespace {

using Random = std::mt19937_64;

int Below(Random& random, int bound) {
  return static_cast<int>(random() % static_cast<uint64_t>(std::max(1, bound)));
}

bool Has(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}
bool HasNode(const std::vector<NodeId>& nodes, NodeId id) {
  return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
}

struct Shape {
  int brokers = 6, racks = 0, topics = 10, most_partitions = 30;
  double skew = 1.0;  // sigma of sizes and rates
};

BrokerPlace Broker(int id, int racks) {
  BrokerPlace broker;
  broker.id = NodeId(id);
  if (racks > 0) broker.rack = fmt::format("r{}", id % racks);
  return broker;
}

Topology Make(Random& random, const Shape& shape) {
  Topology topology;
  for (int b = 0; b < shape.brokers; ++b) topology.brokers.push_back(Broker(b, shape.racks));
  std::lognormal_distribution<double> spread(0, shape.skew);
  for (int t = 0; t < shape.topics; ++t) {
    TopicPlace topic;
    topic.name = fmt::format("t{}", t);
    topic.bytes_in_per_second = 1e6 * spread(random);
    topic.bytes_out_per_second = 2e6 * spread(random);
    topology.topics.push_back(topic);
    const int partitions = 1 + Below(random, shape.most_partitions);
    const int replicas = std::min(shape.brokers, 1 + Below(random, 3));
    for (int index = 0; index < partitions; ++index) {
      PartitionPlace place;
      place.topic = static_cast<uint32_t>(t);
      place.index = index;
      place.bytes = static_cast<int64_t>((1 << 30) * spread(random));
      while (static_cast<int>(place.replicas.size()) < replicas) {
        const NodeId id(Below(random, shape.brokers));
        if (!Has(place.replicas, id)) place.replicas.push_back(id);
      }
      place.in_sync = place.replicas;
      place.leader = place.replicas[0];
      topology.partitions.push_back(place);
    }
  }
  return topology;
}

Shape RandomShape(Random& random) {
  return {.brokers = 1 + Below(random, 12),
          .racks = Below(random, 4),
          .topics = 1 + Below(random, 20),
          .most_partitions = 1 + Below(random, 40),
          .skew = 0.5 * Below(random, 4)};
}

int Racks(const Topology& topology, const Replicas& replicas) {
  std::set<std::string> racks;
  for (const BrokerPlace& broker : topology.brokers) {
    if (Has(replicas, broker.id)) racks.insert(broker.rack);
  }
  return static_cast<int>(racks.size());
}

int64_t TotalBytes(const Topology& topology) {
  int64_t bytes = 0;
  for (const PartitionPlace& place : topology.partitions) {
    bytes += place.bytes * static_cast<int64_t>(place.replicas.size());
  }
  return bytes;
}

void RunSeeds(int count, void (*run)(Random& random)) {
  const char* only = std::getenv("DOHLE_SEED");
  for (int seed = 1; seed <= count; ++seed) {
    if (only != nullptr && seed != std::atoi(only)) continue;
    SCOPED_TRACE(fmt::format("DOHLE_SEED={}", seed));
    Random random(static_cast<uint64_t>(seed));
    run(random);
    if (testing::Test::HasFailure()) return;
  }
}

void ExpectSound(const Topology& before, const Topology& after, const BalanceGoals& goals,
                 const BalancePlan& plan) {
  std::set<std::string> usable_racks;
  for (const BrokerPlace& broker : before.brokers) {
    if (!HasNode(goals.drained, broker.id)) usable_racks.insert(broker.rack);
  }
  int64_t copied = 0;
  for (size_t p = 0; p < after.partitions.size(); ++p) {
    const PartitionPlace &was = before.partitions[p], &is = after.partitions[p];
    const std::set<NodeId> distinct(is.replicas.begin(), is.replicas.end());
    EXPECT_EQ(distinct.size(), is.replicas.size()) << "twice on a broker";
    const auto factor = goals.replication_factors.find(before.topics[was.topic].name);
    const size_t wanted =
        factor == goals.replication_factors.end() ? was.replicas.size() : static_cast<size_t>(factor->second);
    if (plan.blocks.empty()) {
      EXPECT_EQ(is.replicas.size(), wanted);
    }
    EXPECT_GE(is.replicas.size(), std::min(wanted, was.replicas.size()));
    const int racks = std::min(static_cast<int>(is.replicas.size()), static_cast<int>(usable_racks.size()));
    EXPECT_GE(Racks(after, is.replicas), std::min(racks, Racks(before, was.replicas)));
    if (plan.blocks.empty()) {
      EXPECT_GE(Racks(after, is.replicas), racks);
    }
    for (const NodeId id : is.replicas) {
      if (Has(was.replicas, id)) {
        EXPECT_FALSE(plan.blocks.empty() && HasNode(goals.drained, id)) << "not emptied";
        continue;
      }
      EXPECT_FALSE(HasNode(goals.drained, id)) << "moved to what is emptied";
      copied += was.bytes;
    }
  }
  EXPECT_EQ(copied, plan.bytes);
}

TEST(BalancePropertyTest, HardGoalsHoldAndNothingIsLeftToPlan) {
  RunSeeds(400, [](Random& random) {
    const Shape shape = RandomShape(random);
    const Topology topology = Make(random, shape);
    BalanceGoals goals;
    goals.load = Below(random, 4) != 0;
    for (int b = 0; b < shape.brokers; ++b) {
      if (Below(random, 6) == 0) goals.drained.push_back(NodeId(b));
    }
    for (const TopicPlace& topic : topology.topics) {
      if (Below(random, 8) == 0) goals.replication_factors[topic.name] = 1 + Below(random, 4);
    }
    const BalancePlan plan = MakeBalancePlan(topology, goals);
    const Topology reached = Reached(topology, plan);
    ExpectSound(topology, reached, goals, plan);
    const BalancePlan again = MakeBalancePlan(reached, goals);
    EXPECT_TRUE(again.moves.empty() && again.elect.empty()) << ToText(reached, again);
    EXPECT_EQ(again.blocks, plan.blocks);
    EXPECT_EQ(MakeBalancePlan(topology, goals).moves, plan.moves) << "another plan the second time";
  });
}

TEST(BalancePropertyTest, DisksStayBelowTheirLimit) {
  RunSeeds(200, [](Random& random) {
    Shape shape = RandomShape(random);
    shape.brokers = 3 + Below(random, 8);
    Topology topology = Make(random, shape);
    std::map<NodeId, int64_t> used;
    for (const PartitionPlace& place : topology.partitions) {
      for (const NodeId id : place.replicas) used[id] += place.bytes;
    }
    const int64_t mean = TotalBytes(topology) / shape.brokers;
    for (BrokerPlace& broker : topology.brokers) {
      broker.disk_bytes = std::max(used[broker.id], mean * 3 / 2) + 1;
      broker.disk_free_bytes = broker.disk_bytes - used[broker.id];
    }
    double fullest = kDiskLimit;
    for (const BrokerPlace& broker : topology.brokers) {
      fullest = std::max(
          fullest, 1 - static_cast<double>(broker.disk_free_bytes) / static_cast<double>(broker.disk_bytes));
    }
    const BalancePlan plan = MakeBalancePlan(topology, {});
    const Topology reached = Reached(topology, plan);
    SCOPED_TRACE(ToText(topology, plan));
    for (const BrokerPlace& broker : reached.brokers) {
      const auto now = static_cast<double>(broker.disk_bytes - broker.disk_free_bytes);
      const double limit = kDiskLimit * static_cast<double>(broker.disk_bytes);
      if (plan.blocks.empty()) {
        EXPECT_LE(now, limit);
      }
      EXPECT_LE(now, fullest * static_cast<double>(broker.disk_bytes) + 1) << "fuller than any was";
    }
    EXPECT_TRUE(MakeBalancePlan(reached, {}).moves.empty());
  });
}

// Many partitions of about one size: what is moved beyond a fair share is waste.
Shape Fine(Random& random) {
  return {.brokers = 3 + Below(random, 6), .racks = 0, .topics = 20, .most_partitions = 60, .skew = 0.2};
}

// Goals of a cluster that is balanced tightly when a test begins, so that what is moved then is due to what
// the test does.
BalanceGoals Settle(Topology& topology) {
  BalanceGoals goals;
  goals.tolerance = 0.02;
  topology = Reached(topology, MakeBalancePlan(topology, goals));
  goals.tolerance = 0.1;
  return goals;
}

TEST(BalancePropertyTest, NewBrokersGetTheirShareAndNothingElseMoves) {
  RunSeeds(100, [](Random& random) {
    const Shape shape = Fine(random);
    Topology topology = Make(random, shape);
    const BalanceGoals goals = Settle(topology);
    const int added = 1 + Below(random, 3);
    for (int b = 0; b < added; ++b) topology.brokers.push_back(Broker(shape.brokers + b, 0));
    const BalancePlan plan = MakeBalancePlan(topology, goals);
    const double share = static_cast<double>(added) / (shape.brokers + added);
    const auto total = static_cast<double>(TotalBytes(topology));
    int64_t between_old = 0;
    for (const BalanceMove& move : plan.moves) {
      for (const NodeId id : move.to) {
        const int64_t bytes = topology.partitions[move.partition].bytes;
        if (!Has(move.from, id) && id.value() < shape.brokers) between_old += bytes;
      }
    }
    // Topics that stand too thick on old brokers, and loads that weren't even, go between those, too.
    EXPECT_LE(static_cast<double>(plan.bytes - between_old), total * share * (1 + goals.tolerance));
    EXPECT_LE(static_cast<double>(between_old), total * 0.05);
    for (const Load load : {Load::kReplicas, Load::kBytes}) {
      const LoadSpread& after = plan.after[static_cast<size_t>(load)];
      // A replica, or one of the biggest, more or less.
      const double one = load == Load::kReplicas ? 1 : 2.0 * (1 << 30);
      EXPECT_GE(after.least, after.mean * (1 - goals.tolerance) - one);
      EXPECT_LE(after.most, after.mean * (1 + goals.tolerance) + one);
    }
  });
}

TEST(BalancePropertyTest, EmptyingMovesWhatIsThereAndNothingElse) {
  RunSeeds(100, [](Random& random) {
    Shape shape = Fine(random);
    shape.brokers += 2;
    Topology topology = Make(random, shape);
    BalanceGoals goals = Settle(topology);
    goals.drained = {NodeId(Below(random, shape.brokers))};
    int64_t held = 0;
    for (const PartitionPlace& place : topology.partitions) {
      if (Has(place.replicas, goals.drained[0])) held += place.bytes;
    }
    const BalancePlan plan = MakeBalancePlan(topology, goals);
    EXPECT_TRUE(plan.blocks.empty());
    int64_t others = 0;
    for (const BalanceMove& move : plan.moves) {
      if (!Has(move.from, goals.drained[0])) others += move.bytes;
    }
    // Topics may stand too thick on those that are left.
    EXPECT_LE(others, held / 10);
    EXPECT_LE(plan.bytes, held + held / 10);
    goals.load = false;
    EXPECT_EQ(MakeBalancePlan(topology, goals).bytes, held);
  });
}

// A cluster that carries out waves: some copies finish, brokers go down and come back.
class Running {
 public:
  Running(Topology topology, Random& random) : topology_(std::move(topology)), random_(random) {}

  Topology& topology() { return topology_; }
  int64_t copied() const { return copied_; }

  void Begin(const BalancePlan& plan, const BalanceWave& wave) {
    topology_ = Begun(std::move(topology_), plan, wave);
    for (const uint32_t p : plan.elect) {
      PartitionPlace& place = topology_.partitions[p];
      if (Has(place.in_sync, place.replicas[0])) place.leader = place.replicas[0];
    }
  }

  void Turn() {
    for (PartitionPlace& place : topology_.partitions) {
      if (place.adding.empty() || place.leader == kNoNode || Below(random_, 2) == 0) continue;
      if (std::any_of(place.adding.begin(), place.adding.end(), [&](NodeId id) { return Down(id); }))
        continue;
      copied_ += place.bytes * static_cast<int64_t>(place.adding.size());
      Replicas target;
      for (const NodeId id : place.replicas) {
        if (!Has(place.removing, id)) target.push_back(id);
      }
      for (const NodeId id : place.adding) place.in_sync.push_back(id);
      place.replicas = target;
      place.adding = place.removing = {};
      See(place);
    }
  }

  void Fence(NodeId id, bool fenced) {
    for (BrokerPlace& broker : topology_.brokers) {
      if (broker.id == id) broker.fenced = fenced;
    }
    for (PartitionPlace& place : topology_.partitions) {
      // Who comes back catches up at once.
      if (!fenced && Has(place.replicas, id) && !Has(place.adding, id) && !Has(place.in_sync, id)) {
        place.in_sync.push_back(id);
      }
      See(place);
    }
  }

 private:
  bool Down(NodeId id) const {
    return std::any_of(topology_.brokers.begin(), topology_.brokers.end(),
                       [&](const BrokerPlace& broker) { return broker.id == id && broker.fenced; });
  }
  // Who is down leaves the replicas in sync, if it isn't the last; a replica in sync leads.
  void See(PartitionPlace& place) {
    Replicas alive;
    for (const NodeId id : place.in_sync) {
      if (Has(place.replicas, id) && !Down(id)) alive.push_back(id);
    }
    if (!alive.empty()) place.in_sync = alive;
    if (!Has(place.in_sync, place.leader) || Down(place.leader)) {
      place.leader = alive.empty() ? kNoNode : alive[0];
    }
  }

  Topology topology_;
  Random& random_;
  int64_t copied_ = 0;
};

TEST(BalancePropertyTest, WavesConvergeWhateverGoesDownInBetween) {
  RunSeeds(80, [](Random& random) {
    Shape shape = RandomShape(random);
    shape.brokers = 4 + Below(random, 6);
    Running running(Make(random, shape), random);
    BalanceGoals goals;
    if (Below(random, 2) == 0) goals.drained = {NodeId(Below(random, shape.brokers))};
    const int64_t planned = MakeBalancePlan(running.topology(), goals).bytes;
    const int64_t biggest =
        std::max_element(running.topology().partitions.begin(), running.topology().partitions.end(),
                         [](const auto& a, const auto& b) { return a.bytes < b.bytes; })
            ->bytes;
    const MoveLimits limits = {.partitions = 1 + Below(random, 20),
                               .partitions_per_broker = 1 + Below(random, 5)};
    std::optional<NodeId> down;
    bool done = false;
    for (int turn = 0; turn < 3000 && !done; ++turn) {
      if (turn < 100 && Below(random, 10) == 0) {
        if (down) running.Fence(*down, false);
        down = NodeId(Below(random, shape.brokers));
        running.Fence(*down, true);
      } else if (down && Below(random, 5) == 0) {
        running.Fence(*down, false);
        down.reset();
      }
      const BalancePlan plan = MakeBalancePlan(running.topology(), goals);
      const BalanceWave wave = NextWave(running.topology(), plan, limits);
      done = turn >= 100 && !down && plan.moves.empty() && wave.under_way == 0;
      running.Begin(plan, wave);
      running.Turn();
    }
    EXPECT_TRUE(done) << "doesn't come to an end";
    EXPECT_LE(running.copied(), planned + planned / 2 + 2 * biggest);
    const BalancePlan rest = MakeBalancePlan(running.topology(), goals);
    if (!rest.blocks.empty()) return;
    for (const PartitionPlace& place : running.topology().partitions) {
      for (const NodeId id : place.replicas) EXPECT_FALSE(HasNode(goals.drained, id));
    }
  });
}

TEST(BalancePropertyTest, WhatIsCalledOffComesBackWithoutMuchCopying) {
  RunSeeds(100, [](Random& random) {
    Shape shape = Fine(random);
    shape.brokers += 2;
    Topology topology = Make(random, shape);
    const BalanceGoals goals = Settle(topology);
    Running running(std::move(topology), random);
    BalanceGoals drain = goals;
    drain.drained = {NodeId(0)};
    const int turns = Below(random, 12);
    for (int turn = 0; turn < turns; ++turn) {
      const BalancePlan plan = MakeBalancePlan(running.topology(), drain);
      running.Begin(plan, NextWave(running.topology(), plan, {}));
      running.Turn();
    }
    const int64_t out = running.copied();
    for (int turn = 0; turn < 500; ++turn) {
      const BalancePlan plan = MakeBalancePlan(running.topology(), goals);
      const BalanceWave wave = NextWave(running.topology(), plan, {});
      if (plan.moves.empty() && wave.under_way == 0) break;
      running.Begin(plan, wave);
      running.Turn();
    }
    // No more comes back than had gone, and what was under way then.
    EXPECT_LE(running.copied() - out, out + out / 10 + (int64_t{100} << 30));
    EXPECT_TRUE(MakeBalancePlan(running.topology(), goals).moves.empty());
  });
}

}  // namespace
}  // namespace dohle::reconcile
