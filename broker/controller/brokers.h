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
#include "lib/kafka/messages/unregister_broker_request.h"

namespace dohle::controller {

// When each broker was heard, by monotonic milliseconds: it isn't in the log, a new controller begins anew.
class BrokerHeartbeats {
 public:
  explicit BrokerHeartbeats(int64_t session_timeout_ms) : session_timeout_ms_(session_timeout_ms) {}

  // A controller that becomes active takes everybody who isn't fenced as heard just now.
  void Reset(const MetadataImage& image, int64_t now_ms);
  void Register(NodeId broker, int64_t now_ms);
  void Remove(NodeId broker) { brokers_.erase(broker); }
  void Touch(NodeId broker, int64_t metadata_offset, int64_t now_ms);
  bool HasValidSession(NodeId broker, int64_t now_ms) const;
  // Unfenced brokers of `image` that were not heard for the session time-out.
  std::vector<NodeId> Stale(const MetadataImage& image, int64_t now_ms) const;

  // Controlled shutdown is over once every other active broker has seen this offset.
  void BeginShutdown(NodeId broker, Offset offset);
  bool ShutdownSeenByAll(const MetadataImage& image, NodeId broker) const;

 private:
  struct State {
    int64_t last_contact_ms = 0;
    int64_t metadata_offset = -1;
    std::optional<Offset> shutdown_offset;
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
  bool enters_shutdown = false;  // BeginShutdown with the end of the records
};
// `registration_offset`: where the broker's registration stands; it is unfenced once it has read that far.
HeartbeatDecision DecideHeartbeat(const DecisionContext& context, const BrokerHeartbeats& heartbeats,
                                  Offset registration_offset, const kafka::BrokerHeartbeatRequest& request);

// A broker that is gone: out of every ISR, fenced.
RecordList FenceBroker(const DecisionContext& context, NodeId broker);

// UnregisterBroker: nothing but the error if there is no such broker.
ApiError Unregister(const DecisionContext& context, NodeId broker, RecordList* records);

ApiError RegisterController(const DecisionContext& context,
                            const kafka::ControllerRegistrationRequest& request, RecordList* records);
// STALE_BROKER_EPOCH unless `epoch` is that of the current registration.
ApiError CheckBrokerEpoch(const MetadataImage& image, NodeId broker, BrokerEpoch epoch);

}  // namespace dohle::controller
