#include "lib/env/process.h"

#include <fmt/format.h>

namespace dohle::env {

std::string ToString(const ExitStatus& status) {
  return status.signal != 0 ? fmt::format("signal {}", status.signal)
                            : fmt::format("exit code {}", status.code);
}

}  // namespace dohle::env
