// The four seams in one place, as main() or a test hands them to the parts.
#pragma once

#include <vector>

#include "lib/env/blocking_pool.h"
#include "lib/env/clock.h"
#include "lib/env/executor.h"
#include "lib/env/file_system.h"
#include "lib/env/random.h"
#include "lib/env/transport.h"

namespace dohle::env {

// Owns nothing; everything outlives its users.
struct Env {
  Clock& clock;
  Random& random;
  FileSystem& file_system;
  Transport& transport;
  BlockingPool& blocking_pool;
  std::vector<Executor*> executors;  // one a core; at least one
};

}  // namespace dohle::env
