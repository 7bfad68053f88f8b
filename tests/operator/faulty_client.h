// A Kubernetes API that misbehaves: a client between the operator and its API server that fails calls before
// or after they were done, answers late, and ends or silences watches. By seed; virtual time.
#pragma once

#include <memory>

#include "lib/env/random.h"
#include "operator/k8s/client.h"

namespace dohle::tests {

class FaultyClient : public k8s::Client {
 public:
  struct Faults {
    double before = 0;    // chance that a call fails and was not done
    double after = 0;     // chance that it was done and fails all the same
    double conflict = 0;  // chance that a write is refused as a conflict
    double watch = 0;     // chance, at each event, that its watch goes silent or ends
    bool reads = true;    // whether calls that read are failed and delayed too
    absl::Duration most_delay = absl::ZeroDuration();
  };
  // Both outlive it.
  FaultyClient(k8s::Client& inner, env::Random& random) : inner_(inner), random_(random) {}

  void Set(const Faults& faults) { faults_ = faults; }
  int64_t writes() const { return writes_; }  // that reached the inner client and were done

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
  friend class FaultyWatch;
  bool Happens(double chance);
  env::Task<Status> Before(bool write);
  Status After(bool write);
  template <typename T>
  env::Task<T> Through(bool write, env::Task<T> call);

  k8s::Client& inner_;
  env::Random& random_;
  Faults faults_;
  int64_t writes_ = 0;
};

}  // namespace dohle::tests
