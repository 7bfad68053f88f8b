// Log directories in which no new replicas are to be placed (KIP-1066). Pure.
#pragma once

#include <algorithm>
#include <string>

#include "broker/server/config/broker_config.h"

namespace dohle::server {

// By its path, as in log.dirs.
inline bool IsCordoned(const BrokerConfig& config, const std::string& directory) {
  const std::vector<std::string>& cordoned = config.logs.cordoned_log_dirs;
  return std::any_of(cordoned.begin(), cordoned.end(),
                     [&](const std::string& entry) { return entry == "*" || entry == directory; });
}

}  // namespace dohle::server
