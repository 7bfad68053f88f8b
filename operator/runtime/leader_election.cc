#include "operator/runtime/leader_election.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "operator/k8s/object.h"

namespace dohle::runtime {
namespace {

using Action = Election::Action;

Election::Seen SeenIn(const k8s::Json& lease) {
  Election::Seen seen;
  seen.holder = k8s::FindString(lease, "spec.holderIdentity");
  seen.version = k8s::FindString(lease, "metadata.resourceVersion");
  seen.lease = absl::Seconds(k8s::FindInt(lease, "spec.leaseDurationSeconds", 0));
  return seen;
}

}  // namespace

LeaderElection::LeaderElection(k8s::Client& client, const env::Clock& clock, env::Random& random,
                               k8s::ObjectName lease, std::string identity, ElectionLimits limits,
                               std::function<void(bool leads)> on_change)
    : client_(client),
      clock_(clock),
      random_(random),
      lease_(std::move(lease)),
      election_(std::move(identity), limits),
      on_change_(std::move(on_change)) {}

env::Task<void> LeaderElection::Run(env::StopSignal& stop) {
  constexpr uint64_t kSteps = 1000;
  for (;;) {
    const Status status = co_await Turn();
    if (!status.ok() && !absl::IsAborted(status) && !absl::IsAlreadyExists(status)) {
      log::Warning("operator", "lease {}: {}", ToString(lease_), Message(status));
    }
    Tell();
    // A jitter of a fifth, lest two that began together stay together.
    const ElectionLimits& limits = election_.limits();
    const absl::Duration pause = status.ok() && Leads() ? limits.renew : limits.retry;
    const absl::Duration jitter = pause * static_cast<double>(random_.Below(kSteps)) / (5 * kSteps);
    const bool stopped = co_await stop.SleepFor(pause + jitter);
    if (stopped) break;
  }
  co_await Release();
  Tell();
}

env::Task<Status> LeaderElection::Turn() {
  StatusOr<k8s::Json> stored = co_await client_.Get(k8s::kLeases, lease_);
  if (!stored.ok() && !absl::IsNotFound(stored.status())) co_return stored.status();
  std::optional<Election::Seen> seen;
  if (stored.ok()) seen = SeenIn(*stored);
  const Action action = election_.Decide(seen, clock_.Now());
  if (action == Action::kWait) co_return OkStatus();
  k8s::Json object = stored.ok() ? std::move(*stored) : k8s::NewObject(k8s::kLeases, lease_);
  co_return co_await Write(action, std::move(object));
}

env::Task<Status> LeaderElection::Write(Action action, k8s::Json object) {
  const env::MonotonicTime began = clock_.Now();
  const std::string now = k8s::FormatMicroTime(clock_.WallTimeMs());
  k8s::Json& spec = object["spec"];
  if (action != Action::kRenew) {
    spec["acquireTime"] = now;
    if (action == Action::kTake) {
      spec["leaseTransitions"] = k8s::FindInt(object, "spec.leaseTransitions", 0) + 1;
    }
  }
  spec["holderIdentity"] = election_.identity();
  spec["leaseDurationSeconds"] = absl::ToInt64Seconds(election_.limits().lease);
  spec["renewTime"] = now;
  StatusOr<k8s::Json> written = MakeStatus(StatusCode::kInternal, "not asked");
  if (action == Action::kCreate) {
    written = co_await client_.Create(k8s::kLeases, std::move(object));
  } else {
    // With its resourceVersion: whoever was faster wins.
    written = co_await client_.Replace(k8s::kLeases, std::move(object), k8s::Subresource::kNone);
  }
  if (written.ok()) election_.Succeeded(began);
  co_return written.status();
}

env::Task<void> LeaderElection::Release() {
  if (!Leads()) co_return;
  StatusOr<k8s::Json> stored = co_await client_.Get(k8s::kLeases, lease_);
  election_.Lost();
  if (!stored.ok() || SeenIn(*stored).holder != election_.identity()) co_return;
  (*stored)["spec"]["holderIdentity"] = "";
  (*stored)["spec"]["renewTime"] = k8s::FormatMicroTime(clock_.WallTimeMs());
  const StatusOr<k8s::Json> written =
      co_await client_.Replace(k8s::kLeases, std::move(*stored), k8s::Subresource::kNone);
  if (!written.ok()) log::Warning("operator", "can't release the lease: {}", Message(written.status()));
}

void LeaderElection::Tell() {
  const bool leads = Leads();
  if (leads == told_) return;
  told_ = leads;
  log::Info("operator", "{} {} the lease {}", election_.identity(), leads ? "holds" : "has lost",
            ToString(lease_));
  if (on_change_) on_change_(leads);
}

}  // namespace dohle::runtime
