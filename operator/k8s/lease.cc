#include "operator/k8s/lease.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/k8s/object.h"

namespace dohle::k8s {
namespace {

Status WrongType(const char* field) {
  return MakeStatus(StatusCode::kInvalidArgument, "spec.{} of the Lease isn't what it should be", field);
}

const Json* Field(const Json& spec, const char* field) {
  const Json* found = Find(spec, field);
  return found == nullptr || found->is_null() ? nullptr : found;
}

Status ReadInt(const Json& spec, const char* field, int64_t* out) {
  const Json* found = Field(spec, field);
  if (found == nullptr) return OkStatus();
  if (!found->is_number_integer() || FindInt(spec, field, -1) < 0) return WrongType(field);
  *out = FindInt(spec, field, -1);
  return OkStatus();
}

Status ReadTime(const Json& spec, const char* field, std::optional<int64_t>* out) {
  const Json* found = Field(spec, field);
  if (found == nullptr) return OkStatus();
  const StatusOr<int64_t> time_ms = ParseTime(FindString(spec, field));
  if (!time_ms.ok()) return WrongType(field);
  *out = *time_ms;
  return OkStatus();
}

void Put(Json* spec, const char* field, bool set, Json value) {
  if (set) {
    (*spec)[field] = std::move(value);
  } else {
    spec->erase(field);
  }
}

}  // namespace

StatusOr<Lease> ReadLease(const Json& object) {
  DOHLE_ASSIGN_OR_RETURN(ObjectMeta meta, ReadMeta(object));
  Lease lease;
  lease.name = std::move(meta.name);
  lease.resource_version = std::move(meta.resource_version);
  const Json* spec = Field(object, "spec");
  if (spec == nullptr) return lease;
  if (!spec->is_object())
    return MakeStatus(StatusCode::kInvalidArgument, "spec of the Lease isn't an object");
  if (const Json* holder = Field(*spec, "holderIdentity")) {
    if (!holder->is_string()) return WrongType("holderIdentity");
    lease.holder = holder->get<std::string>();
  }
  DOHLE_RETURN_IF_ERROR(ReadInt(*spec, "leaseDurationSeconds", &lease.duration_s));
  DOHLE_RETURN_IF_ERROR(ReadInt(*spec, "leaseTransitions", &lease.transitions));
  DOHLE_RETURN_IF_ERROR(ReadTime(*spec, "acquireTime", &lease.acquire_time_ms));
  DOHLE_RETURN_IF_ERROR(ReadTime(*spec, "renewTime", &lease.renew_time_ms));
  return lease;
}

Json WriteLease(const Lease& lease, Json object) {
  if (!object.is_object()) object = NewObject(kLeases, lease.name);
  if (!lease.resource_version.empty()) object["metadata"]["resourceVersion"] = lease.resource_version;
  Json& spec = object["spec"];
  if (!spec.is_object()) spec = Json::object();
  Put(&spec, "holderIdentity", !lease.holder.empty(), lease.holder);
  Put(&spec, "leaseDurationSeconds", lease.duration_s > 0, lease.duration_s);
  Put(&spec, "acquireTime", lease.acquire_time_ms.has_value(),
      FormatMicroTime(lease.acquire_time_ms.value_or(0)));
  Put(&spec, "renewTime", lease.renew_time_ms.has_value(), FormatMicroTime(lease.renew_time_ms.value_or(0)));
  Put(&spec, "leaseTransitions", true, lease.transitions);
  return object;
}

}  // namespace dohle::k8s
