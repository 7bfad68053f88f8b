// The JSON of Kubernetes objects. Headers include this; sources that look inside include <nlohmann/json.hpp>.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace dohle::k8s {

using Json = nlohmann::json;

}  // namespace dohle::k8s
