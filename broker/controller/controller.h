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

#include "broker/metadata/metadata_log.h"
#include "lib/env/env.h"

namespace dohle::kafka {
struct AllocateProducerIdsRequest;
struct AllocateProducerIdsResponse;
struct AlterConfigsRequest;
struct AlterConfigsResponse;
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
struct UnregisterBrokerRequest;
struct UnregisterBrokerResponse;
struct UpdateFeaturesRequest;
struct UpdateFeaturesResponse;
}  // namespace dohle::kafka

namespace dohle::controller {

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

  // After MetadataLog::Start: writes what the first leader of a cluster writes (bootstrap transaction) and
  // registers this controller. Once.
  env::Task<Status> Activate();

  // ---- topics
  env::Task<StatusOr<kafka::CreateTopicsResponse>> CreateTopics(const kafka::CreateTopicsRequest& request);
  // By name or id. Topics of `request` that are unknown get Kafka's errors.
  env::Task<StatusOr<kafka::DeleteTopicsResponse>> DeleteTopics(const kafka::DeleteTopicsRequest& request);
  env::Task<StatusOr<kafka::CreatePartitionsResponse>> CreatePartitions(
      const kafka::CreatePartitionsRequest& request);
  env::Task<StatusOr<kafka::ElectLeadersResponse>> ElectLeaders(const kafka::ElectLeadersRequest& request);

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
  // Fences one broker whose session has ended, if there is one. To be called about each eighth of a session.
  env::Task<Status> FenceStaleBrokers();

  // ---- quorum. Any thread, at once.
  kafka::DescribeQuorumResponse DescribeQuorum(const kafka::DescribeQuorumRequest& request) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace dohle::controller
