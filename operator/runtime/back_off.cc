#include "operator/runtime/back_off.h"

#include <algorithm>

namespace dohle::runtime {

absl::Duration BackOff::Next(env::Random& random) {
  constexpr int kMostDoublings = 30;
  const absl::Duration due =
      std::min(limits_.initial * (int64_t{1} << std::min(failures_, kMostDoublings)), limits_.most);
  ++failures_;
  constexpr int64_t kSteps = 1000;
  return due / 2 + due * static_cast<double>(random.Below(kSteps)) / (2 * kSteps);
}

}  // namespace dohle::runtime
