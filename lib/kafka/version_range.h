// The versions of a message that both ends may speak: min to max, both included.
#pragma once

#include <cstdint>

namespace dohle::kafka {

struct VersionRange {
  int16_t min = 0;
  int16_t max = -1;

  constexpr bool contains(int16_t version) const { return version >= min && version <= max; }
  friend constexpr bool operator==(VersionRange, VersionRange) = default;
};

}  // namespace dohle::kafka
