#include "lib/env/random.h"

#include <array>

namespace dohle::env {

Uuid Random::NextUuid() {
  for (;;) {
    std::array<uint8_t, 16> bytes{};
    for (size_t half = 0; half < 2; ++half) {
      const uint64_t word = Next();
      for (size_t i = 0; i < 8; ++i) bytes[half * 8 + i] = static_cast<uint8_t>(word >> (8 * i));
    }
    if (auto id = Uuid::FromRandom(bytes)) return *id;
  }
}

}  // namespace dohle::env
