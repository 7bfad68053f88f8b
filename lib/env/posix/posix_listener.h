// env::Listener on a TCP socket.
#pragma once

#include <memory>
#include <vector>

#include "lib/env/posix/event_loop.h"
#include "lib/env/posix/unique_fd.h"
#include "lib/env/transport.h"

namespace dohle::env {

class PosixListener : public Listener {
 public:
  // `loops`: not empty; the first one accepts.
  PosixListener(UniqueFd fd, Endpoint local, std::vector<EventLoop*> loops, AcceptHandler handler);
  ~PosixListener() override;

  Endpoint local() const override { return local_; }
  void Stop() override;

 private:
  class Acceptor;
  const Endpoint local_;
  const std::shared_ptr<Acceptor> acceptor_;  // shared with what is posted to the loops
};

}  // namespace dohle::env
