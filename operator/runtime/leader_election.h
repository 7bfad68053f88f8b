// Holds a Lease against other operators: the driver of election.h. One executor.
//
// Who leads may stop leading at any moment, by the clock alone (Leads()): writes go through a GatedClient
// that asks before each one. Leadership that was lost is sought again; nothing has to restart.
#pragma once

#include <functional>
#include <string>

#include "lib/env/random.h"
#include "lib/env/stop_signal.h"
#include "lib/env/task.h"
#include "operator/k8s/client.h"
#include "operator/runtime/election.h"

namespace dohle::runtime {

class LeaderElection {
 public:
  // `client` is not gated; it, `clock` and `random` outlive this. `identity` is this process' alone.
  // `on_change` is told when leadership is won and, as soon as it is noticed, when it is lost.
  LeaderElection(k8s::Client& client, const env::Clock& clock, env::Random& random, k8s::ObjectName lease,
                 std::string identity, ElectionLimits limits, std::function<void(bool leads)> on_change);

  // Until `stop`; then gives the lease back, so that another needn't wait.
  env::Task<void> Run(env::StopSignal& stop);
  bool Leads() const { return election_.Leads(clock_.Now()); }

 private:
  env::Task<Status> Turn();
  env::Task<Status> Write(Election::Action action, k8s::Json stored);
  env::Task<void> Release();
  void Tell();

  k8s::Client& client_;
  const env::Clock& clock_;
  env::Random& random_;
  const k8s::ObjectName lease_;
  Election election_;
  const std::function<void(bool)> on_change_;
  bool told_ = false;
};

}  // namespace dohle::runtime
