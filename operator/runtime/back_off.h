// How long to wait before trying again: doubles from `initial` to `most`, with jitter so that many who failed
// together don't come back together. Pure but for the chance handed in.
#pragma once

#include "absl/time/time.h"
#include "lib/env/random.h"

namespace dohle::runtime {

struct BackOffLimits {
  absl::Duration initial = absl::Milliseconds(100);
  absl::Duration most = absl::Seconds(30);
};

class BackOff {
 public:
  explicit BackOff(BackOffLimits limits = {}) : limits_(limits) {}

  // Between a half and the whole of the delay that is due; the next one is twice as long.
  absl::Duration Next(env::Random& random);
  void Reset() { failures_ = 0; }
  int failures() const { return failures_; }

 private:
  BackOffLimits limits_;
  int failures_ = 0;
};

}  // namespace dohle::runtime
