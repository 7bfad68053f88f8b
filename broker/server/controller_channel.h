// This node's way to the active controller: without any network if it is this node, else over one connection
// to the leader of the metadata quorum, on one of its controller listeners. A new leader is taken up at once,
// requests that were under way to the old one included.
//
//   auto answer = co_await channel.Call<kafka::BrokerHeartbeatResponse>(request, absl::Seconds(5));
//
// Call: any executor, from outside of every lane. The rest lives on the first executor, where the metadata
// log tells of leaders.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "broker/metadata/metadata_log.h"
#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/one_shot.h"
#include "lib/env/stop_signal.h"
#include "lib/env/task.h"
#include "lib/kafka/client/connection.h"
#include "lib/kafka/version_range.h"

namespace dohle::controller {
class Controller;
}

namespace dohle::server {

struct ControllerChannelOptions {
  std::string client_id;
  std::vector<std::string> listener_names;  // controller.listener.names, the preferred one first
  absl::Duration connect_timeout = absl::Seconds(2);
  absl::Duration request_timeout = absl::Seconds(30);  // controller.socket.timeout.ms
};

class ControllerChannel : public metadata::QuorumListener {
 public:
  // Both outlive the channel. `controller`: where requests go when this node is the active controller; null
  // if it never is.
  ControllerChannel(ControllerChannelOptions options, controller::Controller* controller, env::Env& env);
  ~ControllerChannel() override;

  bool is_local() const;

  // Asks the active controller, in the newest version that both ends speak, and again whatever may pass (no
  // leader, NOT_CONTROLLER, a lost connection) until `patience` is over: so it may act twice. At least once.
  // `request` outlives the call; the answer borrows from it or from what comes along with it.
  // kUnavailable, kDeadlineExceeded: nobody answered in time; kUnimplemented: no common version; kCancelled:
  // stopped; of an EnvelopeRequest kAborted: this node is the active controller.
  // For requests that controller_channel.cc names.
  template <typename Response, typename Request>
  env::Task<StatusOr<kafka::client::Answer<Response>>> Call(const Request& request, absl::Duration patience);

  // Until another leader is known, or for `most`. False: stopped.
  env::Task<bool> WaitForChange(absl::Duration most);
  // Ends the waits of WaitForChange. Any thread.
  void Wake();

  env::Task<void> OnLeaderChange(metadata::QuorumLeader leader) override;
  // Every call under way ends soon, with kCancelled. On the first executor.
  void Stop();

 private:
  // One attempt to reach one leader, with what came of it.
  struct Link {
    std::shared_ptr<kafka::client::BrokerConnection> connection;
    std::map<int16_t, kafka::VersionRange> versions;  // that the other end serves, by API key
    bool settled = false;
    Status status;
    std::vector<std::shared_ptr<env::OneShot<bool>>> waiting;
  };
  using LinkPtr = std::shared_ptr<Link>;

  env::Task<StatusOr<LinkPtr>> CurrentLink();
  env::Task<void> Open(LinkPtr link, env::Endpoint endpoint);
  static void Settle(Link& link, Status status);
  void DropLink();
  // Where the leader is reached; nothing if that isn't known.
  std::optional<env::Endpoint> LeaderEndpoint() const;
  template <typename Response, typename Request>
  env::Task<StatusOr<kafka::client::Answer<Response>>> CallOnce(const Request& request);
  template <typename Response, typename Request>
  env::Task<void> CallRemotely(const Request& request,
                               std::shared_ptr<env::OneShot<StatusOr<kafka::client::Answer<Response>>>> done);

  const ControllerChannelOptions options_;
  controller::Controller* const controller_;
  env::Env& env_;
  metadata::QuorumLeader leader_;
  LinkPtr link_;
  std::atomic<bool> stopped_{false};
  // Stopped and replaced with every change.
  std::atomic<std::shared_ptr<env::StopSignal>> change_{std::make_shared<env::StopSignal>()};
};

}  // namespace dohle::server
