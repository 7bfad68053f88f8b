// Topics that come into being because somebody uses them: auto.create.topics.enable, and the internal topics.
#pragma once

#include <string>
#include <vector>

#include "lib/base/string_map.h"
#include "lib/env/task.h"
#include "lib/kafka/error_code.h"

namespace dohle::server {

struct Services;

// Creates the topics with the broker's defaults (internal ones with theirs) and waits until they can be used.
// Returns what failed, by name; a topic that somebody else created meanwhile is no failure.
env::Task<StringMap<kafka::ErrorCode>> CreateTopicsAutomatically(Services& services,
                                                                 std::vector<std::string> names);

}  // namespace dohle::server
