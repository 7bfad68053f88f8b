// A standalone node needs no `storage format`: it makes its own cluster when it finds nothing.
#pragma once

#include <string>
#include <vector>

#include "broker/server/config/broker_config.h"
#include "lib/base/status.h"
#include "lib/env/env.h"

namespace dohle {

// Whether this node is the whole metadata quorum: it names no other voter and no other bootstrap server.
bool IsQuorumOfOne(const server::BrokerConfig& config, const std::string& host_name);

// Where the quorum reaches this node: its controller listeners, an empty host replaced by `host_name`; a
// placeholder if it needs none. Nothing without the controller role.
std::vector<server::ListenerConfig> ControllerEndpoints(const server::BrokerConfig& config,
                                                        const std::string& host_name);

// Makes the log directories of a standalone node that finds them unformatted, with a fresh cluster id;
// otherwise does nothing. kFailedPrecondition if some are formatted and some not.
Status FormatIfStandalone(env::Env& env, const server::BrokerConfig& config, const std::string& host_name);

}  // namespace dohle
