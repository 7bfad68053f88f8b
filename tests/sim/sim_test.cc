// The whole broker in a simulated world. DOHLE_SIM_SEEDS=n runs n seeds in place of the few of every day,
// counted from DOHLE_SIM_FIRST (`make sim` gives a fresh one); DOHLE_SEED=s repeats one run
// and says all that was done. DOHLE_SIM_NODES=n: clusters of n nodes.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "lib/base/log.h"
#include "tests/sim/scenario.h"

namespace dohle::sim {
namespace {

constexpr uint64_t kSeedsOfEveryDay = 40;

uint64_t g_seed = 0;

// A broken invariant aborts: which seed it was must be known then, too.
void SayTheSeed(int) {
  std::fprintf(stderr, "aborted; repeat with DOHLE_SEED=%llu (and DOHLE_SIM_NODES, if it was set)\n",
               static_cast<unsigned long long>(g_seed));
}

std::optional<uint64_t> FromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

RunResult RunOne(uint64_t seed) {
  g_seed = seed;
  return RunSeed(seed, static_cast<int>(FromEnvironment("DOHLE_SIM_NODES").value_or(1)));
}

class SimTest : public testing::Test {
 protected:
  SimTest() {
    log::SetProgramToStderr();
    log::SetLevel(FromEnvironment("DOHLE_SEED") ? log::Level::kDebug : log::Level::kError);
    std::signal(SIGABRT, &SayTheSeed);
  }
};

TEST_F(SimTest, PromisesAreKept) {
  const auto only = FromEnvironment("DOHLE_SEED");
  const uint64_t first = only.value_or(FromEnvironment("DOHLE_SIM_FIRST").value_or(1));
  const uint64_t seeds = only ? 1 : FromEnvironment("DOHLE_SIM_SEEDS").value_or(kSeedsOfEveryDay);
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const RunResult result = RunOne(seed);
    if (only) fmt::print("{}{}\ntrace {:016x}\n", result.faults, result.summary, result.trace);
    if (result.violations.empty()) continue;
    std::string text = fmt::format("seed {}, after {} seeds:\n", seed, seed - first + 1);
    for (const std::string& violation : result.violations) text += "  " + violation + "\n";
    text += fmt::format("faults:\n{}{}\nrepeat with DOHLE_SEED={} build/bin/sim_test", result.faults,
                        result.summary, seed);
    FAIL() << text;
  }
}

TEST_F(SimTest, ASeedIsARun) {
  if (FromEnvironment("DOHLE_SEED")) GTEST_SKIP();
  for (const uint64_t seed : {3, 4}) EXPECT_EQ(RunOne(seed).trace, RunOne(seed).trace) << "seed " << seed;
  EXPECT_NE(RunOne(3).trace, RunOne(4).trace);
}

}  // namespace
}  // namespace dohle::sim
