// What one life of a simulated node sees of the network. The host names "", "0.0.0.0", "localhost" and
// "127.0.0.1" mean the node itself; others are the names of nodes.
#pragma once

#include <memory>
#include <vector>

#include "lib/env/sim/sim_executor.h"
#include "lib/env/sim/sim_network.h"
#include "lib/env/transport.h"

namespace dohle::env {

class SimTransport : public Transport {
 public:
  // How the node's connections end when it dies.
  enum class Death { kProcess, kPower };

  SimTransport(SimNetwork& network, std::string host);
  ~SimTransport() override;

  // Nothing comes in or goes out any more; the peers learn of it as the kind of death lets them.
  void Kill(Death death);

  // Connections are dealt out in turn.
  StatusOr<std::unique_ptr<Listener>> Listen(const Endpoint& endpoint, std::span<Executor* const> executors,
                                             AcceptHandler handler) override;
  Task<StatusOr<std::unique_ptr<Connection>>> Connect(Executor& executor, Endpoint endpoint,
                                                      absl::Duration timeout) override;

  // Shared with connections and listeners, which may outlive the transport.
  struct Life;

 private:
  const std::shared_ptr<Life> life_;
};

}  // namespace dohle::env
