// An object that shall be there. Plain data; includes the whole JSON library: for sources that build objects.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "operator/k8s/resource.h"

namespace dohle::resources {

struct DesiredObject {
  k8s::Resource resource;
  nlohmann::json body;     // the fields that it shall have
  std::string blocked_by;  // why it can't be made yet, or ""
};

}  // namespace dohle::resources
