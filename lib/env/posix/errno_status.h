// errno as a Status, in the kinds that lib/env/file_system.h and transport.h promise.
#pragma once

#include <string_view>

#include "lib/base/status.h"

namespace dohle::env {

// "cannot <what> <subject>: <text of the error>[; what to do]"
Status ErrnoStatus(int error, std::string_view what, std::string_view subject);

}  // namespace dohle::env
