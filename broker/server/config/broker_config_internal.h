// The parts of MakeBrokerConfig. For broker_config*.cc only.
#pragma once

#include "broker/server/config/broker_config.h"

namespace dohle::server::internal {

inline constexpr std::string_view kRackAwareSelector =
    "org.apache.kafka.common.replica.RackAwareReplicaSelector";
inline constexpr std::string_view kLeaderSelector = "org.apache.kafka.common.replica.LeaderSelector";

NetworkConfig ReadNetwork(const EffectiveValues& v);
LogsConfig ReadLogs(const EffectiveValues& v);
ReplicationConfig ReadReplication(const EffectiveValues& v);
QuorumConfig ReadQuorum(const EffectiveValues& v);
MetadataLogConfig ReadMetadataLog(const EffectiveValues& v, const LogsConfig& logs);
ControllerConfig ReadController(const EffectiveValues& v);
GroupsConfig ReadGroups(const EffectiveValues& v);
TransactionsConfig ReadTransactions(const EffectiveValues& v);
QuotasConfig ReadQuotas(const EffectiveValues& v);
DohleConfig ReadDohle(const EffectiveValues& v);

}  // namespace dohle::server::internal
