// What kubectl-dohle prints of a Cluster as it is stored, and what it leaves out. Pure: objects as JSON in,
// text out; whatever is missing in them is shown as "-".
#pragma once

#include <string>
#include <vector>

#include "operator/k8s/json.h"

namespace dohle::plugin {

std::string StatusText(const k8s::Json& cluster);
std::string PlanText(const k8s::Json& cluster);

// A List of objects for others to read. Values of keys that may be secret (passwords, JAAS, tokens, keys of
// certificates) are replaced, in configs, environments and property files; so is managedFields dropped.
std::string ReportText(std::vector<k8s::Json> objects);

}  // namespace dohle::plugin
