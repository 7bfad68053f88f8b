// The process's environment, for composition roots.
#pragma once

#include <string>

namespace dohle::env {

// "" if it isn't set. While no other thread changes the environment.
std::string EnvironmentVariable(const char* name);

}  // namespace dohle::env
