// This broker's registration with the active controller and the heartbeats that keep it (KIP-631), through
// the controller's changes.
//
// Heartbeats run on the first executor. Stop them before this is destroyed.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "broker/metadata/image.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::metadata {
class MetadataLog;
}
namespace dohle::replica {
class ReplicaSet;
}

namespace dohle::server {

class ControllerChannel;
class OwnBrokerEpoch;

struct RegistrationOptions {
  NodeId node_id = kNoNode;
  std::string cluster_id;
  std::optional<std::string> rack;
  std::vector<metadata::ListenerEndpoint> endpoints;
  std::vector<DirectoryId> log_dirs;
  BrokerEpoch previous_broker_epoch{-1};  // of the last clean shutdown
  Uuid incarnation_id;                    // to go on under; zero: a fresh one
  absl::Duration heartbeat_interval = absl::Seconds(2);
  // For how long a registration may be refused for what passes (another broker of that id was there just
  // now): initial.broker.registration.timeout.ms.
  absl::Duration registration_timeout = absl::Seconds(60);
  // Those that take no new replicas (cordoned.log.dirs, KIP-1066), as of now. Null: none ever.
  std::function<std::vector<DirectoryId>()> cordoned_log_dirs;
  // May be null (tests): the replicas, for what the controller is told of log directories.
  const replica::ReplicaSet* replicas = nullptr;
};

class Registration {
 public:
  // The references outlive it. `epoch` is told the epoch of each registration.
  Registration(RegistrationOptions options, OwnBrokerEpoch& epoch, ControllerChannel& controller,
               const metadata::MetadataLog& log, env::Env& env);
  ~Registration();

  // Registers and returns when the broker is unfenced: leaders are elected by then. Waits for a controller
  // for as long as it takes, and says so. kCancelled: stopped; else why it was refused.
  env::Task<Status> Register();

  // Heartbeats until Stop, and another registration whenever the controller knows of none.
  void StartHeartbeats();
  // Tells the controller that this broker leaves (controlled shutdown, KIP-631) and waits until it may, for
  // some seconds at most, and for one if no controller answers. Then no heartbeats any more.
  env::Task<void> Stop();

  const Uuid& incarnation_id() const { return incarnation_id_; }

 private:
  struct Heard {
    bool fenced = true;
    bool should_shut_down = false;
  };
  env::Task<Status> RegisterOnce();
  env::Task<StatusOr<Heard>> Beat(bool want_shut_down, absl::Duration patience);
  // Where replicas lie that the metadata knows of no directory for (KIP-858).
  env::Task<void> AssignDirectories(absl::Duration patience);
  env::Task<void> Leave();
  env::Task<void> KeepBeating();
  // One turn; how long to wait for the next.
  env::Task<absl::Duration> BeatOrRegister();

  const RegistrationOptions options_;
  const Uuid incarnation_id_;
  OwnBrokerEpoch& epoch_;
  ControllerChannel& controller_;
  const metadata::MetadataLog& log_;
  env::Env& env_;
  bool fenced_ = false;             // as of the last heartbeat
  bool directories_known_ = false;  // the metadata has every replica where it is
  std::atomic<bool> stopped_{false};
  std::shared_ptr<env::OneShot<bool>> ended_;  // of the heartbeats
};

}  // namespace dohle::server
