// What finds nothing proves nothing: without any one of the rules of replication the simulation must find a
// broken promise.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "broker/replica/rules.h"
#include "lib/base/log.h"
#include "tests/sim/scenario.h"

namespace dohle::sim {
namespace {

using replica::ReplicationRules;

constexpr uint64_t kSeedsUntilSeen = 200;

struct Lack {
  const char* of;
  void (*apply)(ReplicationRules*, ClusterOptions*);
};

class RulesAreNeeded : public testing::TestWithParam<Lack> {
 protected:
  RulesAreNeeded() {
    log::SetProgramToStderr();
    log::SetLevel(log::Level::kError);
  }
  ~RulesAreNeeded() override { replica::g_rules = ReplicationRules(); }
};

TEST_P(RulesAreNeeded, TheSimulationSeesTheLack) {
  ClusterOptions options;
  options.nodes = 3;
  GetParam().apply(&replica::g_rules, &options);
  for (uint64_t seed = 1; seed <= kSeedsUntilSeen; ++seed) {
    const RunResult result = RunSeed(seed, options);
    if (result.violations.empty()) continue;
    fmt::print("found by seed {}: {}\n", seed, result.violations.front());
    return;
  }
  FAIL() << kSeedsUntilSeen << " seeds go well without " << GetParam().of;
}

INSTANTIATE_TEST_SUITE_P(
    Replication, RulesAreNeeded,
    testing::Values(Lack{"HighWatermarkWaits", [](ReplicationRules* rules,
                                                  ClusterOptions*) { rules->high_watermark_waits = false; }},
                    Lack{"ReadBelowHighWatermark",
                         [](ReplicationRules* rules, ClusterOptions*) {
                           rules->read_below_high_watermark = false;
                         }},
                    Lack{"FindDivergence",
                         [](ReplicationRules* rules, ClusterOptions*) { rules->find_divergence = false; }}),
    [](const auto& lack) { return std::string(lack.param.of); });

}  // namespace
}  // namespace dohle::sim
