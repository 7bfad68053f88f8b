// An object that the operator made or might have made, as the informers keep it: few of them, so whole. Pure.
#pragma once

#include <map>
#include <memory>

#include "lib/base/status.h"
#include "operator/k8s/json.h"
#include "operator/k8s/object.h"

namespace dohle::reconcile {

struct OwnedObject {
  k8s::ObjectMeta meta;
  std::shared_ptr<const k8s::Json> body;  // without metadata.managedFields
};

StatusOr<OwnedObject> ReadOwnedObject(const k8s::Json& object);

// What there is of one kind in one namespace.
using OwnedObjects = std::map<k8s::ObjectName, std::shared_ptr<const OwnedObject>>;

}  // namespace dohle::reconcile
