// The volume controller of the local mode: binds claims to directories, DATA/volumes/NAMESPACE/CLAIM. As in
// Kubernetes a claim that is deleted stays, with the finalizer kubernetes.io/pvc-protection, while a Pod uses
// it; then its directory goes, and only then the claim, so that another one of its name never finds what was
// there. One executor.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "lib/env/env.h"
#include "operator/k8s/client.h"
#include "operator/local/object_follower.h"

namespace dohle::local {

class ClaimDirectories {
 public:
  // Whether a Pod that has begun, or is about to, uses the claim.
  using InUse = std::function<bool(const k8s::ObjectName& claim)>;

  // All but the path and the function outlive it. `data_directory` is absolute.
  ClaimDirectories(env::Env& env, env::Executor& executor, k8s::Client& client, std::string data_directory,
                   InUse in_use);

  // Follows the store until Stop. Once; on `executor`; this object outlives it.
  env::Task<void> Run();
  void Stop();

 private:
  void OnClaim(const k8s::ObjectName& name, const std::shared_ptr<const k8s::Json>& object);
  env::Task<void> Bind(k8s::ObjectName name, std::shared_ptr<const k8s::Json> object);
  env::Task<Status> TryBind(k8s::ObjectName name, std::shared_ptr<const k8s::Json> object);
  env::Task<void> Release(k8s::ObjectName name, std::string uid);
  // Without protection, as claims of older operators: gone at once.
  env::Task<void> Forget(k8s::ObjectName name);
  env::Task<void> RemoveDirectory(k8s::ObjectName name);
  // True: it was stopped meanwhile.
  env::Task<bool> WaitUntilFree(k8s::ObjectName name);

  env::Env& env_;
  env::Executor& executor_;
  k8s::Client& client_;
  const std::string data_directory_;
  const InUse in_use_;
  std::set<std::string> releasing_;  // uids
  ObjectFollower follower_;
  env::StopSignal stop_;
};

}  // namespace dohle::local
