#include "operator/reconcile/volumes/claim.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "operator/api/quantity.h"
#include "operator/api/time_text.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::FindString;
using k8s::Json;

int64_t Bytes(std::string_view quantity) { return api::ParseQuantity(quantity).value_or(-1); }

void ReadCondition(const Json& condition, Claim* claim) {
  if (FindString(condition, "status") != "True") return;
  const std::string type = FindString(condition, "type");
  const std::string message = FindString(condition, "message");
  if (type == "ModifyVolumeError") claim->modify_trouble = message.empty() ? "it says not why" : message;
  Claim::Resize resize = Claim::Resize::kNone;
  if (type == "Resizing") resize = Claim::Resize::kUnderWay;
  if (type == "FileSystemResizePending") resize = Claim::Resize::kFileSystem;
  if (type == "ControllerResizeError" || type == "NodeResizeError") resize = Claim::Resize::kFailed;
  // An error is told beside the others, and says more.
  if (resize <= claim->resize) return;
  claim->resize = resize;
  claim->resize_message = message;
  claim->resize_since_ms = api::ParseTimeText(FindString(condition, "lastTransitionTime")).value_or(0);
}

}  // namespace

Claim ReadClaim(const k8s::ObjectMeta& meta, const Json& body) {
  Claim claim;
  claim.name = meta.name.name;
  claim.deleting = meta.deleting();
  claim.storage_class = FindString(body, "spec.storageClassName");
  claim.requested = Bytes(FindString(body, "spec.resources.requests.storage"));
  claim.capacity = Bytes(FindString(body, "status.capacity.storage"));
  claim.asked = Bytes(meta.Annotation(resources::kSizeAnnotation));
  claim.grown = Bytes(meta.Annotation(resources::kGrownAnnotation));
  if (const Json* conditions = k8s::Find(body, "status.conditions");
      conditions != nullptr && conditions->is_array()) {
    for (const Json& condition : *conditions) ReadCondition(condition, &claim);
  }
  const std::string allocated = FindString(body, "status.allocatedResourceStatuses.storage");
  if (allocated.ends_with("Infeasible") || allocated.ends_with("Failed"))
    claim.resize = Claim::Resize::kFailed;
  // What stands there of a resize that is over.
  if (!claim.grows()) claim.resize = Claim::Resize::kNone;
  return claim;
}

}  // namespace dohle::reconcile
