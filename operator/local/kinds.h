// The kinds of objects that the store in memory knows, and the rules of names that hold for all. Pure.
#pragma once

#include <span>
#include <string_view>

#include "lib/base/status.h"
#include "operator/k8s/json.h"
#include "operator/k8s/resource.h"

namespace dohle::local {

struct Kind {
  k8s::Resource resource;
  bool has_status = false;       // status is a subresource: other writes leave it alone
  std::string_view scale_field;  // of spec, what the scale subresource's spec.replicas stands for; "" = none
  bool graceful_deletion = false;  // who runs it says when it is gone (delete with a grace period of 0)
};

std::span<const Kind> AllKinds();
// Null if there is none. The result lives as long as the program.
const Kind* FindKind(const k8s::Resource& resource);
const Kind* FindKind(std::string_view api_version, std::string_view kind);

// The metadata that its writer chooses: the name (RFC 1123 subdomain; labels where Kubernetes wants one), the
// namespace, labels and annotations. kInvalidArgument with the field's path.
Status CheckMetadata(const Kind& kind, const k8s::Json& object);

}  // namespace dohle::local
