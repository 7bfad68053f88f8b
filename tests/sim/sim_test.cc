// The whole broker in a simulated world, alone and as clusters of two to seven nodes. In place of the few
// seeds of every day DOHLE_SIM_SEEDS=n runs n of each, DOHLE_SIM_SECONDS=s as many as s seconds hold, counted
// from DOHLE_SIM_FIRST (`make sim` gives a fresh one). DOHLE_SIM_NODES=n: only clusters of n nodes.
// DOHLE_SEED=s repeats one run and says all that was done.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "lib/base/log.h"
#include "tests/sim/scenario.h"

namespace dohle::sim {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t g_seed = 0;
int g_nodes = 1;

// A broken invariant aborts: which seed it was must be known then, too.
void SayTheSeed(int) {
  std::fprintf(stderr, "aborted; repeat with DOHLE_SIM_NODES=%d DOHLE_SEED=%llu build/bin/sim_test\n",
               g_nodes, static_cast<unsigned long long>(g_seed));
}

std::optional<uint64_t> FromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

RunResult RunOne(uint64_t seed, int nodes) {
  g_seed = seed;
  g_nodes = nodes;
  ClusterOptions options;
  options.nodes = nodes;
  return RunSeed(seed, options);
}

struct Size {
  int nodes;
  uint64_t seeds_of_every_day;
  double part_of_time;
};

void SetUpLog() {
  log::SetProgramToStderr();
  log::SetLevel(FromEnvironment("DOHLE_SEED") ? log::Level::kDebug : log::Level::kError);
  std::signal(SIGABRT, &SayTheSeed);
}

class SimTest : public testing::TestWithParam<Size> {
 protected:
  SimTest() { SetUpLog(); }
  void SetUp() override {
    // One seed is that of one size: a node alone unless it is said.
    const uint64_t every = FromEnvironment("DOHLE_SEED") ? 1 : static_cast<uint64_t>(GetParam().nodes);
    if (FromEnvironment("DOHLE_SIM_NODES").value_or(every) != static_cast<uint64_t>(GetParam().nodes))
      GTEST_SKIP();
  }
};

// Which seeds, and until when.
struct Extent {
  uint64_t first = 1;
  uint64_t seeds = 1;
  std::optional<Clock::time_point> end;
};

Extent ExtentOf(const Size& size) {
  const auto only = FromEnvironment("DOHLE_SEED");
  if (only) return {*only, 1, std::nullopt};
  Extent extent;
  extent.first = FromEnvironment("DOHLE_SIM_FIRST").value_or(1);
  extent.seeds = FromEnvironment("DOHLE_SIM_SEEDS").value_or(size.seeds_of_every_day);
  if (const auto seconds = FromEnvironment("DOHLE_SIM_SECONDS")) {
    const double part = FromEnvironment("DOHLE_SIM_NODES") ? 1 : size.part_of_time;
    extent.seeds = UINT64_MAX - extent.first;
    extent.end = Clock::now() +
                 std::chrono::milliseconds(static_cast<int64_t>(static_cast<double>(*seconds) * 1e3 * part));
  }
  return extent;
}

TEST_P(SimTest, PromisesAreKept) {
  const Extent extent = ExtentOf(GetParam());
  const bool only = FromEnvironment("DOHLE_SEED").has_value();
  const Clock::time_point began = Clock::now();
  absl::Duration simulated;
  uint64_t runs = 0;
  for (; runs < extent.seeds && (!extent.end || Clock::now() < *extent.end); ++runs) {
    const uint64_t seed = extent.first + runs;
    const RunResult result = RunOne(seed, GetParam().nodes);
    simulated += result.simulated;
    if (only) fmt::print("{}{}\ntrace {:016x}\n", result.faults, result.summary, result.trace);
    if (result.violations.empty()) continue;
    std::string text = fmt::format("seed {}, after {} seeds:\n", seed, runs + 1);
    for (const std::string& violation : result.violations) text += "  " + violation + "\n";
    text += fmt::format("faults:\n{}{}\nrepeat with DOHLE_SIM_NODES={} DOHLE_SEED={} build/bin/sim_test",
                        result.faults, result.summary, GetParam().nodes, seed);
    FAIL() << text;
  }
  fmt::print("{} nodes: {} seeds from {}, {:.0f} simulated s in {:.1f} s\n", GetParam().nodes, runs,
             extent.first, absl::ToDoubleSeconds(simulated),
             std::chrono::duration<double>(Clock::now() - began).count());
}

TEST_P(SimTest, ASeedIsARun) {
  // What holds for three holds for more.
  if (FromEnvironment("DOHLE_SEED") || GetParam().nodes > 3) GTEST_SKIP();
  const int nodes = GetParam().nodes;
  for (const uint64_t seed : {3, 4})
    EXPECT_EQ(RunOne(seed, nodes).trace, RunOne(seed, nodes).trace) << "seed " << seed;
  EXPECT_NE(RunOne(3, nodes).trace, RunOne(4, nodes).trace);
}

// Each has found a bug once.
TEST(SeedsThatFoundTest, FindNothingAnyMore) {
  if (FromEnvironment("DOHLE_SEED") || FromEnvironment("DOHLE_SIM_NODES")) GTEST_SKIP();
  SetUpLog();
  struct Found {
    int nodes;
    uint64_t seed;
    const char* bug;
  };
  for (const Found& found :
       {Found{4, 20025, "a producer's third batch was taken after its first two had been refused"},
        Found{3, 53015, "a broker ended cleanly before it heard of its registration, and counted as unclean"},
        Found{6, 56210, "a broker led again in its old epoch before it was registered"},
        Found{5, 55171, "a segment's lost tail was taken for a hole of compaction"},
        Found{5, 75021, "a follower flushed without end what had been cut off"},
        Found{4, 1000002, "nobody asked who leads when a new disk's replicas were known"},
        Found{4, 3000007, "a replica that had been moved away stayed eligible"}}) {
    const RunResult result = RunOne(found.seed, found.nodes);
    for (const std::string& violation : result.violations) {
      ADD_FAILURE() << found.bug << "; " << violation << "\nrepeat with DOHLE_SIM_NODES=" << found.nodes
                    << " DOHLE_SEED=" << found.seed << " build/bin/sim_test";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Nodes, SimTest,
                         testing::Values(Size{1, 20, 0.1}, Size{2, 4, 0.1}, Size{3, 20, 0.4}, Size{4, 2, 0.1},
                                         Size{5, 3, 0.15}, Size{6, 1, 0.05}, Size{7, 2, 0.1}),
                         [](const auto& size) { return fmt::format("{}", size.param.nodes); });

}  // namespace
}  // namespace dohle::sim
