// One run of the simulation: a cluster, clients and faults drawn from a seed, then a look at everything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/sim/cluster.h"

namespace dohle::sim {

struct RunResult {
  std::vector<std::string> violations;
  uint64_t trace = 0;   // the same for the same seed
  std::string faults;   // what was done, line by line
  std::string summary;  // how much was done
  absl::Duration simulated;
};

// A cluster of brokers, each a voter of the quorum; whether it flushes every message is drawn.
RunResult RunSeed(uint64_t seed, ClusterOptions options);

}  // namespace dohle::sim
