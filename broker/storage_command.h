// The commands `storage format` and `storage info`. What they find goes to standard output.
#pragma once

#include <string>

#include "broker/command_line.h"
#include "broker/server/config/broker_config.h"
#include "lib/base/status.h"
#include "lib/env/env.h"

namespace dohle {

// `host_name` stands for an empty host in controller listeners.
Status RunStorageFormat(env::Env& env, const CommandLine& line, const server::BrokerConfig& config,
                        const std::string& host_name);
// An error if something is wrong with the directories.
Status RunStorageInfo(env::Env& env, const server::BrokerConfig& config);

}  // namespace dohle
