// docs/crd-reference.md: every field of Cluster and Topic, as people read it. Pure; any thread.
#pragma once

#include <string>

namespace dohle::api {

std::string CrdReference();

}  // namespace dohle::api
