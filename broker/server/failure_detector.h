// Finds brokers whose process has died, long before their session ends: the active controller keeps in mind
// which connection brings a broker's heartbeats. When that connection closes it looks whether anybody listens
// where the broker is registered; if the host says that nobody does, the broker is fenced. Everything else
// (no answer, an unknown name, a cable) is left to the session's end. A controller that has just become
// active has no connections to go by: it looks once at every broker that isn't fenced.
//
// Heard: the connection's thread. The rest runs on the first executor.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "broker/metadata/publisher.h"
#include "lib/base/ids.h"
#include "lib/env/env.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::controller {
class Controller;
}

namespace dohle::server {

struct ConnectionInfo;

class FailureDetector {
 public:
  // All outlive the detector, which outlives the connections. `own_id`: this node's broker isn't looked at.
  // `listener`: of brokers, where they are looked for; the first one of those that don't have it.
  FailureDetector(NodeId own_id, std::string listener, controller::Controller& controller,
                  const metadata::MetadataCache& metadata, env::Env& env)
      : own_id_(own_id),
        listener_(std::move(listener)),
        controller_(controller),
        metadata_(metadata),
        env_(env) {}

  // A heartbeat of `broker` has come over this connection.
  void Heard(NodeId broker, ConnectionInfo& connection);
  // This controller has become active.
  void LookAtAll();
  // Another process wants to register as `broker`. Fences the one that is registered if the connection that
  // brought its heartbeats has closed since: true, and the new one need not wait for the end of its session.
  // Any executor.
  env::Task<bool> FenceIfLost(NodeId broker);

 private:
  env::Task<void> Look(NodeId broker);
  env::Task<void> Connected(NodeId broker);
  env::Task<void> Lost(NodeId broker);
  env::Task<void> Fence(NodeId broker, std::shared_ptr<env::OneShot<bool>> fenced);

  const NodeId own_id_;
  const std::string listener_;
  controller::Controller& controller_;
  const metadata::MetadataCache& metadata_;
  env::Env& env_;
  std::map<NodeId, int> connections_;  // that bring heartbeats
  std::set<NodeId> lost_;              // who had one, and has none any more
};

}  // namespace dohle::server
