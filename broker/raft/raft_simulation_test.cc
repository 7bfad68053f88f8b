// Quorums of 1 to 7 nodes in a simulated world: messages are lost, delayed, doubled and reordered, links cut
// one way, processes killed with the loss of what wasn't on the disk, voters added and removed, logs cut by
// snapshots. After every step the properties of SimChecks hold; when all is healed, a leader appears and all
// nodes come to have all that is committed. DOHLE_SIM_SEEDS=n runs n seeds in place of the few of every day,
// counted from DOHLE_SIM_FIRST; DOHLE_SEED=s repeats one run and says all that was done.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "broker/raft/sim_cluster.h"

namespace dohle::raft {
namespace {

constexpr uint64_t kSeedsOfEveryDay = 60;
constexpr uint64_t kSeedsUntilSeen = 20'000;
constexpr int64_t kRunMs = 40'000;
constexpr int64_t kHealWithinMs = 30'000;

std::optional<uint64_t> FromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

struct Totals {
  uint64_t events = 0, leaders = 0, committed = 0, changes = 0, snapshots = 0, truncations = 0;
  int64_t simulated_ms = 0;
};

// The faults of one run.
class Run {
 public:
  Run(SimOptions options, int64_t run_ms) : cluster_(Drawn(options)), run_ms_(run_ms) { DrawRates(); }

  // What went wrong, if anything.
  std::optional<std::string> Execute() {
    cluster_.StartAll();
    const int64_t end_ms = cluster_.now_ms() + run_ms_;
    while (cluster_.now_ms() < end_ms && !cluster_.violation().has_value()) {
      cluster_.RunFor(cluster_.Random(1, pause_ms_));
      Something();
    }
    if (!cluster_.violation().has_value()) Heal();
    if (cluster_.violation().has_value()) return cluster_.violation();
    return stuck_;
  }

  void AddTo(Totals* totals) {
    totals->events += cluster_.events();
    totals->leaders += cluster_.checks().leaders();
    totals->committed += static_cast<uint64_t>(cluster_.checks().committed().value());
    totals->changes += cluster_.changes_done();
    totals->snapshots += cluster_.snapshots_fetched();
    totals->truncations += cluster_.truncations();
    totals->simulated_ms += cluster_.now_ms();
  }
  const SimCluster& cluster() const { return cluster_; }

 private:
  static SimOptions Drawn(SimOptions options) {
    Chance chance(~options.seed);
    options.tells_gone = chance.Below(4) != 0;
    if (options.nodes > 0) return options;
    options.nodes = 1 + static_cast<int>(chance.Below(7));
    options.voters = 1 + static_cast<int>(chance.Below(std::min(options.nodes, 5)));
    return options;
  }

  void DrawRates() {
    SimNetwork& network = cluster_.network();
    pause_ms_ = cluster_.Random(20, 400);
    network.max_delay_ms = cluster_.Chance(0.5) ? 5 : cluster_.Random(10, 600);
    network.max_sync_ms = cluster_.Chance(0.5) ? 5 : cluster_.Random(10, 400);
    network.loss = cluster_.Chance(0.4) ? 0 : 0.001 * static_cast<double>(cluster_.Random(1, 200));
    network.duplicates = cluster_.Chance(0.5) ? 0 : 0.1;
    changes_voters_ = cluster_.Chance(0.7);
  }

  NodeId Any() {
    const std::vector<NodeId> ids = cluster_.ids();
    return ids[static_cast<size_t>(cluster_.Random(0, static_cast<int64_t>(ids.size()) - 1))];
  }

  // A node that takes itself for the leader.
  std::optional<NodeId> AnyLeader() {
    const NodeId id = Any();
    if (cluster_.is_up(id) && cluster_.raft(id).is_leader()) return id;
    return cluster_.leader();
  }

  void Something() {
    const int64_t what = cluster_.Random(0, 99);
    if (what < 34) {
      const int64_t records = cluster_.Random(1, 5);
      const std::optional<NodeId> leader = AnyLeader();
      for (int64_t i = 0; leader.has_value() && i < records; ++i) cluster_.Write(*leader);
    } else if (what < 42) {
      const std::optional<NodeId> leader = cluster_.leader();
      cluster_.Kill(leader.has_value() && cluster_.Chance(0.5) ? *leader : Any());
    } else if (what < 62) {
      cluster_.Start(Any());
    } else if (what < 64) {
      cluster_.Stop(Any());
    } else if (what < 70) {
      const NodeId from = Any();
      const NodeId to = Any();
      cluster_.Cut(from, to);
      if (cluster_.Chance(0.5)) cluster_.Cut(to, from);
    } else if (what < 78) {
      cluster_.Heal();
    } else if (what < 80) {
      cluster_.FalseAlarm(Any(), Any());
    } else if (what < 84) {
      cluster_.TakeSnapshot(Any());
    } else {
      ChangeVoters();
    }
  }

  void ChangeVoters() {
    const std::optional<NodeId> leader = AnyLeader();
    if (!changes_voters_ || !leader.has_value()) return;
    const NodeId id = Any();
    if (cluster_.raft(*leader).voters().Find(id) == nullptr) {
      (void)cluster_.AddVoter(*leader, id);
    } else {
      (void)cluster_.RemoveVoter(*leader, id);
    }
  }

  void Heal() {
    cluster_.Heal();
    SimNetwork& network = cluster_.network();
    network = SimNetwork();
    cluster_.StartAll();
    if (!cluster_.RunUntil([this] { return LeaderOfAll(); }, kHealWithinMs)) {
      stuck_ = "liveness: no leader of all in time";
      return;
    }
    cluster_.Write(*cluster_.leader());
    // It may be deposed once more; its successor's records count then.
    if (!cluster_.RunUntil([this] { return AllHaveAll(); }, kHealWithinMs)) {
      stuck_ = "liveness: not all have what was written in time";
    }
  }

  bool LeaderOfAll() {
    // Whoever was stopping is gone by now.
    cluster_.StartAll();
    const std::optional<NodeId> leader = cluster_.leader();
    if (!leader.has_value() || !cluster_.raft(*leader).is_voter()) return false;
    for (const NodeId id : cluster_.ids()) {
      if (cluster_.raft(id).epoch() != cluster_.raft(*leader).epoch()) return false;
    }
    return true;
  }

  bool AllHaveAll() {
    if (!LeaderOfAll()) return false;
    const Offset end = cluster_.log(*cluster_.leader()).End().offset;
    for (const NodeId id : cluster_.ids()) {
      if (cluster_.raft(id).high_watermark() != end) return false;
    }
    return true;
  }

  SimCluster cluster_;
  int64_t run_ms_;
  int64_t pause_ms_ = 100;
  bool changes_voters_ = true;
  std::optional<std::string> stuck_;
};

// The first seed that fails, of `seeds` from `first` on; with `safety_only` not for want of progress.
std::optional<std::string> RunSeeds(SimOptions options, uint64_t first, uint64_t seeds, Totals* totals,
                                    bool safety_only = false) {
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    options.seed = seed;
    Run run(options, kRunMs);
    const std::optional<std::string> failure = run.Execute();
    run.AddTo(totals);
    if (options.traced) fmt::print("{}", run.cluster().trace());
    if (!failure.has_value()) continue;
    if (safety_only && !run.cluster().violation().has_value()) continue;
    return fmt::format(
        "seed {}, at {} ms: {}\nrepeat with DOHLE_SEED={} build/bin/broker_raft_simulation_test", seed,
        run.cluster().now_ms(), *failure, seed);
  }
  return std::nullopt;
}

TEST(RaftSimulation, QuorumsKeepTheirPromises) {
  const auto only = FromEnvironment("DOHLE_SEED");
  const uint64_t first = only.value_or(FromEnvironment("DOHLE_SIM_FIRST").value_or(1));
  const uint64_t seeds = only ? 1 : FromEnvironment("DOHLE_SIM_SEEDS").value_or(kSeedsOfEveryDay);
  SimOptions options;
  options.nodes = 0;  // drawn
  options.traced = only.has_value();
  Totals totals;
  const std::optional<std::string> failure = RunSeeds(options, first, seeds, &totals);
  fmt::print(
      "seeds {} to {}: {:.1f} simulated hours, {} events, {} leaders, {} records committed, {} changes "
      "of voters, {} snapshots fetched, {} truncations\n",
      first, first + seeds - 1, static_cast<double>(totals.simulated_ms) / 3.6e6, totals.events,
      totals.leaders, totals.committed, totals.changes, totals.snapshots, totals.truncations);
  EXPECT_FALSE(failure.has_value()) << *failure;
  EXPECT_TRUE(only.has_value() || totals.changes > 0);
}

// What finds nothing proves nothing: without any one of the rules records must be lost.
struct Lack {
  const char* of;
  int voters;  // 0: drawn, with observers
  void (*apply)(SimOptions*);
};

class RaftRulesAreNeeded : public testing::TestWithParam<Lack> {};

TEST_P(RaftRulesAreNeeded, TheSimulationSeesTheLack) {
  SimOptions options;
  options.nodes = options.voters = GetParam().voters;
  GetParam().apply(&options);
  Totals totals;
  const std::optional<std::string> failure = RunSeeds(options, 1, kSeedsUntilSeen, &totals, true);
  ASSERT_TRUE(failure.has_value()) << totals.events << " events without a failure";
  fmt::print("without {}: {}\n", GetParam().of, *failure);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, RaftRulesAreNeeded,
    testing::Values(Lack{"PersistVotes", 3, [](SimOptions* o) { o->rules.persist_votes = false; }},
                    Lack{"LogUpToDate", 3, [](SimOptions* o) { o->rules.log_up_to_date = false; }},
                    Lack{"CommitOwnEpoch", 3, [](SimOptions* o) { o->rules.commit_own_epoch = false; }},
                    Lack{"OneVoteAnEpoch", 3, [](SimOptions* o) { o->rules.one_vote_an_epoch = false; }},
                    Lack{"Majority", 4, [](SimOptions* o) { o->rules.majority = false; }},
                    Lack{"LeaveOlderEpoch", 3, [](SimOptions* o) { o->rules.leave_older_epoch = false; }},
                    Lack{"OneChangeAtATime", 0, [](SimOptions* o) { o->rules.one_change_at_a_time = false; }},
                    Lack{"CountOwnFlushedOnly", 3,
                         [](SimOptions* o) { o->rules.count_own_flushed_only = false; }},
                    Lack{"FlushBeforeAck", 3, [](SimOptions* o) { o->flush_before_ack = false; }}),
    [](const auto& rule) { return std::string(rule.param.of); });

}  // namespace
}  // namespace dohle::raft
