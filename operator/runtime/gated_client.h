// A client that writes only while its gate is open, and counts every request: what the reconcilers use.
//
// The gate is leadership: an operator that can't renew its lease acts no more, whatever its coroutines were
// about to do. Refused writes are kCancelled. One executor.
#pragma once

#include <functional>

#include "operator/k8s/client.h"
#include "operator/runtime/metrics.h"

namespace dohle::runtime {

class GatedClient : public k8s::Client {
 public:
  // Both outlive it; `open` is asked before each write.
  GatedClient(k8s::Client& inner, OperatorMetrics& metrics, std::function<bool()> open)
      : inner_(inner), metrics_(metrics), open_(std::move(open)) {}

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
  Status CheckOpen() const;
  // Counts, and hands the answer on.
  template <typename T>
  env::Task<T> Counted(const char* verb, k8s::Resource resource, env::Task<T> call);

  k8s::Client& inner_;
  OperatorMetrics& metrics_;
  const std::function<bool()> open_;
};

}  // namespace dohle::runtime
