// An object that shall be there. Plain data; includes the whole of JSON: for sources that build objects.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "operator/k8s/resource.h"

namespace dohle::resources {

struct DesiredObject {
  k8s::Resource resource;
  nlohmann::json body;     // the fields that it shall have, for server-side apply
  std::string blocked_by;  // a sentence: why it can't be made yet; "" if it can
};

}  // namespace dohle::resources
