// What makes no sense though its form is right: the rules of the CRD in C++ (as far as they need no old
// object), and what rules can't see. Pure; any thread.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/api/fault.h"
#include "operator/api/topic.h"

namespace dohle::api {

// What may stand in a listener's advertisedHost; in advertisedPort: {id} and {nodePort}.
inline constexpr std::array<std::string_view, 6> kAdvertisedPlaceholders = {
    "{id}", "{pod}", "{podIP}", "{nodeIP}", "{cluster}", "{namespace}"};

// Appends to `faults`, which end at kMaxFaults. `name` is the object's; "" isn't looked at. A fault that
// stands at a path already isn't told there a second time.
void Validate(std::string_view name, const ClusterSpec& spec, std::vector<Fault>& faults);
void Validate(std::string_view name, const TopicSpec& spec, std::vector<Fault>& faults);

}  // namespace dohle::api
