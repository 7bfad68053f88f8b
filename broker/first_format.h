// What needs no `storage format`: a standalone node, which makes its own cluster when it finds nothing, and
// one that is told its cluster's id (dohle.cluster.id), as an operator does. With dohle.initial.controllers
// the nodes that it names begin a quorum whose voters may change (KIP-853), as with `--initial-controllers`;
// others begin without voters, and find the quorum by controller.quorum.bootstrap.servers. It counts only
// while nothing is formatted. A voter whose metadata directory is lost mustn't be given it again: it would
// vote anew under the old directory id.
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

// Makes the log directories of a node that finds all of them unformatted: with dohle.cluster.id, or, if the
// node is standalone, with a fresh id. With dohle.cluster.id it also makes new ones beside a metadata
// directory that has that id. dohle.release.version says at which metadata.version a cluster begins. Does
// nothing if all are formatted, with whatever id. kFailedPrecondition if they can't be made.
Status FormatNewDirectories(env::Env& env, const server::LoadedConfig& loaded, const std::string& host_name);

}  // namespace dohle
