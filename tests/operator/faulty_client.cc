#include "tests/operator/faulty_client.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/env/sleep.h"
#include "lib/env/stop_signal.h"

namespace dohle::tests {
namespace {

const Status& StatusOf(const Status& status) { return status; }
template <typename T>
const Status& StatusOf(const StatusOr<T>& result) {
  return result.status();
}

}  // namespace

// Goes silent or ends by chance; silent, it still eats what it is sent.
class FaultyWatch : public k8s::Watch {
 public:
  FaultyWatch(std::unique_ptr<k8s::Watch> inner, FaultyClient& client)
      : inner_(std::move(inner)), client_(client) {}

  env::Task<StatusOr<k8s::WatchEvent>> Next(absl::Duration patience) override {
    if (!silent_ && client_.Happens(client_.faults_.watch)) {
      if (client_.Happens(0.5)) return End();
      silent_ = true;
    }
    return silent_ ? BeSilent(patience) : inner_->Next(patience);
  }
  void Close() override {
    inner_->Close();
    closed_.Stop();
  }

 private:
  static env::Task<StatusOr<k8s::WatchEvent>> End() {
    co_return MakeStatus(StatusCode::kUnavailable, "the stream ended");
  }
  env::Task<StatusOr<k8s::WatchEvent>> BeSilent(absl::Duration patience) {
    const bool closed = co_await closed_.SleepFor(patience);
    if (closed) co_return MakeStatus(StatusCode::kCancelled, "closed");
    co_return MakeStatus(StatusCode::kDeadlineExceeded, "nothing came");
  }

  const std::unique_ptr<k8s::Watch> inner_;
  FaultyClient& client_;
  env::StopSignal closed_;
  bool silent_ = false;
};

bool FaultyClient::Happens(double chance) {
  constexpr uint64_t kSteps = 1'000'000;
  return static_cast<double>(random_.Below(kSteps)) < chance * kSteps;
}

env::Task<Status> FaultyClient::Before(bool write) {
  if (!write && !faults_.reads) co_return OkStatus();
  if (faults_.most_delay > absl::ZeroDuration()) {
    constexpr uint64_t kSteps = 1000;
    co_await env::Sleep(faults_.most_delay * static_cast<double>(random_.Below(kSteps)) / kSteps);
  }
  if (Happens(faults_.before)) co_return MakeStatus(StatusCode::kUnavailable, "no connection");
  if (write && Happens(faults_.conflict)) co_return MakeStatus(StatusCode::kAborted, "it has been modified");
  co_return OkStatus();
}

Status FaultyClient::After(bool write) {
  if (write) ++writes_;
  if (!write && !faults_.reads) return OkStatus();
  if (Happens(faults_.after)) return MakeStatus(StatusCode::kUnavailable, "the answer was lost");
  return OkStatus();
}

template <typename T>
env::Task<T> FaultyClient::Through(bool write, env::Task<T> call) {
  const Status before = co_await Before(write);
  if (!before.ok()) co_return before;
  T result = co_await std::move(call);
  if (!StatusOf(result).ok()) co_return result;
  const Status after = After(write);
  if (!after.ok()) co_return after;
  co_return result;
}

env::Task<StatusOr<k8s::Json>> FaultyClient::Get(k8s::Resource resource, k8s::ObjectName name) {
  return Through(false, inner_.Get(resource, std::move(name)));
}
env::Task<StatusOr<k8s::ListPage>> FaultyClient::List(k8s::Resource resource, k8s::ListOptions options) {
  return Through(false, inner_.List(resource, std::move(options)));
}
env::Task<StatusOr<std::unique_ptr<k8s::Watch>>> FaultyClient::StartWatch(k8s::Resource resource,
                                                                          k8s::WatchOptions options) {
  auto started = co_await Through(false, inner_.StartWatch(resource, std::move(options)));
  if (!started.ok()) co_return started.status();
  std::unique_ptr<k8s::Watch> watch = std::make_unique<FaultyWatch>(std::move(*started), *this);
  co_return watch;
}
env::Task<StatusOr<k8s::Json>> FaultyClient::Create(k8s::Resource resource, k8s::Json object) {
  return Through(true, inner_.Create(resource, std::move(object)));
}
env::Task<StatusOr<k8s::Json>> FaultyClient::Replace(k8s::Resource resource, k8s::Json object,
                                                     k8s::Subresource subresource) {
  return Through(true, inner_.Replace(resource, std::move(object), subresource));
}
env::Task<StatusOr<k8s::Json>> FaultyClient::Apply(k8s::Resource resource, k8s::Json object,
                                                   k8s::ApplyOptions options) {
  return Through(true, inner_.Apply(resource, std::move(object), std::move(options)));
}
env::Task<StatusOr<k8s::Json>> FaultyClient::MergePatch(k8s::Resource resource, k8s::ObjectName name,
                                                        k8s::Json patch, k8s::Subresource subresource) {
  return Through(true, inner_.MergePatch(resource, std::move(name), std::move(patch), subresource));
}
env::Task<Status> FaultyClient::Delete(k8s::Resource resource, k8s::ObjectName name,
                                       k8s::DeleteOptions options) {
  return Through(true, inner_.Delete(resource, std::move(name), std::move(options)));
}

}  // namespace dohle::tests
