// The life of brokers as the controller sees it: registration, heartbeat, fencing, shutdown (KIP-631,
// KIP-841, KIP-858, KIP-966), as pure decisions; who was heard when is BrokerHeartbeats.
#pragma once

#include <map>
#include <optional>

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/unregister_broker_response.h"

namespace dohle::controller {

// When each broker was heard, by monotonic milliseconds: it isn't in the log, a new controller begins anew.
// A broker has a session from its first heartbeat on, for the session time-out after its last one.
class BrokerHeartbeats {
 public:
  explicit BrokerHeartbeats(int64_t session_timeout_ms) : session_timeout_ms_(session_timeout_ms) {}

  // A controller that becomes active takes everybody who isn't fenced as heard just now.
  void Reset(const MetadataImage& image, int64_t now_ms);
  // A new registration: an incarnation that wasn't heard yet, or the one that was there before.
  void Register(NodeId broker, bool new_incarnation);
  void Remove(NodeId broker) { brokers_.erase(broker); }
  void Touch(NodeId broker, int64_t metadata_offset, int64_t now_ms);
  // Its process has ended, or has been told to: nobody waits for the end of its session.
  void EndSession(NodeId broker);
  bool HasValidSession(NodeId broker, int64_t now_ms) const;
  // Unfenced brokers of `image` that were not heard for the session time-out.
  std::vector<NodeId> Stale(const MetadataImage& image, int64_t now_ms) const;
  // When the first of the unfenced brokers of `image` becomes stale if it isn't heard again.
  std::optional<int64_t> NextStaleMs(const MetadataImage& image) const;

  // Leaders were moved away from a broker that wants to shut down: it may do so once every other active
  // broker has read the metadata log up to `offset`, the last of these records.
  void MovedLeaders(NodeId broker, Offset offset);
  bool MovesSeenByAll(const MetadataImage& image, NodeId broker) const;

 private:
  struct State {
    std::optional<int64_t> last_contact_ms;
    int64_t metadata_offset = -1;
    std::optional<Offset> moved_offset;
  };

  int64_t session_timeout_ms_;
  std::map<NodeId, State> brokers_;
};

// Accepts the registration and says what it means. The broker epoch is the offset of the first record.
Decision<kafka::BrokerRegistrationResponse> RegisterBroker(const DecisionContext& context,
                                                           const BrokerHeartbeats& heartbeats,
                                                           const kafka::BrokerRegistrationRequest& request);

struct HeartbeatDecision {
  RecordList records;
  kafka::BrokerHeartbeatResponse response;
  bool more = false;           // as Decision::more
  bool moves_leaders = false;  // MovedLeaders with the last of the records
  // The broker is unfenced, and partitions without a leader are left: ElectForLeaderless.
  bool leaderless_left = false;
};
// `registration_offset`: where the broker's registration stands; it is unfenced once it has read that far.
HeartbeatDecision DecideHeartbeat(const DecisionContext& context, const BrokerHeartbeats& heartbeats,
                                  Offset registration_offset, const kafka::BrokerHeartbeatRequest& request);

// A broker that is gone leaves every ISR and is fenced. Returns false if not all fits into one batch: it is
// fenced by the last one, so whoever takes over in between begins again.
[[nodiscard]] bool FenceBroker(const DecisionContext& context, NodeId broker, RecordList* records);

// UnregisterBroker: nothing but the error if there is no such broker.
Decision<kafka::UnregisterBrokerResponse> UnregisterBroker(const DecisionContext& context, NodeId broker);

// The request that a controller of `config` registers itself with, if `image` doesn't have it like that.
std::optional<kafka::ControllerRegistrationRequest> NeededRegistration(const MetadataImage& image,
                                                                       const ControllerConfig& config);
ApiError RegisterController(const DecisionContext& context,
                            const kafka::ControllerRegistrationRequest& request, RecordList* records);
// STALE_BROKER_EPOCH unless `epoch` is that of the current registration.
ApiError CheckBrokerEpoch(const MetadataImage& image, NodeId broker, BrokerEpoch epoch);

}  // namespace dohle::controller
