// The other objects of a Cluster, and all of them together. Pure.
#pragma once

#include <vector>

#include "operator/resources/desired_object.h"
#include "operator/resources/services.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// server.properties. No rights come with the ServiceAccount, and no token.
DesiredObject BuildConfigMap(const Subject& subject);
DesiredObject BuildServiceAccount(const Subject& subject);
// One broker may be away at a time; one that isn't ready may always go, as it serves nobody.
DesiredObject BuildPodDisruptionBudget(const Subject& subject);
// Owned by the Cluster only if its data is to go with it.
DesiredObject BuildClaim(const Subject& subject, const api::StorageVolume& volume, const Member& member);

Removal ReadRemoval(const k8s::ObjectMeta& claim);

// In the order in which they are to be made.
std::vector<DesiredObject> BuildObjects(const Subject& subject, const ServiceFactsByName& services);

}  // namespace dohle::resources
