// Controller: the active controller of the cluster. Every operation takes the request of Kafka's API and
// returns its response: it decides by pure functions over the newest image (topics.h, configs.h, …), appends
// the records as one batch and answers when they are committed and published. Error codes and messages are
// Kafka's.
//
// Any executor, from outside of every lane; its own state lives in the metadata lane. A request must outlive
// the call; the response may borrow from the request, and from nothing else. A status other than OK means
// that the whole request failed: kUnavailable = not the active controller or the log failed (NOT_CONTROLLER).
//
// Authorization, quotas and throttling are the caller's: it filters the request first. So are the returned
// configs of CreateTopics (synonyms and defaults are server knowledge): they are left null.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "broker/metadata/metadata_log.h"
#include "lib/env/env.h"

namespace dohle::kafka {
struct AllocateProducerIdsRequest;
struct AllocateProducerIdsResponse;
struct AlterConfigsRequest;
struct AlterConfigsResponse;
struct AlterPartitionReassignmentsRequest;
struct AlterPartitionReassignmentsResponse;
struct AlterPartitionRequest;
struct AlterPartitionResponse;
struct AssignReplicasToDirsRequest;
struct AssignReplicasToDirsResponse;
struct BrokerHeartbeatRequest;
struct BrokerHeartbeatResponse;
struct BrokerRegistrationRequest;
struct BrokerRegistrationResponse;
struct ControllerRegistrationRequest;
struct ControllerRegistrationResponse;
struct CreatePartitionsRequest;
struct CreatePartitionsResponse;
struct CreateTopicsRequest;
struct CreateTopicsResponse;
struct DeleteTopicsRequest;
struct DeleteTopicsResponse;
struct DescribeQuorumRequest;
struct DescribeQuorumResponse;
struct ElectLeadersRequest;
struct ElectLeadersResponse;
struct IncrementalAlterConfigsRequest;
struct IncrementalAlterConfigsResponse;
struct ListPartitionReassignmentsRequest;
struct ListPartitionReassignmentsResponse;
struct UnregisterBrokerRequest;
struct UnregisterBrokerResponse;
struct UpdateFeaturesRequest;
struct UpdateFeaturesResponse;
}  // namespace dohle::kafka

namespace dohle::controller {

class ControllerState;  // controller_state.h

// Knows the configuration names, types and ranges; given by the server. Pure, any thread.
class ConfigValidator {
 public:
  virtual ~ConfigValidator() = default;
  // Nothing if `configs` (all overrides that the resource will have) is valid, else the message that the
  // client gets with INVALID_CONFIG. `existing` is what it has now.
  virtual std::optional<std::string> Validate(const metadata::ConfigResource& resource,
                                              const metadata::ConfigMap& configs,
                                              const metadata::ConfigMap& existing) const = 0;
  // Whether values of that name are lists, for APPEND and SUBTRACT.
  virtual bool IsList(metadata::ConfigResourceType type, std::string_view name) const = 0;
  // The list that APPEND and SUBTRACT start from when nothing is set: the default. "" if none.
  virtual std::string Default(metadata::ConfigResourceType type, std::string_view name) const = 0;
};

struct ControllerConfig {
  NodeId node_id = kNoNode;
  std::string cluster_id;
  std::string log_dir;                      // holds bootstrap.checkpoint
  int32_t default_num_partitions = 1;       // num.partitions
  int16_t default_replication_factor = 1;   // default.replication.factor
  int32_t default_min_insync_replicas = 1;  // min.insync.replicas, for the record that ELR needs
  int64_t session_timeout_ms = 9000;        // broker.session.timeout.ms
  bool unclean_leader_election = false;     // unclean.leader.election.enable of the broker
  int64_t unclean_leader_election_interval_ms = 300'000;  // unclean.leader.election.interval.ms
  bool auto_leader_rebalance = true;                      // auto.leader.rebalance.enable
  int64_t leader_imbalance_check_interval_ms = 300'000;   // leader.imbalance.check.interval.seconds
  // This controller's own registration.
  Uuid incarnation_id;
  std::vector<metadata::ListenerEndpoint> endpoints;
};

class Controller {
 public:
  // All outlive the controller.
  Controller(ControllerConfig config, metadata::MetadataLog& log, const ConfigValidator& validator,
             env::Env& env);
  ~Controller();

  // Each time that this node becomes the leader of the metadata quorum, with the epoch in which it leads:
  // writes what the first leader of a cluster writes (bootstrap transaction) if the log is without metadata,
  // and this controller's registration if the image lacks it or says otherwise. Every broker counts as heard
  // just now. Until it has succeeded, and in every other epoch, the operations fail with kUnavailable.
  env::Task<Status> Activate(LeaderEpoch epoch);
  // This node leads no more: operations fail with kUnavailable from here on. Any thread, at once.
  void Resign();
  // Between Activate and Resign. Any thread.
  bool is_active() const;
  // What a controller that isn't active sends to the one that is, whenever `image` differs from it
  // (ControllerRegistration, KIP-919): nothing if `image` has it, or can't have it by its metadata.version.
  // Pure, any thread.
  std::optional<kafka::ControllerRegistrationRequest> RegistrationFor(
      const metadata::MetadataImage& image) const;

  // ---- topics
  env::Task<StatusOr<kafka::CreateTopicsResponse>> CreateTopics(const kafka::CreateTopicsRequest& request);
  // By name or id. Topics of `request` that are unknown get Kafka's errors.
  env::Task<StatusOr<kafka::DeleteTopicsResponse>> DeleteTopics(const kafka::DeleteTopicsRequest& request);
  env::Task<StatusOr<kafka::CreatePartitionsResponse>> CreatePartitions(
      const kafka::CreatePartitionsRequest& request);
  env::Task<StatusOr<kafka::ElectLeadersResponse>> ElectLeaders(const kafka::ElectLeadersRequest& request);

  // ---- partitions
  // A leader asks for another ISR or says that it has recovered (KIP-497, KIP-841, KIP-903, KIP-966).
  // `version` of the request: v2 has no broker epochs.
  env::Task<StatusOr<kafka::AlterPartitionResponse>> AlterPartition(
      const kafka::AlterPartitionRequest& request, int16_t version);
  // KIP-455. The caller has filtered what ListPartitionReassignments may show.
  env::Task<StatusOr<kafka::AlterPartitionReassignmentsResponse>> AlterPartitionReassignments(
      const kafka::AlterPartitionReassignmentsRequest& request);
  env::Task<StatusOr<kafka::ListPartitionReassignmentsResponse>> ListPartitionReassignments(
      const kafka::ListPartitionReassignmentsRequest& request);

  // ---- configs and features
  env::Task<StatusOr<kafka::IncrementalAlterConfigsResponse>> IncrementalAlterConfigs(
      const kafka::IncrementalAlterConfigsRequest& request);
  env::Task<StatusOr<kafka::AlterConfigsResponse>> AlterConfigs(const kafka::AlterConfigsRequest& request);
  // `version` of the request: v0 has other fields.
  env::Task<StatusOr<kafka::UpdateFeaturesResponse>> UpdateFeatures(
      const kafka::UpdateFeaturesRequest& request, int16_t version);

  // ---- brokers
  env::Task<StatusOr<kafka::BrokerRegistrationResponse>> RegisterBroker(
      const kafka::BrokerRegistrationRequest& request);
  env::Task<StatusOr<kafka::BrokerHeartbeatResponse>> BrokerHeartbeat(
      const kafka::BrokerHeartbeatRequest& request);
  env::Task<StatusOr<kafka::UnregisterBrokerResponse>> UnregisterBroker(
      const kafka::UnregisterBrokerRequest& request);
  env::Task<StatusOr<kafka::ControllerRegistrationResponse>> RegisterController(
      const kafka::ControllerRegistrationRequest& request);
  env::Task<StatusOr<kafka::AllocateProducerIdsResponse>> AllocateProducerIds(
      const kafka::AllocateProducerIdsRequest& request);

  // A broker says in which of its log directories it keeps which replicas (KIP-858).
  env::Task<StatusOr<kafka::AssignReplicasToDirsResponse>> AssignReplicasToDirs(
      const kafka::AssignReplicasToDirsRequest& request);
  // Fences a broker whose process is known to be dead, without waiting for the end of its session. Nothing
  // if `epoch` isn't that of its registration any more, or if it is fenced already.
  env::Task<Status> FenceBroker(NodeId broker, BrokerEpoch epoch);

  // ---- time
  // Does what has fallen due by time alone: fences brokers whose session has ended, moves leaders back to
  // the preferred replicas, elects uncleanly where that is allowed. Returns how long to wait until the next
  // call; the server calls it in a loop while this controller is active.
  env::Task<StatusOr<absl::Duration>> DoDueWork();

  // ---- quorum. Any thread, at once.
  kafka::DescribeQuorumResponse DescribeQuorum(const kafka::DescribeQuorumRequest& request) const;

 private:
  std::unique_ptr<ControllerState> state_;
};

}  // namespace dohle::controller
