// All objects of a Cluster. Pure.
#pragma once

#include <vector>

#include "operator/resources/desired_object.h"
#include "operator/resources/services.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// In the order in which they are to be made.
std::vector<DesiredObject> BuildObjects(const Subject& subject, const ServiceFactsByName& services);

}  // namespace dohle::resources
