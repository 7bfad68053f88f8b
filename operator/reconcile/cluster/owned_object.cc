#include "operator/reconcile/cluster/owned_object.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace dohle::reconcile {

StatusOr<OwnedObject> ReadOwnedObject(const k8s::Json& object) {
  OwnedObject owned;
  DOHLE_ASSIGN_OR_RETURN(owned.meta, k8s::ReadMeta(object));
  auto body = std::make_shared<k8s::Json>(object);
  body->at("metadata").erase("managedFields");
  owned.body = std::move(body);
  return owned;
}

}  // namespace dohle::reconcile
