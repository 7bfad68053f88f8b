// The periodic work on the replicas: retention, background flush, checkpoints, delayed removal.
//
// The work runs on one executor. Stop it before it is destroyed, if it was started.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "lib/env/executor.h"
#include "lib/env/stop_signal.h"
#include "lib/env/task.h"

namespace dohle::replica {

class ReplicaSet;

struct MaintenanceOptions {
  absl::Duration initial_delay = absl::Seconds(30);            // log.initial.task.delay.ms
  absl::Duration retention_check_interval = absl::Minutes(5);  // log.retention.check.interval.ms
  absl::Duration checkpoint_interval = absl::Minutes(1);       // log.flush.offset.checkpoint.interval.ms
  absl::Duration flush_interval = absl::Seconds(1);            // how often tails are looked at
  absl::Duration idle_file_interval = absl::Seconds(30);       // a file is closed after one or two of these
  absl::Duration new_log_interval = absl::Seconds(1);  // a new log gets its files after one or two of these
  absl::Duration follower_check_interval = absl::Seconds(15);  // half of replica.lag.time.max.ms
  absl::Duration cleaning_interval = absl::Seconds(15);        // log.cleaner.backoff.ms
  bool clean_logs = true;                                      // log.cleaner.enable
  absl::Duration removal_interval = absl::Seconds(10);         // how often delayed removals are looked at
};

class Maintenance {
 public:
  // The set outlives this.
  Maintenance(MaintenanceOptions options, ReplicaSet& replicas);
  ~Maintenance();

  void Start(env::Executor& executor);
  // Ends when nothing of it runs any more. Idempotent.
  env::Task<void> Stop();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace dohle::replica
