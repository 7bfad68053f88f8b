// env::Transport on TCP. The executors must be EventLoops.
#pragma once

#include "lib/env/blocking_pool.h"
#include "lib/env/transport.h"

namespace dohle::env {

class PosixTransport : public Transport {
 public:
  explicit PosixTransport(BlockingPool& resolver_threads) : resolver_threads_(resolver_threads) {}

  // Accepts on the first executor; each connection goes to the executor that has the fewest. Out of file
  // descriptors, it says so in the log and pauses. A handler that is already running, or whose connection is
  // on its way to another executor, is not waited for by Listener::Stop.
  StatusOr<std::unique_ptr<Listener>> Listen(const Endpoint& endpoint, std::span<Executor* const> executors,
                                             AcceptHandler handler) override;
  Task<StatusOr<std::unique_ptr<Connection>>> Connect(Executor& executor, Endpoint endpoint,
                                                      absl::Duration timeout) override;

 private:
  BlockingPool& resolver_threads_;
};

}  // namespace dohle::env
