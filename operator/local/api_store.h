// The Kubernetes API in memory: what `--local` runs on, and the API server of tests. Objects survive a
// restart in a directory (object_log.h).
//
// It does what the operator and its users lean on as a real API server does: resource versions, generations,
// server-side apply, the status and scale subresources, optimistic concurrency, finalizers, graceful deletion
// of pods, garbage collection of what owners leave behind, watches that can be resumed. It has no admission,
// no authorisation, and no controllers: who runs pods is pod_runner.h.
//
// Deviations: only apply takes ownership of fields; a continued list shows the state of now, under the
// version of its first page (a watch from there tells the difference); a namespace needn't exist; a create
// keeps no status.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "operator/k8s/client.h"
#include "operator/local/object_store.h"

namespace dohle::local {

// Completes and judges an object before it is stored; `before` is null when it is made. kInvalidArgument with
// the field's path refuses it. May change spec and status, not metadata's names.
using ObjectRule = std::function<Status(k8s::Json& object, const k8s::Json* before)>;

class ApiStore : public k8s::Client {
 public:
  // Loads what `directory` keeps; "" keeps nothing. All calls come from `executor`, which also runs the
  // garbage collection. The failures are ObjectLog's.
  static StatusOr<std::unique_ptr<ApiStore>> Open(env::Env& env, env::Executor& executor,
                                                  const std::string& directory);
  // Watches end with kUnavailable.
  ~ApiStore() override;

  // Rules of one kind run in the order added, for every write. Before the first write.
  void AddRule(const k8s::Resource& resource, ObjectRule rule);

  env::Task<StatusOr<k8s::Json>> Get(k8s::Resource resource, k8s::ObjectName name) override;
  env::Task<StatusOr<k8s::ListPage>> List(k8s::Resource resource, k8s::ListOptions options) override;
  env::Task<StatusOr<std::unique_ptr<k8s::Watch>>> StartWatch(k8s::Resource resource,
                                                              k8s::WatchOptions options) override;
  env::Task<StatusOr<k8s::Json>> Create(k8s::Resource resource, k8s::Json object) override;
  env::Task<StatusOr<k8s::Json>> Replace(k8s::Resource resource, k8s::Json object,
                                         k8s::Subresource subresource) override;
  env::Task<StatusOr<k8s::Json>> Apply(k8s::Resource resource, k8s::Json object,
                                       k8s::ApplyOptions options) override;
  env::Task<StatusOr<k8s::Json>> MergePatch(k8s::Resource resource, k8s::ObjectName name, k8s::Json patch,
                                            k8s::Subresource subresource) override;
  env::Task<Status> Delete(k8s::Resource resource, k8s::ObjectName name, k8s::DeleteOptions options) override;

 private:
  struct Target {
    const Kind* kind;
    k8s::ObjectName name;
    const ObjectStore::Record* record = nullptr;  // null: it isn't there
    std::shared_ptr<const k8s::Json> object;      // as stored

    // What each field manager applied last: an object, by their names.
    k8s::Json Applied() const;
  };

  ApiStore(env::Env& env, env::Executor& executor, std::shared_ptr<ObjectStore> store);

  StatusOr<Target> Locate(const k8s::Resource& resource, const k8s::ObjectName& name) const;
  StatusOr<Target> LocateNamed(const k8s::Resource& resource, const k8s::Json& object) const;
  StatusOr<k8s::Json> CreateNow(const Target& target, k8s::Json object, k8s::Json applied);
  // `object` in place of what `target` has; `subresource` says which part of it counts.
  StatusOr<k8s::Json> UpdateNow(const Target& target, k8s::Json object, k8s::Subresource subresource,
                                k8s::Json applied);
  StatusOr<k8s::Json> ApplyNow(const k8s::Resource& resource, const k8s::Json& object,
                               const k8s::ApplyOptions& options);
  StatusOr<k8s::Json> PatchNow(const k8s::Resource& resource, const k8s::ObjectName& name,
                               const k8s::Json& patch, k8s::Subresource subresource);
  Status DeleteNow(const k8s::Resource& resource, const k8s::ObjectName& name,
                   const k8s::DeleteOptions& options);
  Status RunRules(const Kind& kind, k8s::Json& object, const k8s::Json* before) const;
  Status Erase(const Target& target);
  std::string NewUid();

  // Garbage: owners that went (or, on a foreground deletion, wait to), and namespaces that are to go.
  void CollectLater(ObjectStore::Key key, std::string uid);
  void CollectAll();
  void Collect(const ObjectStore::Key& key, const std::string& uid);
  void CollectDependents(const std::string& uid);
  bool HasOtherOwner(const k8s::Json& object) const;
  // Deletes what is in it; true if nothing is left.
  bool EmptyNamespace(const std::string& ns);

  env::Env& env_;
  env::Executor& executor_;
  const std::shared_ptr<ObjectStore> store_;
  std::map<const Kind*, std::vector<ObjectRule>> rules_;
  std::deque<std::pair<ObjectStore::Key, std::string>> garbage_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace dohle::local
