// Leases: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ Pure. Who holds one
// and when it changes hands is decided elsewhere (runtime).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/status.h"
#include "operator/k8s/json.h"
#include "operator/k8s/resource.h"

namespace dohle::k8s {

struct Lease {
  ObjectName name;
  std::string resource_version;  // of what was read; "" = of a new one
  std::string holder;            // "" = nobody
  int64_t duration_s = 0;        // 0 = not said
  std::optional<int64_t> acquire_time_ms;
  std::optional<int64_t> renew_time_ms;  // by its holder's clock: others only see whether it changes
  int64_t transitions = 0;

  bool operator==(const Lease&) const = default;
};

// kInvalidArgument: it isn't a Lease, or a field has another type than Kubernetes gives it.
StatusOr<Lease> ReadLease(const Json& object);
// `lease` in `object`, which is the object it was read from or null for a new one. What else is there stays.
Json WriteLease(const Lease& lease, Json object);

}  // namespace dohle::k8s
