#include "operator/reconcile/balancing/disks.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace dohle::reconcile {
namespace {

// Brokers are asked one after the other, and are written to meanwhile.
constexpr double kSameShare = 0.01;

}  // namespace

bool ShareDisk(const Topology& topology) {
  std::vector<const BrokerPlace*> telling;
  int64_t held = 0;
  for (const BrokerPlace& broker : topology.brokers) {
    if (broker.disk_bytes <= 0 || broker.disk_free_bytes < 0) continue;
    telling.push_back(&broker);
    held += broker.bytes;
  }
  if (telling.size() < 2) return false;
  const BrokerPlace& first = *telling.front();
  const auto slack = static_cast<int64_t>(kSameShare * static_cast<double>(first.disk_bytes));
  return std::all_of(telling.begin(), telling.end(), [&](const BrokerPlace* broker) {
    const int64_t others = broker->disk_bytes - broker->disk_free_bytes - broker->bytes;
    return broker->disk_bytes == first.disk_bytes &&
           std::abs(broker->disk_free_bytes - first.disk_free_bytes) <= slack &&
           others + slack >= held - broker->bytes;
  });
}

}  // namespace dohle::reconcile
