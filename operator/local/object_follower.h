// Keeps up with all objects of one kind: list, watch, and list again when the watch is lost. For the parts of
// the local mode; the operator's own informers are runtime's. One executor.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "lib/env/executor.h"
#include "lib/env/stop_signal.h"
#include "operator/k8s/client.h"

namespace dohle::local {

class ObjectFollower {
 public:
  using Objects = std::map<k8s::ObjectName, std::shared_ptr<const k8s::Json>>;
  // `object` is as it is now, or null once it is gone: then `before` is its last state.
  using OnChange =
      std::function<void(const k8s::ObjectName& name, const std::shared_ptr<const k8s::Json>& object,
                         const std::shared_ptr<const k8s::Json>& before)>;

  // `client` outlives it. `on_change` is called from Run.
  ObjectFollower(k8s::Client& client, k8s::Resource resource, OnChange on_change)
      : client_(client), resource_(resource), on_change_(std::move(on_change)) {}

  // Until Stop. Once; this object outlives it.
  env::Task<void> Run();
  void Stop();

  const Objects& objects() const { return objects_; }

 private:
  env::Task<StatusOr<std::string>> ListAll();
  env::Task<Status> WatchFrom(std::string* version);
  void Set(const k8s::ObjectName& name, std::shared_ptr<const k8s::Json> object);

  k8s::Client& client_;
  const k8s::Resource resource_;
  const OnChange on_change_;
  Objects objects_;
  std::unique_ptr<k8s::Watch> watch_;
  env::StopSignal stop_;
};

}  // namespace dohle::local
