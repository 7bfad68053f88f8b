// Status of Clusters and Topics to JSON, as server-side apply of the status subresource takes it. Pure; any
// thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include "operator/api/cluster.h"
#include "operator/api/topic.h"

namespace dohle::api {

// The value of the object's `status`. Empty texts and lists are left out, so that applying it removes them;
// the plan is cut to kMaxPlanSteps.
nlohmann::json EncodeStatus(ClusterStatus status);
nlohmann::json EncodeStatus(TopicStatus status);

// The value of the object's `spec`, with all defaults written out.
nlohmann::json EncodeSpec(ClusterSpec spec);
nlohmann::json EncodeSpec(TopicSpec spec);

}  // namespace dohle::api
