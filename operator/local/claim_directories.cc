#include "operator/local/claim_directories.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "operator/k8s/object.h"
#include "operator/local/pod_plan.h"
#include "operator/local/pod_runner.h"

namespace dohle::local {
namespace {

using k8s::Json;
using k8s::ObjectName;

constexpr const char* kProtection = "kubernetes.io/pvc-protection";
constexpr absl::Duration kRetryDelay = absl::Seconds(1);
constexpr absl::Duration kUseInterval = absl::Milliseconds(100);

bool IsProtected(const Json& claim) {
  const Json* finalizers = k8s::Find(claim, "metadata.finalizers");
  if (finalizers == nullptr || !finalizers->is_array()) return false;
  for (const Json& finalizer : *finalizers) {
    if (finalizer == kProtection) return true;
  }
  return false;
}

// Of this version of it and no other.
Json ProtectionPatch(const Json& claim, bool keep) {
  Json rest = Json::array();
  const Json* finalizers = k8s::Find(claim, "metadata.finalizers");
  if (finalizers != nullptr && finalizers->is_array()) {
    for (const Json& finalizer : *finalizers) {
      if (finalizer != kProtection) rest.push_back(finalizer);
    }
  }
  if (keep) rest.push_back(kProtection);
  Json patch = {{"metadata", {{"resourceVersion", k8s::FindString(claim, "metadata.resourceVersion")}}}};
  patch["metadata"]["finalizers"] = rest.empty() ? Json(nullptr) : std::move(rest);
  return patch;
}

Json BoundStatus(const ObjectName& name, const Json& claim) {
  const std::string size = k8s::FindString(claim, "spec.resources.requests.storage");
  Json bound = k8s::NewObject(k8s::kPersistentVolumeClaims, name);
  bound["metadata"]["uid"] = k8s::FindString(claim, "metadata.uid");
  bound["status"] = {{"phase", "Bound"}, {"capacity", {{"storage", size}}}};
  return bound;
}

}  // namespace

ClaimDirectories::ClaimDirectories(env::Env& env, env::Executor& executor, k8s::Client& client,
                                   std::string data_directory, InUse in_use)
    : env_(env),
      executor_(executor),
      client_(client),
      data_directory_(std::move(data_directory)),
      in_use_(std::move(in_use)),
      follower_(client, k8s::kPersistentVolumeClaims,
                [this](const auto& name, const auto& object, const auto&) { OnClaim(name, object); }) {}

env::Task<void> ClaimDirectories::Run() { return follower_.Run(); }

void ClaimDirectories::Stop() {
  stop_.Stop();
  follower_.Stop();
}

void ClaimDirectories::OnClaim(const ObjectName& name, const std::shared_ptr<const Json>& object) {
  if (object == nullptr) {
    env::Spawn(executor_, Forget(name));
  } else if (k8s::Find(*object, "metadata.deletionTimestamp") != nullptr) {
    const std::string uid = k8s::FindString(*object, "metadata.uid");
    if (releasing_.insert(uid).second) env::Spawn(executor_, Release(name, uid));
  } else {
    env::Spawn(executor_, Bind(name, object));
  }
}

env::Task<Status> ClaimDirectories::TryBind(ObjectName name, std::shared_ptr<const Json> object) {
  DOHLE_CO_RETURN_IF_ERROR(env_.file_system.CreateDirectories(ClaimDirectory(data_directory_, name)));
  if (!IsProtected(*object)) {
    const Json patch = ProtectionPatch(*object, true);
    const StatusOr<Json> kept =
        co_await client_.MergePatch(k8s::kPersistentVolumeClaims, name, patch, k8s::Subresource::kNone);
    DOHLE_CO_RETURN_IF_ERROR(kept.status());
  }
  const Json claim = BoundStatus(name, *object);
  const k8s::ApplyOptions options{kKubeletManager, true, k8s::Subresource::kStatus};
  const StatusOr<Json> told = co_await client_.Apply(k8s::kPersistentVolumeClaims, claim, options);
  co_return told.status();
}

env::Task<void> ClaimDirectories::Bind(ObjectName name, std::shared_ptr<const Json> object) {
  const bool bound = k8s::FindString(*object, "status.phase") == "Bound" &&
                     k8s::FindString(*object, "status.capacity.storage") ==
                         k8s::FindString(*object, "spec.resources.requests.storage");
  if (bound && IsProtected(*object)) co_return;
  const Status status = co_await TryBind(name, object);
  // Another version of it, or none: the store tells.
  if (status.ok() || status.code() == StatusCode::kAborted || status.code() == StatusCode::kNotFound)
    co_return;
  log::Error("pods", "cannot bind the claim {}: {}", k8s::ToString(name), Message(status));
  const bool stopped = co_await stop_.SleepFor(kRetryDelay);
  if (stopped) co_return;
  const auto now = follower_.objects().find(name);
  if (now != follower_.objects().end()) OnClaim(name, now->second);
}

env::Task<bool> ClaimDirectories::WaitUntilFree(ObjectName name) {
  while (in_use_(name)) {
    const bool stopped = co_await stop_.SleepFor(kUseInterval);
    if (stopped) co_return true;
  }
  co_return false;
}

env::Task<void> ClaimDirectories::RemoveDirectory(ObjectName name) {
  const std::string directory = ClaimDirectory(data_directory_, name);
  env::FileSystem& files = env_.file_system;
  absl::AnyInvocable<Status()> remove = [&files, directory] { return files.RemoveRecursively(directory); };
  const Status removed = co_await env::RunBlocking<Status>(env_.blocking_pool, std::move(remove));
  if (!removed.ok()) log::Warning("pods", "cannot remove {}: {}", directory, Message(removed));
}

env::Task<void> ClaimDirectories::Release(ObjectName name, std::string uid) {
  const bool stopped = co_await WaitUntilFree(name);
  if (stopped) co_return;
  co_await RemoveDirectory(name);
  for (;;) {
    const StatusOr<Json> claim = co_await client_.Get(k8s::kPersistentVolumeClaims, name);
    const bool there = claim.ok() && k8s::FindString(*claim, "metadata.uid") == uid && IsProtected(*claim);
    if (claim.ok() ? !there : absl::IsNotFound(claim.status())) break;
    if (there) {
      const Json patch = ProtectionPatch(*claim, false);
      const StatusOr<Json> freed =
          co_await client_.MergePatch(k8s::kPersistentVolumeClaims, name, patch, k8s::Subresource::kNone);
      if (freed.ok()) break;
    }
    const bool ended = co_await stop_.SleepFor(kRetryDelay);
    if (ended) co_return;
  }
  releasing_.erase(uid);
}

env::Task<void> ClaimDirectories::Forget(ObjectName name) {
  const bool stopped = co_await WaitUntilFree(name);
  if (stopped) co_return;
  // Claimed again meanwhile: the new claim has it.
  if (!follower_.objects().contains(name)) co_await RemoveDirectory(name);
}

}  // namespace dohle::local
