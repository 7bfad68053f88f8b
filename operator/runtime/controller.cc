#include "operator/runtime/controller.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "operator/k8s/client.h"

namespace dohle::runtime {

Controller::Controller(std::string name, env::Executor& executor, env::Random& random, Reconcile reconcile,
                       ReconcileObserver observer)
    : name_(std::move(name)),
      executor_(executor),
      reconcile_(std::move(reconcile)),
      observer_(std::move(observer)),
      queue_(std::make_shared<WorkQueue>(executor, random)) {}

void Controller::Start(int workers) {
  working_ += workers;
  for (int i = 0; i < workers; ++i) env::Spawn(executor_, Work());
}

env::Task<void> Controller::Work() {
  for (;;) {
    const std::optional<k8s::ObjectName> name = co_await queue_->Next();
    if (!name) break;
    co_await ReconcileOne(*name);
    queue_->Done(*name);
  }
  if (--working_ == 0 && all_ended_ != nullptr) all_ended_->Set(true);
}

env::Task<void> Controller::ReconcileOne(k8s::ObjectName name) {
  const env::MonotonicTime began = executor_.clock().Now();
  Reconciled result = co_await reconcile_(name);
  if (observer_) observer_(name_, result.status(), executor_.clock().Now() - began);
  if (result.ok()) {
    queue_->Forget(name);
    if (*result) queue_->AddAfter(name, **result);
    co_return;
  }
  const absl::Duration delay = queue_->AddAfterFailure(name);
  // A conflict says only that our copy was old: the newer one is on its way.
  if (absl::IsAborted(result.status())) co_return;
  log::Warning("operator", "{} {}: {}; again in {} ms", name_, ToString(name), Message(result.status()),
               absl::ToInt64Milliseconds(delay));
}

env::Task<void> Controller::Stop() {
  queue_->Stop();
  if (working_ == 0) co_return;
  all_ended_ = std::make_shared<env::OneShot<bool>>();
  co_await all_ended_->WaitForever();
}

}  // namespace dohle::runtime
