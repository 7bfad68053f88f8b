// The fourth seam: chance. Any thread.
#pragma once

#include <cstdint>

#include "lib/base/uuid.h"

namespace dohle::env {

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;  // 64 uniform bits; not for secrets

  // Uniform in [0, bound); bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // A fresh topic, directory or cluster id.
  Uuid NextUuid();
};

}  // namespace dohle::env
