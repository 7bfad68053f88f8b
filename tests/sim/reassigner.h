// Moves partitions of a simulation from brokers to brokers (KIP-455), and calls it off now and then.
#pragma once

#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/producer.h"

namespace dohle::sim {

struct ReassignerOptions {
  std::vector<TopicPartition> partitions;  // that it moves
  int32_t brokers = 1;                     // their ids are 1 to this
};

class Reassigner {
 public:
  Reassigner(env::Env& env, std::vector<env::Endpoint> brokers, Control& control, ReassignerOptions options);
  // Until told to stop.
  env::Task<void> Run();

 private:
  // Between two and three of the brokers, in any order.
  std::vector<int32_t> DrawReplicas();

  env::Env& env_;
  Client client_;
  Control& control_;
  const ReassignerOptions options_;
};

}  // namespace dohle::sim
