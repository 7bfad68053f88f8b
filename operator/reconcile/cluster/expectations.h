// What was done and not yet seen: an informer's copy lags behind what the API server has answered, and a plan
// made from the old copy would do things twice. One executor.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/env/clock.h"
#include "operator/k8s/resource.h"

namespace dohle::reconcile {

// A watch that hasn't shown a change after this long is taken for lost: the step is planned again.
inline constexpr absl::Duration kExpectationPatience = absl::Seconds(10);

class Expectations {
 public:
  explicit Expectations(const env::Clock& clock) : clock_(clock) {}

  // A step on the object was answered with OK.
  void Expect(const k8s::Resource& resource, const k8s::ObjectName& name) {
    pending_[{std::string(resource.plural), name}] = clock_.Now() + kExpectationPatience;
  }
  // The informer has shown a change of it.
  void Seen(const k8s::Resource& resource, const k8s::ObjectName& name) {
    pending_.erase({std::string(resource.plural), name});
  }
  bool Pending(const k8s::Resource& resource, const k8s::ObjectName& name) const {
    const auto it = pending_.find({std::string(resource.plural), name});
    return it != pending_.end() && clock_.Now() < it->second;
  }

 private:
  const env::Clock& clock_;
  absl::flat_hash_map<std::pair<std::string, k8s::ObjectName>, env::MonotonicTime> pending_;
};

}  // namespace dohle::reconcile
