#include "broker/server/handlers/all.h"

#include "broker/server/handlers/add_raft_voter.h"
#include "broker/server/handlers/allocate_producer_ids.h"
#include "broker/server/handlers/alter_configs.h"
#include "broker/server/handlers/alter_partition.h"
#include "broker/server/handlers/alter_partition_reassignments.h"
#include "broker/server/handlers/api_versions.h"
#include "broker/server/handlers/assign_replicas_to_dirs.h"
#include "broker/server/handlers/begin_quorum_epoch.h"
#include "broker/server/handlers/broker_heartbeat.h"
#include "broker/server/handlers/broker_registration.h"
#include "broker/server/handlers/controller_registration.h"
#include "broker/server/handlers/create_partitions.h"
#include "broker/server/handlers/create_topics.h"
#include "broker/server/handlers/delete_groups.h"
#include "broker/server/handlers/delete_records.h"
#include "broker/server/handlers/delete_topics.h"
#include "broker/server/handlers/describe_cluster.h"
#include "broker/server/handlers/describe_configs.h"
#include "broker/server/handlers/describe_groups.h"
#include "broker/server/handlers/describe_log_dirs.h"
#include "broker/server/handlers/describe_producers.h"
#include "broker/server/handlers/describe_quorum.h"
#include "broker/server/handlers/describe_topic_partitions.h"
#include "broker/server/handlers/elect_leaders.h"
#include "broker/server/handlers/end_quorum_epoch.h"
#include "broker/server/handlers/envelope.h"
#include "broker/server/handlers/fetch.h"
#include "broker/server/handlers/fetch_metadata_log.h"
#include "broker/server/handlers/fetch_snapshot.h"
#include "broker/server/handlers/find_coordinator.h"
#include "broker/server/handlers/heartbeat.h"
#include "broker/server/handlers/incremental_alter_configs.h"
#include "broker/server/handlers/init_producer_id.h"
#include "broker/server/handlers/join_group.h"
#include "broker/server/handlers/leave_group.h"
#include "broker/server/handlers/list_config_resources.h"
#include "broker/server/handlers/list_groups.h"
#include "broker/server/handlers/list_offsets.h"
#include "broker/server/handlers/list_partition_reassignments.h"
#include "broker/server/handlers/metadata.h"
#include "broker/server/handlers/offset_commit.h"
#include "broker/server/handlers/offset_delete.h"
#include "broker/server/handlers/offset_fetch.h"
#include "broker/server/handlers/offset_for_leader_epoch.h"
#include "broker/server/handlers/produce.h"
#include "broker/server/handlers/remove_raft_voter.h"
#include "broker/server/handlers/sasl_refused.h"
#include "broker/server/handlers/sync_group.h"
#include "broker/server/handlers/unregister_broker.h"
#include "broker/server/handlers/update_features.h"
#include "broker/server/handlers/update_raft_voter.h"
#include "broker/server/handlers/vote.h"
#include "broker/server/serve_api.h"
#include "lib/kafka/messages/add_raft_voter_request.h"
#include "lib/kafka/messages/add_raft_voter_response.h"
#include "lib/kafka/messages/allocate_producer_ids_request.h"
#include "lib/kafka/messages/allocate_producer_ids_response.h"
#include "lib/kafka/messages/alter_configs_request.h"
#include "lib/kafka/messages/alter_configs_response.h"
#include "lib/kafka/messages/alter_partition_reassignments_request.h"
#include "lib/kafka/messages/alter_partition_reassignments_response.h"
#include "lib/kafka/messages/alter_partition_request.h"
#include "lib/kafka/messages/alter_partition_response.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_request.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_response.h"
#include "lib/kafka/messages/begin_quorum_epoch_request.h"
#include "lib/kafka/messages/begin_quorum_epoch_response.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/controller_registration_response.h"
#include "lib/kafka/messages/create_partitions_request.h"
#include "lib/kafka/messages/create_partitions_response.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"
#include "lib/kafka/messages/delete_groups_request.h"
#include "lib/kafka/messages/delete_groups_response.h"
#include "lib/kafka/messages/delete_records_request.h"
#include "lib/kafka/messages/delete_records_response.h"
#include "lib/kafka/messages/delete_topics_request.h"
#include "lib/kafka/messages/delete_topics_response.h"
#include "lib/kafka/messages/describe_cluster_request.h"
#include "lib/kafka/messages/describe_cluster_response.h"
#include "lib/kafka/messages/describe_configs_request.h"
#include "lib/kafka/messages/describe_configs_response.h"
#include "lib/kafka/messages/describe_groups_request.h"
#include "lib/kafka/messages/describe_groups_response.h"
#include "lib/kafka/messages/describe_log_dirs_request.h"
#include "lib/kafka/messages/describe_log_dirs_response.h"
#include "lib/kafka/messages/describe_producers_request.h"
#include "lib/kafka/messages/describe_producers_response.h"
#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/describe_quorum_response.h"
#include "lib/kafka/messages/describe_topic_partitions_request.h"
#include "lib/kafka/messages/describe_topic_partitions_response.h"
#include "lib/kafka/messages/elect_leaders_request.h"
#include "lib/kafka/messages/elect_leaders_response.h"
#include "lib/kafka/messages/end_quorum_epoch_request.h"
#include "lib/kafka/messages/end_quorum_epoch_response.h"
#include "lib/kafka/messages/envelope_request.h"
#include "lib/kafka/messages/envelope_response.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/fetch_snapshot_request.h"
#include "lib/kafka/messages/fetch_snapshot_response.h"
#include "lib/kafka/messages/find_coordinator_request.h"
#include "lib/kafka/messages/find_coordinator_response.h"
#include "lib/kafka/messages/heartbeat_request.h"
#include "lib/kafka/messages/heartbeat_response.h"
#include "lib/kafka/messages/incremental_alter_configs_request.h"
#include "lib/kafka/messages/incremental_alter_configs_response.h"
#include "lib/kafka/messages/init_producer_id_request.h"
#include "lib/kafka/messages/init_producer_id_response.h"
#include "lib/kafka/messages/join_group_request.h"
#include "lib/kafka/messages/join_group_response.h"
#include "lib/kafka/messages/leave_group_request.h"
#include "lib/kafka/messages/leave_group_response.h"
#include "lib/kafka/messages/list_config_resources_request.h"
#include "lib/kafka/messages/list_config_resources_response.h"
#include "lib/kafka/messages/list_groups_request.h"
#include "lib/kafka/messages/list_groups_response.h"
#include "lib/kafka/messages/list_offsets_request.h"
#include "lib/kafka/messages/list_offsets_response.h"
#include "lib/kafka/messages/list_partition_reassignments_request.h"
#include "lib/kafka/messages/list_partition_reassignments_response.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"
#include "lib/kafka/messages/offset_commit_request.h"
#include "lib/kafka/messages/offset_commit_response.h"
#include "lib/kafka/messages/offset_delete_request.h"
#include "lib/kafka/messages/offset_delete_response.h"
#include "lib/kafka/messages/offset_fetch_request.h"
#include "lib/kafka/messages/offset_fetch_response.h"
#include "lib/kafka/messages/offset_for_leader_epoch_request.h"
#include "lib/kafka/messages/offset_for_leader_epoch_response.h"
#include "lib/kafka/messages/produce_request.h"
#include "lib/kafka/messages/produce_response.h"
#include "lib/kafka/messages/remove_raft_voter_request.h"
#include "lib/kafka/messages/remove_raft_voter_response.h"
#include "lib/kafka/messages/sasl_authenticate_request.h"
#include "lib/kafka/messages/sasl_authenticate_response.h"
#include "lib/kafka/messages/sasl_handshake_request.h"
#include "lib/kafka/messages/sasl_handshake_response.h"
#include "lib/kafka/messages/sync_group_request.h"
#include "lib/kafka/messages/sync_group_response.h"
#include "lib/kafka/messages/unregister_broker_request.h"
#include "lib/kafka/messages/unregister_broker_response.h"
#include "lib/kafka/messages/update_features_request.h"
#include "lib/kafka/messages/update_features_response.h"
#include "lib/kafka/messages/update_raft_voter_request.h"
#include "lib/kafka/messages/update_raft_voter_response.h"
#include "lib/kafka/messages/vote_request.h"
#include "lib/kafka/messages/vote_response.h"

namespace dohle::server {
namespace {

// An API with the listeners that it is served on, a set of kafka::kOnBroker and kOnController.
struct Row {
  ServedApi on_broker;
  ServedApi on_controller;
  uint8_t listeners;
};

template <typename Handler>
Row ServeOn(uint8_t listeners) {
  const ServedApi api{Handler::Request::kApiKey, Handler::kVersions, Handler::kVersions, &ServeApi<Handler>};
  return {api, api, listeners};
}

// On the listeners on which Kafka serves it.
template <typename Handler>
Row Serve() {
  return ServeOn<Handler>(kafka::FindApi(static_cast<int16_t>(Handler::Request::kApiKey))->listeners);
}

// The active controller's business: other brokers hand it on.
template <typename Handler>
Row ForwardOr() {
  Row row = Serve<Handler>();
  row.on_broker.serve = &ServeOrForward<Handler>;
  row.on_controller.forwardable = true;
  return row;
}

// Brokers settle a part of it themselves, and hand on the rest.
template <typename Handler>
Row ForwardPartOf() {
  Row row = Serve<Handler>();
  row.on_controller.forwardable = true;
  return row;
}

// librdkafka takes a broker that doesn't announce Produce 0 for one without compression (KAFKA-18659): Kafka
// announces what it doesn't serve, and so do we.
Row ServeProduce() {
  Row row = Serve<ProduceHandler>();
  row.on_broker.announced_versions.min = 0;
  return row;
}

std::vector<Row> Table() {
  return {
      ForwardOr<AddRaftVoterHandler>(),
      Serve<AllocateProducerIdsHandler>(),
      ForwardPartOf<AlterConfigsHandler>(),
      Serve<AlterPartitionHandler>(),
      ForwardOr<AlterPartitionReassignmentsHandler>(),
      Serve<ApiVersionsHandler>(),
      Serve<AssignReplicasToDirsHandler>(),
      Serve<BeginQuorumEpochHandler>(),
      Serve<BrokerHeartbeatHandler>(),
      Serve<BrokerRegistrationHandler>(),
      Serve<ControllerRegistrationHandler>(),
      ForwardOr<CreatePartitionsHandler>(),
      ForwardOr<CreateTopicsHandler>(),
      Serve<DeleteGroupsHandler>(),
      Serve<DeleteRecordsHandler>(),
      ForwardOr<DeleteTopicsHandler>(),
      Serve<DescribeClusterHandler>(),
      Serve<DescribeConfigsHandler>(),
      Serve<DescribeGroupsHandler>(),
      Serve<DescribeLogDirsHandler>(),
      Serve<DescribeProducersHandler>(),
      ForwardOr<DescribeQuorumHandler>(),
      Serve<DescribeTopicPartitionsHandler>(),
      ForwardOr<ElectLeadersHandler>(),
      Serve<EndQuorumEpochHandler>(),
      Serve<EnvelopeHandler>(),
      ServeOn<FetchHandler>(kafka::kOnBroker),
      ServeOn<FetchMetadataLogHandler>(kafka::kOnController),
      Serve<FetchSnapshotHandler>(),
      Serve<FindCoordinatorHandler>(),
      Serve<HeartbeatHandler>(),
      ForwardPartOf<IncrementalAlterConfigsHandler>(),
      Serve<InitProducerIdHandler>(),
      Serve<JoinGroupHandler>(),
      Serve<LeaveGroupHandler>(),
      Serve<ListConfigResourcesHandler>(),
      Serve<ListGroupsHandler>(),
      Serve<ListOffsetsHandler>(),
      ForwardOr<ListPartitionReassignmentsHandler>(),
      Serve<MetadataHandler>(),
      Serve<OffsetCommitHandler>(),
      Serve<OffsetDeleteHandler>(),
      Serve<OffsetFetchHandler>(),
      Serve<OffsetForLeaderEpochHandler>(),
      ServeProduce(),
      ForwardOr<RemoveRaftVoterHandler>(),
      Serve<SaslAuthenticateHandler>(),
      Serve<SaslHandshakeHandler>(),
      Serve<SyncGroupHandler>(),
      ForwardOr<UnregisterBrokerHandler>(),
      ForwardOr<UpdateFeaturesHandler>(),
      Serve<UpdateRaftVoterHandler>(),
      Serve<VoteHandler>(),
  };
}

}  // namespace

std::vector<ServedApi> ServedApis(ListenerRole role) {
  const bool broker = role == ListenerRole::kBroker;
  std::vector<ServedApi> apis;
  for (const Row& row : Table()) {
    if ((row.listeners & (broker ? kafka::kOnBroker : kafka::kOnController)) == 0) continue;
    apis.push_back(broker ? row.on_broker : row.on_controller);
  }
  return apis;
}

}  // namespace dohle::server
