// What all Kubernetes objects have: their metadata, as far as the operator looks at it. Pure.
//
// Objects themselves are Json, as sent and received: the operator writes only the fields it owns (server-side
// apply) and reads the few it needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "operator/k8s/json.h"
#include "operator/k8s/resource.h"

namespace dohle::k8s {

using StringPairs = std::vector<std::pair<std::string, std::string>>;  // sorted by key

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
};

struct ObjectMeta {
  ObjectName name;
  std::string uid;
  std::string resource_version;  // opaque: compared for equality only
  int64_t generation = 0;
  int64_t creation_time_ms = 0;             // since 1970; 0 = unknown
  std::optional<int64_t> deletion_time_ms;  // set: it is being deleted
  StringPairs labels;
  StringPairs annotations;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owners;

  bool deleting() const { return deletion_time_ms.has_value(); }
  // "" if there is none.
  std::string_view Label(std::string_view key) const;
  std::string_view Annotation(std::string_view key) const;
  bool HasFinalizer(std::string_view finalizer) const;
  // Whether the owner that is its controller has this uid.
  bool ControlledBy(std::string_view owner_uid) const;
};

// kInvalidArgument if `object` isn't an object with a metadata.name, or a field has another type than
// Kubernetes gives it. Never throws, whatever the JSON is.
StatusOr<ObjectMeta> ReadMeta(const Json& object);

// What stands at `path` ("status.podIP"; no arrays), or null if any part of it is missing or isn't an object.
const Json* Find(const Json& object, std::string_view path);
// The same with a type: the fallback if it is missing or of another type.
std::string FindString(const Json& object, std::string_view path, std::string_view fallback = {});
int64_t FindInt(const Json& object, std::string_view path, int64_t fallback);
bool FindBool(const Json& object, std::string_view path, bool fallback);

// RFC 3339 in UTC, as metav1.Time ("2026-11-21T12:00:00Z") and metav1.MicroTime (six digits more).
std::string FormatTime(int64_t ms);
std::string FormatMicroTime(int64_t ms);
StatusOr<int64_t> ParseTime(std::string_view text);  // to ms since 1970; either form

// An object's skeleton: apiVersion, kind, metadata.name and, if namespaced, metadata.namespace.
Json NewObject(const Resource& resource, const ObjectName& name);

// Parses what came from outside. kInvalidArgument with where it went wrong; nesting is bounded (64).
StatusOr<Json> ParseJson(std::string_view text);

}  // namespace dohle::k8s
