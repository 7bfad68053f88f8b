// This broker's registration with the controller and the heartbeats that keep it (KIP-631).
//
// Heartbeats run on the first executor. Stop them before this is destroyed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "broker/metadata/image.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/stop_signal.h"
#include "lib/env/task.h"

namespace dohle::controller {
class Controller;
}
namespace dohle::metadata {
class MetadataLog;
}
namespace dohle::replica {
class ReplicaSet;
}

namespace dohle::server {

struct RegistrationOptions {
  NodeId node_id = kNoNode;
  std::string cluster_id;
  std::optional<std::string> rack;
  std::vector<metadata::ListenerEndpoint> endpoints;
  std::vector<DirectoryId> log_dirs;
  BrokerEpoch previous_broker_epoch{-1};  // of the last clean shutdown
  absl::Duration heartbeat_interval = absl::Seconds(2);
  // May be null (tests): the replicas, for what the controller is told of log directories.
  const replica::ReplicaSet* replicas = nullptr;
};

class Registration {
 public:
  // The references outlive it.
  Registration(RegistrationOptions options, controller::Controller& controller, metadata::MetadataLog& log,
               env::Env& env);
  ~Registration();

  // Registers and returns when the broker is unfenced: leaders are elected by then.
  env::Task<Status> Register();
  BrokerEpoch broker_epoch() const { return broker_epoch_; }

  // Heartbeats until Stop, which also tells the controller that this broker leaves (controlled shutdown,
  // KIP-631) and waits until it may, for a second at most.
  void StartHeartbeats();
  env::Task<void> Stop();

 private:
  struct Heard {
    bool fenced = true;
    bool should_shut_down = false;
  };
  env::Task<StatusOr<Heard>> Beat(bool want_shut_down);
  // Where replicas lie that the metadata knows of no directory for (KIP-858).
  env::Task<void> AssignDirectories();
  env::Task<void> Leave();
  env::Task<void> KeepBeating();

  const RegistrationOptions options_;
  controller::Controller& controller_;
  metadata::MetadataLog& log_;
  env::Env& env_;
  BrokerEpoch broker_epoch_{-1};
  env::StopSignal stop_;
  env::StopSignal never_;                      // to sleep when `stop_` has been given
  std::shared_ptr<env::OneShot<bool>> ended_;  // of the heartbeats
};

}  // namespace dohle::server
