#include "operator/runtime/gated_client.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/env/executor.h"

namespace dohle::runtime {
namespace {

const Status& StatusOf(const Status& status) { return status; }
template <typename T>
const Status& StatusOf(const StatusOr<T>& result) {
  return result.status();
}

}  // namespace

Status GatedClient::CheckOpen() const {
  if (open_()) return OkStatus();
  return MakeStatus(StatusCode::kCancelled, "this operator doesn't lead (any more): another one acts");
}

template <typename T>
env::Task<T> GatedClient::Counted(const char* verb, k8s::Resource resource, env::Task<T> call) {
  const env::Clock& clock = env::Executor::Current()->clock();
  const env::MonotonicTime began = clock.Now();
  T result = co_await std::move(call);
  const Status& status = StatusOf(result);
  metrics_.ApiRequest(verb, resource.plural, status.ok() ? "ok" : absl::StatusCodeToString(status.code()),
                      clock.Now() - began);
  co_return result;
}

env::Task<StatusOr<k8s::Json>> GatedClient::Get(k8s::Resource resource, k8s::ObjectName name) {
  return Counted("get", resource, inner_.Get(resource, std::move(name)));
}

env::Task<StatusOr<k8s::ListPage>> GatedClient::List(k8s::Resource resource, k8s::ListOptions options) {
  return Counted("list", resource, inner_.List(resource, std::move(options)));
}

env::Task<StatusOr<std::unique_ptr<k8s::Watch>>> GatedClient::StartWatch(k8s::Resource resource,
                                                                         k8s::WatchOptions options) {
  return Counted("watch", resource, inner_.StartWatch(resource, std::move(options)));
}

env::Task<StatusOr<k8s::Json>> GatedClient::Create(k8s::Resource resource, k8s::Json object) {
  DOHLE_CO_RETURN_IF_ERROR(CheckOpen());
  co_return co_await Counted("create", resource, inner_.Create(resource, std::move(object)));
}

env::Task<StatusOr<k8s::Json>> GatedClient::Replace(k8s::Resource resource, k8s::Json object,
                                                    k8s::Subresource subresource) {
  DOHLE_CO_RETURN_IF_ERROR(CheckOpen());
  co_return co_await Counted("update", resource, inner_.Replace(resource, std::move(object), subresource));
}

env::Task<StatusOr<k8s::Json>> GatedClient::Apply(k8s::Resource resource, k8s::Json object,
                                                  k8s::ApplyOptions options) {
  DOHLE_CO_RETURN_IF_ERROR(CheckOpen());
  co_return co_await Counted("apply", resource,
                             inner_.Apply(resource, std::move(object), std::move(options)));
}

env::Task<StatusOr<k8s::Json>> GatedClient::MergePatch(k8s::Resource resource, k8s::ObjectName name,
                                                       k8s::Json patch, k8s::Subresource subresource) {
  DOHLE_CO_RETURN_IF_ERROR(CheckOpen());
  co_return co_await Counted("patch", resource,
                             inner_.MergePatch(resource, std::move(name), std::move(patch), subresource));
}

env::Task<Status> GatedClient::Delete(k8s::Resource resource, k8s::ObjectName name,
                                      k8s::DeleteOptions options) {
  DOHLE_CO_RETURN_IF_ERROR(CheckOpen());
  co_return co_await Counted("delete", resource,
                             inner_.Delete(resource, std::move(name), std::move(options)));
}

}  // namespace dohle::runtime
