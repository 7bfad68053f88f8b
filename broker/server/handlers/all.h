// The one list of the APIs that this broker serves. What is not in it is neither served nor announced.
#pragma once

#include <vector>

#include "broker/server/dispatcher.h"

namespace dohle::server {

std::vector<ServedApi> ServedApis();

}  // namespace dohle::server
