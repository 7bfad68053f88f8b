// Whole rolls of clusters by chance, with brokers that crash meanwhile: nothing that a wave takes away was
// needed, and each roll comes to its end. DOHLE_SEED repeats one.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "lib/env/posix/test_seed.h"
#include "operator/reconcile/rolling/roll_plan.h"
#include "operator/reconcile/rolling/test_topology.h"
#include "operator/reconcile/rolling/wave.h"

namespace dohle::reconcile {
namespace {

bool Contains(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

// A cluster that loses brokers and gets them back, step by step.
class RolledCluster {
 public:
  RolledCluster(Topology topology, uint64_t seed)
      : topology_(std::move(topology)),
        brokers_(TestBrokers(static_cast<int>(topology_.brokers.size()))),
        last_(topology_.partitions.size(), kNoNode),
        random_(seed) {}

  int Chance(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
  const Topology& topology() const { return topology_; }
  std::vector<RollBroker>& brokers() { return brokers_; }
  const std::vector<RollBroker>& brokers() const { return brokers_; }
  bool done() const {
    return std::none_of(brokers_.begin(), brokers_.end(),
                        [](const auto& b) { return b.restart || !b.ready; });
  }

  // Takes what the plan says; whatever it takes away must not have been needed.
  void Take(const RollPlan& plan) {
    for (const auto& [topic, index] : plan.leaders_to_return) {
      for (PartitionPlace& p : topology_.partitions) {
        if (topology_.topics[p.topic].name == topic && p.index == index) p.leader = p.replicas.front();
      }
    }
    for (const NodeId id : plan.wave) Stop(id, /*restart_done=*/true);
    if (plan.serves) Check(plan);
  }
  void Crash(NodeId id) { Stop(id, /*restart_done=*/false); }

  // Time goes by: who is away comes back at some time, later it is in sync again.
  void Step() {
    for (size_t i = 0; i < brokers_.size(); ++i) {
      RollBroker& broker = brokers_[i];
      if (broker.ready || Chance(2) == 0) continue;
      broker.deleting = false;
      broker.ready = true;
      topology_.brokers[i].fenced = false;
    }
    for (size_t i = 0; i < topology_.partitions.size(); ++i) {
      PartitionPlace& p = topology_.partitions[i];
      for (const NodeId id : p.replicas) {
        if (topology_.brokers[static_cast<size_t>(id.value())].fenced || Contains(p.in_sync, id)) continue;
        // A log whose last copy is away is led by nobody else.
        if (p.in_sync.empty() ? last_[i] == id : (p.leader != kNoNode && Chance(3) == 0))
          p.in_sync.push_back(id);
      }
      if (p.leader == kNoNode && !p.in_sync.empty()) p.leader = p.in_sync.front();
    }
    QuorumPlace& quorum = topology_.quorum;
    for (QuorumVoter& voter : quorum.voters) {
      const bool up = !topology_.brokers[static_cast<size_t>(voter.id.value())].fenced;
      voter.ms_since_caught_up = up && Chance(3) > 0 ? 0 : voter.ms_since_caught_up + 4'000;
      if (up && topology_.brokers[static_cast<size_t>(quorum.leader.value())].fenced)
        quorum.leader = voter.id;
    }
  }

 private:
  void Stop(NodeId id, bool restart_done) {
    RollBroker& broker = brokers_[static_cast<size_t>(id.value())];
    broker.ready = false;
    broker.deleting = true;
    if (restart_done) broker.restart = false;
    topology_.brokers[static_cast<size_t>(id.value())].fenced = true;
    for (size_t i = 0; i < topology_.partitions.size(); ++i) {
      PartitionPlace& p = topology_.partitions[i];
      auto& isr = p.in_sync;
      const auto it = std::find(isr.begin(), isr.end(), id);
      if (it != isr.end()) {
        isr.erase(it);
        if (isr.empty()) last_[i] = id;
      }
      if (p.leader == id) p.leader = isr.empty() ? kNoNode : isr.front();
    }
  }

  void Check(const RollPlan& plan) const {
    for (const auto& p : topology_.partitions) {
      const bool touched = std::any_of(plan.wave.begin(), plan.wave.end(),
                                       [&](NodeId id) { return Contains(p.replicas, id); });
      if (!touched) continue;
      const int min_isr = topology_.topics[p.topic].min_in_sync_replicas;
      if (static_cast<int>(p.replicas.size()) > min_isr) {
        ASSERT_GE(static_cast<int>(p.in_sync.size()), min_isr) << "partition " << p.index;
      } else {
        ASSERT_EQ(plan.wave.size(), 1u) << "what can't be kept up goes alone";
      }
    }
    size_t there = 0;
    const QuorumPlace& quorum = topology_.quorum;
    for (const QuorumVoter& voter : quorum.voters)
      there += topology_.brokers[static_cast<size_t>(voter.id.value())].fenced ? 0 : 1;
    if (quorum.voters.size() > 2) {
      ASSERT_GT(there, quorum.voters.size() / 2);
    }
  }

  Topology topology_;
  std::vector<RollBroker> brokers_;
  std::vector<NodeId> last_;  // who had each partition last, where nobody has it now
  std::mt19937_64 random_;
};

Topology AnyTopology(std::mt19937_64& random) {
  const auto chance = [&](int below) { return static_cast<int>(random() % static_cast<uint64_t>(below)); };
  const int brokers = 3 + chance(20);
  const int voters = std::array{1, 3, 5}[static_cast<size_t>(chance(brokers >= 5 ? 3 : 2))];
  Topology topology = TestTopology(brokers, voters, chance(5));
  for (int t = 0; t < 4; ++t) {
    const int replicas = 1 + chance(std::min(4, brokers));
    std::vector<std::vector<int>> placement;
    for (int p = 0; p < 10; ++p) {
      std::vector<int> ids(static_cast<size_t>(brokers));
      for (int i = 0; i < brokers; ++i) ids[static_cast<size_t>(i)] = i;
      std::shuffle(ids.begin(), ids.end(), random);
      ids.resize(static_cast<size_t>(replicas));
      placement.push_back(std::move(ids));
    }
    AddTopic(topology, "t" + std::to_string(t), 1 + chance(replicas), placement);
  }
  return topology;
}

// With it go all that are left, and it is stopped after them.
void CheckControllerIsLast(const RolledCluster& cluster, const RollPlan& plan) {
  const NodeId controller = cluster.topology().quorum.leader;
  if (std::find(plan.wave.begin(), plan.wave.end(), controller) == plan.wave.end()) return;
  const auto& brokers = cluster.brokers();
  const bool mends = std::any_of(brokers.begin(), brokers.end(), [](const auto& b) { return !b.ready; });
  if (mends) return;
  const auto left = std::count_if(brokers.begin(), brokers.end(), [](const auto& b) { return b.restart; });
  ASSERT_EQ(static_cast<size_t>(left), plan.wave.size());
  ASSERT_EQ(plan.wave.back(), controller);
}

TEST(RollPropertyTest, NothingThatIsNeededGoesAndAllGoInTheEnd) {
  const uint64_t base = env::TestSeed();
  fmt::print("seed {}\n", base);
  for (uint64_t seed = base; seed < base + 150; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    RolledCluster cluster(AnyTopology(random), seed);
    RollLimits limits;
    limits.max_unavailable = 1 + cluster.Chance(8);
    int crashes = cluster.Chance(4);
    int turn = 0;
    for (; !cluster.done() && turn < 2'000; ++turn) {
      if (crashes > 0 && cluster.Chance(5) == 0) {
        --crashes;
        cluster.Crash(NodeId(cluster.Chance(static_cast<int>(cluster.brokers().size()))));
      }
      const RollPlan plan = PlanRoll(cluster.brokers(), &cluster.topology(), limits, 1'000);
      if (plan.serves) {
        ASSERT_LE(plan.wave.size(), static_cast<size_t>(limits.max_unavailable));
        CheckControllerIsLast(cluster, plan);
        if (::testing::Test::HasFatalFailure()) return;
      }
      cluster.Take(plan);
      if (::testing::Test::HasFatalFailure()) return;
      cluster.Step();
    }
    ASSERT_TRUE(cluster.done()) << ToText(PlanRoll(cluster.brokers(), &cluster.topology(), limits, 1'000));
  }
}

// In rings, where each broker shares partitions with its neighbours, the fewest waves are known.
TEST(RollPropertyTest, WidthIsNearTheBestInRings) {
  const uint64_t base = env::TestSeed();
  fmt::print("seed {}\n", base);
  for (uint64_t seed = base; seed < base + 30; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const int brokers = 6 + static_cast<int>(random() % 60);
    std::vector<int> names(static_cast<size_t>(brokers));
    for (int i = 0; i < brokers; ++i) names[static_cast<size_t>(i)] = i;
    std::shuffle(names.begin(), names.end(), random);
    std::vector<std::vector<int>> ring;
    for (int i = 0; i < brokers; ++i) {
      std::vector<int> replicas;
      for (int r = 0; r < 3; ++r) replicas.push_back(names[static_cast<size_t>((i + r) % brokers)]);
      ring.push_back(std::move(replicas));
    }
    Topology topology = TestTopology(brokers, 0);
    AddTopic(topology, "t", 2, ring);
    std::vector<NodeId> all;
    for (int id = 0; id < brokers; ++id) all.emplace_back(id);
    int waves = 0;
    while (!all.empty()) {
      ++waves;
      for (const NodeId id : NextWave(topology, all, static_cast<size_t>(brokers)).brokers) {
        all.erase(std::find(all.begin(), all.end(), id));
      }
    }
    // Three would do if the ring were cut; greedy colours of a graph of degree four are five at most.
    EXPECT_LE(waves, 5) << brokers << " brokers";
  }
}

}  // namespace
}  // namespace dohle::reconcile
