// How often things are looked at though nothing has happened: the more there are, the rarer, so that an
// operator with thousands of Topics costs at rest no more than one with a few. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "absl/time/time.h"

namespace dohle::reconcile {

// Up to so many things, `least` holds.
inline constexpr size_t kThingsAtFullRate = 2000;
inline constexpr absl::Duration kLongestLook = absl::Minutes(1);

// `things`: topics or partitions, of all clusters together. Never below `least`, nor above kLongestLook.
inline absl::Duration LookInterval(absl::Duration least, size_t things) {
  const double share = static_cast<double>(things) / kThingsAtFullRate;
  return std::max(least, std::min(least * std::max(share, 1.0), kLongestLook));
}

}  // namespace dohle::reconcile
