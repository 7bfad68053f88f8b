// The one table of the APIs that this node serves, with the listeners that it serves them on. What is not in
// it is neither served nor announced.
#pragma once

#include <vector>

#include "broker/server/dispatcher.h"

namespace dohle::server {

std::vector<ServedApi> ServedApis(ListenerRole role);

}  // namespace dohle::server
