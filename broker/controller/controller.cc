#include "broker/controller/controller.h"

#include <algorithm>

#include "broker/controller/alter_partition.h"
#include "broker/controller/brokers.h"
#include "broker/controller/configs.h"
#include "broker/controller/controller_state.h"
#include "broker/controller/directories.h"
#include "broker/controller/elections.h"
#include "broker/controller/features.h"
#include "broker/controller/reassignments.h"
#include "broker/controller/restart_permits.h"
#include "broker/controller/topics.h"
#include "lib/kafka/messages/allocate_producer_ids_request.h"
#include "lib/kafka/messages/allocate_producer_ids_response.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_request.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_response.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/controller_registration_response.h"
#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/describe_quorum_response.h"
#include "lib/kafka/messages/unregister_broker_request.h"

namespace dohle::controller {
namespace {

constexpr int64_t kProducerIdBlock = 1000;
constexpr std::string_view kUncleanElection = "unclean.leader.election.enable";

bool SetsUncleanElection(const RecordList& records) {
  return std::any_of(records.begin(), records.end(), [](const VersionedRecord& record) {
    const auto* config = std::get_if<kafka::ConfigRecord>(&record.record);
    return config != nullptr && config->name.view() == kUncleanElection;
  });
}

// Where the broker's registration stands. Of one from before this controller's time the broker epoch tells:
// the offset of the first record of its batch.
Offset RegistrationOffset(const ControllerState& state, const MetadataImage& image, NodeId broker) {
  const auto known = state.registration_offsets.find(broker);
  if (known != state.registration_offsets.end()) return known->second;
  const metadata::BrokerRegistration* registered = image.cluster.Broker(broker);
  return registered == nullptr ? kNoOffset : Offset(registered->epoch.value());
}

// Elections for whatever nobody leads, now.
env::Task<void> ElectNow(ControllerState* state) {
  ResponseDecision<NoResponse> decide = [](const DecisionContext& context) {
    Elections elections = ElectForLeaderless(context);
    Decision<NoResponse> decision;
    decision.records = std::move(elections.records);
    decision.more = elections.more;
    return decision;
  };
  // Whoever is active next looks for them, too.
  (void)co_await Run<NoResponse>(state, std::move(decide));
}

// Of the metadata quorum, if this node leads it.
std::vector<VoterState> VotersOf(const ControllerState& state) {
  const metadata::QuorumDescription quorum = state.log.Describe();
  const int64_t caught_up_ms = state.env.clock.WallTimeMs() - kVoterLagLimitMs;
  std::vector<VoterState> voters;
  for (const raft::ReplicaProgress& voter : quorum.voters) {
    const bool leads = voter.key.id == quorum.leader_id;
    voters.push_back({voter.key.id, leads || voter.last_caught_up_ms >= caught_up_ms});
  }
  return voters;
}

// What changed may allow elections that weren't possible before.
template <typename Response>
env::Task<StatusOr<Response>> RunThenElect(ControllerState* state, ResponseDecision<Response> decide) {
  auto elect = std::make_shared<bool>(false);
  ResponseDecision<Response> watched = [elect,
                                        decide = std::move(decide)](const DecisionContext& context) mutable {
    Decision<Response> decision = decide(context);
    *elect = SetsUncleanElection(decision.records);
    return decision;
  };
  StatusOr<Response> response = co_await Run<Response>(state, std::move(watched));
  if (response.ok() && *elect) co_await ElectNow(state);
  co_return response;
}

}  // namespace

StatusOr<metadata::EncodedRecords> EncodeRecords(const RecordList& records) {
  metadata::EncodedRecords encoded;
  encoded.reserve(records.size());
  size_t bytes = 0;
  for (const VersionedRecord& record : records) {
    encoded.push_back(kafka::EncodeMetadataRecord(record.record, record.version));
    bytes += encoded.back().size();
  }
  if (bytes <= kMaxBatchBytes) return encoded;
  return MakeStatus(StatusCode::kInvalidArgument,
                    "{} bytes of metadata at once are more than the {} that are possible", bytes,
                    kMaxBatchBytes);
}

Controller::Controller(ControllerConfig config, metadata::MetadataLog& log, const ConfigValidator& validator,
                       env::Env& env)
    : state_(std::make_unique<ControllerState>(std::move(config), log, validator, env)) {}
Controller::~Controller() = default;

// ---- topics

env::Task<StatusOr<kafka::CreateTopicsResponse>> Controller::CreateTopics(
    const kafka::CreateTopicsRequest& request) {
  return Run<kafka::CreateTopicsResponse>(state_.get(), [&request](const DecisionContext& context) {
    return controller::CreateTopics(context, request);
  });
}
env::Task<StatusOr<kafka::DeleteTopicsResponse>> Controller::DeleteTopics(
    const kafka::DeleteTopicsRequest& request) {
  return Run<kafka::DeleteTopicsResponse>(state_.get(), [&request](const DecisionContext& context) {
    return controller::DeleteTopics(context, request);
  });
}
env::Task<StatusOr<kafka::CreatePartitionsResponse>> Controller::CreatePartitions(
    const kafka::CreatePartitionsRequest& request) {
  return Run<kafka::CreatePartitionsResponse>(state_.get(), [&request](const DecisionContext& context) {
    return controller::CreatePartitions(context, request);
  });
}
env::Task<StatusOr<kafka::ElectLeadersResponse>> Controller::ElectLeaders(
    const kafka::ElectLeadersRequest& request) {
  return Run<kafka::ElectLeadersResponse>(state_.get(), [&request](const DecisionContext& context) {
    return controller::ElectLeaders(context, request);
  });
}

// ---- configs and features

env::Task<StatusOr<kafka::IncrementalAlterConfigsResponse>> Controller::IncrementalAlterConfigs(
    const kafka::IncrementalAlterConfigsRequest& request) {
  return RunThenElect<kafka::IncrementalAlterConfigsResponse>(
      state_.get(), [&request, voters = VotersOf(*state_)](const DecisionContext& context) {
        DecisionContext with_voters = context;
        with_voters.voters = voters;
        return controller::IncrementalAlterConfigs(with_voters, request);
      });
}
env::Task<StatusOr<kafka::AlterConfigsResponse>> Controller::AlterConfigs(
    const kafka::AlterConfigsRequest& request) {
  return RunThenElect<kafka::AlterConfigsResponse>(state_.get(), [&request](const DecisionContext& context) {
    return controller::AlterConfigs(context, request);
  });
}
env::Task<StatusOr<kafka::UpdateFeaturesResponse>> Controller::UpdateFeatures(
    const kafka::UpdateFeaturesRequest& request, int16_t version) {
  std::vector<NodeId> voters;
  const metadata::QuorumDescription quorum = state_->log.Describe();
  for (const raft::Voter& voter : quorum.voter_set.voters) voters.push_back(voter.key.id);
  return Run<kafka::UpdateFeaturesResponse>(
      state_.get(), [&request, version, voters = std::move(voters)](const DecisionContext& context) {
        return controller::UpdateFeatures(context, request, version, voters);
      });
}

// ---- partitions

env::Task<StatusOr<kafka::AlterPartitionResponse>> Controller::AlterPartition(
    const kafka::AlterPartitionRequest& request, int16_t version) {
  return Run<kafka::AlterPartitionResponse>(state_.get(),
                                            [&request, version](const DecisionContext& context) {
                                              return controller::AlterPartition(context, request, version);
                                            });
}
env::Task<StatusOr<kafka::AlterPartitionReassignmentsResponse>> Controller::AlterPartitionReassignments(
    const kafka::AlterPartitionReassignmentsRequest& request) {
  return Run<kafka::AlterPartitionReassignmentsResponse>(
      state_.get(), [&request](const DecisionContext& context) {
        return controller::AlterPartitionReassignments(context, request);
      });
}
env::Task<StatusOr<kafka::ListPartitionReassignmentsResponse>> Controller::ListPartitionReassignments(
    const kafka::ListPartitionReassignmentsRequest& request) {
  return Run<kafka::ListPartitionReassignmentsResponse>(
      state_.get(), [&request](const DecisionContext& context) {
        Decision<kafka::ListPartitionReassignmentsResponse> decision;
        decision.response = controller::ListPartitionReassignments(context.image, request);
        return decision;
      });
}

// ---- brokers

env::Task<StatusOr<kafka::BrokerRegistrationResponse>> Controller::RegisterBroker(
    const kafka::BrokerRegistrationRequest& request) {
  ControllerState* state = state_.get();
  return Run<kafka::BrokerRegistrationResponse>(state, [state, &request](const DecisionContext& context) {
    auto decision = controller::RegisterBroker(context, state->heartbeats, request);
    if (!decision.records.empty() && !decision.more) {
      const NodeId broker(request.broker_id);
      const auto count = static_cast<int64_t>(decision.records.size());
      const metadata::BrokerRegistration* existing = context.image.cluster.Broker(broker);
      state->registration_offsets[broker] = context.next_offset + (count - 1);
      state->heartbeats.Register(broker,
                                 existing == nullptr || existing->incarnation_id != request.incarnation_id);
    }
    return decision;
  });
}

env::Task<StatusOr<kafka::BrokerHeartbeatResponse>> Controller::BrokerHeartbeat(
    const kafka::BrokerHeartbeatRequest& request) {
  ControllerState* state = state_.get();
  auto leaderless_left = std::make_shared<bool>(false);
  ResponseDecision<kafka::BrokerHeartbeatResponse> decide = [state, leaderless_left,
                                                             &request](const DecisionContext& context) {
    const NodeId broker(request.broker_id);
    const Offset offset = RegistrationOffset(*state, context.image, broker);
    HeartbeatDecision decided = DecideHeartbeat(context, state->heartbeats, offset, request);
    if (decided.response.error_code == 0) {
      state->heartbeats.Touch(broker, request.current_metadata_offset, context.now_ms);
      if (decided.moves_leaders) {
        const auto count = static_cast<int64_t>(decided.records.size());
        state->heartbeats.MovedLeaders(broker, context.next_offset + (count - 1));
      }
      if (decided.response.should_shut_down && !decided.more) state->heartbeats.EndSession(broker);
      if (decided.leaderless_left) *leaderless_left = true;
    }
    return Decision<kafka::BrokerHeartbeatResponse>{std::move(decided.records), std::move(decided.response),
                                                    decided.more};
  };
  auto response = co_await Run<kafka::BrokerHeartbeatResponse>(state, std::move(decide));
  if (response.ok() && *leaderless_left) co_await ElectNow(state);
  co_return response;
}

env::Task<StatusOr<kafka::UnregisterBrokerResponse>> Controller::UnregisterBroker(
    const kafka::UnregisterBrokerRequest& request) {
  ControllerState* state = state_.get();
  return Run<kafka::UnregisterBrokerResponse>(state, [state, &request](const DecisionContext& context) {
    const NodeId broker(request.broker_id);
    auto decision = controller::UnregisterBroker(context, broker);
    if (!decision.records.empty() && !decision.more) {
      state->heartbeats.Remove(broker);
      state->registration_offsets.erase(broker);
    }
    return decision;
  });
}

env::Task<StatusOr<kafka::ControllerRegistrationResponse>> Controller::RegisterController(
    const kafka::ControllerRegistrationRequest& request) {
  return Run<kafka::ControllerRegistrationResponse>(state_.get(), [&request](const DecisionContext& context) {
    Decision<kafka::ControllerRegistrationResponse> decision;
    const ApiError error = controller::RegisterController(context, request, &decision.records);
    // As Apache: success has the empty message that is the field's default, not null.
    if (!error.ok()) SetError(error, &decision.response);
    return decision;
  });
}

env::Task<StatusOr<kafka::AssignReplicasToDirsResponse>> Controller::AssignReplicasToDirs(
    const kafka::AssignReplicasToDirsRequest& request) {
  return Run<kafka::AssignReplicasToDirsResponse>(state_.get(), [&request](const DecisionContext& context) {
    return controller::AssignReplicasToDirs(context, request);
  });
}

env::Task<StatusOr<kafka::AllocateProducerIdsResponse>> Controller::AllocateProducerIds(
    const kafka::AllocateProducerIdsRequest& request) {
  return Run<kafka::AllocateProducerIdsResponse>(state_.get(), [&request](const DecisionContext& context) {
    Decision<kafka::AllocateProducerIdsResponse> decision;
    const ApiError stale =
        CheckBrokerEpoch(context.image, NodeId(request.broker_id), BrokerEpoch(request.broker_epoch));
    const int64_t first = context.image.next_producer_id.value();
    if (!stale.ok()) {
      decision.response.error_code = kafka::ToCode(stale.code);
    } else if (first > INT64_MAX - kProducerIdBlock) {
      // Kafka: «Exhausted all producerIds …»
      decision.response.error_code = kafka::ToCode(ErrorCode::kUnknownServerError);
    } else {
      kafka::ProducerIdsRecord record;
      record.broker_id = request.broker_id;
      record.broker_epoch = request.broker_epoch;
      record.next_producer_id = first + kProducerIdBlock;
      decision.records.push_back({std::move(record), 0});
      decision.response.producer_id_start = first;
      decision.response.producer_id_len = kProducerIdBlock;
    }
    return decision;
  });
}

// ---- quorum

kafka::DescribeQuorumResponse Controller::DescribeQuorum(const kafka::DescribeQuorumRequest& request) const {
  using Response = kafka::DescribeQuorumResponse;
  const metadata::QuorumDescription quorum = state_->log.Describe();
  Response response;
  bool known = true;
  const auto add = [](const raft::ReplicaProgress& progress, std::vector<Response::ReplicaState>* replicas) {
    Response::ReplicaState& replica = replicas->emplace_back();
    replica.replica_id = progress.key.id.value();
    replica.replica_directory_id = progress.key.directory_id;
    replica.log_end_offset = progress.log_end_offset.value_or(kNoOffset).value();
    replica.last_fetch_timestamp = progress.last_fetch_ms;
    replica.last_caught_up_timestamp = progress.last_caught_up_ms;
  };
  for (const auto& topic : request.topics) {
    auto& described = response.topics.emplace_back();
    described.topic_name = topic.topic_name;
    for (const auto& wanted : topic.partitions) {
      auto& partition = described.partitions.emplace_back();
      partition.partition_index = wanted.partition_index;
      if (topic.topic_name.view() != "__cluster_metadata" || wanted.partition_index != 0) {
        const ApiError unknown(ErrorCode::kUnknownTopicOrPartition);
        SetError(unknown, &partition);
        known = false;
        continue;
      }
      partition.leader_id = quorum.leader_id.value();
      partition.leader_epoch = quorum.leader_epoch.value();
      partition.high_watermark = quorum.high_watermark.value();
      for (const auto& voter : quorum.voters) add(voter, &partition.current_voters);
      for (const auto& observer : quorum.observers) add(observer, &partition.observers);
    }
  }
  if (!known) return response;
  for (const raft::Voter& voter : quorum.voter_set.voters) {
    auto& node = response.nodes.emplace_back();
    node.node_id = voter.key.id.value();
    for (const raft::VoterEndpoint& endpoint : voter.endpoints) {
      auto& listener = node.listeners.emplace_back();
      listener.name = std::string(endpoint.name);
      listener.host = std::string(endpoint.host);
      listener.port = endpoint.port;
    }
  }
  return response;
}

}  // namespace dohle::controller
