// What is to be reconciled: names, each at most once, never handed out twice at the same time.
//
// A name added while it is being worked on comes again after Done. Failures come back with a delay of their
// own that grows (AddAfterFailure) until Forget. One executor; any number of coroutines wait in Next.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "lib/env/executor.h"
#include "lib/env/one_shot.h"
#include "lib/env/random.h"
#include "lib/env/task.h"
#include "operator/k8s/resource.h"
#include "operator/runtime/back_off.h"

namespace dohle::runtime {

class WorkQueue {
 public:
  using Name = k8s::ObjectName;

  // Both outlive the queue. The queue is destroyed on its executor, or after that has stopped.
  WorkQueue(env::Executor& executor, env::Random& random, BackOffLimits limits = {});
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;

  void Add(const Name& name);
  // Not before `delay` has passed; the earliest of several such wishes counts.
  void AddAfter(const Name& name, absl::Duration delay);
  // Returns the delay that was chosen.
  absl::Duration AddAfterFailure(const Name& name);
  // The name is well again: its next failure waits shortly.
  void Forget(const Name& name);

  // The next name; nothing once Stop was called. Done must follow.
  env::Task<std::optional<Name>> Next();
  void Done(const Name& name);

  void Stop();

  size_t depth() const { return ready_.size(); }
  size_t delayed() const { return timers_.size(); }
  // When the name at the front was added; for the metric of how long names wait.
  std::optional<env::MonotonicTime> oldest() const;

 private:
  struct Ready {
    Name name;
    env::MonotonicTime since;
  };
  struct Timer {
    env::TimerId id;
    env::MonotonicTime due;
  };
  void WakeOne();

  env::Executor& executor_;
  env::Random& random_;
  const BackOffLimits limits_;
  std::deque<Ready> ready_;
  absl::flat_hash_set<Name> waiting_;  // in ready_, or to be added again after Done
  absl::flat_hash_set<Name> working_;
  absl::flat_hash_map<Name, Timer> timers_;
  absl::flat_hash_map<Name, BackOff> failures_;
  std::deque<std::shared_ptr<env::OneShot<bool>>> idle_;  // who waits in Next
  bool stopped_ = false;
};

}  // namespace dohle::runtime
