#include "broker/controller/controller.h"

#include <type_traits>

#include "broker/controller/brokers.h"
#include "broker/controller/configs.h"
#include "broker/controller/decision.h"
#include "broker/controller/directories.h"
#include "broker/controller/elections.h"
#include "broker/controller/features.h"
#include "broker/controller/topics.h"
#include "broker/metadata/format.h"
#include "broker/metadata/image_writer.h"
#include "lib/base/log.h"
#include "lib/env/random.h"
#include "lib/kafka/messages/allocate_producer_ids_request.h"
#include "lib/kafka/messages/allocate_producer_ids_response.h"
#include "lib/kafka/messages/alter_partition_reassignments_request.h"
#include "lib/kafka/messages/alter_partition_reassignments_response.h"
#include "lib/kafka/messages/alter_partition_request.h"
#include "lib/kafka/messages/alter_partition_response.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_request.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_response.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/controller_registration_response.h"
#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/describe_quorum_response.h"
#include "lib/kafka/messages/list_partition_reassignments_request.h"
#include "lib/kafka/messages/list_partition_reassignments_response.h"
#include "lib/kafka/messages/unregister_broker_response.h"

namespace dohle::controller {
namespace {

constexpr int64_t kProducerIdBlock = 1000;

metadata::EncodedRecords EncodeRecords(const RecordList& records) {
  metadata::EncodedRecords encoded;
  encoded.reserve(records.size());
  for (const VersionedRecord& record : records) {
    encoded.push_back(kafka::EncodeMetadataRecord(record.record, record.version));
  }
  return encoded;
}

}  // namespace

// What the operations share. Only touched inside the metadata lane, but for the references.
class Controller::State {
 public:
  State(ControllerConfig controller_config, metadata::MetadataLog& metadata_log,
        const ConfigValidator& config_validator, env::Env& environment)
      : config(std::move(controller_config)),
        log(metadata_log),
        validator(config_validator),
        env(environment),
        heartbeats(config.session_timeout_ms) {}

  DecisionContext ContextOf(const metadata::WriteContext& write) {
    return {write.image, config, validator, env.random, write.next_offset, MonotonicMs()};
  }
  int64_t MonotonicMs() const { return env.clock.Now().nanoseconds() / 1'000'000; }

  const ControllerConfig config;
  metadata::MetadataLog& log;
  const ConfigValidator& validator;
  env::Env& env;
  BrokerHeartbeats heartbeats;
  std::map<NodeId, Offset> registration_offsets;  // where each broker's registration record stands
};

// Runs `decide` in the metadata lane, writes its records, returns its response once they are committed.
// A template of a plain function and no coroutine: the coroutine below takes everything by value.
namespace {

template <typename Response>
env::Task<StatusOr<Response>> Commit(metadata::MetadataLog* log, std::shared_ptr<Response> response,
                                     metadata::Decide decide) {
  StatusOr<Offset> end = co_await log->Write(std::move(decide));
  if (!end.ok()) co_return end.status();
  co_return std::move(*response);
}

// `decide(context)` returns a Decision<Response>.
template <typename Response, typename State, typename DecideFunction>
env::Task<StatusOr<Response>> Run(State* state, DecideFunction decide) {
  auto response = std::make_shared<Response>();
  metadata::Decide wrapped = [state, response,
                              decide = std::move(decide)](const metadata::WriteContext& write) mutable {
    Decision<Response> decision = decide(state->ContextOf(write));
    *response = std::move(decision.response);
    return EncodeRecords(decision.records);
  };
  return Commit<Response>(&state->log, response, std::move(wrapped));
}

}  // namespace

Controller::Controller(ControllerConfig config, metadata::MetadataLog& log, const ConfigValidator& validator,
                       env::Env& env)
    : state_(std::make_unique<State>(std::move(config), log, validator, env)) {}
Controller::~Controller() = default;

// ---- activation

namespace {

// What the first leader of a cluster writes, as one metadata transaction. Framed, since bootstrap.checkpoint
// may hold any record.
StatusOr<metadata::EncodedRecords> BootstrapRecords(const DecisionContext& context,
                                                    const std::vector<std::string>& stored) {
  constexpr int16_t kTransactions = 13;  // 3.6-IV1
  metadata::EncodedRecords records;
  int16_t metadata_version = metadata::kMinMetadataVersion;
  bool elr = false;
  for (const std::string& framed : stored) {
    DOHLE_ASSIGN_OR_RETURN(const kafka::MetadataRecord record, kafka::DecodeMetadataRecord(framed));
    const auto* feature = std::get_if<kafka::FeatureLevelRecord>(&record);
    if (feature == nullptr) continue;
    if (feature->name.view() == metadata::kMetadataVersion) metadata_version = feature->feature_level;
    if (feature->name.view() == metadata::kElrVersion && feature->feature_level > 0) elr = true;
  }
  const bool transaction = metadata_version >= kTransactions;
  if (transaction) {
    kafka::BeginTransactionRecord begin;
    begin.name = kafka::Text("Bootstrap records");
    records.push_back(kafka::EncodeMetadataRecord(std::move(begin), 0));
  }
  records.insert(records.end(), stored.begin(), stored.end());
  if (elr) {
    for (std::string& framed : EncodeRecords(ElrSafetyRecords(context))) records.push_back(std::move(framed));
  }
  if (transaction) records.push_back(kafka::EncodeMetadataRecord(kafka::EndTransactionRecord(), 0));
  return records;
}

RecordList OwnRegistration(const ControllerConfig& config) {
  metadata::ControllerRegistration registration;
  registration.id = config.node_id;
  registration.incarnation_id = config.incarnation_id;
  registration.endpoints = config.endpoints;
  registration.features = metadata::BrokerSupportedFeatures();
  RecordList records;
  records.push_back(metadata::ToRecord(registration));
  return records;
}

}  // namespace

env::Task<Status> Controller::Activate(LeaderEpoch epoch) {
  (void)epoch;
  State* state = state_.get();
  StatusOr<std::vector<std::string>> stored =
      metadata::ReadBootstrapRecords(state->env.file_system, state->config.log_dir);
  if (!stored.ok()) co_return stored.status();
  Status bad;
  metadata::Decide bootstrap = [state, &stored, &bad](const metadata::WriteContext& write) {
    state->heartbeats.Reset(write.image, state->MonotonicMs());
    if (write.image.features.metadata_version() > 0) return metadata::EncodedRecords();
    StatusOr<metadata::EncodedRecords> records = BootstrapRecords(state->ContextOf(write), *stored);
    bad = records.status();
    return records.ok() ? *std::move(records) : metadata::EncodedRecords();
  };
  StatusOr<Offset> end = co_await state->log.Write(std::move(bootstrap));
  if (!bad.ok()) co_return bad;
  if (!end.ok()) co_return end.status();
  metadata::Decide registration = [state](const metadata::WriteContext& write) {
    constexpr int16_t kControllerRegistration = 15;  // 3.7-IV0
    if (write.image.features.metadata_version() < kControllerRegistration) return metadata::EncodedRecords();
    return EncodeRecords(OwnRegistration(state->config));
  };
  end = co_await state->log.Write(std::move(registration));
  co_return end.status();
}

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
  return Run<kafka::IncrementalAlterConfigsResponse>(
      state_.get(), [&request](const DecisionContext& context) {
        return controller::IncrementalAlterConfigs(context, request);
      });
}
env::Task<StatusOr<kafka::AlterConfigsResponse>> Controller::AlterConfigs(
    const kafka::AlterConfigsRequest& request) {
  return Run<kafka::AlterConfigsResponse>(state_.get(), [&request](const DecisionContext& context) {
    return controller::AlterConfigs(context, request);
  });
}
env::Task<StatusOr<kafka::UpdateFeaturesResponse>> Controller::UpdateFeatures(
    const kafka::UpdateFeaturesRequest& request, int16_t version) {
  return Run<kafka::UpdateFeaturesResponse>(state_.get(),
                                            [&request, version](const DecisionContext& context) {
                                              return controller::UpdateFeatures(context, request, version);
                                            });
}

// ---- brokers

env::Task<StatusOr<kafka::BrokerRegistrationResponse>> Controller::RegisterBroker(
    const kafka::BrokerRegistrationRequest& request) {
  State* state = state_.get();
  return Run<kafka::BrokerRegistrationResponse>(state, [state, &request](const DecisionContext& context) {
    auto decision = controller::RegisterBroker(context, state->heartbeats, request);
    if (!decision.records.empty()) {
      const NodeId broker(request.broker_id);
      const auto count = static_cast<int64_t>(decision.records.size());
      state->registration_offsets[broker] = context.next_offset + (count - 1);
      state->heartbeats.Register(broker, context.now_ms);
    }
    return decision;
  });
}

env::Task<StatusOr<kafka::BrokerHeartbeatResponse>> Controller::BrokerHeartbeat(
    const kafka::BrokerHeartbeatRequest& request) {
  State* state = state_.get();
  return Run<kafka::BrokerHeartbeatResponse>(state, [state, &request](const DecisionContext& context) {
    const NodeId broker(request.broker_id);
    const auto registered = state->registration_offsets.find(broker);
    // A registration from before this controller's time was read by the broker before it could send this.
    const Offset offset = registered == state->registration_offsets.end() ? kNoOffset : registered->second;
    HeartbeatDecision decided = DecideHeartbeat(context, state->heartbeats, offset, request);
    if (decided.response.error_code == 0) {
      state->heartbeats.Touch(broker, request.current_metadata_offset, context.now_ms);
      if (decided.enters_shutdown) {
        const auto count = static_cast<int64_t>(decided.records.size());
        state->heartbeats.BeginShutdown(broker, context.next_offset + count);
      }
    }
    return Decision<kafka::BrokerHeartbeatResponse>{std::move(decided.records), std::move(decided.response)};
  });
}

env::Task<StatusOr<kafka::UnregisterBrokerResponse>> Controller::UnregisterBroker(
    const kafka::UnregisterBrokerRequest& request) {
  State* state = state_.get();
  return Run<kafka::UnregisterBrokerResponse>(state, [state, &request](const DecisionContext& context) {
    Decision<kafka::UnregisterBrokerResponse> decision;
    const NodeId broker(request.broker_id);
    const ApiError error = Unregister(context, broker, &decision.records);
    SetError(error, &decision.response);
    if (error.ok()) {
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
    SetError(controller::RegisterController(context, request, &decision.records), &decision.response);
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

env::Task<Status> Controller::FenceBroker(NodeId, BrokerEpoch) {
  co_return Status(StatusCode::kUnimplemented, "FenceBroker");
}
env::Task<StatusOr<kafka::AlterPartitionResponse>> Controller::AlterPartition(
    const kafka::AlterPartitionRequest&, int16_t) {
  co_return Status(StatusCode::kUnimplemented, "AlterPartition");
}
env::Task<StatusOr<kafka::AlterPartitionReassignmentsResponse>> Controller::AlterPartitionReassignments(
    const kafka::AlterPartitionReassignmentsRequest&) {
  co_return Status(StatusCode::kUnimplemented, "AlterPartitionReassignments");
}
env::Task<StatusOr<kafka::ListPartitionReassignmentsResponse>> Controller::ListPartitionReassignments(
    const kafka::ListPartitionReassignmentsRequest&) {
  co_return Status(StatusCode::kUnimplemented, "ListPartitionReassignments");
}
void Controller::Resign() {}
bool Controller::is_active() const { return state_->log.Describe().leader_id == state_->config.node_id; }
std::optional<kafka::ControllerRegistrationRequest> Controller::RegistrationFor(
    const metadata::MetadataImage&) const {
  return std::nullopt;
}
env::Task<StatusOr<absl::Duration>> Controller::DoDueWork() {
  const Status fenced = co_await FenceStaleBrokers();
  if (!fenced.ok()) co_return fenced;
  co_return absl::Milliseconds(state_->config.session_timeout_ms / 8);
}

env::Task<Status> Controller::FenceStaleBrokers() {
  State* state = state_.get();
  metadata::Decide decide = [state](const metadata::WriteContext& write) {
    const DecisionContext context = state->ContextOf(write);
    const std::vector<NodeId> stale = state->heartbeats.Stale(write.image, context.now_ms);
    if (stale.empty()) return metadata::EncodedRecords();
    // One at a time: the next decision sees what this one changed.
    log::Info("controller", "fencing broker {} because its session has timed out", stale.front().value());
    return EncodeRecords(controller::FenceBroker(context, stale.front()));
  };
  const StatusOr<Offset> end = co_await state->log.Write(std::move(decide));
  co_return end.status();
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
