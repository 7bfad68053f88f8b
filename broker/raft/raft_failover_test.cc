// How long a quorum is without a leader whose process was killed. The times are those of the simulated world:
// messages take 1 to 3 ms, writes to a disk 1 to 4 ms, and all see that its connections are reset.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "broker/raft/sim_cluster.h"

namespace dohle::raft {
namespace {

constexpr int64_t kWithinMs = 10'000;

struct Failover {
  std::unique_ptr<SimCluster> cluster;
  NodeId killed = kNoNode;

  // A cluster that has had a leader and its records committed for a while.
  explicit Failover(SimOptions options) : cluster(std::make_unique<SimCluster>(options)) {
    cluster->StartAll();
    EXPECT_TRUE(cluster->RunUntil([&] { return cluster->leader().has_value(); }, kWithinMs));
    cluster->RunFor(1000 + static_cast<int64_t>(options.seed % 97));
    killed = *cluster->leader();
    cluster->Write(killed);
    cluster->RunFor(200);
  }

  // Until another leader has committed a record of its own.
  int64_t MeasureMs() {
    const int64_t began = cluster->now_ms();
    EXPECT_TRUE(cluster->RunUntil(
        [&] {
          const std::optional<NodeId> leader = cluster->leader();
          return leader.has_value() && *leader != killed &&
                 cluster->raft(*leader).high_watermark() > cluster->raft(*leader).epoch_start_offset();
        },
        kWithinMs));
    EXPECT_FALSE(cluster->violation().has_value()) << *cluster->violation();
    return cluster->now_ms() - began;
  }
};

// The sorted times of many seeds.
std::vector<int64_t> Times(int voters, const std::function<int64_t(Failover*)>& measure) {
  std::vector<int64_t> times;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SimOptions options;
    options.seed = seed;
    options.nodes = voters;
    options.voters = voters;
    Failover failover(options);
    times.push_back(measure(&failover));
  }
  std::sort(times.begin(), times.end());
  return times;
}

void Print(const char* what, const std::vector<int64_t>& times) {
  fmt::print("{}: median {} ms, p99 {} ms, longest {} ms\n", what, times[times.size() / 2],
             times[times.size() * 99 / 100], times.back());
}

class RaftFailoverTime : public testing::TestWithParam<int> {};

TEST_P(RaftFailoverTime, OfAKilledLeader) {
  const std::vector<int64_t> times = Times(GetParam(), [](Failover* failover) {
    failover->cluster->Kill(failover->killed);
    return failover->MeasureMs();
  });
  Print("killed leader", times);
  EXPECT_LT(times[times.size() / 2], 100);
  EXPECT_LT(times.back(), 500);
}

TEST_P(RaftFailoverTime, OfAStoppedLeader) {
  const std::vector<int64_t> times = Times(GetParam(), [](Failover* failover) {
    failover->cluster->Stop(failover->killed);
    return failover->MeasureMs();
  });
  Print("stopped leader", times);
  EXPECT_LT(times.back(), 500);
}

TEST_P(RaftFailoverTime, OfAKilledLeaderThatIsBackAtOnce) {
  const std::vector<int64_t> times = Times(GetParam(), [](Failover* failover) {
    failover->cluster->Kill(failover->killed);
    failover->cluster->RunFor(5);
    failover->cluster->Start(failover->killed);
    failover->killed = kNoNode;
    return failover->MeasureMs();
  });
  Print("leader started again", times);
  EXPECT_LT(times.back(), 500);
}

// The followers notice one after another.
TEST_P(RaftFailoverTime, OfAKilledLeaderWhenOneNoticesLate) {
  const std::vector<int64_t> times = Times(GetParam(), [](Failover* failover) {
    SimCluster& cluster = *failover->cluster;
    const std::vector<NodeId> ids = cluster.ids();
    const NodeId late = ids.back() == failover->killed ? ids.front() : ids.back();
    cluster.Cut(failover->killed, late);
    cluster.Kill(failover->killed);
    cluster.RunFor(100);
    cluster.Heal();
    cluster.FalseAlarm(late, failover->killed);
    return 100 + failover->MeasureMs();
  });
  Print("one late", times);
  EXPECT_LT(times.back(), 800);
}

// Of a cluster that is started all at once: no election time-out is waited for.
TEST_P(RaftFailoverTime, OfTheFirstStart) {
  std::vector<int64_t> times;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SimOptions options;
    options.seed = seed;
    options.nodes = options.voters = GetParam();
    SimCluster cluster(options);
    cluster.StartAll();
    const int64_t began = cluster.now_ms();
    ASSERT_TRUE(cluster.RunUntil([&] { return cluster.leader().has_value(); }, kWithinMs));
    times.push_back(cluster.now_ms() - began);
  }
  std::sort(times.begin(), times.end());
  Print("first start", times);
  EXPECT_LT(times.back(), 500);
}

// Nobody sees anything: fetch time-outs, as with Kafka.
TEST_P(RaftFailoverTime, OfALeaderThatIsCutOff) {
  const std::vector<int64_t> times = Times(GetParam(), [](Failover* failover) {
    for (const NodeId id : failover->cluster->ids()) {
      failover->cluster->Cut(id, failover->killed);
      failover->cluster->Cut(failover->killed, id);
    }
    return failover->MeasureMs();
  });
  Print("cut off", times);
  EXPECT_LT(times.back(), 8000);
}

INSTANTIATE_TEST_SUITE_P(Voters, RaftFailoverTime, testing::Values(3, 5));

}  // namespace
}  // namespace dohle::raft
