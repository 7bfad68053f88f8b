// The administrator of a simulation's metadata quorum (KIP-853): takes voters out, and lets every controller
// in that isn't one, also those that came back with another disk.
#pragma once

#include <optional>
#include <vector>

#include "lib/kafka/messages/describe_quorum_response.h"
#include "tests/sim/client.h"
#include "tests/sim/producer.h"

namespace dohle::sim {

struct QuorumAdminOptions {
  std::vector<env::Endpoint> controllers;  // of node 1, 2, …
  size_t fewest_voters = 2;                // it takes nobody out of so few
};

class QuorumAdmin {
 public:
  QuorumAdmin(env::Env& env, std::vector<env::Endpoint> brokers, Control& control,
              QuorumAdminOptions options);
  // Until told to stop.
  env::Task<void> Run();
  // One step towards a quorum of all controllers. True: nothing is left to do.
  env::Task<bool> Mend();

 private:
  using Partition = kafka::DescribeQuorumResponse::PartitionData;
  using Replica = kafka::DescribeQuorumResponse::ReplicaState;
  env::Task<std::optional<Partition>> Describe();
  env::Task<void> Add(Replica replica);
  env::Task<void> Remove(Replica replica);
  env::Task<void> RemoveAny();

  env::Env& env_;
  Client client_;
  Control& control_;
  const QuorumAdminOptions options_;
};

}  // namespace dohle::sim
