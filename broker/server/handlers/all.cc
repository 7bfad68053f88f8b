#include "broker/server/handlers/all.h"

#include "broker/server/handlers/alter_configs.h"
#include "broker/server/handlers/api_versions.h"
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
#include "broker/server/handlers/fetch.h"
#include "broker/server/handlers/find_coordinator.h"
#include "broker/server/handlers/heartbeat.h"
#include "broker/server/handlers/incremental_alter_configs.h"
#include "broker/server/handlers/init_producer_id.h"
#include "broker/server/handlers/join_group.h"
#include "broker/server/handlers/leave_group.h"
#include "broker/server/handlers/list_config_resources.h"
#include "broker/server/handlers/list_groups.h"
#include "broker/server/handlers/list_offsets.h"
#include "broker/server/handlers/metadata.h"
#include "broker/server/handlers/offset_commit.h"
#include "broker/server/handlers/offset_delete.h"
#include "broker/server/handlers/offset_fetch.h"
#include "broker/server/handlers/offset_for_leader_epoch.h"
#include "broker/server/handlers/produce.h"
#include "broker/server/handlers/sasl_refused.h"
#include "broker/server/handlers/sync_group.h"
#include "broker/server/handlers/update_features.h"
#include "broker/server/serve_api.h"
#include "lib/kafka/messages/alter_configs_request.h"
#include "lib/kafka/messages/alter_configs_response.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"
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
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
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
#include "lib/kafka/messages/sasl_authenticate_request.h"
#include "lib/kafka/messages/sasl_authenticate_response.h"
#include "lib/kafka/messages/sasl_handshake_request.h"
#include "lib/kafka/messages/sasl_handshake_response.h"
#include "lib/kafka/messages/sync_group_request.h"
#include "lib/kafka/messages/sync_group_response.h"
#include "lib/kafka/messages/update_features_request.h"
#include "lib/kafka/messages/update_features_response.h"

namespace dohle::server {
namespace {

template <typename Handler>
ServedApi Serve() {
  return {Handler::Request::kApiKey, Handler::kVersions, Handler::kVersions, &ServeApi<Handler>};
}

// librdkafka takes a broker that doesn't announce Produce 0 for one without compression (KAFKA-18659): Kafka
// announces what it doesn't serve, and so do we.
ServedApi ServeProduce() {
  ServedApi api = Serve<ProduceHandler>();
  api.announced_versions.min = 0;
  return api;
}

}  // namespace

std::vector<ServedApi> ServedApis() {
  return {
      Serve<AlterConfigsHandler>(),
      Serve<ApiVersionsHandler>(),
      Serve<CreatePartitionsHandler>(),
      Serve<CreateTopicsHandler>(),
      Serve<DeleteGroupsHandler>(),
      Serve<DeleteRecordsHandler>(),
      Serve<DeleteTopicsHandler>(),
      Serve<DescribeClusterHandler>(),
      Serve<DescribeConfigsHandler>(),
      Serve<DescribeGroupsHandler>(),
      Serve<DescribeLogDirsHandler>(),
      Serve<DescribeProducersHandler>(),
      Serve<DescribeQuorumHandler>(),
      Serve<DescribeTopicPartitionsHandler>(),
      Serve<ElectLeadersHandler>(),
      Serve<FetchHandler>(),
      Serve<FindCoordinatorHandler>(),
      Serve<HeartbeatHandler>(),
      Serve<IncrementalAlterConfigsHandler>(),
      Serve<InitProducerIdHandler>(),
      Serve<JoinGroupHandler>(),
      Serve<LeaveGroupHandler>(),
      Serve<ListConfigResourcesHandler>(),
      Serve<ListGroupsHandler>(),
      Serve<ListOffsetsHandler>(),
      Serve<MetadataHandler>(),
      Serve<OffsetCommitHandler>(),
      Serve<OffsetDeleteHandler>(),
      Serve<OffsetFetchHandler>(),
      Serve<OffsetForLeaderEpochHandler>(),
      ServeProduce(),
      Serve<SaslAuthenticateHandler>(),
      Serve<SaslHandshakeHandler>(),
      Serve<SyncGroupHandler>(),
      Serve<UpdateFeaturesHandler>(),
  };
}

}  // namespace dohle::server
