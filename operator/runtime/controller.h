// The loop that every reconciler runs in: takes names from the queue, reconciles, brings failures back later.
//
// Level-based: a reconciler is told which object, never what happened; it looks, and does what is missing. So
// losing or doubling a call does no harm. Bounded in parallel; one object is never reconciled twice at once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/status.h"
#include "lib/env/task.h"
#include "operator/runtime/work_queue.h"

namespace dohle::runtime {

// OK and a duration: look again after it, though nothing changes.
using Reconciled = StatusOr<std::optional<absl::Duration>>;
using Reconcile = std::function<env::Task<Reconciled>(k8s::ObjectName)>;

// Told of every turn; for metrics.
using ReconcileObserver =
    std::function<void(const std::string& controller, const Status& result, absl::Duration took)>;

class Controller {
 public:
  // The executor and chance outlive the controller.
  Controller(std::string name, env::Executor& executor, env::Random& random, Reconcile reconcile,
             ReconcileObserver observer = {});

  // Starts `workers` loops on the executor.
  void Start(int workers);
  // Takes nothing more; ends when what is under way has ended.
  env::Task<void> Stop();

  WorkQueue& queue() { return *queue_; }
  const std::string& name() const { return name_; }

 private:
  env::Task<void> Work();
  env::Task<void> ReconcileOne(k8s::ObjectName name);

  const std::string name_;
  env::Executor& executor_;
  const Reconcile reconcile_;
  const ReconcileObserver observer_;
  const std::shared_ptr<WorkQueue> queue_;
  int working_ = 0;
  std::shared_ptr<env::OneShot<bool>> all_ended_;
};

}  // namespace dohle::runtime
