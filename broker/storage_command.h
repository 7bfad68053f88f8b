// The commands `storage format` and `storage info`. What they find goes to standard output.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/command_line.h"
#include "broker/raft/types.h"
#include "broker/server/config/broker_config.h"
#include "lib/base/status.h"
#include "lib/env/env.h"

namespace dohle {

// The voters that --initial-controllers names: "1@host:9093:directory-id,…", reached on `listener`.
StatusOr<std::vector<raft::Voter>> ParseInitialControllers(std::string_view text,
                                                           const std::string& listener);

// `host_name` stands for an empty host in controller listeners.
Status RunStorageFormat(env::Env& env, const CommandLine& line, const server::BrokerConfig& config,
                        const std::string& host_name);
// An error if something is wrong with the directories.
Status RunStorageInfo(env::Env& env, const server::BrokerConfig& config);

}  // namespace dohle
