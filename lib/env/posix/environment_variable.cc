#include "lib/env/posix/environment_variable.h"

#include <cstdlib>

namespace dohle::env {

std::string EnvironmentVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace dohle::env
