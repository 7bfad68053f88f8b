#include "operator/reconcile/autoscaling/figures.h"

#include <fmt/format.h>

#include <array>

namespace dohle::reconcile::autoscaling {

std::string Bytes(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024;
  size_t unit = 0;
  while (bytes >= kStep && unit + 1 < kUnits.size()) {
    bytes /= kStep;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 100 ? 0 : 1, kUnits[unit]);
}

std::string PerSecond(double bytes_per_second) { return Bytes(bytes_per_second) + "/s"; }

std::string Seconds(int64_t ms) {
  return fmt::format("{:.{}f} s", static_cast<double>(ms) / 1000.0, ms % 1000 == 0 || ms >= 10'000 ? 0 : 1);
}

}  // namespace dohle::reconcile::autoscaling
