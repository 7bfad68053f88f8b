// From the configuration of a node to the options of its parts. Pure.
#pragma once

#include <string>
#include <vector>

#include "broker/controller/controller.h"
#include "broker/coordinator/group_config.h"
#include "broker/metadata/metadata_log.h"
#include "broker/replica/maintenance.h"
#include "broker/replica/replica_fetcher.h"
#include "broker/replica/replica_set.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/controller_channel.h"
#include "broker/server/kafka_server.h"

namespace dohle {

std::vector<metadata::ListenerEndpoint> ToEndpoints(const std::vector<server::ListenerConfig>& listeners);

// Without what the environment, the directories and the metrics supply.
metadata::MetadataLogOptions ToMetadataLogOptions(const server::BrokerConfig& config,
                                                  const std::vector<metadata::ListenerEndpoint>& endpoints);
// Without cluster and incarnation.
controller::ControllerConfig ToControllerConfig(const server::BrokerConfig& config,
                                                std::vector<metadata::ListenerEndpoint> endpoints);
server::ControllerChannelOptions ToChannelOptions(const server::BrokerConfig& config);
coordinator::GroupConfig ToGroupConfig(const server::BrokerConfig& config);
// For so many executors.
replica::ReplicaSetOptions ToReplicaSetOptions(const server::BrokerConfig& config, size_t executors);
// Without what the metadata, the registration and the replicas supply.
replica::FetcherOptions ToFetcherOptions(const server::BrokerConfig& config);
replica::MaintenanceOptions ToMaintenanceOptions(const server::BrokerConfig& config);
server::KafkaServerOptions ToServerOptions(const server::LoadedConfig& config,
                                           const std::vector<server::ListenerConfig>& listeners);

}  // namespace dohle
